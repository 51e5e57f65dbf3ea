// SPDX-License-Identifier: MIT
//
// The wall clock may be set while a training runs: durations and rates must not follow it.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "tests/crash/interposed.h"
#include "tests/support/tiny_run.h"
#include "vae/bench.h"
#include "vae/trainer.h"

namespace vae::crash {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;
using std::chrono::system_clock;

constexpr double kHour = 3600.0;  // a jump is a day at least, the work takes milliseconds

void expect_plausible(const Metrics& metrics) {
  EXPECT_GE(metrics.seconds, 0.0);
  EXPECT_LT(metrics.seconds, kHour);
  EXPECT_GT(metrics.samples_per_second, 1.0 / kHour);
  EXPECT_TRUE(std::isfinite(metrics.samples_per_second));
}

TEST(ClockTest, TheWallClockJumps) {
  const JumpingWallClock clock;
  const auto first = system_clock::now(), second = system_clock::now();
  EXPECT_GT(std::abs(duration_cast<seconds>(second - first).count()), 86'000);
}

TEST(ClockTest, DurationsOfATrainingDoNotFollowTheWallClock) {
  test::ScratchFolder scratch;
  TrainOptions options;
  options.device = Device::cpu(1);
  const auto run = [&](const std::string& folder) {
    options.run_folder = folder;
    Trainer(test::tiny_config(), test::tiny_data(), options).run();
    return test::comparable_files(folder);
  };
  const auto quiet = run(scratch / "quiet");
  const JumpingWallClock clock;
  int reports = 0;
  options.on_metrics = [&](const Metrics& metrics) {
    ++reports;
    expect_plausible(metrics);
  };
  options.on_step = [&](const Progress& progress) {
    EXPECT_GE(progress.eta_seconds, 0.0);
    EXPECT_LT(progress.eta_seconds, kHour);
    EXPECT_GT(progress.samples_per_second, 0.0);
    return Command::proceed;
  };
  EXPECT_TRUE(run(scratch / "jumping") == quiet);
  EXPECT_EQ(reports, 8);
}

TEST(ClockTest, DurationsOfABenchmarkDoNotFollowTheWallClock) {
  const JumpingWallClock clock;
  BenchOptions options;
  options.config = test::tiny_config();
  options.batch_sizes = {20};
  options.device = Device::cpu(1);
  options.repetitions = 2;
  options.seconds_per_repetition = 0.01;
  options.warmup_seconds = 0.0;
  const BenchResult result = run_bench(options).at(0);
  EXPECT_GT(result.step_milliseconds.mean, 0.0);
  EXPECT_LT(result.step_milliseconds.mean, 1000.0 * kHour);
  EXPECT_GT(result.samples_per_second.mean, 0.0);
}

}  // namespace
}  // namespace vae::crash
