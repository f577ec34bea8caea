// What the fuzz targets share: an input is copied into a block of exactly its size, so that one
// byte of over-read is seen, and an oracle that does not hold ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "sipcore/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace fuzz {

class Exact {
 public:
  Exact(const uint8_t* data, size_t size) : block_(new char[size]), size_(size) {
    if (size > 0) std::memcpy(block_.get(), data, size);
  }
  std::string_view text() const { return {block_.get(), size_}; }

 private:
  std::unique_ptr<char[]> block_;
  size_t size_;
};

// True when `part` is empty or lies within `whole`.
inline bool within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace fuzz
