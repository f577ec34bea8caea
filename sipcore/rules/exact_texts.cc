#include "sipcore/rules/exact_texts.h"

#include <algorithm>

#include "sipcore/grammar/chars.h"

namespace sipcore {
namespace {

// FNV-1a. It needs no key: what peers send is looked up here, but never added.
uint64_t hash_of(uint16_t line, bool any_case, std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325 ^ line;
  for (char c : text) {
    hash = (hash ^ static_cast<uint8_t>(any_case ? lower(c) : c)) * 0x100000001b3;
  }
  hash ^= hash >> 32;
  return std::max<uint64_t>(hash, 1);
}

}  // namespace

void ExactTexts::put(Cell cell) {
  size_t mask = cells_.size() - 1, at = cell.hash & mask;
  while (cells_[at].hash != 0) at = (at + 1) & mask;
  cells_[at] = std::move(cell);
}

void ExactTexts::grow() {
  std::vector<Cell> before = std::move(cells_);
  cells_ = std::vector<Cell>(std::max<size_t>(16, before.size() * 2));
  for (Cell& cell : before) {
    if (cell.hash != 0) put(std::move(cell));
  }
}

void ExactTexts::add(uint16_t line, bool any_case, std::string_view text, uint32_t id) {
  if (line >= lines_.size()) lines_.resize(size_t{line} + 1);
  Line& of = lines_[line];
  of = {any_case, std::max(of.longest, text.size()), true};
  if (++count_ * 2 > cells_.size()) grow();
  std::string kept(text);
  if (any_case) std::transform(kept.begin(), kept.end(), kept.begin(), lower);
  put({hash_of(line, any_case, kept), id, line, std::move(kept)});
}

std::optional<uint32_t> ExactTexts::find(uint16_t line, std::string_view value) const {
  if (line >= lines_.size()) return std::nullopt;
  const Line& of = lines_[line];
  if (!of.used || value.size() > of.longest) return std::nullopt;
  uint64_t wanted = hash_of(line, of.any_case, value);
  size_t mask = cells_.size() - 1;
  for (size_t at = wanted & mask; cells_[at].hash != 0; at = (at + 1) & mask) {
    const Cell& cell = cells_[at];
    if (cell.hash != wanted || cell.line != line) continue;
    if (of.any_case ? equal_nocase(cell.text, value) : cell.text == value) return cell.id;
  }
  return std::nullopt;
}

}  // namespace sipcore
