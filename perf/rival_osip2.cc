#include <sys/time.h>

#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>

#include "perf/rivals.h"

namespace perf {

bool parse_with_osip2(std::string_view message) {
  static const int ready = parser_init();
  osip_message_t* out = nullptr;
  if (ready != 0 || osip_message_init(&out) != 0) return false;
  bool taken = osip_message_parse(out, message.data(), message.size()) == 0;
  osip_message_free(out);
  return taken;
}

}  // namespace perf
