#include "sipcore/check.h"

#include <cstdio>
#include <cstdlib>

namespace sipcore {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "tandem: %s:%d: this should hold and does not: %s\n", file, line, condition);
  std::abort();
}

}  // namespace sipcore
