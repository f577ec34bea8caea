#include "control/store/token_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <stdexcept>

#include "control/link/descriptor.h"
#include "control/store/file.h"
#include "sipcore/build/hex.h"

namespace control::store {
namespace {

using link::Descriptor;
using sipcore::HashKey;
using sipcore::kHexDigits;

// Two numbers and the end of the line.
using Text = std::array<char, 2 * kHexDigits + 1>;

Text text_of(const HashKey& key) {
  Text text;
  sipcore::write_hex(key.low, text.data());
  sipcore::write_hex(key.high, text.data() + kHexDigits);
  text.back() = '\n';
  return text;
}

// Writes a key under a name that nobody else has and links it to its own: it is there whole or not
// at all, and who comes second keeps the first one's. nullopt: there is one now.
std::optional<std::string> make(const std::string& directory, const std::string& path) {
  std::string draft = path + ".XXXXXX";
  {
    Descriptor file(mkostemp(draft.data(), O_CLOEXEC));  // readable by its owner alone
    if (file.get() < 0) return failed(path, "cannot be made");
    Text text = text_of(random_key());
    errno = EIO;  // what a write that ends early leaves unsaid
    bool written = write(file.get(), text.data(), text.size()) == ssize_t{text.size()} &&
                   fsync(file.get()) == 0;
    if (!written) {
      std::string fault = failed(draft, "cannot be written");
      unlink(draft.c_str());
      return fault;
    }
  }
  bool linked = ::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST;
  std::string fault = linked ? std::string() : failed(path, "cannot be made");
  unlink(draft.c_str());
  if (!linked) return fault;
  Descriptor folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0) {
    return failed(directory, "cannot be written to disk");
  }
  return std::nullopt;
}

std::variant<HashKey, std::string> read_key(int file, const std::string& path) {
  struct stat about {};
  if (fstat(file, &about) != 0) return failed(path, "cannot be read");
  if (about.st_uid != geteuid()) return path + ": belongs to another user, who knows this key then";
  if ((about.st_mode & 077) != 0) {
    return path +
           ": others may read it, who could then forge our tokens: chmod 600, or remove it "
           "for a new key (calls that are up lose their way)";
  }
  Text text;
  HashKey key;
  bool good = S_ISREG(about.st_mode) && about.st_size == off_t{text.size()} &&
              read(file, text.data(), text.size()) == ssize_t{text.size()} &&
              sipcore::read_hex(text.data(), key.low) &&
              sipcore::read_hex(text.data() + kHexDigits, key.high) && text.back() == '\n';
  if (good) return key;
  return path +
         ": is no key, which is 32 of 0-9 and a-f and the end of the line; remove it for "
         "a new one (calls that are up lose their way)";
}

// The directory and those above it.
std::optional<std::string> make_directories(const std::string& directory) {
  for (size_t end = directory.find('/', 1);; end = directory.find('/', end + 1)) {
    std::string path = directory.substr(0, end);
    if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return failed(path, "cannot be made");
    if (end == std::string::npos) return std::nullopt;
  }
}

}  // namespace

HashKey random_key() {
  HashKey key;
  if (getentropy(&key, sizeof key) != 0) throw std::runtime_error("no random numbers");
  return key;
}

std::variant<HashKey, std::string> load_token_key(const std::string& directory) {
  std::string path = directory + "/token.key";
  for (bool made = false;; made = true) {
    Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file.get() >= 0) return read_key(file.get(), path);
    if (errno != ENOENT || made) return failed(path, "cannot be read");
    if (auto fault = make_directories(directory)) return *fault;
    if (auto fault = make(directory, path)) return *fault;
  }
}

}  // namespace control::store
