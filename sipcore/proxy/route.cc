#include "sipcore/proxy/route.h"

namespace sipcore {
namespace {

// The values of all Route fields in order, however they are spread over header lines.
class RouteWalker {
 public:
  RouteWalker(const Message& message, const Essentials& essentials)
      : message_(message),
        first_(essentials.first_route),
        field_(message.first(HeaderName::kRoute)),
        cursor_("") {
    if (field_ != nullptr) cursor_ = Cursor(message_.value(*field_));
  }

  std::optional<NameAddr> take() {
    if (field_ == nullptr) return std::nullopt;
    taken_from_ = field_;
    auto value = at_first_ ? take_first() : take_name_addr(cursor_);
    if (!value) return std::nullopt;
    if (!cursor_.take(',')) {
      field_ = message_.next(*field_);
      if (field_ != nullptr) cursor_ = Cursor(message_.value(*field_));
    }
    return value;
  }

  const HeaderField* taken_from() const { return taken_from_; }

 private:
  // It has been decoded when the message was checked.
  std::optional<NameAddr> take_first() {
    at_first_ = false;
    if (first_)
      cursor_.skip(message_.offset_of(first_->text) + first_->text.size() - field_->value);
    cursor_.skip_lws();
    return first_;
  }

  const Message& message_;
  const std::optional<NameAddr>& first_;
  bool at_first_ = true;
  const HeaderField* field_;
  const HeaderField* taken_from_ = nullptr;
  Cursor cursor_;
};

// A Route that may become a Request-URI or a next hop: sip or sips, without headers (19.1.1).
bool routable(const Uri& uri) {
  return (uri.scheme == Scheme::kSip || uri.scheme == Scheme::kSips) && !uri.has_headers;
}

bool means_us(const Uri& uri, const Self& self) {
  auto endpoint = literal_endpoint(uri);
  return endpoint && self.is(*endpoint);
}

void read_token(const Uri& uri, std::string_view call_id, const HashKey& key, RoutePlan& plan) {
  auto param = find_uri_param(uri.params, "t");
  if (!param) return;
  RouteToken token;
  if (read_route_token(key, param->value, call_id, token) == TokenStatus::kOk) {
    plan.token = token;
  } else {
    plan.fault = Fault::kBadToken;
  }
}

// A strict router put our Record-Route URI into the Request-URI; the real one is the last Route.
void undo_strict_routing(const Message& request, const Essentials& essentials, const Self& self,
                         const HashKey& key, RoutePlan& plan) {
  if (!find_uri_param(essentials.request_uri.params, "t")) return;
  if (!means_us(plan.request_uri, self)) return;
  RouteWalker walker(request, essentials);
  std::optional<NameAddr> last;
  while (auto value = walker.take()) last = value;
  if (!last) return;
  read_token(plan.request_uri, essentials.call_id, key, plan);
  plan.request_uri = last->uri;
  plan.uri_from_last_route = true;
}

}  // namespace

bool Self::is(const Endpoint& endpoint) const {
  for (const Endpoint& listen : listens) {
    if (listen == endpoint) return true;
  }
  return false;
}

std::optional<Endpoint> literal_endpoint(const Uri& uri) {
  if (uri.scheme != Scheme::kSip && uri.scheme != Scheme::kSips) return std::nullopt;
  auto ip = parse_ip(uri.host);
  if (!ip) return std::nullopt;
  return Endpoint{*ip, uri.port != 0 ? uri.port : kDefaultPort};
}

bool addressed_to(const Uri& request_uri, const Self& self) {
  auto endpoint = literal_endpoint(request_uri);
  return endpoint && self.is(*endpoint) && !request_uri.has_user;
}

RoutePlan plan_route(const Message& request, const Essentials& essentials, const Self& self,
                     const HashKey& key) {
  RoutePlan plan;
  plan.request_uri = essentials.request_uri;
  undo_strict_routing(request, essentials, self, key, plan);
  RouteWalker walker(request, essentials);
  while (auto value = walker.take()) {
    bool is_last_used =
        plan.uri_from_last_route && value->uri.text.data() == plan.request_uri.text.data();
    if (is_last_used) break;
    if (!means_us(value->uri, self)) {
      plan.next = value;
      plan.next_field = walker.taken_from();
      break;
    }
    if (plan.popped == 0) read_token(value->uri, essentials.call_id, key, plan);
    ++plan.popped;
  }
  if (plan.next) {
    plan.next_is_strict = !find_uri_param(plan.next->uri.params, "lr").has_value();
    if (!routable(plan.next->uri)) plan.fault = Fault::kBadRoute;
  }
  if (plan.uri_from_last_route && !routable(plan.request_uri)) plan.fault = Fault::kBadRoute;
  return plan;
}

uint64_t loop_hash(const Message& request, const Essentials& essentials, const RoutePlan& plan,
                   const HashKey& key) {
  SipHash hash(key);
  for (std::string_view part :
       {plan.request_uri.text, plan.next ? plan.next->uri.text : "", essentials.call_id,
        essentials.from_tag, essentials.to_tag, request.value(HeaderName::kProxyRequire)}) {
    hash.add(part).add_byte('\n');
  }
  hash.add_word(essentials.cseq, 4);
  return hash.finish();
}

bool is_loop(const Message& request, uint64_t hash, const HashKey& branch_key) {
  for (auto* field = request.first(HeaderName::kVia); field; field = request.next(*field)) {
    std::string_view values = request.value(*field);
    for (size_t at = values.find(kOwnBranch); at != std::string_view::npos;
         at = values.find(kOwnBranch, at + 1)) {
      BranchToken token;
      TokenStatus status = read_branch(branch_key, values.substr(at, kBranchSize), token);
      if (status == TokenStatus::kOk && token.loop == hash) return true;
    }
  }
  return false;
}

uint32_t tag_hash(std::string_view tag, const HashKey& key) {
  return static_cast<uint32_t>(siphash(key, tag));
}

uint32_t address_hash(const IpAddress& ip, const HashKey& key) {
  std::string_view bytes(reinterpret_cast<const char*>(ip.bytes.data()), ip.size());
  return static_cast<uint32_t>(siphash(key, bytes));
}

}  // namespace sipcore
