// A rewrite as a list of replacements over the bytes of one message, carried out either inside the
// packet buffer, which grows into its headroom, or into a fresh one. Both give the same bytes.
//
//   before:   [headroom   ][request line][Route][Via ... body]
//   edits:     after the request line insert our Via; remove Route
//   after:    [  ][request line][our Via][       Via ... body]    the end never moves
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sipcore {

struct Edit {
  uint32_t offset;        // in the message as it was
  uint32_t removed;       // bytes
  std::string_view text;  // put in their place; must not lie within the message
};

class EditList {
 public:
  static constexpr size_t kMost = 24;

  // Keeps the list in the order of the offsets; equal offsets stay in the order of the calls. Edits
  // must not overlap. More than kMost, or an overlap, makes the list broken(): it is not applied.
  void add(size_t offset, size_t removed, std::string_view text);
  void insert(size_t offset, std::string_view text) { add(offset, 0, text); }
  void remove(size_t offset, size_t size) { add(offset, size, {}); }

  bool broken() const { return broken_; }
  std::span<const Edit> edits() const { return {edits_.data(), count_}; }
  int64_t growth() const;  // bytes the message becomes longer, negative: shorter

 private:
  std::array<Edit, kMost> edits_;
  size_t count_ = 0;
  bool broken_ = false;
};

// Rewrites `message` where it lies; `headroom` bytes before it may be used. Returns the new begin,
// or nullptr, with nothing changed, if the headroom is too small or the list is broken. An edit
// behind the end of the message is our own mistake and CHECKed.
char* apply_in_place(const EditList& list, char* message, size_t size, size_t headroom);

// Writes the edited message into `out`; 0 if it does not fit or the list is broken.
size_t apply_copy(const EditList& list, std::string_view message, std::span<char> out);

}  // namespace sipcore
