#include "control/manage/explain.h"

#include <fmt/format.h>

#include "control/config/rule_words.h"
#include "control/link/choice.h"
#include "control/manage/parse_report.h"
#include "control/manage/prospects.h"
#include "sipcore/grammar/glance.h"
#include "sipcore/proxy/route.h"
#include "sipcore/rules/hash_by.h"
#include "sipcore/rules/rewrite.h"

namespace control::manage {
namespace {

using config::RuleSettings;
using sipcore::Field;
using sipcore::Pattern;
using sipcore::Verdict;

std::string phrase(const Pattern& pattern) {
  if (pattern.how == Pattern::How::kExact) return fmt::format("is \"{}\"", pattern.text);
  if (pattern.how == Pattern::How::kPrefix) return fmt::format("begins with \"{}\"", pattern.text);
  return fmt::format("matches /{}/", pattern.text);
}

std::string phrase(const sipcore::Condition& condition) {
  if (condition.field.kind == Field::Kind::kSource) {
    return condition.none ? "source is in none of its networks"
                          : "source is in one of its networks";
  }
  std::string text = config::word_of(condition.field);
  for (const Pattern& one : condition.any) {
    if (&one != &condition.any.front()) text += " or";
    text += " " + phrase(one);
  }
  return condition.none ? "not: " + text : text;
}

std::string names_of(uint64_t marks, const config::Settings& settings) {
  std::string out;
  for (size_t i = 0; i < settings.marks.size(); ++i) {
    if ((marks >> i & 1) == 0) continue;
    out += out.empty() ? "" : ", ";
    out += settings.marks[i];
  }
  return out;
}

std::string value_of(const Field& field, const sipcore::Subject& subject) {
  if (field.kind == Field::Kind::kSource) {
    return link::to_string(link::network_of(subject.source.ip));
  }
  std::vector<char> room(4 * 65536);
  sipcore::Writer out(room);
  write_value(field, subject, out);
  return visible(out.text());
}

const RuleSettings* find(const config::Settings& settings, const std::string& name) {
  for (const RuleSettings& one : settings.rules) {
    if (one.rule.name == name) return &one;
  }
  return nullptr;
}

Json because(const sipcore::Rule& rule, const sipcore::Subject& subject) {
  Json out = Json::array();
  for (const sipcore::Condition& condition : rule.conditions) {
    out.push_back(fmt::format("{} is \"{}\"", config::word_of(condition.field),
                              value_of(condition.field, subject)));
  }
  return out;
}

// The message as rules make it; empty: they change more than one message can have changed.
std::string changed(const sipcore::Rewrite& changes, const sipcore::Subject& subject) {
  std::vector<char> texts(65536), out(2 * 65536);
  sipcore::Writer writer(texts);
  sipcore::EditList edits;
  if (!changes.list(subject, writer, edits)) return {};
  return std::string(out.data(), apply_copy(edits, subject.message.bytes(), out));
}

// Its header, as it would be sent.
std::string sent_as(const std::string& message) {
  return visible(std::string_view(message).substr(0, message.find("\r\n\r\n")));
}

// What rules make of a message: as the workers run them, but nothing is counted.
class Run {
 public:
  Run(const config::Live& live, link::Exchange& exchange, uint64_t now_us)
      : live_(live), exchange_(exchange), config_(*exchange.config.read()), now_us_(now_us) {}

  void operator()(const sipcore::RuleSet* set, const sipcore::Subject& subject) {
    rules = Json::array();
    verdict.clear();
    last = Verdict::kContinue;
    if (set == nullptr) return;
    bool call = subject.message.method() == sipcore::Method::kInvite;
    set->match(subject, exchange_.workers, exchange_.minute_of_week, marks, *work_,
               [&](const sipcore::Rule& rule) { return take(rule, subject, call); });
  }

  uint16_t group = 0;
  uint64_t marks = 0, hash = 0;
  sipcore::Rewrite changes;
  Json rules;                         // that matched, in their order
  Verdict last = Verdict::kContinue;  // of the one that ended it
  std::string verdict;                // empty: the message goes on

 private:
  bool take(const sipcore::Rule& rule, const sipcore::Subject& subject, bool call) {
    const RuleSettings* settings = find(live_.settings(), rule.name);
    rules.push_back({{"name", rule.name},
                     {"because", because(rule, subject)},
                     {"does", actions_of(*settings, live_.settings())}});
    const link::Rules::Policy& policy = config_.rules.policies[rule.number];
    if (link::is_used_up(policy.limit, exchange_.destinations, call, now_us_)) {
      verdict =
          fmt::format("rejected: {}, \"{}\" has all that it allows", policy.refusal, rule.name);
      last = Verdict::kReject;
      return false;
    }
    marks |= rule.mark;
    changes.add(rule);
    uint64_t by_rule = sipcore::hash_by(rule, subject, work_->text, config_.keys.token);
    if (by_rule != 0) hash = by_rule;
    last = rule.verdict;
    if (rule.verdict == Verdict::kGroup) group = rule.group;
    if (rule.verdict == Verdict::kDrop) verdict = "dropped";
    if (rule.verdict == Verdict::kReject) {
      verdict = fmt::format("rejected: {} {}", rule.status, rule.reason);
    }
    return rule.verdict == Verdict::kContinue;
  }

  const config::Live& live_;
  link::Exchange& exchange_;
  const link::RunningConfig& config_;
  const uint64_t now_us_;
  std::unique_ptr<sipcore::RuleWork> work_ = std::make_unique<sipcore::RuleWork>();
};

// {"verdict", "group", "algorithm", "destinations"}
Json whereto(const link::Group& first, const Prospects& found) {
  const link::Group& taken = found.group == nullptr ? first : *found.group;
  std::string verdict = "sent to group " + taken.name;
  if (&taken != &first) verdict += ", behind " + first.name;
  if (found.group == nullptr) {
    verdict = fmt::format("rejected: 503, group {} has nobody left to ask", first.name);
  }
  return {{"verdict", verdict},
          {"group", taken.name},
          {"algorithm", link::kAlgorithmNames[static_cast<size_t>(taken.algorithm)]},
          {"destinations", found.destinations}};
}

// A message as it was read, with the bytes it lies in.
struct Read {
  explicit Read(std::string text) : bytes(std::move(text)) {
    fault = sipcore::validate(message, message.parse(bytes), essentials);
  }
  std::string bytes;
  sipcore::Message message;
  sipcore::Essentials essentials;
  sipcore::Fault fault;
};

sipcore::Subject subject_of(const Read& read, const Question& question,
                            const link::RunningConfig& config, int status = 0) {
  return {read.message, read.essentials, question.source, config.own[question.listen], status};
}

// What goes on when rules have changed it.
std::unique_ptr<Read> next_of(const Read& read, const Run& run, const sipcore::Subject& subject) {
  return std::make_unique<Read>(run.changes.any() ? changed(run.changes, subject) : read.bytes);
}

// All whom it was sent to, in the group that was asked, have failed with that status at best.
Json after_failure(const Question& question, const Read& sent, Run& run, const link::Group* asked,
                   link::Exchange& exchange) {
  const link::RunningConfig& config = *exchange.config.read();
  bool invite = sent.message.method() == sipcore::Method::kInvite;
  if (!invite && question.failed_with == 408) {
    return {{"verdict", "not answered: nobody waits for it any more (RFC 4320)"}};
  }
  auto subject = subject_of(sent, question, config, question.failed_with);
  run.changes = {};
  run(config.rules.failure.get(), subject);
  Json out = {{"rules", run.rules}, {"verdict", run.verdict}};
  if (!run.verdict.empty()) return out;
  out["verdict"] = fmt::format("answered with {}", question.failed_with);
  if (question.failed_with == 503) out["verdict"] = "answered with 503, or 500 if others are left";
  if (run.last != Verdict::kGroup || question.failed_with >= 600) return out;
  auto next = next_of(sent, run, subject);
  if (next->fault != sipcore::Fault::kNone) return out;
  if (run.changes.any()) out["as"] = sent_as(next->bytes);
  // For another user the same destination is another one.
  if (run.changes.rewrites_uri()) asked = nullptr;
  auto again = subject_of(*next, question, config);
  Wanted wanted{again, run.group, run.hash, question.now_us, asked};
  out.update(whereto(config.groups[run.group], prospects(wanted, exchange)));
  return out;
}

// Marks that rules on its request have set are not known here.
Json explain_response(const Question& question, const Read& read, Run& run,
                      const link::RunningConfig& config) {
  int status = read.message.status();
  if (question.failed_with != 0) throw RpcError{400, "STATUS is for requests"};
  if (status == 100) return {{"verdict", "ends here: each hop has a 100 of its own"}};
  if (status == 503)
    return {{"verdict", "ends here: another one is asked, or the caller gets an answer of ours"}};
  auto subject = subject_of(read, question, config, status);
  run(config.rules.response.get(), subject);
  Json out = {{"rules", run.rules}, {"verdict", "goes on to the caller"}};
  if (status >= 300) out["verdict"] = "goes on to the caller, if nobody else is asked for it";
  if (run.changes.any()) out["as"] = sent_as(changed(run.changes, subject));
  return out;
}

bool is_denied(const Question& question, const link::Exchange& exchange) {
  const sipcore::IpAddress& ip = question.source.ip;
  const link::Networks *denied = exchange.denied.read(), *banned = exchange.banned.read();
  if (denied != nullptr && denied->contains(ip)) return true;
  return banned != nullptr && banned->contains(ip) && !exchange.config.read()->protect.trusts(ip);
}

// What is dropped before it is parsed; empty: it goes on.
std::string stopped_unread(const Question& question, const link::Exchange& exchange) {
  if (is_denied(question, exchange)) return "dropped: its source is denied or banned";
  std::string_view agent = sipcore::agent_of_newcomer(question.bytes);
  bool scanner = exchange.config.read()->protect.is_scanner(agent, question.source.ip);
  return scanner ? "dropped: by its User-Agent it looks for holes" : "";
}

// What is answered, or dropped, before rules are asked; empty: it goes on.
std::string stopped_by_policy(const Read& read, const link::RunningConfig& config) {
  const sipcore::Essentials& e = read.essentials;
  auto plan = plan_route(read.message, e, sipcore::Self{config.own}, config.keys.token);
  sipcore::Fault fault = plan.fault;
  uint64_t loop = loop_hash(read.message, e, plan, config.keys.token);
  bool loops = is_loop(read.message, loop, config.keys.branch);
  if (fault == sipcore::Fault::kNone && loops) fault = sipcore::Fault::kLoop;
  bool needs_tls = e.request_uri.scheme == sipcore::Scheme::kSips;
  if (fault == sipcore::Fault::kNone && needs_tls) fault = sipcore::Fault::kUnknownScheme;
  if (fault != sipcore::Fault::kNone) {
    return fmt::format("rejected: {} {}", status_of(fault), phrase_of(fault));
  }
  bool preloaded = plan.next || plan.uri_from_last_route;
  return preloaded ? "rejected: 403, it brings a Route that no call of ours has recorded" : "";
}

// RFC 3261 11.2: what is for us needs no further hop.
bool is_for_us(const Read& read, const link::RunningConfig& config) {
  return read.message.method() == sipcore::Method::kOptions &&
         addressed_to(read.essentials.request_uri, sipcore::Self{config.own});
}

}  // namespace

Json conditions_of(const RuleSettings& rule, const config::Settings& settings) {
  Json out = Json::array();
  for (const sipcore::Condition& condition : rule.rule.conditions) {
    out.push_back(phrase(condition));
  }
  if (!rule.rule.times.empty()) out.push_back("at some times");
  if (rule.rule.marked != 0) out.push_back("marked " + names_of(rule.rule.marked, settings));
  if (rule.rule.not_marked != 0) {
    out.push_back("not marked " + names_of(rule.rule.not_marked, settings));
  }
  return out;
}

Json actions_of(const RuleSettings& one, const config::Settings& settings) {
  const sipcore::Rule& rule = one.rule;
  Json out = Json::array();
  if (rule.set_user) out.push_back("set_user " + *rule.set_user);
  if (rule.set_host) out.push_back("set_host " + *rule.set_host);
  if (rule.strip > 0) out.push_back(fmt::format("strip {}", rule.strip));
  if (!rule.prefix.empty()) out.push_back("prefix " + rule.prefix);
  constexpr std::string_view kWhat[] = {"add", "replace", "remove"};
  for (const sipcore::HeaderChange& change : rule.headers) {
    out.push_back(
        fmt::format("{} header {}", kWhat[static_cast<size_t>(change.what)], change.name));
  }
  if (!rule.hash_by.empty()) out.push_back("hash_by " + config::text_of(rule.hash_by));
  if (rule.mark != 0) out.push_back("mark " + names_of(rule.mark, settings));
  if (rule.log) out.push_back("log");
  if (one.limit.capacity > 0) out.push_back(fmt::format("at most {} calls", one.limit.capacity));
  for (const sipcore::Rate& rate : {one.limit.call_rate.peak, one.limit.call_rate.sustained}) {
    if (rate.any()) out.push_back(fmt::format("at most {} in {} s", rate.events, rate.seconds));
  }
  if (rule.verdict == Verdict::kGroup) out.push_back("group " + one.group);
  if (rule.verdict == Verdict::kReject) {
    out.push_back(fmt::format("reject {} {}", rule.status, rule.reason));
  }
  if (rule.verdict == Verdict::kDrop) out.push_back("drop");
  if (rule.verdict == Verdict::kStop) out.push_back("stop");
  return out;
}

Json explain(const Question& question, const config::Live& live, link::Exchange& exchange) {
  const link::RunningConfig& config = *exchange.config.read();
  if (auto verdict = stopped_unread(question, exchange); !verdict.empty()) {
    return {{"verdict", verdict}};
  }
  auto read = std::make_unique<Read>(question.bytes);
  if (read->fault != sipcore::Fault::kNone) {
    throw RpcError{400,
                   "not a message that would be routed: " + std::string(phrase_of(read->fault))};
  }
  Run run(live, exchange, question.now_us);
  run.group = config.listens[question.listen].group;
  run.marks = config.rules.marks_of(question.source.ip);
  if (!read->message.is_request()) return explain_response(question, *read, run, config);
  if (!read->essentials.to_tag.empty()) {
    throw RpcError{400, "rules are for requests that begin something, not for those of a call"};
  }
  if (auto verdict = stopped_by_policy(*read, config); !verdict.empty()) {
    return {{"verdict", verdict}};
  }
  auto subject = subject_of(*read, question, config);
  run(config.rules.request.get(), subject);
  Json out = {{"rules", run.rules}, {"verdict", run.verdict}};
  if (!run.verdict.empty()) return out;
  if (is_for_us(*read, config)) {
    out["verdict"] = "answered: 200, it asks for nobody but Tandem itself";
    return out;
  }
  auto sent = next_of(*read, run, subject);
  if (sent->fault != sipcore::Fault::kNone) {
    out["verdict"] = "rejected: 513, rules change more than one message can have changed";
    return out;
  }
  if (run.changes.any()) out["as"] = sent_as(sent->bytes);
  auto as_sent = subject_of(*sent, question, config);
  Prospects found = prospects({as_sent, run.group, run.hash, question.now_us}, exchange);
  out.update(whereto(config.groups[run.group], found));
  // Where nobody was asked, nobody has failed.
  if (question.failed_with == 0 || found.group == nullptr) return out;
  out["failed"] = after_failure(question, *sent, run, found.group, exchange);
  return out;
}

}  // namespace control::manage
