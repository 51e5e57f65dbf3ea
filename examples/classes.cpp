// SPDX-License-Identifier: MIT
//
// Images of a class that is asked for, and a judge: one model is told the class and draws, another
// one decodes the class of an image through its latents and says whether it agrees.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

#include <vae/vae.h>

namespace {

constexpr int64_t kSide = 12, kClasses = 3, kOfEach = 10;

/// A bar that lies, stands or falls, somewhere.
vae::ImageSet bars(int64_t count) {
  std::vector<uint8_t> pixels, labels;
  for (int64_t n = 0; n < count; ++n) {
    const int64_t kind = n % kClasses, shift = n / kClasses % 7;
    for (int64_t y = 0; y < kSide; ++y) {
      for (int64_t x = 0; x < kSide; ++x) {
        const int64_t along = kind == 0 ? y : kind == 1 ? x : x - y + 6;
        pixels.push_back(along >= shift + 2 && along < shift + 4 ? 255 : 0);
      }
    }
    labels.push_back(static_cast<uint8_t>(kind));
  }
  return vae::ImageSet(kSide, kSide, 1, std::move(pixels), std::move(labels));
}

vae::Config configuration() {
  vae::Config config;
  config.model.height = config.model.width = kSide;
  config.model.encoder = config.model.decoder = {32};
  config.model.latent = 4;
  config.training.binarization = vae::Binarization::none;
  config.training.batch_size = 32;
  config.training.learning_rate = 5e-3;
  return config;
}

vae::Config generator() {
  vae::Config config = configuration();
  config.model.condition = vae::Condition::label;
  config.training.epochs = 40;
  return config;
}

vae::Config judge() {
  vae::Config config = configuration();
  config.model.target = vae::Target::label;
  config.training.beta = 0.001;  // the code is for the class alone
  config.training.epochs = 4;
  return config;
}

}  // namespace

int main() {
  const vae::Dataset data("bars", bars(2100));
  vae::TrainOptions options;
  options.device = vae::Device::cpu();
  vae::Model model = vae::train(generator(), data, options);
  vae::Model classifier = vae::train(judge(), data, options);

  std::vector<uint8_t> asked;
  for (int64_t i = 0; i < kClasses * kOfEach; ++i)
    asked.push_back(static_cast<uint8_t>(i / kOfEach));
  vae::Array drawn = model.sample(model.conditions(asked));  // [30, 144]
  for (float& value : drawn.values) value = std::clamp(value, 0.0f, 1.0f);
  const vae::ImageSet images = vae::ImageSet::from_floats(kSide, kSide, 1, drawn.values);

  const vae::Array probabilities = classifier.reconstruct(images);  // [30, 3]
  const std::vector<uint8_t> found = vae::likeliest_classes(probabilities, kClasses);
  int64_t agreed = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) agreed += found[i] == asked[i] ? 1 : 0;
  std::printf("%ld of %zu are what was asked for\n", static_cast<long>(agreed), asked.size());

  const vae::Image rows = vae::make_grid(vae::to_images(drawn, kSide, kSide, 1), kOfEach);
  vae::save_png("classes.png", vae::enlarge(rows, 4));  // a row for each class
}
