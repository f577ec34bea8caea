#include "control/store/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "control/link/descriptor.h"

namespace control::store {

using link::Descriptor;

namespace {

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

std::string failed(const std::string& path, const char* what) {
  return path + " " + what + ": " + std::strerror(errno);
}

std::optional<std::string> replace_file(const std::string& path, std::string_view text) {
  std::string draft = path + ".XXXXXX";
  {
    Descriptor file(mkostemp(draft.data(), O_CLOEXEC));
    if (file.get() < 0) return failed(path, "cannot be made");
    if (!write_all(file.get(), text) || fsync(file.get()) != 0) {
      std::string fault = failed(draft, "cannot be written");
      unlink(draft.c_str());
      return fault;
    }
  }
  if (rename(draft.c_str(), path.c_str()) != 0) {
    std::string fault = failed(path, "cannot be replaced");
    unlink(draft.c_str());
    return fault;
  }
  std::string directory = std::filesystem::path(path).parent_path();
  Descriptor folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0) return failed(directory, "cannot be synced");
  return std::nullopt;
}

std::optional<std::string> read_file(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0 && errno == ENOENT) return std::nullopt;
  if (file.get() < 0) throw std::runtime_error(failed(path, "cannot be read"));
  struct stat about {};
  // /dev/null is a file without anything in it for whoever has none.
  bool good =
      fstat(file.get(), &about) == 0 && (S_ISREG(about.st_mode) || about.st_rdev == makedev(1, 3));
  if (!good) throw std::runtime_error(path + " cannot be read: it is no file");
  std::string text;
  char part[65536];
  for (ssize_t size; (size = read(file.get(), part, sizeof part)) != 0;) {
    if (size < 0) throw std::runtime_error(failed(path, "cannot be read"));
    text.append(part, static_cast<size_t>(size));
  }
  return text;
}

}  // namespace control::store
