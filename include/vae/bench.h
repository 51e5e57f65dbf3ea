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

/// What run_bench() measures, and for how long.
struct BenchOptions {
  Config config;  ///< Model and training constants; the batch size is one of these.
  std::vector<int64_t> batch_sizes = {20, 128};  ///< Measured one after the other.
  Device device;                                 ///< Where to compute; the best one.
  int64_t repetitions = 5;                       ///< Measurements of each batch size.
  double seconds_per_repetition = 1.0;           ///< Least length of one, in seconds.
  double warmup_seconds = 0.5;  ///< Steps before the first one, in seconds; not counted.
  std::function<void(std::string_view)> on_stage;  ///< One line before each measurement.
};

/// A measured quantity over the repetitions.
struct Spread {
  double mean = 0.0;       ///< Arithmetic mean.
  double deviation = 0.0;  ///< Sample standard deviation over the repetitions.
};

/// What one operation of a step takes.
struct OperationTime {
  std::string operation;               ///< Its name in kernels/backend.h.
  double milliseconds_per_step = 0.0;  ///< All its calls of one step together.
};

/// One batch size: whole training steps on random images, data loading included.
struct BenchResult {
  int64_t batch_size = 0;     ///< Images of one step.
  std::string device;         ///< "cpu" or "cuda:0".
  std::string description;    ///< The same with model name, instruction set and threads.
  int threads = 0;            ///< CPU threads asked for or found.
  int64_t parameters = 0;     ///< Numbers that are trained.
  double step_gflop = 0.0;    ///< 10^9 floating-point operations of the step's GEMMs.
  Spread samples_per_second;  ///< Training images a second.
  Spread gflop_per_second;    ///< step_gflop over the step's time.
  Spread step_milliseconds;   ///< One whole step.
  Spread floor_milliseconds;  ///< The step's GEMMs alone, measured in turn with the steps.
  Spread ratio_to_floor;      ///< Paired: each repetition's step over its floor.
  std::vector<OperationTime> operations;  ///< The step by operation, the longest first.
};

/// Measures whole training steps on random images, one result for each batch size. Throws
/// Error(invalid_argument), Error(unavailable), Error(out_of_memory).
///
///     for (const vae::BenchResult& result : vae::run_bench({.batch_sizes = {128}}))
///       std::printf("%.0f images/s\n", result.samples_per_second.mean);
std::vector<BenchResult> run_bench(const BenchOptions& options);

}  // namespace vae
