// Whole values, looked up by hash: exact patterns with a common end, like the hosts of one domain,
// are what a scan for many patterns at once is slow at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sipcore {

class ExactTexts {
 public:
  // All texts are added before the first one is looked up. `id`: the user's.
  void add(uint16_t line, bool any_case, std::string_view text, uint32_t id);
  std::optional<uint32_t> find(uint16_t line, std::string_view value) const;

 private:
  struct Cell {
    uint64_t hash = 0;  // 0: empty
    uint32_t id = 0;
    uint16_t line = 0;
    std::string text;  // in small letters where case does not matter
  };
  struct Line {
    bool any_case = false;
    size_t longest = 0;
    bool used = false;
  };
  void grow();
  void put(Cell cell);

  std::vector<Cell> cells_;  // open addressing, at most half full
  std::vector<Line> lines_;
  size_t count_ = 0;
};

}  // namespace sipcore
