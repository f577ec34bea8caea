// The log of the process: one event is one line, as text or as a JSON object, whatever bytes are in
// it. Workers log nothing; what happens to packets is counted. Set up once, at start.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace control::log {

inline constexpr std::string_view kLevels[] = {"debug", "info", "warning", "error"};

// A line without its end: control characters are written as \xNN, so that none can start a line or
// drive a terminal.
std::string escaped(std::string_view text);

// As a JSON string without its quotes; bytes that are no UTF-8 are replaced.
std::string json_escaped(std::string_view text);

// Sets the form and level (spdlog's names) of a logger.
void set_form(spdlog::logger& logger, bool json, const std::string& level);

// The default logger in another form, after a reload.
void change(bool json, const std::string& level);

// One of kLevels: what the log says now.
std::string level();

// To standard error, as the default logger of spdlog.
void start(bool json, const std::string& level);

}  // namespace control::log
