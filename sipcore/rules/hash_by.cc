#include "sipcore/rules/hash_by.h"

#include <algorithm>

#include "sipcore/grammar/chars.h"

namespace sipcore {

uint64_t hash_by(const Rule& rule, const Subject& subject, std::span<char> room,
                 const HashKey& key) {
  Writer out(room);
  bool there = false;
  for (const HeaderChange::Piece& piece : rule.hash_by) {
    out.add(piece.text);
    size_t before = out.size();
    if (piece.field) write_value(*piece.field, subject, out);
    if (piece.field && any_case(*piece.field)) {
      for (char& c : room.subspan(before, out.size() - before)) c = lower(c);
    }
    there |= out.size() > before;
  }
  if (!there || out.full()) return 0;
  return std::max<uint64_t>(siphash(key, out.text()), 1);
}

}  // namespace sipcore
