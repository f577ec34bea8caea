#include "control/config/dispatcher_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "control/config/attributes.h"
#include "control/config/destination.h"
#include "sipcore/grammar/number.h"

namespace control::config {
namespace {

// What is near to an algorithm of dispatcher.
struct Near {
  uint32_t number;
  std::string_view keys;         // of the group
  bool by_priority;              // whether it goes by priority, as all of ours do
  std::string_view weight = {};  // the attribute that it takes as weight
};

constexpr Near kNear[] = {
    {0, "algorithm = \"hash\"\nhash_of = \"call_id\"\n", false},
    {1, "algorithm = \"hash\"\nhash_of = \"from\"\n", false},
    {2, "algorithm = \"hash\"\nhash_of = \"to\"\n", false},
    {3, "algorithm = \"hash\"\nhash_of = \"request_uri\"\n", false},
    {4, "algorithm = \"round_robin\"\n", false},
    {5, "algorithm = \"hash\"\nhash_of = \"auth_user\"\n", false},
    {6, "algorithm = \"random\"\n", false},
    {8, "algorithm = \"hash\"\n", true},
    {9, "algorithm = \"random\"\n", false, "weight"},
    {10, "algorithm = \"least_calls\"\n", false},
    {11, "algorithm = \"random\"\n", false, "rweight"},
    {12, "algorithm = \"parallel\"\n", false},
    {13, "algorithm = \"lowest_latency\"\n", false},
};

constexpr uint32_t kInactive = 1;
constexpr uint32_t kDisabled = 4;
constexpr uint32_t kProbing = 8;
// Of the flags of a row those that mean something else here, or nothing.
constexpr std::pair<uint32_t, const char*> kFlags[] = {
    {kInactive, "inactive is enabled = false here"},
    {2, "trying is left out: it begins as one that is well"},
    {16, "names are looked up all the time"},
    {32, "all of a group are probed, or none"}};
constexpr std::string_view kSpace = " \t\r";

// The next word; one that begins with a quote goes to the next quote, without both.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
  if (line.starts_with('"')) {
    line.remove_prefix(1);
    std::string_view word = line.substr(0, line.find('"'));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return word;
  }
  std::string_view word = line.substr(0, line.find_first_of(kSpace));
  line.remove_prefix(word.size());
  return word;
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

struct Row {
  std::string uri, attributes, socket;
  uint32_t flags = 0, priority = 0, weight = 1, capacity = 0;
};

class Importer {
 public:
  Importer(std::string_view file, uint32_t algorithm) : file_(file) {
    auto at = std::find_if(std::begin(kNear), std::end(kNear),
                           [&](const Near& one) { return one.number == algorithm; });
    if (at != std::end(kNear)) near_ = at;
    if (at == std::end(kNear)) {
      out_.faults.push_back(fmt::format("algorithm {} has nothing like it here", algorithm));
    }
  }

  Imported run(std::string_view text) {
    for (number_ = 1; !text.empty(); ++number_) {
      std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      read(line);
    }
    if (out_.faults.empty()) write();
    return std::move(out_);
  }

 private:
  void complain(const std::string& what) {
    out_.faults.push_back(fmt::format("{}:{}: {}", file_, number_, what));
  }
  void remark(const std::string& what) {
    out_.remarks.push_back(fmt::format("{}:{}: {}", file_, number_, what));
  }

  void read(std::string_view line) {
    std::string_view set = take_word(line);
    if (set.empty() || set.starts_with('#')) return;
    Row row;
    auto id = sipcore::parse_number(set, 0xffffffff);
    if (!id) return complain(fmt::format("\"{}\" is no number of a set", set));
    row.uri = take_word(line);
    DestinationSettings destination;
    destination.uri = row.uri;
    if (auto fault = read_destination_uri(destination); !fault.empty()) return complain(fault);
    if (!take_number(line, "flags", 63, row.flags)) return;
    if (!take_number(line, "priority", 65535, row.priority)) return;
    for (const auto& [flag, meaning] : kFlags) {
      if ((row.flags & flag) != 0) remark(fmt::format("flag {}: {}", flag, meaning));
    }
    each_attribute(take_word(line), [&](auto... parts) { read_attribute(parts..., row); });
    if (!take_word(line).empty()) return complain("there is more than attributes at the end");
    for (const Row& other : sets_[*id]) {
      bool same = other.uri == row.uri && other.socket == row.socket;
      if (same) return complain(fmt::format("{} is in the set twice", row.uri));
    }
    sets_[*id].push_back(std::move(row));
  }

  bool take_number(std::string_view& line, std::string_view what, uint32_t most, uint32_t& out) {
    std::string_view word = take_word(line);
    auto value = word.empty() ? std::optional(0U) : sipcore::parse_number(word, most);
    if (!value) complain(fmt::format("{} is a number up to {}, not \"{}\"", what, most, word));
    out = value.value_or(0);
    return value.has_value();
  }

  void read_attribute(std::string_view key, std::string_view value, std::string_view whole,
                      Row& row) {
    if (key == "weight" || key == "rweight" || key == "maxload") {
      auto number = sipcore::parse_number(value, 1000000);
      if (!number) complain(fmt::format("{} is a number up to 1000000", key));
      if (key == "maxload") row.capacity = number.value_or(0);
      bool taken = near_ != nullptr && key == near_->weight;
      if (taken) row.weight = number.value_or(0);
      if (!taken && key != "maxload") remark(fmt::format("{} meant nothing there", key));
    } else if (key == "socket") {
      row.socket = value.substr(value.starts_with("udp:") ? 4 : 0);
    } else {
      if (key != "duid") remark(fmt::format("{} is kept as text and does nothing here", key));
      append_attribute(row.attributes, whole);
    }
  }

  // Priorities that mean nothing to the algorithm there would make all but the first idle here.
  static bool differ(const std::vector<Row>& rows) {
    return std::any_of(rows.begin(), rows.end(),
                       [&](const Row& one) { return one.priority != rows.front().priority; });
  }

  void write() {
    for (const auto& [id, rows] : sets_) {
      if (!near_->by_priority && differ(rows)) {
        out_.remarks.push_back(
            fmt::format("{}: set {}: priorities are left out: with this algorithm they gave an "
                        "order, here they would take those of a lower one out of service",
                        file_, id));
      }
      out_.toml += fmt::format("[[group]]\nname = \"{}\"\n{}\n", id, near_->keys);
      bool probed = std::any_of(rows.begin(), rows.end(),
                                [](const Row& one) { return (one.flags & kProbing) != 0; });
      if (probed) out_.toml += "[group.probe]\ninterval_ms = 10000  # as ds_ping_interval says\n\n";
      for (const Row& row : rows) write(row, near_->by_priority ? behind(row, rows) : 0);
    }
  }

  // The first of the highest priority gets everything, then the one behind it.
  static uint32_t behind(const Row& one, const std::vector<Row>& rows) {
    auto count = std::count_if(rows.begin(), rows.end(), [&](const Row& other) {
      return other.priority < one.priority || (other.priority == one.priority && &other > &one);
    });
    return static_cast<uint32_t>(count);
  }

  void write(const Row& row, uint32_t priority) {
    std::string& toml = out_.toml;
    toml += fmt::format("[[group.destination]]\nuri = {}\n", toml_text(row.uri));
    if (row.weight != 1) toml += fmt::format("weight = {}\n", row.weight);
    if (priority != 0) toml += fmt::format("priority = {}\n", priority);
    if (row.capacity != 0) toml += fmt::format("capacity = {}\n", row.capacity);
    if (!row.socket.empty()) toml += fmt::format("listen = {}\n", toml_text(row.socket));
    if (!row.attributes.empty())
      toml += fmt::format("attributes = {}\n", toml_text(row.attributes));
    if ((row.flags & (kInactive | kDisabled)) != 0) toml += "enabled = false\n";
    toml += "\n";
  }

  std::string_view file_;
  const Near* near_ = nullptr;
  size_t number_ = 0;
  std::map<uint32_t, std::vector<Row>> sets_;
  Imported out_;
};

}  // namespace

Imported import_dispatcher_list(std::string_view text, std::string_view file, uint32_t algorithm) {
  return Importer(file, algorithm).run(text);
}

}  // namespace control::config
