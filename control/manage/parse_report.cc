#include "control/manage/parse_report.h"

#include "control/manage/rpc.h"
#include "sipcore/proxy/validate.h"

namespace control::manage {

// Latin-1 to UTF-8: each byte becomes one character.
std::string visible(std::string_view bytes) {
  std::string out;
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | byte >> 6);
      out += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return out;
}

std::optional<std::string> bytes_of(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x80) {
      auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[++i]) : 0U;
      if ((byte & 0xfc) != 0xc0 || (next & 0xc0) != 0x80) return std::nullopt;
      byte = static_cast<unsigned char>((byte & 3) << 6 | (next & 0x3f));
    }
    out += static_cast<char>(byte);
  }
  return out;
}

namespace {

Json headers_of(const sipcore::Message& message) {
  Json out = Json::array();
  for (size_t i = 0; i < message.field_count(); ++i) {
    const sipcore::HeaderField& field = message.field(i);
    out.push_back({{"name", visible(message.name(field))},
                   {"value", visible(message.value(field))},
                   {"offset", field.begin}});
  }
  return out;
}

}  // namespace

std::string parse_report(std::string_view datagram) {
  sipcore::Message message;
  sipcore::Essentials essentials;
  sipcore::Fault fault = sipcore::validate(message, message.parse(datagram), essentials);
  int status = sipcore::status_of(fault);
  Json out;
  out["verdict"] = fault == sipcore::Fault::kNone ? "forward" : status == 0 ? "drop" : "reject";
  if (status != 0) out["code"] = status;
  if (fault != sipcore::Fault::kNone) out["reason"] = sipcore::phrase_of(fault);
  if (message.is_request() || message.status() != 0) {
    out["kind"] = message.is_request() ? "request" : "response";
  }
  if (message.is_request()) {
    out["method"] = visible(message.method_text());
    out["uri"] = visible(message.uri_text());
  } else if (message.status() != 0) {
    out["status"] = message.status();
  }
  out["headers"] = headers_of(message);
  out["body_length"] = message.body().size();
  return out.dump(2);
}

}  // namespace control::manage
