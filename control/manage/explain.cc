#include "control/manage/explain.h"

#include <fmt/format.h>

#include "control/config/rule_words.h"
#include "control/health/condition.h"
#include "control/manage/parse_report.h"
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

// The first line as it would be sent.
std::string sent_as(const sipcore::Rewrite& changes, const sipcore::Subject& subject) {
  std::vector<char> texts(65536), out(2 * 65536);
  sipcore::Writer writer(texts);
  sipcore::EditList edits;
  if (!changes.list(subject, writer, edits)) return "more changes than one message can have";
  size_t size = apply_copy(edits, subject.message.bytes(), out);
  std::string_view text(out.data(), size);
  return visible(text.substr(0, text.find("\r\n\r\n")));
}

// The place that hashing would give it; all others are chosen by what goes on at that moment.
uint16_t place_by_hash(const link::Group& group, const link::Tier& tier,
                       const sipcore::Subject& subject, uint64_t hash,
                       const link::Exchange& exchange, uint64_t now_ms) {
  if (group.algorithm != link::Algorithm::kHash) return sipcore::kNobody;
  const sipcore::HashKey& key = exchange.config.read()->keys.token;
  if (hash == 0) {
    hash = sipcore::hash_of(group.hash_of, group.hash_header, subject.message, subject.essentials,
                            key);
  }
  return tier.table->select(hash, [&](size_t i) {
    const auto& state = exchange.destinations.at(group.destinations[tier.first + i].slot);
    return health::condition_of(state, now_ms) <= health::Condition::kProbing;
  });
}

Json destinations(const link::Group& group, const sipcore::Subject& subject, uint64_t hash,
                  const link::Exchange& exchange, uint64_t now_ms) {
  Json out = Json::array();
  bool found = false;
  for (const link::Tier& tier : group.tiers) {
    uint16_t place = place_by_hash(group, tier, subject, hash, exchange, now_ms);
    for (uint16_t i = 0; i < tier.count; ++i) {
      const link::Destination& one = group.destinations[tier.first + i];
      auto condition = health::condition_of(exchange.destinations.at(one.slot), now_ms);
      Json shown = {{"uri", one.uri}, {"state", health::word(condition)}};
      if (!found && place == i) shown["chosen"] = true;
      out.push_back(std::move(shown));
    }
    found |= place != sipcore::kNobody;
  }
  return out;
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

Json explain(const Question& question, const config::Live& live, const link::Exchange& exchange) {
  const link::RunningConfig& config = *exchange.config.read();
  auto message = std::make_unique<sipcore::Message>();
  sipcore::Essentials essentials;
  auto fault = sipcore::validate(*message, message->parse(question.bytes), essentials);
  if (fault != sipcore::Fault::kNone) {
    throw RpcError{400, "not a message that would be routed: " + std::string(phrase_of(fault))};
  }
  if (!message->is_request() || !essentials.to_tag.empty()) {
    throw RpcError{400, "rules are for requests that begin something, not for those of a call"};
  }
  const auto& source = question.source;
  for (const auto* list : {exchange.denied.read(), exchange.banned.read()}) {
    bool trusted = list == exchange.banned.read() && config.protect.trusts(source.ip);
    if (list != nullptr && !trusted && list->contains(source.ip)) {
      return {{"verdict", "dropped: its source is denied or banned"}};
    }
  }
  sipcore::Subject subject{*message, essentials, source, config.own[question.listen]};
  uint16_t group = config.listens[question.listen].group;
  uint64_t marks = 0, hash = 0;
  sipcore::Rewrite changes;
  Json rules = Json::array();
  std::string verdict;
  auto work = std::make_unique<sipcore::RuleWork>();
  auto take = [&](const sipcore::Rule& rule) {
    const RuleSettings* settings = find(live.settings(), rule.name);
    rules.push_back({{"name", rule.name},
                     {"because", because(rule, subject)},
                     {"does", actions_of(*settings, live.settings())}});
    marks |= rule.mark;
    changes.add(rule);
    uint64_t by_rule = sipcore::hash_by(rule, subject, work->text, config.keys.token);
    if (by_rule != 0) hash = by_rule;
    if (rule.verdict == Verdict::kGroup) group = rule.group;
    if (rule.verdict == Verdict::kDrop) verdict = "dropped";
    if (rule.verdict == Verdict::kReject) {
      verdict = fmt::format("rejected: {} {}", rule.status, rule.reason);
    }
    return rule.verdict == Verdict::kContinue;
  };
  if (config.rules.request != nullptr) {
    config.rules.request->match(subject, exchange.workers, exchange.minute_of_week, marks, *work,
                                take);
  }
  Json out = {{"rules", rules}, {"verdict", verdict}};
  if (!verdict.empty()) return out;
  const link::Group& chosen = config.groups[group];
  out["verdict"] = "sent to group " + chosen.name;
  if (changes.any()) out["as"] = sent_as(changes, subject);
  out["group"] = chosen.name;
  out["algorithm"] = link::kAlgorithmNames[static_cast<size_t>(chosen.algorithm)];
  out["destinations"] = destinations(chosen, subject, hash, exchange, question.now_ms);
  return out;
}

}  // namespace control::manage
