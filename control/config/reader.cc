#include "control/config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "control/store/file.h"

namespace control::config {

// One line, whatever it quotes.
void Reader::error(const toml::source_region& where, const std::string& text) {
  std::string line = fmt::format("{}:{}:{}: {}", file_, where.begin.line, where.begin.column, text);
  auto unseen = [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; };
  std::replace_if(line.begin(), line.end(), unseen, '?');
  errors_.push_back(std::move(line));
}

void Reader::error(const toml::table& table, std::string_view key, const std::string& text,
                   size_t item) {
  const toml::node* node = find(table, key);
  const toml::array* items = node == nullptr ? nullptr : node->as_array();
  if (items != nullptr && item < items->size()) node = items->get(item);
  if (no_texts_.contains(node)) return;  // is told already
  error(node == nullptr ? static_cast<const toml::node&>(table) : *node, text);
}

const toml::node* Reader::find(const toml::table& table, std::string_view key) {
  known_.insert({&table, std::string(key)});
  const toml::node* node = table.get(key);
  if (node != nullptr) asked_.insert(node);
  return node;
}

std::optional<std::string> Reader::file(const toml::table& table, std::string_view key,
                                        const std::string& path) {
  try {
    if (auto text = store::read_file(path)) return text;
    error(table, key, fmt::format("{}: there is no file {}", key, path));
  } catch (const std::runtime_error& fault) {
    error(table, key, fmt::format("{}: {}", key, fault.what()));
  }
  return std::nullopt;
}

void Reader::no_empty(const toml::table& table, std::span<const std::string_view> may_be) {
  for (const auto& [key, value] : table) {
    bool asked = asked_.contains(&value) || asked_.contains(&table);
    bool may = std::find(may_be.begin(), may_be.end(), key.str()) != may_be.end();
    if (!asked || may) continue;
    const toml::table* inner = value.as_table();
    bool empty = inner != nullptr ? inner->empty() : value.is_array() && value.as_array()->empty();
    if (empty) error(value, fmt::format("{} is empty: leave it out where any will do", key.str()));
    if (inner != nullptr) no_empty(*inner, {});
  }
}

const toml::node* Reader::raw(const toml::table& table, std::string_view key) {
  return find(table, key);
}

void Reader::text(const toml::table& table, std::string_view key, std::string& out) {
  const toml::node* node = find(table, key);
  if (node == nullptr) return;
  auto value = node->value_exact<std::string>();
  if (!value) return error(*node, fmt::format("{} is a text: write it in \"quotes\"", key));
  out = *value;
}

void Reader::flag(const toml::table& table, std::string_view key, bool& out) {
  const toml::node* node = find(table, key);
  if (node == nullptr) return;
  auto value = node->value_exact<bool>();
  if (!value) return error(*node, fmt::format("{} is true or false", key));
  out = *value;
}

void Reader::number(const toml::table& table, std::string_view key, uint32_t least, uint32_t most,
                    uint32_t& out) {
  const toml::node* node = find(table, key);
  if (node == nullptr) return;
  auto value = node->value_exact<int64_t>();
  if (!value || *value < least || *value > most) {
    return error(*node, fmt::format("{} is a whole number from {} to {}", key, least, most));
  }
  out = static_cast<uint32_t>(*value);
}

void Reader::rate(const toml::table& table, const std::string& what, sipcore::Rate& out) {
  constexpr uint32_t kMost = 10000000;
  number(table, what + "_per_s", 0, kMost, out.events);
  out.burst = std::max(out.events, 1U);
  number(table, what + "_burst", 1, kMost, out.burst);
}

void Reader::call_rate(const toml::table& table, sipcore::CallRate& out) {
  rate(table, "calls", out.peak);
  number(table, "calls_sustained", 0, 100000000, out.sustained.events);
  number(table, "calls_window_s", 1, 86400, out.sustained.seconds);
  out.sustained.burst = out.sustained.events;
}

size_t Reader::choice(const toml::table& table, std::string_view key,
                      std::span<const std::string_view> words, size_t otherwise) {
  const toml::node* node = find(table, key);
  if (node == nullptr) return otherwise;
  auto value = node->value_exact<std::string>();
  size_t index = 0;
  for (std::string_view word : words) {
    if (value && *value == word) return index;
    ++index;
  }
  error(*node, fmt::format("{} is one of \"{}\"", key, fmt::join(words, "\", \"")));
  return otherwise;
}

std::vector<std::string> Reader::texts(const toml::table& table, std::string_view key) {
  std::vector<std::string> out;
  const toml::node* node = find(table, key);
  if (node == nullptr) return out;
  auto wrong = [&](const toml::node& where) {
    error(where, fmt::format("{} is a list of texts, like [\"...\", \"...\"]", key));
  };
  const toml::array* list = node->as_array();
  if (list == nullptr) wrong(*node);
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    auto text = (*list)[i].value_exact<std::string>();
    if (!text) wrong((*list)[i]);
    if (!text) no_texts_.insert(&(*list)[i]);
    out.push_back(text.value_or(""));
  }
  return out;
}

std::vector<std::string> Reader::words(const toml::table& table, std::string_view key) {
  const toml::node* node = find(table, key);
  auto one = node == nullptr ? std::nullopt : node->value_exact<std::string>();
  if (one) return {*one};
  return texts(table, key);
}

std::vector<int> Reader::code_list(const toml::node& node, std::string_view key, int least,
                                   int most) {
  std::vector<int> out;
  auto wrong = [&](const toml::node& where) {
    error(where,
          fmt::format("{} is a list of status codes from {} to {}, like [503]", key, least, most));
  };
  const toml::array* list = node.as_array();
  if (list == nullptr) wrong(node);
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    auto code = (*list)[i].value_exact<int64_t>();
    if (!code || *code < least || *code > most) {
      wrong((*list)[i]);
    } else {
      out.push_back(static_cast<int>(*code));
    }
  }
  return out;
}

const toml::table* Reader::section(const toml::table& table, std::string_view key) {
  static const toml::table kEmpty;
  const toml::node* node = find(table, key);
  if (node == nullptr) return &kEmpty;
  if (node->as_table() == nullptr) {
    error(*node, fmt::format("{} is a section: write [{}] on a line of its own", key, key));
    return &kEmpty;
  }
  return node->as_table();
}

std::vector<const toml::table*> Reader::list(const toml::table& table, std::string_view key) {
  std::vector<const toml::table*> out;
  const toml::node* node = find(table, key);
  if (node == nullptr) return out;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    error(*node, fmt::format("{} may come several times: write [[{}]]", key, key));
    return out;
  }
  for (const toml::node& one : *array) {
    if (one.as_table() != nullptr) {
      out.push_back(one.as_table());
    } else {
      error(one, fmt::format("{} holds tables: write [[{}]]", key, key));
    }
  }
  return out;
}

void Reader::finish(const toml::table& table, std::string_view name) {
  for (const auto& [key, node] : table) {
    if (asked_.contains(&node)) continue;
    std::vector<std::string> possible;
    for (const auto& [owner, known] : known_) {
      if (owner == &table) possible.push_back(known);
    }
    error(key.source(), fmt::format("{} has no key \"{}\"; it has: {}", name, key.str(),
                                    fmt::join(possible, ", ")));
  }
}

}  // namespace control::config
