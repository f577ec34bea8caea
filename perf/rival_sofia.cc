#include <sofia-sip/msg.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_protos.h>

#include "perf/rivals.h"

namespace perf {

bool parse_with_sofia(std::string_view message) {
  msg_t* out =
      msg_make(sip_default_mclass(), 0, message.data(), static_cast<ssize_t>(message.size()));
  if (out == nullptr) return false;
  const sip_t* sip = sip_object(out);
  bool taken = sip != nullptr && sip->sip_error == nullptr && sip->sip_call_id != nullptr;
  msg_destroy(out);
  return taken;
}

}  // namespace perf
