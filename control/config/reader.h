// Typed access to a TOML document that remembers where things stand: wrong types, values out of
// bounds and keys that nobody asked for become errors with file, line and column.
#pragma once

#include <bitset>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <toml++/toml.h>

#include "sipcore/balance/rate.h"

namespace control::config {

class Reader {
 public:
  static constexpr size_t kWhole = SIZE_MAX;

  Reader(std::string file, std::vector<std::string>& errors)
      : file_(std::move(file)), errors_(errors) {}

  void error(const toml::source_region& where, const std::string& text);
  void error(const toml::node& node, const std::string& text) { error(node.source(), text); }
  // Of a key, or of one in its list: told at its own place, or at the table where it is absent.
  void error(const toml::table& table, std::string_view key, const std::string& text,
             size_t item = kWhole);

  // The value of a key, or what `out` holds already where the key is absent.
  void text(const toml::table& table, std::string_view key, std::string& out);
  void flag(const toml::table& table, std::string_view key, bool& out);
  void number(const toml::table& table, std::string_view key, uint32_t least, uint32_t most,
              uint32_t& out);
  // WHAT_per_s and WHAT_burst, which is what comes in a second where it is absent.
  void rate(const toml::table& table, const std::string& what, sipcore::Rate& out);
  // That of "calls", and calls_sustained in calls_window_s.
  void call_rate(const toml::table& table, sipcore::CallRate& out);
  // One of the words; the index of the one found, or `otherwise`.
  size_t choice(const toml::table& table, std::string_view key,
                std::span<const std::string_view> words, size_t otherwise);
  size_t choice(const toml::table& table, std::string_view key,
                std::initializer_list<std::string_view> words, size_t otherwise) {
    return choice(table, key, std::span(words.begin(), words.size()), otherwise);
  }
  // SIP status codes, as a list of numbers.
  template <size_t kSize>
  void codes(const toml::table& table, std::string_view key, int least, int most,
             std::bitset<kSize>& out) {
    const toml::node* node = find(table, key);
    if (node == nullptr) return;
    out.reset();
    for (int code : code_list(*node, key, least, most)) out.set(static_cast<size_t>(code));
  }
  // Each at its place in the list; what is no text is complained of, and empty here.
  std::vector<std::string> texts(const toml::table& table, std::string_view key);
  // A text, or a list of them.
  std::vector<std::string> words(const toml::table& table, std::string_view key);
  const toml::table* section(const toml::table& table, std::string_view key);
  // The tables of [[key]]; empty where there is none.
  std::vector<const toml::table*> list(const toml::table& table, std::string_view key);
  const toml::node* raw(const toml::table& table, std::string_view key);
  // What is in the file that a key names; nullopt: it cannot be read, which is told at the key.
  std::optional<std::string> file(const toml::table& table, std::string_view key,
                                  const std::string& path);
  // Complains of conditions that are empty lists or tables, as a template makes them of an empty
  // inventory: they would hold for everything. After all conditions were asked for; `may_be` are
  // none.
  void no_empty(const toml::table& table, std::span<const std::string_view> may_be);

  // After all keys of a table were asked for: complains of the rest.
  void finish(const toml::table& table, std::string_view name);

 private:
  std::vector<int> code_list(const toml::node& node, std::string_view key, int least, int most);
  const toml::node* find(const toml::table& table, std::string_view key);

  std::string file_;
  std::vector<std::string>& errors_;
  std::set<const toml::node*> asked_;
  std::set<const toml::node*> no_texts_;  // items of lists of texts
  std::set<std::pair<const toml::table*, std::string>> known_;
};

}  // namespace control::config
