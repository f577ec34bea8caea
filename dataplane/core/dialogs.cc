#include "dataplane/core/dialogs.h"

#include <utility>

namespace dataplane {

Dialogs::Dialogs(size_t most) : all_(most), index_(most) {
  for (size_t i = most; i-- > 0;) free_.push_back(static_cast<uint32_t>(i));
}

bool Dialogs::reserve() {
  if (free_.size() <= reserved_) return false;
  ++reserved_;
  return true;
}

uint32_t Dialogs::add(const sipcore::Hash128& key, uint16_t destination, Places& places,
                      uint64_t until_ms) {
  if (free_.size() <= reserved_) return kNone;
  uint32_t slot = free_.back();
  free_.pop_back();
  Dialog& dialog = all_[slot];
  dialog.key = key;
  dialog.destination = destination;
  dialog.places = std::exchange(places, {});
  dialog.until_ms = until_ms;
  dialog.up = true;
  ++dialog.generation;
  index_.insert(key.low, slot);
  return slot;
}

uint32_t Dialogs::find(const sipcore::Hash128& key) const {
  return index_.find(key.low, [&](uint32_t slot) { return all_[slot].key == key; });
}

void Dialogs::remove(uint32_t slot) {
  index_.erase(all_[slot].key.low, slot);
  all_[slot].up = false;
  free_.push_back(slot);
}

}  // namespace dataplane
