// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "vae/bench.h"

namespace vae::cli {

std::string bench_markdown(const std::vector<BenchResult>& results);
std::string bench_csv(const std::vector<BenchResult>& results);
/// With the configuration and the repetitions that the results belong to.
std::string bench_json(const std::vector<BenchResult>& results, const BenchOptions& options);

}  // namespace vae::cli
