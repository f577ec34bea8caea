// The files of the management page, which the build puts into the program.
#pragma once

#include <span>
#include <string_view>

namespace control::manage {

struct PageFile {
  std::string_view path;  // in the URL
  std::string_view type;
  std::string_view text;
};

extern const std::span<const PageFile> kPageFiles;

}  // namespace control::manage
