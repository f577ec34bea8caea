#include "sipcore/build/edit.h"

#include <algorithm>
#include <cstring>

#include "sipcore/build/writer.h"
#include "sipcore/check.h"

namespace sipcore {
namespace {

// A stretch of the message that stays as it is, between two edits.
struct Kept {
  size_t begin;
  size_t end;
  ptrdiff_t shift;  // how far it moves; the last one never does
};

size_t end_of(const Edit& edit) { return edit.offset + edit.removed; }

ptrdiff_t growth_of(const Edit& edit) {
  return static_cast<ptrdiff_t>(edit.text.size()) - static_cast<ptrdiff_t>(edit.removed);
}

using KeptList = std::array<Kept, EditList::kMost + 1>;

void plan(std::span<const Edit> edits, size_t size, KeptList& kept) {
  kept[edits.size()] = {edits.empty() ? 0 : end_of(edits.back()), size, 0};
  for (size_t i = edits.size(); i-- > 0;) {
    size_t begin = i == 0 ? 0 : end_of(edits[i - 1]);
    kept[i] = {begin, edits[i].offset, kept[i + 1].shift - growth_of(edits[i])};
  }
}

void move(char* message, const Kept& kept) {
  std::memmove(message + kept.begin + kept.shift, message + kept.begin, kept.end - kept.begin);
}

}  // namespace

void EditList::add(size_t offset, size_t removed, std::string_view text) {
  if (count_ == kMost) broken_ = true;
  if (broken_) return;
  size_t at = count_;
  while (at > 0 && edits_[at - 1].offset > offset) --at;
  if (at > 0 && end_of(edits_[at - 1]) > offset) broken_ = true;
  if (at < count_ && offset + removed > edits_[at].offset) broken_ = true;
  if (broken_) return;
  std::move_backward(edits_.begin() + at, edits_.begin() + count_, edits_.begin() + count_ + 1);
  edits_[at] = {static_cast<uint32_t>(offset), static_cast<uint32_t>(removed), text};
  ++count_;
}

int64_t EditList::growth() const {
  int64_t sum = 0;
  for (const Edit& edit : edits()) sum += growth_of(edit);
  return sum;
}

char* apply_in_place(const EditList& list, char* message, size_t size, size_t headroom) {
  std::span<const Edit> edits = list.edits();
  if (list.broken() || list.growth() > static_cast<int64_t>(headroom)) return nullptr;
  if (edits.empty()) return message;
  CHECK(end_of(edits.back()) <= size);
  KeptList kept;
  plan(edits, size, kept);
  // What moves towards the front goes front to back, what moves towards the end back to front:
  // nothing is written over before it has been moved. The new texts fill the gaps last.
  for (size_t i = 0; i <= edits.size(); ++i) {
    if (kept[i].shift < 0) move(message, kept[i]);
  }
  for (size_t i = edits.size() + 1; i-- > 0;) {
    if (kept[i].shift > 0) move(message, kept[i]);
  }
  for (size_t i = 0; i < edits.size(); ++i) {
    char* gap = message + kept[i].end + kept[i].shift;
    if (!edits[i].text.empty()) std::memcpy(gap, edits[i].text.data(), edits[i].text.size());
  }
  return message + kept[0].begin + kept[0].shift;
}

size_t apply_copy(const EditList& list, std::string_view message, std::span<char> out) {
  if (list.broken()) return 0;
  Writer writer(out);
  size_t at = 0;
  for (const Edit& edit : list.edits()) {
    CHECK(end_of(edit) <= message.size());
    writer.add(message.substr(at, edit.offset - at)).add(edit.text);
    at = end_of(edit);
  }
  writer.add(message.substr(at));
  return writer.full() ? 0 : writer.size();
}

}  // namespace sipcore
