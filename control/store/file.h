// Small files of the state directory, written whole or not at all.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace control::store {

// Replaces the file; what was there stays when this fails or the machine stops. Waits for the disk.
// A sentence; nullopt: done.
std::optional<std::string> replace_file(const std::string& path, std::string_view text);

// The sentence of what has just failed, with errno.
std::string failed(const std::string& path, const char* what);

// nullopt: there is no such file. Throws a sentence (std::runtime_error) where it cannot be read,
// or is a directory, or a pipe that would hold up who reads it.
std::optional<std::string> read_file(const std::string& path);

}  // namespace control::store
