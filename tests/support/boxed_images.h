// SPDX-License-Identifier: MIT
//
// Small images with one or two things in each, squares that are filled (class 0) or hollow (class
// 1), and the boxes around them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "vae/config.h"
#include "vae/dataset.h"

namespace vae::test {

inline constexpr int64_t kBoxedSide = 16;

inline bool boxes_meet(const Box& a, const Box& b) {
  return a.x < b.x + b.width + 1 && b.x < a.x + a.width + 1 && a.y < b.y + b.height + 1 &&
         b.y < a.y + a.height + 1;
}

inline void paint_square(uint8_t* image, const Box& box) {
  const auto left = static_cast<int64_t>(box.x), top = static_cast<int64_t>(box.y);
  const auto side = static_cast<int64_t>(box.width);
  for (int64_t y = 0; y < side; ++y) {
    for (int64_t x = 0; x < side; ++x) {
      const bool rim = x == 0 || y == 0 || x == side - 1 || y == side - 1;
      if (rim || box.class_ == 0) image[(top + y) * kBoxedSide + left + x] = 255;
    }
  }
}

inline ImageSet boxed_images(int64_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  const auto below = [&](int64_t most) { return static_cast<int64_t>(generator() % most); };
  std::vector<uint8_t> pixels(static_cast<std::size_t>(count * kBoxedSide * kBoxedSide));
  std::vector<std::vector<Box>> boxes(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    std::vector<Box>& own = boxes[static_cast<std::size_t>(i)];
    for (int64_t things = 1 + below(2); things > 0; --things) {
      const int64_t side = 5 + below(3);
      Box box;
      box.x = static_cast<float>(below(kBoxedSide - side + 1));
      box.y = static_cast<float>(below(kBoxedSide - side + 1));
      box.width = box.height = static_cast<float>(side);
      box.class_ = static_cast<uint8_t>(below(2));
      if (!own.empty() && boxes_meet(own.front(), box)) continue;
      own.push_back(box);
      paint_square(&pixels[static_cast<std::size_t>(i * kBoxedSide * kBoxedSide)], box);
    }
  }
  return ImageSet(kBoxedSide, kBoxedSide, 1, std::move(pixels)).with_boxes(boxes);
}

/// Convolutions to a grid of 4x4 cells, with skips.
inline Config boxes_config(int64_t epochs) {
  Config config;
  config.model.height = config.model.width = kBoxedSide;
  config.model.encoder = layers_from_string("conv 8 4x4/2, conv 16 4x4/2");
  config.model.heads = conv_output(1);
  config.model.latent = 32;
  config.model.decoder = layers_from_string("skip 1, conv 24 3x3");
  config.model.output = conv_output(1);
  config.model.target = Target::boxes;
  config.model.target_classes = 2;
  config.model.grid = {4, 4};
  config.training.binarization = Binarization::none;
  config.training.epochs = epochs;
  config.training.batch_size = 20;
  config.training.learning_rate = 5e-3;
  config.training.beta = 0.01;
  return config;
}

}  // namespace vae::test
