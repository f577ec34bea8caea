#include "control/config/restart.h"

#include "tests/fuzz/input.h"

// Any text is either good settings or errors that say where.
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Exact input(data, size);
  auto result = control::config::parse(input.text(), "f.toml");
  if (auto* errors = std::get_if<control::config::Errors>(&result)) {
    CHECK(!errors->lines.empty());
    for (const std::string& line : errors->lines) CHECK(line.starts_with("f.toml:"));
  } else {
    auto& settings = std::get<control::config::Settings>(result);
    CHECK(!settings.ports.empty() && !settings.listens.empty() && !settings.groups.empty());
    CHECK(control::config::needs_restart(settings, settings).empty());
  }
  return 0;
}
