// SPDX-License-Identifier: MIT
//
// The training step of a model that decodes boxes: its gradients against central differences of its
// own loss, and its loss against a loop over the boxes.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "host/model/image_reader.h"
#include "host/model/model_impl.h"
#include "tests/host/training/first_step.h"
#include "tests/support/boxed_images.h"

namespace vae {
namespace {

using test::FirstStep;

Config boxes_step_config(int64_t samples) {
  Config config = test::boxes_config(1);
  config.model.activation = Activation::tanh;
  config.training.batch_size = 6;
  config.training.importance_samples = samples;
  config.training.beta = 0.7;
  return config;
}

double boxes_loss_at(const Config& config, const std::string& name, std::size_t index,
                     float shift) {
  const auto prepare = [&](Parameters& parameters) {
    const View value = parameters.find(name).value;
    std::vector<float> numbers = parameters.download(value);
    numbers[index] += shift;
    parameters.upload(value, numbers);
  };
  return FirstStep(config, prepare, test::boxed_images(12, 4)).loss();
}

TEST(DetectionStepTest, GradientsAreThoseOfTheObjective) {
  constexpr float kStep = 1e-2f;
  for (const int64_t samples : {1, 3}) {
    const Config config = boxes_step_config(samples);
    const FirstStep step(config, {}, test::boxed_images(12, 4));
    for (const auto& [name, gradient] : step.gradients()) {
      for (std::size_t i = 0; i < gradient.size(); i += 1 + gradient.size() / 3) {
        const double above = boxes_loss_at(config, name, i, kStep);
        const double numeric =
            (above - boxes_loss_at(config, name, i, -kStep)) / (2.0 * static_cast<double>(kStep));
        EXPECT_NEAR(gradient[i], numeric, 4e-3 + 1e-2 * std::abs(numeric))
            << name << '[' << i << "], K = " << samples;
      }
    }
  }
}

// By the boxes of each image and the outputs of the cells, in float64.
TEST(DetectionStepTest, LogProbabilitiesAreThoseOfTheImagesBoxes) {
  const Config config = boxes_step_config(1);
  const ImageSet images = test::boxed_images(9, 5);
  const auto backend = make_backend(Device::cpu(1));
  Network network(*backend, config.model, {9, 1, /*training=*/false});
  network.initialize(3);
  ImageReader reader(network, images, Binarization::none, 1, Reading::targets);
  network.encode(reader.batch(0, 9));
  network.take_posterior_mean(9);
  const auto outputs = network.parameters().download(network.decode(9));
  const auto log_p = network.parameters().download(network.score(9, 1, false));
  for (int64_t i = 0; i < 9; ++i) {
    double expected = 0.0;
    for (int64_t cell = 0; cell < 16; ++cell) {
      const float* const own = &outputs[static_cast<std::size_t>((i * 16 + cell) * 11)];
      const Box* largest = nullptr;
      for (const Box& box : images.boxes(i)) {
        const double x = box.x + box.width / 2, y = box.y + box.height / 2;
        const bool here = std::floor(x / 4) == cell % 4 && std::floor(y / 4) == cell / 4;
        if (here && (largest == nullptr || box.width > largest->width)) largest = &box;
      }
      const double object = 1.0 / (1.0 + std::exp(-static_cast<double>(own[0])));
      if (largest == nullptr) {
        expected += std::log1p(-object);
        continue;
      }
      const double sum = std::exp(own[1]) + std::exp(own[2]);
      expected += std::log(object) + own[1 + largest->class_] - std::log(sum);
      const double target[] = {
          (largest->x + largest->width / 2) / 4 - static_cast<double>(cell % 4),
          (largest->y + largest->height / 2) / 4 - static_cast<double>(cell / 4),
          std::log(largest->width / 4), std::log(largest->height / 4)};
      for (int64_t k = 0; k < 4; ++k) {
        const double variance = std::exp(static_cast<double>(own[7 + k]));
        const double residual = target[k] - own[3 + k];
        expected -=
            0.5 * (residual * residual / variance + std::log(2 * std::numbers::pi * variance));
      }
    }
    EXPECT_NEAR(log_p[static_cast<std::size_t>(i)], expected, 1e-3) << i;
  }
}

}  // namespace
}  // namespace vae
