// SPDX-License-Identifier: MIT
#include "host/cli/config_difference.h"

#include <fmt/format.h>

#include "vae/error.h"

namespace vae::cli {

void require_resumable(const Config& stored, const Config& wanted, const std::string& run) {
  Config allowed = stored;
  allowed.training.precision = wanted.training.precision;
  if (wanted.training.epochs > stored.training.epochs) {
    allowed.training.epochs = wanted.training.epochs;
  }
  std::string differences;
  for (const ConfigKey& key : config_keys()) {
    const std::string before = config_value(allowed, key), after = config_value(wanted, key);
    if (before == after) continue;
    differences += fmt::format("\n  - {}: the run has {}, asked for {}", key.flag, before, after);
  }
  if (differences.empty()) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("{} cannot be resumed with another configuration (only --epochs may "
                          "grow and --precision change); leave these out or start a new run:{}",
                          run, differences));
}

}  // namespace vae::cli
