// From settings to the snapshot that workers read.
#pragma once

#include <map>
#include <memory>

#include "control/config/settings.h"

namespace control::config {

// Keeps the totals of each destination for as long as it is configured, over any number of reloads.
// Control thread only.
class Totals {
 public:
  std::shared_ptr<link::DestinationTotals> of(const std::string& group, const std::string& uri);

 private:
  std::map<std::pair<std::string, std::string>, std::weak_ptr<link::DestinationTotals>> known_;
};

std::unique_ptr<link::RunningConfig> build(const Settings& settings, const link::Keys& keys,
                                           Totals& totals);

}  // namespace control::config
