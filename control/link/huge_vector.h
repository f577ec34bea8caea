// Vectors for the large tables: on huge pages where the kernel gives them, because a table of
// gigabytes on pages of 4 KiB costs a page walk for each entry.
#pragma once

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace control::link {

template <class T>
struct HugeAllocator {
  using value_type = T;
  static constexpr size_t kPage = size_t{2} << 20;
  static constexpr std::align_val_t kAlignment{alignof(T)};

  HugeAllocator() = default;
  template <class Other>
  HugeAllocator(const HugeAllocator<Other>&) {}

  T* allocate(size_t count) {
    size_t bytes = (count * sizeof(T) + kPage - 1) / kPage * kPage;
    if (count * sizeof(T) < kPage) {
      return static_cast<T*>(::operator new(count * sizeof(T), kAlignment));
    }
    void* memory = std::aligned_alloc(kPage, bytes);
    if (memory == nullptr) throw std::bad_alloc();
    madvise(memory, bytes, MADV_HUGEPAGE);  // a wish: without it all works, slower
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t count) {
    if (count * sizeof(T) < kPage) {
      ::operator delete(memory, kAlignment);
    } else {
      std::free(memory);
    }
  }
  template <class Other>
  friend bool operator==(const HugeAllocator&, const HugeAllocator<Other>&) {
    return true;
  }
};

template <class T>
using HugeVector = std::vector<T, HugeAllocator<T>>;

// Memory for packets and texts, in cache lines: with an allocator of one's own the library makes
// and ends each element by itself, which for bytes takes most of a test's time.
class HugeBytes {
 public:
  explicit HugeBytes(size_t size = 0, char fill = '\0') {
    Line line;
    line.bytes.fill(fill);
    lines_.assign((size + sizeof(Line) - 1) / sizeof(Line), line);
  }
  char* at(size_t offset) { return reinterpret_cast<char*>(lines_.data()) + offset; }
  const char* at(size_t offset) const {
    return reinterpret_cast<const char*>(lines_.data()) + offset;
  }

 private:
  struct alignas(64) Line {
    std::array<char, 64> bytes;
  };
  HugeVector<Line> lines_;
};

}  // namespace control::link
