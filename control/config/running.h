// From settings to the snapshot that workers read.
#pragma once

#include <functional>
#include <memory>

#include "control/config/edits.h"
#include "control/config/settings.h"
#include "control/config/slots.h"

namespace control::config {

// The addresses of a host name, as far as they are known.
using Members = std::function<const std::vector<resolve::Member>&(const resolve::HostName&)>;

// `before`: the configuration that runs, or nullptr; what has not changed is taken from it.
// `edits`: what the operator said of destinations. nullptr, and nothing is changed: there are more
// destinations than slots, counting those that were removed and still have calls.
std::unique_ptr<link::RunningConfig> build(const Settings& settings, const Edits& edits,
                                           const link::Keys& keys, Slots& slots,
                                           const link::RunningConfig* before,
                                           const Members& members);

// Who comes from which group that rules ask for, of the configuration that build() has made.
std::vector<link::Rules::Origin> origins_of(const Settings& settings,
                                            const link::RunningConfig& config);

}  // namespace control::config
