// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "vae/config.h"
#include "vae/device.h"

namespace vae {

struct BenchOptions {
  Config config;  ///< Model and training constants; the batch size is one of these.
  std::vector<int64_t> batch_sizes = {20, 128};
  Device device;
  int64_t repetitions = 5;
  double seconds_per_repetition = 1.0;
  double warmup_seconds = 0.5;
  std::function<void(std::string_view)> on_stage;  ///< One line before each measurement.
};

struct Spread {
  double mean = 0.0;
  double deviation = 0.0;  ///< Sample standard deviation over the repetitions.
};

struct OperationTime {
  std::string operation;
  double milliseconds_per_step = 0.0;
};

/// One batch size: whole training steps on random images, data loading included.
struct BenchResult {
  int64_t batch_size = 0;
  std::string device;
  std::string description;
  int threads = 0;
  int64_t parameters = 0;
  double step_gflop = 0.0;  ///< 10^9 floating-point operations of the step's GEMMs.
  Spread samples_per_second;
  Spread gflop_per_second;
  Spread step_milliseconds;
  Spread floor_milliseconds;  ///< The step's GEMMs alone, measured in turn with the steps.
  Spread ratio_to_floor;      ///< Paired: each repetition's step over its floor.
  std::vector<OperationTime> operations;
};

std::vector<BenchResult> run_bench(const BenchOptions& options);

}  // namespace vae
