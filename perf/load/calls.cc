#include "perf/load/calls.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "sipcore/proxy/validate.h"

namespace load {
namespace {

constexpr uint64_t kT1Us = 500000, kT2Us = 4000000;
constexpr uint64_t kCheckEvery = 64;

}  // namespace

Calls::Calls(Outlet& outlet, const CallOptions& options)
    : outlet_(outlet),
      options_(options),
      calls_(options.most),
      routes_(options.most),
      wheel_(options.most, 0),
      parsed_(std::make_unique<sipcore::Message>()) {
  // What an earlier run began may still linger in the server: no number comes twice.
  uint32_t first = std::random_device()();
  for (Call& call : calls_) call.generation = first;
  for (size_t i = options.most; i-- > 0;) free_.push_back(static_cast<uint32_t>(i));
}

void Calls::begin(uint64_t due_us, uint64_t now_us) {
  ++result_.begun;
  if (options_.kind == Kind::kStale) {
    send(texts_.stale_response, result_.begun);
    return;
  }
  uint32_t slot;
  if (in_dialogs_) {
    slot = established_[next_established_++ % established_.size()];
    if (calls_[slot].state != State::kHeld) {
      ++result_.not_begun;
      return;
    }
    ++asking_;
  } else if (free_.empty()) {
    ++result_.not_begun;
    return;
  } else {
    slot = free_.back();
    free_.pop_back();
    ++calls_[slot].generation;
  }
  Call& call = calls_[slot];
  call.due_us = due_us;
  call.begun_us = now_us;
  call.repeats = 0;
  if (in_dialogs_) {
    call.state = State::kAsking;
    send_in_call(texts_.dialog_options_start, texts_.dialog_options_rest, slot);
  } else {
    call.seen_by_callee = false;
    call.kind = next_kind();
    call.state = call.kind == Kind::kCall ? State::kInviting : State::kAsking;
    send(first_text(call), number(slot));
  }
  repeat_later(slot, now_us);
}

Kind Calls::next_kind() const {
  if (options_.kind == Kind::kDialogOptions) return Kind::kCall;
  if (options_.kind != Kind::kMixed) return options_.kind;
  uint64_t of_ten = result_.begun % 10;
  return of_ten < 7 ? Kind::kCall : of_ten < 9 ? Kind::kMessage : Kind::kOptions;
}

const Template& Calls::first_text(const Call& call) const {
  if (call.kind == Kind::kCall) return texts_.invite;
  return call.kind == Kind::kOptions ? texts_.options : texts_.message;
}

void Calls::stay_in_dialogs() {
  established_.clear();
  for (uint32_t slot = 0; slot < calls_.size(); ++slot) {
    if (calls_[slot].state == State::kHeld) established_.push_back(slot);
  }
  in_dialogs_ = true;
}

Calls::Call* Calls::find(uint64_t number) {
  uint32_t slot = static_cast<uint32_t>(number >> 32);
  if (slot >= calls_.size()) return nullptr;
  Call& call = calls_[slot];
  return call.generation == static_cast<uint32_t>(number) ? &call : nullptr;
}

void Calls::take_in(const Datagram& datagram, uint64_t now_us) {
  Arrived message;
  if (!read(datagram.payload, message)) {
    ++result_.invalid;
    return;
  }
  // What belongs to an earlier run is nobody's; a CANCEL is the server's own.
  bool ours = options_.check && find(message.number) != nullptr && message.method != 'C';
  if (ours && looked_at_++ % kCheckEvery == 0) check(datagram);
  if (datagram.to_caller) {
    as_caller(message, now_us);
  } else {
    as_callee(message);
  }
}

// Is it a message that a correct proxy sends on? One in 64 is read in full.
void Calls::check(const Datagram& datagram) {
  sipcore::Essentials essentials;
  sipcore::Fault fault = sipcore::validate(*parsed_, parsed_->parse(datagram.payload), essentials);
  bool fine = fault == sipcore::Fault::kNone;
  if (fine && !datagram.to_caller) {
    fine = essentials.max_forwards == 69 &&
           parsed_->first(sipcore::HeaderName::kRoute) == nullptr &&
           essentials.via->host == "198.18.0.1";
  }
  if (fine && datagram.to_caller) fine = essentials.via->host == "198.18.0.110";
  if (!fine) ++result_.invalid;
}

void Calls::as_caller(const Arrived& message, uint64_t now_us) {
  Call* call = find(message.number);
  if (call == nullptr || message.status < 200) return;
  uint32_t slot = static_cast<uint32_t>(message.number >> 32);
  if (message.status >= 300) {
    if (call->state != State::kInviting && call->state != State::kAsking &&
        call->state != State::kEnding) {
      return;
    }
    if (message.status == 503) ++result_.busy;
    end(slot, result_.failed);
    return;
  }
  if (call->state == State::kInviting) {
    answered(slot, message, now_us);
  } else if (call->state == State::kAsking) {
    result_.setup_us.add(now_us - call->due_us);
    end(slot, result_.completed);
  } else if (call->state == State::kEnding && message.cseq == '2') {
    end(slot, result_.completed);
  } else if (message.cseq == '1' && keep_route(slot, message)) {
    send_in_call(texts_.ack_start, texts_.ack_rest, slot);  // the 200 came again, or late
  }
}

bool Calls::keep_route(uint32_t slot, const Arrived& message) {
  Route& route = routes_[slot];
  if (message.record_route.size() > sizeof route.text) {
    ++result_.invalid;
    return false;
  }
  route.size = static_cast<uint8_t>(message.record_route.size());
  std::memcpy(route.text, message.record_route.data(), message.record_route.size());
  return true;
}

void Calls::answered(uint32_t slot, const Arrived& message, uint64_t now_us) {
  Call& call = calls_[slot];
  if (!keep_route(slot, message)) return;
  result_.setup_us.add(now_us - call.due_us);
  call.state = State::kHeld;
  send_in_call(texts_.ack_start, texts_.ack_rest, slot);
  if (options_.kind == Kind::kDialogOptions) {
    wheel_.cancel(slot);
  } else if (options_.hold_ms > 0) {
    wheel_.schedule(slot, now_us / 1000 + options_.hold_ms);
  } else {
    on_timer(slot, now_us);
  }
}

void Calls::as_callee(const Arrived& message) {
  Call* call = find(message.number);
  if (call == nullptr || message.status != 0) return;
  switch (message.method) {
    case 'I':
      if (call->seen_by_callee) ++result_.doubled;
      call->seen_by_callee = true;
      answer("SIP/2.0 180 Ringing\r\n", message, texts_.ringing_rest);
      answer("SIP/2.0 200 OK\r\n", message, texts_.answer_rest);
      return;
    case 'B':
      answer("SIP/2.0 200 OK\r\n", message, texts_.bye_answer_rest);
      return;
    case 'M':
      answer("SIP/2.0 200 OK\r\n", message, texts_.message_answer_rest);
      return;
    case 'O':
      answer("SIP/2.0 200 OK\r\n", message, texts_.options_answer_rest);
      return;
    default:
      return;
  }
}

void Calls::end(uint32_t slot, uint64_t& outcome) {
  ++outcome;
  wheel_.cancel(slot);
  if (in_dialogs_) {  // the call goes on
    calls_[slot].state = State::kHeld;
    --asking_;
    return;
  }
  calls_[slot].state = State::kFree;
  free_.push_back(slot);
}

// Timer A and E: 500 ms, doubled each time, at most 4 s.
void Calls::repeat_later(uint32_t slot, uint64_t now_us) {
  uint64_t wait = std::min(kT1Us << std::min<uint8_t>(calls_[slot].repeats, 3), kT2Us);
  wheel_.schedule(slot, (now_us + wait) / 1000);
}

void Calls::on_timer(uint32_t slot, uint64_t now_us) {
  Call& call = calls_[slot];
  if (call.state == State::kHeld) {
    call.state = State::kEnding;
    call.begun_us = now_us;
    call.repeats = 0;
    send_in_call(texts_.bye_start, texts_.bye_rest, slot);
    repeat_later(slot, now_us);
    return;
  }
  if (now_us - call.begun_us >= 1000 * uint64_t{options_.patience_ms}) {
    end(slot, result_.lost);
    return;
  }
  ++call.repeats;
  ++result_.repeated;
  if (call.state == State::kEnding) {
    send_in_call(texts_.bye_start, texts_.bye_rest, slot);
  } else if (in_dialogs_) {
    send_in_call(texts_.dialog_options_start, texts_.dialog_options_rest, slot);
  } else {
    send(first_text(call), number(slot));
  }
  repeat_later(slot, now_us);
}

void Calls::run_timers(uint64_t now_us, size_t most) {
  wheel_.advance(now_us / 1000, most, [&](uint32_t slot) { on_timer(slot, now_us); });
}

void Calls::send(const Template& text, uint64_t number) {
  char* out = outlet_.begin();
  if (out == nullptr) return;
  outlet_.commit(static_cast<size_t>(text.write(out, number) - out), kCaller);
}

void Calls::send_in_call(const Template& start, const Template& rest, uint32_t slot) {
  const Route& route = routes_[slot];
  char* out = outlet_.begin();
  if (out == nullptr) return;
  char* at = start.write(out, number(slot));
  if (route.size > 0) {
    std::memcpy(at, "Route: ", 7);
    std::memcpy(at + 7, route.text, route.size);
    at += 7 + route.size;
    *at++ = '\r';
    *at++ = '\n';
  }
  at = rest.write(at, number(slot));
  outlet_.commit(static_cast<size_t>(at - out), kCaller);
}

void Calls::answer(std::string_view status, const Arrived& request, const Template& rest) {
  if (status.size() + request.head.size() + rest.size() > Outlet::kRoom) {
    ++result_.invalid;
    return;
  }
  char* out = outlet_.begin();
  if (out == nullptr) return;
  char* at = std::copy(status.begin(), status.end(), out);
  at = std::copy(request.head.begin(), request.head.end(), at);
  at = rest.write(at, request.number);
  outlet_.commit(static_cast<size_t>(at - out), kCallee);
}

}  // namespace load
