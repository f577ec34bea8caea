#include "perf/rivals.h"

extern "C" int perf_re_parse(const char* message, size_t size);

namespace perf {

bool parse_with_re(std::string_view message) {
  return perf_re_parse(message.data(), message.size()) != 0;
}

}  // namespace perf
