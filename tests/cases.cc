#include "tests/cases.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace tests {
namespace {

// What one {{mark}} stands for.
std::string expand_mark(const std::string& mark) {
  std::istringstream words(mark);
  std::string kind, text;
  words >> kind;
  if (kind == "sp") return " ";
  if (kind == "tab") return "\t";
  if (kind == "hex") {
    for (std::string byte; words >> byte;) text += static_cast<char>(std::stoi(byte, nullptr, 16));
    return text;
  }
  if (kind == "repeat") {
    size_t times = 0;
    std::string unit;
    words >> times;
    std::getline(words, unit);
    for (size_t i = 0; i < times; ++i) text += unit.substr(1);
    return text;
  }
  throw std::runtime_error("unknown mark {{" + mark + "}}");
}

std::string expand_line(std::string line) {
  std::string ending = "\r\n";
  for (std::string mark : {"{{join}}", "{{end}}"}) {
    if (!line.ends_with(mark)) continue;
    line.resize(line.size() - mark.size());
    ending.clear();
  }
  std::string out;
  for (size_t at = 0; at < line.size();) {
    size_t open = line.find("{{", at);
    size_t close = open == std::string::npos ? open : line.find("}}", open);
    if (close == std::string::npos) return out + line.substr(at) + ending;
    out += line.substr(at, open - at) + expand_mark(line.substr(open + 2, close - open - 2));
    at = close + 2;
  }
  return out + ending;
}

Case read_case(const std::filesystem::path& path) {
  std::ifstream file(path);
  Case out;
  out.name = path.stem();
  std::string block;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("=== ")) {
      block = line.substr(4);
    } else if (block == "message") {
      out.message += expand_line(line);
    } else if (block == "expect" && !line.empty()) {
      size_t colon = line.find(": ");
      if (colon == std::string::npos) throw std::runtime_error(path.string() + ": " + line);
      out.expect[line.substr(0, colon)] = line.substr(colon + 2);
    }
  }
  if (out.message.empty() || out.expect.empty()) {
    throw std::runtime_error(path.string() + ": needs a message and an expect block");
  }
  return out;
}

}  // namespace

std::vector<Case> read_cases(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".case") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Case> out;
  for (const auto& path : paths) out.push_back(read_case(path));
  return out;
}

}  // namespace tests
