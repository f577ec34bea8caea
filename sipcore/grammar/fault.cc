#include "sipcore/grammar/fault.h"

#include <array>

namespace sipcore {
namespace {

struct Row {
  int status;
  std::string_view phrase;
};

constexpr std::array<Row, static_cast<size_t>(Fault::kCount)> kRows = {{
#define X(name, status, phrase) {status, phrase},
    SIPCORE_FAULTS(X)
#undef X
}};

}  // namespace

int status_of(Fault fault) { return kRows[static_cast<size_t>(fault)].status; }

std::string_view phrase_of(Fault fault) { return kRows[static_cast<size_t>(fault)].phrase; }

}  // namespace sipcore
