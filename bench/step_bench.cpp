// SPDX-License-Identifier: MIT
#include "bench/step_bench.h"

#include <vector>

#include "host/model/model_impl.h"
#include "host/training/train_step.h"
#include "vae/config.h"

namespace vae {
namespace {

Config config_of(int64_t batch_size) {
  Config config = preset("mlp-400-20");
  config.training.batch_size = batch_size;
  config.training.epochs = 1 << 14;  // more than anything runs
  return config;
}

ImageSet random_images(int64_t count) {
  std::vector<uint8_t> pixels(count * 784);
  uint32_t state = 1;
  for (uint8_t& pixel : pixels) {
    state = state * 1664525 + 1013904223;
    pixel = static_cast<uint8_t>(state >> 24);
  }
  return ImageSet(28, 28, 1, std::move(pixels));
}

}  // namespace

struct StepBench::Impl {
  explicit Impl(int64_t batch_size, int threads)
      : model(config_of(batch_size), Device::cpu(threads), true),
        step((model.network->initialize(1, std::vector<double>(784, 0.5)), *model.network),
             random_images(batch_size * 200), model.config.training) {}

  Model::Impl model;
  TrainStep step;
};

StepBench::StepBench(int64_t batch_size, int threads)
    : impl_(std::make_unique<Impl>(batch_size, threads)) {}
StepBench::~StepBench() = default;
void StepBench::run() { impl_->step.run(); }

}  // namespace vae
