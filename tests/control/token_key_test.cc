#include "control/store/token_key.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace control::store {
namespace {

using sipcore::HashKey;

class TokenKey : public testing::Test {
 protected:
  TokenKey() {
    char name[] = "/tmp/tandem-key-XXXXXX";
    folder = mkdtemp(name);
    state = folder + "/var/lib/tandem";
    file = state + "/token.key";
  }
  ~TokenKey() override { std::filesystem::remove_all(folder); }

  HashKey load() {
    auto key = load_token_key(state);
    EXPECT_TRUE(std::holds_alternative<HashKey>(key)) << std::get<std::string>(key);
    return std::holds_alternative<HashKey>(key) ? std::get<HashKey>(key) : HashKey{};
  }
  std::string fault() {
    auto key = load_token_key(state);
    return std::holds_alternative<std::string>(key) ? std::get<std::string>(key) : "";
  }
  std::string text() {
    std::ostringstream out;
    out << std::ifstream(file).rdbuf();
    return out.str();
  }
  void write(const std::string& bytes) { std::ofstream(file, std::ios::trunc) << bytes; }

  std::string folder, state, file;
};

TEST_F(TokenKey, IsMadeOnceAndReadAgain) {
  HashKey key = load();
  EXPECT_NE(key, HashKey{});
  EXPECT_EQ(load(), key);
  struct stat about {};
  ASSERT_EQ(stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(state), {}), 1);  // no draft is left
  std::filesystem::remove(file);
  EXPECT_NE(load(), key);
}

TEST_F(TokenKey, IsTheNumbersOfTheFile) {
  load();
  write("0123456789abcdeffedcba9876543210\n");
  EXPECT_EQ(load(), (HashKey{0x0123456789abcdef, 0xfedcba9876543210}));
}

TEST_F(TokenKey, ADamagedOneIsNeverReplaced) {
  load();
  for (const char* bytes :
       {"", "\n", "0123456789abcdeffedcba987654321\n", "0123456789abcdeffedcba98765432100",
        "0123456789ABCDEFfedcba9876543210\n", "0123456789abcdeffedcba987654321x\n",
        "0123456789abcdeffedcba9876543210\n\n"}) {
    write(bytes);
    EXPECT_NE(fault().find("token.key: is no key"), std::string::npos) << bytes;
    EXPECT_EQ(text(), bytes);
  }
}

TEST_F(TokenKey, OneThatOthersMayReadIsRefused) {
  load();
  for (mode_t mode : {0640, 0604, 0660}) {
    chmod(file.c_str(), mode);
    EXPECT_NE(fault().find("chmod 600"), std::string::npos) << mode;
  }
  chmod(file.c_str(), 0400);
  load();
}

TEST_F(TokenKey, OneOfAnotherUserIsRefused) {
  load();
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(chown(file.c_str(), 1, 1), 0);
  EXPECT_NE(fault().find("belongs to another user"), std::string::npos) << fault();
}

TEST_F(TokenKey, WhatIsInTheWayIsNamed) {
  std::ofstream(folder + "/var") << "a file";
  EXPECT_NE(fault().find("Not a directory"), std::string::npos) << fault();
  std::filesystem::remove(folder + "/var");
  std::filesystem::create_directories(file);
  chmod(file.c_str(), 0700);
  EXPECT_NE(fault().find("token.key: is no key"), std::string::npos) << fault();
  std::filesystem::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  EXPECT_NE(fault().find("token.key: is no key"), std::string::npos) << fault();
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/dev/zero", file);
  EXPECT_NE(fault().find("symbolic link"), std::string::npos) << fault();
}

// Processes that start at the same time have one key.
TEST_F(TokenKey, SeveralAtOnceAgree) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  constexpr int kProcesses = 16;
  for (int i = 0; i < kProcesses; ++i) {
    if (fork() == 0) {
      auto key = load_token_key(state);
      HashKey read = std::holds_alternative<HashKey>(key) ? std::get<HashKey>(key) : HashKey{};
      bool told = ::write(ends[1], &read, sizeof read) == sizeof read;
      _exit(told ? 0 : 1);
    }
  }
  close(ends[1]);  // a process that ends early shall not make us wait
  HashKey first = load();
  for (int i = 0; i < kProcesses; ++i) {
    HashKey one;
    ASSERT_EQ(read(ends[0], &one, sizeof one), static_cast<ssize_t>(sizeof one));
    EXPECT_EQ(one, first);
    int status = 0;
    wait(&status);
    EXPECT_EQ(status, 0);
  }
  close(ends[0]);
}

}  // namespace
}  // namespace control::store
