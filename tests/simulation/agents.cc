#include "tests/simulation/agents.h"

#include <algorithm>

namespace tests {

using sipcore::HeaderName;

namespace {

constexpr uint64_t kGiveUpMs = 32000;

std::string branch_of(const std::string& message) {
  std::string via = header_of(message, HeaderName::kVia);
  size_t at = via.find("branch=");
  return at == std::string::npos ? via : via.substr(at + 7, via.find(';', at) - at - 7);
}

bool is_invite(const std::string& message) { return method_of(message) == "INVITE"; }

Repeat repeat(const std::string& bytes, uint64_t now_ms) {
  return {bytes, now_ms + 500, 500, now_ms + kGiveUpMs};
}

// Sends what is due; INVITE doubles without end, the rest up to T2.
bool due(Repeat& one, uint64_t now_ms) {
  if (one.at_ms == 0 || now_ms < one.at_ms) return false;
  one.interval_ms =
      is_invite(one.bytes) ? one.interval_ms * 2 : std::min<uint64_t>(one.interval_ms * 2, 4000);
  one.at_ms = now_ms + one.interval_ms;
  if (one.at_ms > one.until_ms) one.at_ms = 0;
  return true;
}

}  // namespace

void Backend::answer_invite(Call& call, int status, uint64_t now_ms, std::vector<Datagram>& out) {
  std::string text = response_to(call.invite, status, call.tag,
                                 "Contact: <sip:" + sipcore::to_string(address_) + ">\r\n");
  if (status >= 200) {
    call.final_status = status;
    call.final_response = repeat(text, now_ms);
    call.final_response.interval_ms = 500;
  }
  out.push_back({address_, endpoint(kListen), text});
}

std::vector<Datagram> Backend::receive(const Datagram& in, uint64_t now_ms) {
  std::vector<Datagram> out;
  if (status_of(in.bytes) != 0) return out;
  std::string method = method_of(in.bytes);
  std::string branch = branch_of(in.bytes);
  auto reply = [&](int status) {
    out.push_back({address_, endpoint(kListen), response_to(in.bytes, status, "x" + branch)});
  };
  if (method == "ACK") {
    // An ACK of a failure has the branch of the INVITE, that of a 2xx has one of its own.
    for (auto& [key, call] : calls_) {
      bool same_call =
          header_of(call.invite, HeaderName::kCallId) == header_of(in.bytes, HeaderName::kCallId);
      bool of_2xx = same_call && call.final_status == 200 && !calls_.contains(branch);
      if (key == branch || of_2xx) call.final_response.at_ms = 0;
    }
    return out;
  }
  if (method == "CANCEL") {
    auto call = calls_.find(branch);
    reply(call == calls_.end() ? 481 : 200);
    if (call != calls_.end() && call->second.final_status == 0 &&
        call->second.mood != Mood::kSilent) {
      answer_invite(call->second, 487, now_ms, out);
    }
    return out;
  }
  if (method != "INVITE") {
    if (random_() % 10 != 0) reply(200);
    return out;
  }
  auto [entry, fresh] = calls_.try_emplace(branch);
  Call& call = entry->second;
  if (!fresh) {
    if (call.final_status != 0)
      out.push_back({address_, endpoint(kListen), call.final_response.bytes});
    return out;
  }
  static constexpr Mood kMoods[] = {
      Mood::kAnswer, Mood::kAnswer,      Mood::kAnswer,  Mood::kRing,   Mood::kRing,
      Mood::kBusy,   Mood::kUnavailable, Mood::kDecline, Mood::kSilent, Mood::kSlow};
  call.mood = kMoods[random_() % std::size(kMoods)];
  call.invite = in.bytes;
  call.tag = "t" + std::to_string(random_() % 1000000);
  switch (call.mood) {
    case Mood::kAnswer:
      answer_invite(call, 200, now_ms, out);
      break;
    case Mood::kRing:
      answer_invite(call, 180, now_ms, out);
      call.answer_at_ms = now_ms + random_() % 8000;
      break;
    case Mood::kBusy:
      answer_invite(call, 486, now_ms, out);
      break;
    case Mood::kUnavailable:
      answer_invite(call, 503, now_ms, out);
      break;
    case Mood::kDecline:
      answer_invite(call, 603, now_ms, out);
      break;
    case Mood::kSlow:
      call.answer_at_ms = now_ms + 1500 + random_() % 3000;
      break;
    case Mood::kSilent:
      break;
  }
  return out;
}

std::vector<Datagram> Backend::tick(uint64_t now_ms) {
  std::vector<Datagram> out;
  for (auto& [branch, call] : calls_) {
    if (call.answer_at_ms != 0 && now_ms >= call.answer_at_ms && call.final_status == 0) {
      call.answer_at_ms = 0;
      answer_invite(call, 200, now_ms, out);
    }
    if (due(call.final_response, now_ms)) {
      out.push_back({address_, endpoint(kListen), call.final_response.bytes});
    }
  }
  return out;
}

Datagram Caller::to_node(const std::string& bytes) const {
  return {address_, endpoint(kListen), bytes};
}

std::vector<Datagram> Caller::begin(uint64_t now_ms, int number) {
  RequestText text;
  text.method = random_() % 8 == 0 ? "MESSAGE" : "INVITE";
  text.call_id = "sim" + std::to_string(number) + "@" + sipcore::to_string(address_);
  text.via =
      "SIP/2.0/UDP " + sipcore::to_string(address_) + ";branch=z9hG4bK" + std::to_string(random_());
  text.from = "<sip:alice@sim>;tag=a" + std::to_string(random_() % 1000000);
  Call& call = calls_[text.call_id];
  call.method = text.method;
  call.invite = text_of(text);
  call.branch = branch_of(call.invite);
  call.request = repeat(call.invite, now_ms);
  if (text.method == "INVITE" && random_() % 6 == 0) call.cancel_at_ms = now_ms + random_() % 6000;
  return {to_node(call.invite)};
}

void Caller::on_invite_response(Call& call, const Datagram& in, uint64_t now_ms,
                                std::vector<Datagram>& out) {
  int status = status_of(in.bytes);
  call.taken = true;
  if (branch_of(in.bytes) != call.branch) return;
  call.request.at_ms = 0;
  if (status < 200) return;
  bool success = status < 300, before = call.final_status / 100 == 2;
  call.final_status = status;
  RequestText ack;
  ack.method = "ACK";
  ack.call_id = header_of(in.bytes, HeaderName::kCallId);
  ack.from = header_of(in.bytes, HeaderName::kFrom);
  ack.to = header_of(in.bytes, HeaderName::kTo);
  ack.via = header_of(call.invite, HeaderName::kVia);
  if (success) {
    ack.via += "ack" + std::to_string(random_() % 1000);
    ack.uri = "sip:bob@198.18.0.21:5060";
    ack.headers = "Route: " + header_of(in.bytes, HeaderName::kRecordRoute) + "\r\n";
    if (!before) call.bye_at_ms = now_ms + random_() % 5000;
    RequestText bye = ack;
    bye.method = "BYE";
    bye.cseq = 2;
    bye.via += "bye";
    call.ack = text_of(bye);
  }
  out.push_back(to_node(text_of(ack)));
}

std::vector<Datagram> Caller::receive(const Datagram& in, uint64_t now_ms) {
  std::vector<Datagram> out;
  auto entry = calls_.find(header_of(in.bytes, HeaderName::kCallId));
  if (status_of(in.bytes) == 0 || entry == calls_.end()) return out;
  Call& call = entry->second;
  std::string method = method_of(in.bytes);
  if (method == "INVITE") {
    on_invite_response(call, in, now_ms, out);
  } else if (method == "CANCEL") {
    call.cancel.at_ms = 0;
  } else if (status_of(in.bytes) >= 200) {
    call.request.at_ms = 0;
    if (method == "MESSAGE") call.final_status = status_of(in.bytes);
  }
  return out;
}

std::vector<Datagram> Caller::tick(uint64_t now_ms) {
  std::vector<Datagram> out;
  for (auto& [id, call] : calls_) {
    if (call.cancel_at_ms != 0 && now_ms >= call.cancel_at_ms && call.final_status == 0) {
      call.cancel_at_ms = 0;
      RequestText cancel;
      cancel.method = "CANCEL";
      cancel.call_id = id;
      cancel.via = header_of(call.invite, HeaderName::kVia);
      cancel.from = header_of(call.invite, HeaderName::kFrom);
      call.cancel = repeat(text_of(cancel), now_ms);
      out.push_back(to_node(call.cancel.bytes));
    }
    if (call.bye_at_ms != 0 && now_ms >= call.bye_at_ms && !call.bye_sent) {
      call.bye_sent = true;
      call.request = repeat(call.ack, now_ms);
      out.push_back(to_node(call.ack));
    }
    if (due(call.request, now_ms)) out.push_back(to_node(call.request.bytes));
    if (due(call.cancel, now_ms)) out.push_back(to_node(call.cancel.bytes));
  }
  return out;
}

size_t Caller::unanswered() const {
  return static_cast<size_t>(std::count_if(calls_.begin(), calls_.end(), [](const auto& entry) {
    return entry.second.method == "INVITE" && entry.second.taken && entry.second.final_status == 0;
  }));
}

size_t Caller::answered() const {
  return static_cast<size_t>(std::count_if(calls_.begin(), calls_.end(), [](const auto& entry) {
    return entry.second.final_status >= 200 && entry.second.final_status < 300;
  }));
}

}  // namespace tests
