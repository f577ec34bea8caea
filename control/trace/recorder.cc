#include "control/trace/recorder.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/kernel/sockets.h"
#include "control/trace/hep.h"
#include "sipcore/grammar/message.h"

namespace control::trace {
namespace {

constexpr int kOfATurn = 256;  // of one worker

}  // namespace

std::string Recorder::send_to(const std::optional<sipcore::Endpoint>& collector, uint32_t node) {
  node_ = node;
  if (collector == collector_) return {};
  collector_ = collector;
  socket_ = link::Descriptor();
  if (!collector) return {};
  sockaddr_storage address;
  socklen_t size = kernel::socket_address(*collector, address);
  link::Descriptor made(socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.get() < 0 || connect(made.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) {
    collector_.reset();
    return "hep of [trace]: " + sipcore::to_string(*collector) + ": " + std::strerror(errno);
  }
  socket_ = std::move(made);
  return {};
}

void Recorder::start(link::TraceFilter filter, uint64_t until_us) {
  messages_.clear();
  until_us_ = until_us;
  filter.number = filter_.number + 1;
  filter_ = std::move(filter);
  exchange_.trace.publish(std::make_unique<link::TraceFilter>(filter_));
}

// The rest of a call need not name the user who is looked for.
void Recorder::follow(std::string_view text) {
  sipcore::Message parsed;
  parsed.parse(text);
  std::string call_id(parsed.value(sipcore::HeaderName::kCallId));
  auto& calls = filter_.calls;
  bool known = std::find(calls.begin(), calls.end(), call_id) != calls.end();
  if (known || call_id.empty() || calls.size() == kMostCalls) return;
  calls.push_back(call_id);
  exchange_.trace.publish(std::make_unique<link::TraceFilter>(filter_));
}

void Recorder::stop() {
  until_us_ = 0;
  exchange_.trace.publish(nullptr);
}

uint64_t Recorder::lost() const {
  return dropped_ +
         exchange_.total_traffic([](const link::Traffic& t) { return t.trace_lost.read(); });
}

void Recorder::tick(uint64_t now_us, uint64_t date_us) {
  uint64_t first = next_;
  link::Traced traced;
  for (auto& mailbox : exchange_.traced) {
    for (int i = 0; i < kOfATurn && mailbox->pop(traced); ++i) {
      keep(traced, date_us - (now_us - traced.at_us));
    }
  }
  // Those of several workers, in the order of time.
  auto fresh = static_cast<ptrdiff_t>(std::min<uint64_t>(next_ - first, messages_.size()));
  std::stable_sort(messages_.end() - fresh, messages_.end(),
                   [](const Message& a, const Message& b) { return a.date_us < b.date_us; });
  uint64_t number = next_;
  for (auto at = messages_.end(); at != messages_.end() - fresh;) (--at)->number = --number;
  if (until_us_ != 0 && now_us >= until_us_) stop();
}

void Recorder::keep(const link::Traced& traced, uint64_t date_us) {
  size_t kept = std::min<size_t>(traced.size, link::Traced::kMost);
  Message message{next_++,   date_us,     traced.from,
                  traced.to, traced.size, std::string(traced.bytes.data(), kept)};
  if (collector_) {
    std::string packet = hep_packet(message, node_);
    // A collector that is slow or gone loses what it is sent, and holds nothing up.
    if (send(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT) < 0) ++dropped_;
  }
  if (active() && filter_.what == link::TraceFilter::What::kUser) follow(message.text);
  messages_.push_back(std::move(message));
  if (messages_.size() <= kMost) return;
  messages_.pop_front();
}

}  // namespace control::trace
