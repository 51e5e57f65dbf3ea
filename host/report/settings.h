// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "host/report/run_record.h"

namespace vae {

/// One line about a run, for people.
struct Setting {
  std::string name;
  std::string value;
};

/// Data, model, objective, optimiser and machine of a run in words.
std::vector<Setting> describe_settings(const RunRecord& run);

}  // namespace vae
