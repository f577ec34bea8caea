// Host names of destinations (RFC 3263, for UDP): NAPTR, SRV with priorities and weights, A and
// AAAA; asked again when their time is up. What was found last stays until something else is found:
// a name server that is down, or says that there is no such name, takes nobody's calls away.
//
//   host with port ------------------------------------------> A, AAAA
//   host -> NAPTR -- SIP+D2U --> SRV of its replacement --> A, AAAA of each target
//              `---- none -----> SRV _sip._udp.host --'
//                                    `-- none ------------> A, AAAA of the host, port 5060
//
// A name in the hosts file has the addresses that stand there, and no services.
//
// Time and questions are given by the caller; control thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/resolve/dns_answer.h"

namespace control::resolve {

struct HostName {
  std::string host;   // lower case
  uint16_t port = 0;  // 0: not given
  friend auto operator<=>(const HostName&, const HostName&) = default;
};

// One of the addresses that a name stands for.
struct Member {
  uint16_t srv_priority = 0;  // the lowest is asked first
  uint16_t srv_weight = 1;    // share within a priority
  sipcore::Endpoint endpoint;
  friend auto operator<=>(const Member&, const Member&) = default;
};

struct Families {
  bool v4 = true, v6 = true;
};

class Resolver {
 public:
  // Asks a name server; `done` is called once, later: nullptr means that there was no answer.
  using Done = std::function<void(const Answer*)>;
  using Ask = std::function<void(const std::string& name, RecordType type, Done done)>;

  // What the machine itself knows of a name: addresses, which go before what name servers say.
  using Hosts = std::function<std::vector<Record>(const std::string& name)>;

  Resolver(Families families, Ask ask) : families_(families), ask_(std::move(ask)) {}

  Hosts hosts = [](const std::string&) { return std::vector<Record>(); };
  // Told when a name stands for other addresses than before.
  std::function<void(const HostName&)> on_change;
  // Told of each look-up that found nothing; the members of before stay.
  std::function<void(const HostName&)> on_failure;

  // The names that are needed from now on.
  void want(const std::vector<HostName>& names, uint64_t now_ms);
  void tick(uint64_t now_ms);
  using Found = std::map<HostName, std::vector<Member>>;
  // Of those that are wanted.
  Found found() const;
  // What was found in a former life, until something else is found.
  void recall(Found found) { recalled_ = std::move(found); }
  // Sorted; empty as long as nothing was ever found.
  const std::vector<Member>& members(const HostName& name) const;

  static constexpr uint32_t kLeastTtlS = 5, kMostTtlS = 3600;
  static constexpr uint32_t kRetryS = 5;  // after a failure

 private:
  // One look-up of one name, alive as long as a question of it is.
  struct Job {
    HostName name;
    std::string srv_name;
    std::vector<Record> targets;  // SRV records, or one for the host itself
    std::vector<Member> found;
    size_t pending = 0;
    uint32_t ttl_s = kMostTtlS;
    bool lost = false;  // a question got no answer
  };
  struct Known {
    std::vector<Member> members;
    uint64_t next_ms = 0;
    bool under_way = false;
  };
  using JobPointer = std::shared_ptr<Job>;

  void begin(const HostName& name);
  bool usable(const Record& record) const;
  std::vector<Record> known_addresses(const std::string& host) const;
  static void add_host(Job& job);
  void ask_srv(const JobPointer& job);
  void ask_addresses(const JobPointer& job);
  void take_addresses(Job& job, const Record& target, const Answer& answer);
  void finish(Job& job);
  void fail(const Job& job);

  Families families_;
  Ask ask_;
  std::map<HostName, Known> known_;
  Found recalled_;
  uint64_t now_ms_ = 0;
};

}  // namespace control::resolve
