#include "control/resolve/resolver.h"

#include <algorithm>

#include "sipcore/grammar/ip.h"

namespace control::resolve {
namespace {

constexpr size_t kMostTargets = 64;  // of one name
constexpr size_t kMostMembers = 256;
constexpr size_t kMostAliases = 8;

void hold(uint32_t& ttl_s, const Record& record) { ttl_s = std::min(ttl_s, record.ttl_s); }

std::vector<const Record*> of(const Answer* answer, RecordType type, const std::string& name) {
  std::vector<const Record*> out;
  for (const Record& one : answer->records) {
    if (one.type == type && one.name == name) out.push_back(&one);
  }
  return out;
}

// Where aliases lead (RFC 1034 3.6.2).
std::string real_name(const Answer* answer, std::string name, uint32_t& ttl_s) {
  for (size_t i = 0; i < kMostAliases; ++i) {
    auto alias = of(answer, RecordType::kCname, name);
    if (alias.empty()) break;
    hold(ttl_s, *alias.front());
    name = alias.front()->target;
  }
  return name;
}

// Sorted. Who is there twice, by two services or names, is so with the best priority, and with all
// the weight that he has in it.
std::vector<Member> each_once(std::vector<Member> all) {
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::vector<Member> out;
  for (const Member& one : all) {
    auto same = std::find_if(out.begin(), out.end(),
                             [&](const Member& other) { return other.endpoint == one.endpoint; });
    if (same == out.end()) {
      out.push_back(one);
    } else if (same->srv_priority == one.srv_priority) {
      same->srv_weight =
          static_cast<uint16_t>(std::min(same->srv_weight + one.srv_weight, UINT16_MAX));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

void Resolver::want(const std::vector<HostName>& names, uint64_t now_ms) {
  now_ms_ = now_ms;
  std::map<HostName, Known> before;
  before.swap(known_);
  for (const HostName& name : names) {
    if (known_.contains(name)) continue;  // wanted twice
    auto old = before.find(name);
    known_[name] = old != before.end() ? std::move(old->second) : Known{members(name), 0, false};
    if (old != before.end()) before.erase(old);
  }
  tick(now_ms);
}

void Resolver::tick(uint64_t now_ms) {
  now_ms_ = now_ms;
  std::vector<HostName> due;
  for (const auto& [name, known] : known_) {
    if (!known.under_way && now_ms >= known.next_ms) due.push_back(name);
  }
  for (const HostName& name : due) begin(name);
}

const std::vector<Member>& Resolver::members(const HostName& name) const {
  static const std::vector<Member> kNone;
  auto found = known_.find(name);
  if (found != known_.end()) return found->second.members;
  auto recalled = recalled_.find(name);
  return recalled == recalled_.end() ? kNone : recalled->second;
}

Resolver::Found Resolver::found() const {
  Found out;
  for (const auto& [name, known] : known_) out[name] = known.members;
  return out;
}

void Resolver::begin(const HostName& name) {
  known_[name].under_way = true;
  auto job = std::make_shared<Job>();
  job->name = name;
  job->srv_name = "_sip._udp." + name.host;
  if (name.port != 0 || !known_addresses(name.host).empty()) {
    add_host(*job);
    return ask_addresses(job);
  }
  ask_(name.host, RecordType::kNaptr, [this, job](const Answer* answer) {
    // Servers that do not know NAPTR may know SRV.
    if (answer == nullptr) return ask_srv(job);
    std::string host = real_name(answer, job->name.host, job->ttl_s);
    const Record* best = nullptr;
    for (const Record* one : of(answer, RecordType::kNaptr, host)) {
      if (one->service != "sip+d2u" || one->flags != "s" || one->target.empty()) continue;
      bool better = best == nullptr ||
                    std::pair(one->priority, one->weight) < std::pair(best->priority, best->weight);
      if (better) best = one;
    }
    if (best != nullptr) {
      hold(job->ttl_s, *best);
      job->srv_name = best->target;
    }
    ask_srv(job);
  });
}

// The host itself is where to go.
void Resolver::add_host(Job& job) {
  Record host;
  host.target = job.name.host;
  host.port = job.name.port != 0 ? job.name.port : sipcore::kDefaultPort;
  host.weight = 1;
  job.targets.push_back(host);
}

void Resolver::ask_srv(const JobPointer& job) {
  ask_(job->srv_name, RecordType::kSrv, [this, job](const Answer* answer) {
    if (answer == nullptr) return fail(*job);
    std::string name = real_name(answer, job->srv_name, job->ttl_s);
    auto records = of(answer, RecordType::kSrv, name);
    for (const Record* one : records) {
      if (one->target.empty() || job->targets.size() == kMostTargets) continue;
      hold(job->ttl_s, *one);
      job->targets.push_back(*one);
    }
    // RFC 2782: a target of nothing says that there is no such service.
    if (job->targets.empty() && !records.empty()) return fail(*job);
    if (job->targets.empty()) add_host(*job);
    ask_addresses(job);
  });
}

void Resolver::ask_addresses(const JobPointer& job) {
  std::vector<RecordType> types;
  if (families_.v4) types.push_back(RecordType::kA);
  if (families_.v6) types.push_back(RecordType::kAaaa);
  job->pending = types.size() * job->targets.size() + 1;  // this one
  for (const Record& target : job->targets) {
    Answer known{known_addresses(target.target)};
    if (!known.records.empty()) {
      take_addresses(*job, target, known);
      job->pending -= types.size();
      continue;
    }
    for (RecordType type : types) {
      ask_(target.target, type, [this, job, &target](const Answer* answer) {
        if (answer != nullptr) take_addresses(*job, target, *answer);
        job->lost |= answer == nullptr;
        if (--job->pending == 0) finish(*job);
      });
    }
  }
  if (--job->pending == 0) finish(*job);
}

// An address that we may send to: whoever writes the zone must not lead us to ourselves or to
// everybody.
bool Resolver::usable(const Record& record) const {
  bool address = (record.type == RecordType::kA && families_.v4) ||
                 (record.type == RecordType::kAaaa && families_.v6);
  return address && !record.ip.unusable_as_target() && !record.ip.loopback();
}

// Where the machine itself knows none that is of use, name servers are asked.
std::vector<Record> Resolver::known_addresses(const std::string& host) const {
  std::vector<Record> out = hosts(host);
  std::erase_if(out, [this](const Record& one) { return !usable(one); });
  return out;
}

void Resolver::take_addresses(Job& job, const Record& target, const Answer& answer) {
  uint32_t ttl_s = job.ttl_s;
  std::string name = real_name(&answer, target.target, ttl_s);
  for (const Record& one : answer.records) {
    if (!usable(one) || one.name != name || job.found.size() == kMostMembers) continue;
    hold(ttl_s, one);
    job.ttl_s = ttl_s;
    // RFC 2782: a weight of nothing is a very small share, not none.
    job.found.push_back({target.priority,
                         std::max<uint16_t>(target.weight, 1),
                         {one.ip, target.port == 0 ? sipcore::kDefaultPort : target.port}});
  }
}

void Resolver::finish(Job& job) {
  auto known = known_.find(job.name);
  if (known == known_.end()) return;  // nobody wants it any more
  if (job.found.empty()) return fail(job);
  // Where a part of the answer is missing nobody is taken away for it.
  const auto& before = known->second.members;
  for (const Member& old : before) {
    bool again = std::any_of(job.found.begin(), job.found.end(),
                             [&](const Member& one) { return one.endpoint == old.endpoint; });
    if (job.lost && !again && job.found.size() < kMostMembers) job.found.push_back(old);
  }
  job.found = each_once(std::move(job.found));
  uint64_t ttl_s = job.lost ? kRetryS : std::clamp(job.ttl_s, kLeastTtlS, kMostTtlS);
  known->second.next_ms = now_ms_ + ttl_s * 1000;
  known->second.under_way = false;
  if (known->second.members == job.found) return;
  known->second.members = std::move(job.found);
  recalled_[job.name] = known->second.members;
  if (on_change) on_change(job.name);
}

void Resolver::fail(const Job& job) {
  auto known = known_.find(job.name);
  if (known == known_.end()) return;
  known->second.next_ms = now_ms_ + uint64_t{kRetryS} * 1000;
  known->second.under_way = false;
  if (on_failure) on_failure(job.name);
}

}  // namespace control::resolve
