#include "control/log/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

namespace control::log {
namespace {

// What %* in a pattern stands for: the text of the event, made safe.
class SafeText : public spdlog::custom_flag_formatter {
 public:
  explicit SafeText(bool json) : json_(json) {}
  void format(const spdlog::details::log_msg& event, const std::tm&,
              spdlog::memory_buf_t& out) override {
    std::string_view text(event.payload.data(), event.payload.size());
    std::string safe = json_ ? json_escaped(text) : escaped(text);
    out.append(safe.data(), safe.data() + safe.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<SafeText>(json_);
  }

 private:
  bool json_;
};

}  // namespace

std::string escaped(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  return out;
}

std::string json_escaped(std::string_view text) {
  using Json = nlohmann::json;
  std::string quoted = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

void set_form(spdlog::logger& logger, bool json, const std::string& level) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(
      json ? spdlog::pattern_time_type::utc : spdlog::pattern_time_type::local);
  formatter->add_flag<SafeText>('*', json);
  formatter->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","text":"%*"})"
                              : "%Y-%m-%d %H:%M:%S.%e %l %*");
  logger.set_formatter(std::move(formatter));
  logger.set_level(spdlog::level::from_str(level));
}

void change(bool json, const std::string& level) {
  set_form(*spdlog::default_logger(), json, level);
}

std::string level() {
  auto name = spdlog::level::to_string_view(spdlog::default_logger()->level());
  return {name.data(), name.size()};
}

void start(bool json, const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("tandem");
  set_form(*logger, json, level);
  spdlog::set_default_logger(logger);
}

}  // namespace control::log
