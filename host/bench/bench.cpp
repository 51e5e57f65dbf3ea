// SPDX-License-Identifier: MIT
#include "vae/bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "host/bench/gemm_floor.h"
#include "host/model/model_impl.h"
#include "host/training/train_step.h"
#include "kernels/check.h"
#include "kernels/philox.h"

namespace vae {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Spread spread_of(const std::vector<double>& values) {
  Spread spread;
  for (const double value : values) spread.mean += value / static_cast<double>(values.size());
  for (const double value : values) spread.deviation += std::pow(value - spread.mean, 2);
  const auto degrees = static_cast<double>(values.size() - 1);
  spread.deviation = values.size() > 1 ? std::sqrt(spread.deviation / degrees) : 0.0;
  return spread;
}

/// Random pixels: more than fit in the caches, and whole batches only.
ImageSet random_images(const ModelConfig& model, int64_t batch_size) {
  constexpr int64_t kMostImages = 16384, kBytes = int64_t{64} << 20;
  const int64_t wanted = std::clamp<int64_t>(kBytes / model.pixels(), 1, kMostImages);
  const int64_t count = (wanted + batch_size - 1) / batch_size * batch_size;
  std::vector<uint8_t> pixels(count * model.pixels());
  const PhiloxRow noise = philox_row(1, Stream::initialize, 0, 0);
  for (std::size_t i = 0; i < pixels.size(); i += 4) {
    const PhiloxWords words = philox_quad(noise, static_cast<uint32_t>(i / 4));
    for (std::size_t j = 0; j < 4 && i + j < pixels.size(); ++j) {
      pixels[i + j] = static_cast<uint8_t>(words.word[j] >> 24);
    }
  }
  std::vector<uint8_t> labels;
  for (int64_t i = 0; model.reads_labels() && i < count; ++i) {
    labels.push_back(static_cast<uint8_t>(i % model.label_classes()));
  }
  ImageSet images(model.height, model.width, model.channels, std::move(pixels), std::move(labels));
  if (model.target == Target::mask) {
    images = images.with_masks(std::vector<uint8_t>(count * model.target_size()));
  }
  if (model.target == Target::boxes) {
    const Box whole{0.0f, 0.0f, static_cast<float>(model.width), static_cast<float>(model.height)};
    images = images.with_boxes(std::vector<std::vector<Box>>(count, {whole}));
  }
  if (model.condition != Condition::side) return images;
  return images.with_side(model.side_size, std::vector<float>(count * model.side_size, 0.5f));
}

/// Sums the time of each operation. The device is waited for, so that the time is the operation's.
class OperationClock final : public OperationObserver {
 public:
  explicit OperationClock(Backend& backend) : backend_(backend) {}
  void begin(std::string_view) override { start_ = Clock::now(); }
  void end(std::string_view operation) override {
    backend_.synchronize();
    seconds_[std::string(operation)] += seconds_since(start_);
  }

  std::vector<OperationTime> times(int64_t steps) const {
    std::vector<OperationTime> result;
    for (const auto& [operation, seconds] : seconds_) {
      result.push_back({operation, seconds * 1e3 / static_cast<double>(steps)});
    }
    std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) {
      return a.milliseconds_per_step > b.milliseconds_per_step;
    });
    return result;
  }

 private:
  Backend& backend_;
  Clock::time_point start_;
  std::map<std::string, double> seconds_;
};

/// Seconds of one unit of work, over as many calls as fill `budget` seconds; body() returns how
/// many units it did.
template <typename Body>
double time_units(Backend& backend, double budget, Body body) {
  const Clock::time_point start = Clock::now();
  int64_t units = 0;
  do {
    units += body();
    backend.synchronize();
  } while (seconds_since(start) < budget);
  return seconds_since(start) / static_cast<double>(units);
}

/// A whole training step and its floor, for one batch size.
class StepBench {
 public:
  StepBench(const BenchOptions& options, int64_t batch_size)
      : options_(options), impl_(with_batch(options.config, batch_size), options.device, true) {
    Backend& backend = *impl_.backend;
    const ModelConfig& model = impl_.config.model;
    impl_.network->initialize(1, std::vector<double>(model.pixels(), 0.5));
    step_.emplace(*impl_.network, random_images(model, batch_size), impl_.config.training);
    floor_.emplace(backend, model, batch_size);
  }

  BenchResult run();

 private:
  static Config with_batch(Config config, int64_t batch_size) {
    config.training.batch_size = batch_size;
    config.training.epochs = 1 << 14;  // more than any measurement runs
    return config;
  }
  void measure(BenchResult& result);
  std::vector<OperationTime> profile();

  const BenchOptions& options_;
  Model::Impl impl_;
  std::optional<TrainStep> step_;
  std::optional<GemmFloor> floor_;
};

BenchResult StepBench::run() {
  BenchResult result;
  result.batch_size = impl_.config.training.batch_size;
  result.device = impl_.backend->name();
  result.description = impl_.backend->description();
  result.threads = options_.device.threads > 0 ? options_.device.threads : cpu_device().threads;
  result.parameters = impl_.network->parameters().count();
  result.step_gflop = floor_->gflop();
  measure(result);
  result.operations = profile();
  return result;
}

/// Steps and floor in turn, so that both see the same machine.
void StepBench::measure(BenchResult& result) {
  Backend& backend = *impl_.backend;
  const auto step = [&] { return step_->run(step_->steps_at_once()); };
  const auto floor = [&] {
    floor_->run();
    return 1;
  };
  time_units(backend, options_.warmup_seconds / 2, step);
  time_units(backend, options_.warmup_seconds / 2, floor);
  std::vector<double> steps, floors, ratios, rates, gflops;
  for (int64_t i = 0; i < options_.repetitions; ++i) {
    const double step_seconds = time_units(backend, options_.seconds_per_repetition / 2, step);
    const double floor_seconds = time_units(backend, options_.seconds_per_repetition / 2, floor);
    steps.push_back(step_seconds * 1e3);
    floors.push_back(floor_seconds * 1e3);
    ratios.push_back(step_seconds / floor_seconds);
    rates.push_back(static_cast<double>(result.batch_size) / step_seconds);
    gflops.push_back(result.step_gflop / step_seconds);
  }
  result.step_milliseconds = spread_of(steps);
  result.floor_milliseconds = spread_of(floors);
  result.ratio_to_floor = spread_of(ratios);
  result.samples_per_second = spread_of(rates);
  result.gflop_per_second = spread_of(gflops);
}

std::vector<OperationTime> StepBench::profile() {
  OperationClock clock(*impl_.backend);
  impl_.backend->set_observer(&clock);
  int64_t steps = 0;
  const Clock::time_point start = Clock::now();
  do {
    step_->run_unrecorded();
    ++steps;
  } while (seconds_since(start) < options_.seconds_per_repetition / 2);
  impl_.backend->set_observer(nullptr);
  return clock.times(steps);
}

}  // namespace

std::vector<BenchResult> run_bench(const BenchOptions& options) {
  VAE_CHECK(options.repetitions >= 1, "bench: repetitions must be at least 1, got ",
            options.repetitions);
  VAE_CHECK(options.seconds_per_repetition > 0.0 && options.warmup_seconds >= 0.0,
            "bench: the times must be positive");
  std::vector<BenchResult> results;
  for (const int64_t batch_size : options.batch_sizes) {
    if (options.on_stage) options.on_stage(concat("training steps of batch size ", batch_size));
    results.push_back(StepBench(options, batch_size).run());
  }
  return results;
}

}  // namespace vae
