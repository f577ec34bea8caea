#include "control/config/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "control/config/destination.h"
#include "control/config/rule_words.h"
#include "control/link/counters.h"
#include "control/link/named.h"
#include "sipcore/build/reply.h"
#include "sipcore/grammar/chars.h"
#include "sipcore/rules/rewrite.h"

namespace control::config {
namespace {

using sipcore::Condition;
using sipcore::Field;
using sipcore::HeaderChange;
using sipcore::Pattern;
using sipcore::Verdict;
using On = RuleSettings::On;

constexpr size_t kMostMarks = 64;
constexpr size_t kMostText = 1000;

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return sipcore::is(c, sipcore::kTokenChar); });
}

constexpr std::string_view kNoConditions[] = {"mark", "add_header", "replace_header",
                                              "remove_header"};

// One [[rule]].
class RuleReader {
 public:
  RuleReader(Reader& reader, const toml::table& table, Settings& settings)
      : reader_(reader), table_(table), settings_(settings) {}

  RuleSettings read() {
    out_.on = static_cast<On>(reader_.choice(table_, "on", RuleSettings::kOnWords, 0));
    out_.rule.name = fmt::format("rule {}", settings_.rules.size() + 1);
    reader_.text(table_, "name", out_.rule.name);
    conditions();
    changes();
    reader_.flag(table_, "log", out_.rule.log);
    out_.rule.mark = marks("mark");
    hash_by();
    limit();
    decision();
    reader_.no_empty(table_, kNoConditions);
    reader_.finish(table_, "[[rule]]");
    return std::move(out_);
  }

 private:
  void complain(std::string_view key, const std::string& text) {
    if (word_.table != nullptr) return reader_.error(*word_.table, word_.key, text, word_.item);
    reader_.error(table_, key, text);
  }

  // What is complained of meanwhile is told at that one of the texts.
  void each_word(const toml::table& table, std::string_view key,
                 const std::function<void(const std::string&)>& take) {
    word_ = {&table, key, 0};
    for (const std::string& text : reader_.words(table, key)) {
      take(text);
      ++word_.item;
    }
    word_ = {};
  }
  void each_word(std::string_view key, const std::function<void(const std::string&)>& take) {
    each_word(table_, key, take);
  }

  void add(const Field& field, Pattern::How how, const std::string& text, std::string_view key) {
    bool clean = std::none_of(text.begin(), text.end(),
                              [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
    if (!clean || text.size() > kMostText || (how == Pattern::How::kPrefix && text.empty())) {
      return complain(key, fmt::format("{}: \"{}\" is no text that could be found", key, text));
    }
    if (how == Pattern::How::kRegex) {
      auto fault = sipcore::fault_of_regex(text);
      if (!fault.empty()) return complain(key, fmt::format("{}: \"{}\": {}", key, text, fault));
    }
    for (Condition& known : out_.rule.conditions) {
      bool same = known.field == field && known.none == none_;
      if (same) return known.any.push_back({0, how, false, text});
    }
    out_.rule.conditions.push_back({field, {{0, how, false, text}}, none_});
  }

  // The key of a condition, or of its contrary.
  std::string key_of(std::string_view name, std::string_view suffix = "") const {
    return fmt::format("{}{}{}", none_ ? "not_" : "", name, suffix);
  }

  // NAME, NAME_prefix and NAME_regex, of all those that a field has the value is any.
  void texts(std::string_view name, const Field& field) {
    for (auto [suffix, how] : kHows) {
      std::string key = key_of(name, suffix);
      each_word(key, [&, how = how](const std::string& text) { add(field, how, text, key); });
    }
  }

  void headers() {
    for (auto [suffix, how] : kHows) {
      std::string key = key_of("header", suffix);
      const toml::node* node = reader_.raw(table_, key);
      if (node == nullptr) continue;
      const toml::table* fields = node->as_table();
      if (fields == nullptr) {
        complain(key, fmt::format("{} is like {{ \"X-Customer\" = \"acme\" }}", key));
        continue;
      }
      for (const auto& [name, value] : *fields) {
        Field field = header_field(name.str());
        each_word(*fields, name.str(),
                  [&, how = how](const std::string& text) { add(field, how, text, key); });
      }
    }
  }

  void conditions() {
    for (bool none : {false, true}) {
      none_ = none;
      what_is_said();
      where_it_came();
    }
    each_word("time", [this](const std::string& text) {
      auto span = parse_time_span(text);
      if (span) out_.rule.times.push_back(*span);
      if (!span) complain("time", "time is like \"mon-fri 08:00-18:00\" or \"22:00-06:00\"");
    });
    out_.rule.marked = marks("marked") | origin("from_group");
    out_.rule.not_marked = marks("not_marked") | origin("not_from_group");
  }

  // Where a group's destinations are now, name servers and management say: no condition on what a
  // message says, but a mark that it begins with.
  uint64_t origin(std::string_view key) {
    std::string group;
    reader_.text(table_, key, group);
    const toml::node* node = reader_.raw(table_, key);
    if (node == nullptr || !node->is_string()) return 0;
    if (link::find_named(settings_.groups, group) == nullptr) {
      complain(key, fmt::format("{} \"{}\" is no [[group]]", key, group));
    }
    if (out_.on == On::kResponse) {
      complain(key, fmt::format("{} asks who sent the request: it is for rules on requests and "
                                "failures",
                                key));
    }
    return mark_of(std::string(kFromGroup) + group, key);
  }

  void what_is_said() {
    for (const FieldWord& word : kFieldWords) texts(word.name, {word.kind, ""});
    texts("user_agent", header_field("User-Agent"));
    headers();
    std::string key = key_of("method");
    each_word(key, [&](const std::string& method) {
      if (!is_token(method)) complain(key, key + " is like \"INVITE\"");
      add({Field::Kind::kMethod, ""}, Pattern::How::kExact, method, key);
    });
    if (out_.on != On::kRequest) numbers(key_of("status"), Field::Kind::kStatus, 100, 699);
  }

  void where_it_came() {
    std::string key = key_of("source");
    each_word(key, [&](const std::string& source) {
      auto network = link::parse_network(source);
      if (!network) {
        return complain(key, fmt::format("{}: \"{}\" is no address or network", key, source));
      }
      for (const std::string& prefix : source_prefixes(*network)) {
        add({Field::Kind::kSource, ""}, Pattern::How::kPrefix, prefix, key);
      }
    });
    key = key_of("listen");
    each_word(key, [&](const std::string& address) { listen(address, key); });
    numbers(key_of("source_port"), Field::Kind::kSourcePort, 1, 65535);
  }

  void listen(const std::string& text, const std::string& key) {
    auto endpoint = sipcore::parse_endpoint(text, sipcore::kDefaultPort);
    bool known = endpoint && listen_index(settings_, *endpoint) != link::kAnyListen;
    if (!known) {
      return complain(key, fmt::format("{} \"{}\" is the address of no [[listen]]", key, text));
    }
    add({Field::Kind::kListen, ""}, Pattern::How::kExact, sipcore::to_string(*endpoint), key);
  }

  // Numbers, or of a status a class, like "4xx".
  void numbers(std::string_view key, Field::Kind kind, int64_t least, int64_t most) {
    const toml::node* node = reader_.raw(table_, key);
    if (node == nullptr) return;
    std::vector<const toml::node*> all;
    const toml::array* list = node->as_array();
    for (size_t i = 0; list != nullptr && i < list->size(); ++i) all.push_back(&(*list)[i]);
    if (list == nullptr) all.push_back(node);
    for (const toml::node* each : all) {
      auto number = each->value_exact<int64_t>();
      auto text = each->value_exact<std::string>();
      bool is_class = text && kind == Field::Kind::kStatus && text->size() == 3 &&
                      (*text)[0] >= '1' && (*text)[0] <= '6' && text->substr(1) == "xx";
      if (is_class) {
        add({kind, ""}, Pattern::How::kPrefix, text->substr(0, 1), key);
      } else if (number && *number >= least && *number <= most) {
        add({kind, ""}, Pattern::How::kExact, std::to_string(*number), key);
      } else {
        reader_.error(*each, fmt::format("{} is a list of numbers from {} to {}{}", key, least,
                                         most, kind == Field::Kind::kStatus ? ", or \"4xx\"" : ""));
      }
    }
  }

  uint64_t marks(std::string_view key) {
    uint64_t out = 0;
    each_word(key, [&](const std::string& name) {
      if (name.starts_with(kFromGroup)) complain(key, "for that there is from_group");
      out |= mark_of(name, key);
    });
    return out;
  }

  uint64_t mark_of(const std::string& name, std::string_view key) {
    auto& known = settings_.marks;
    auto at = std::find(known.begin(), known.end(), name);
    if (at == known.end() && known.size() == kMostMarks) {
      complain(key, fmt::format("rules have more than {} marks", kMostMarks));
      return 0;
    }
    if (at == known.end()) at = known.insert(known.end(), name);
    return uint64_t{1} << (at - known.begin());
  }

  void changes() {
    sipcore::Rule& rule = out_.rule;
    std::string user, host;
    reader_.text(table_, "set_user", user);
    reader_.text(table_, "set_host", host);
    reader_.text(table_, "prefix", rule.prefix);
    reader_.number(table_, "strip", 0, 255, rule.strip);
    for (const std::string* part : {&user, &rule.prefix}) {
      auto uri = sipcore::parse_uri("sip:" + *part + "@host");
      if (part->empty() || (uri && uri->user == *part)) continue;
      complain(part == &user ? "set_user" : "prefix",
               fmt::format("\"{}\" cannot be part of the user of a URI", *part));
    }
    auto uri = sipcore::parse_uri("sip:user@" + host);
    bool plain = uri && uri->params.empty() && !uri->has_headers;
    if (!host.empty() && !plain) complain("set_host", "set_host is a host, perhaps with a port");
    if (!user.empty()) rule.set_user = user;
    if (!host.empty()) rule.set_host = host;
    header_changes("add_header", HeaderChange::What::kAdd);
    header_changes("replace_header", HeaderChange::What::kReplace);
    header_changes("remove_header", HeaderChange::What::kRemove);
    if (out_.on == On::kResponse && rule.rewrites_uri()) {
      complain("on", "a response has no Request-URI to change");
    }
  }

  void header_changes(std::string_view key, HeaderChange::What what) {
    each_word(key, [&](const std::string& text) {
      HeaderChange change;
      change.what = what;
      size_t colon = std::min(text.find(':'), text.size());
      change.name = sipcore::trim(text.substr(0, colon));
      bool removes = what == HeaderChange::What::kRemove;
      bool whole = is_token(change.name) && removes == (colon == text.size());
      bool clean = std::none_of(text.begin(), text.end(),
                                [](char c) { return static_cast<uint8_t>(c) < 0x20; });
      if (!whole || !clean || text.size() > kMostText) {
        complain(key, fmt::format("{} is like \"X-Customer{}\"", key, removes ? "" : ": acme"));
      } else if (sipcore::is_protected(change.name)) {
        complain(key, fmt::format("{}: {} belongs to the proxy", key, change.name));
      } else if (!removes) {
        auto fault = parse_pieces(sipcore::trim(text.substr(colon + 1)), change.value);
        if (!fault.empty()) complain(key, fmt::format("{}: {}", key, fault));
      }
      out_.rule.headers.push_back(std::move(change));
    });
  }

  void hash_by() {
    std::string text;
    reader_.text(table_, "hash_by", text);
    if (text.empty()) return;
    auto fault = parse_pieces(text, out_.rule.hash_by);
    bool names = std::any_of(out_.rule.hash_by.begin(), out_.rule.hash_by.end(),
                             [](const auto& piece) { return piece.field.has_value(); });
    if (fault.empty() && !names) fault = "it names no field, like \"${header:X-Account}\"";
    if (!fault.empty()) complain("hash_by", fmt::format("hash_by: {}", fault));
    if (out_.on == On::kResponse) complain("on", "a response goes to nobody by a hash");
  }

  void limit() {
    reader_.number(table_, "capacity", 0, 100000000, out_.limit.capacity);
    reader_.call_rate(table_, out_.limit.call_rate);
    reader_.number(table_, "refusal", 400, 699, out_.refusal);
    if (out_.limit.any() && out_.on != On::kRequest) {
      complain("on", "limits are for rules on requests");
    }
  }

  // What becomes of the message: at most one thing.
  void decision() {
    sipcore::Rule& rule = out_.rule;
    bool drop = false, stop = false;
    uint32_t reject = 0;
    reader_.text(table_, "group", out_.group);
    reader_.text(table_, "send_to", out_.send_to);
    reader_.number(table_, "reject", 400, 699, reject);
    reader_.flag(table_, "drop", drop);
    reader_.flag(table_, "stop", stop);
    reader_.text(table_, "reason", rule.reason);
    reader_.number(table_, "retry_after_s", 1, 86400, rule.retry_after_s);
    std::vector<const char*> all;
    if (!out_.group.empty()) all.push_back("group");
    if (!out_.send_to.empty()) all.push_back("send_to");
    if (reject > 0) all.push_back("reject");
    if (drop) all.push_back("drop");
    if (stop) all.push_back("stop");
    if (all.size() > 1) {
      complain(all.back(), "a rule has one of group, send_to, reject, drop and stop");
    }
    bool send = !out_.group.empty() || !out_.send_to.empty();
    rule.verdict = send         ? Verdict::kGroup
                   : reject > 0 ? Verdict::kReject
                   : drop       ? Verdict::kDrop
                   : stop       ? Verdict::kStop
                                : Verdict::kContinue;
    rule.status = static_cast<int>(reject);
    if (rule.reason.empty()) rule.reason = sipcore::reason_of(rule.status);
    if (rule.reason.find_first_of("\r\n") != rule.reason.npos || rule.reason.size() > 200) {
      complain("reason", "reason is a short text on one line");
    }
    if (out_.on == On::kResponse && rule.verdict > Verdict::kStop) {
      complain("on", "a response can be changed, but not sent elsewhere or refused");
    }
    if (out_.on == On::kFailure && drop) complain("drop", "a failure is answered, not dropped");
    if (reject > 0 && out_.limit.any()) {
      complain("reject", "what is beyond a limit is answered with refusal");
    }
    if (!out_.send_to.empty()) destination();
  }

  // A group of its own, named by the URI.
  void destination() {
    out_.group = out_.send_to;
    if (link::find_named(settings_.groups, out_.group) != nullptr) return;
    DestinationSettings one;
    one.uri = out_.send_to;
    GroupSettings group;
    group.name = out_.group;
    if (auto fault = read_destination_uri(one); !fault.empty()) complain("send_to", fault);
    if (auto fault = misfit(one, group, settings_); !fault.empty()) complain("send_to", fault);
    group.destinations.push_back(one);
    settings_.groups.push_back(group);
  }

  Reader& reader_;
  const toml::table& table_;
  Settings& settings_;
  RuleSettings out_;
  // That is looked at: one of the texts of a key.
  struct Word {
    const toml::table* table = nullptr;
    std::string_view key;
    size_t item = 0;
  };
  Word word_;
  bool none_ = false;  // while the contrary of conditions is read
};

}  // namespace

void read_rules(Reader& reader, const toml::table& root, Settings& out) {
  for (const toml::table* table : reader.list(root, "rule")) {
    RuleSettings rule = RuleReader(reader, *table, out).read();
    if (!rule.group.empty() && link::find_named(out.groups, rule.group) == nullptr) {
      reader.error(*table, "group", fmt::format("group \"{}\" is no [[group]]", rule.group));
    }
    for (const RuleSettings& other : out.rules) {
      if (other.rule.name == rule.rule.name)
        reader.error(*table, "name", "this rule name is used twice");
    }
    out.rules.push_back(std::move(rule));
  }
  if (out.rules.size() > link::RuleHits::kMost) {
    reader.error(root, "rule", fmt::format("more than {} rules", link::RuleHits::kMost),
                 link::RuleHits::kMost);
  }
}

}  // namespace control::config
