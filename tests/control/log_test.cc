#include "control/log/log.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace control::log {
namespace {

std::string line_of(const std::string& text, bool json) {
  std::ostringstream out;
  spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  set_form(logger, json, "info");
  logger.info("{}", text);
  return out.str();
}

// V7: whatever a peer or a file puts into an event, it stays one line and, as JSON, one object.
const std::string kEvil[] = {
    "a\r\nb",   "\"}\n{\"level\":\"x",   "\x1b[31mred", std::string("\0z", 2),
    "\xff\xfe", "back\\slash \"quote\"", "%s%n {} {0}", "\x7f"};

TEST(Log, AnEventIsOneLine) {
  for (const std::string& text : kEvil) {
    std::string line = line_of(text, false);
    EXPECT_EQ(line.find('\n'), line.size() - 1) << text;
    for (char c : line.substr(0, line.size() - 1)) {
      EXPECT_FALSE(std::iscntrl(static_cast<unsigned char>(c))) << line;
    }
  }
}

TEST(Log, AnEventIsOneJsonObject) {
  for (const std::string& text : kEvil) {
    std::string line = line_of(text, true);
    EXPECT_EQ(line.find('\n'), line.size() - 1) << text;
    auto object = nlohmann::json::parse(line);
    EXPECT_EQ(object["level"], "info");
    EXPECT_EQ(object.size(), 3u);
    if (text[0] != '\xff') {
      EXPECT_EQ(object["text"], text);
    }
  }
}

TEST(Log, LevelHolds) {
  std::ostringstream out;
  spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  set_form(logger, false, "warning");
  logger.info("quiet");
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace control::log
