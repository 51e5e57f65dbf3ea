// SPDX-License-Identifier: MIT
//
// Trains a model that finds things in images made here, squares and discs with boxes around them,
// prints what it finds in one of the others, and draws it: detect.png.
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <vae/vae.h>

namespace {

constexpr int64_t kImages = 1000, kSide = 24;

/// One or two things in each image. A disc's box is the square around it.
vae::ImageSet make_images() {
  std::mt19937 generator(1);
  const auto below = [&](int64_t most) { return static_cast<int64_t>(generator() % most); };
  std::vector<uint8_t> pixels(kImages * kSide * kSide);
  std::vector<std::vector<vae::Box>> boxes(kImages);
  for (int64_t image = 0; image < kImages; ++image) {
    for (int64_t things = 1 + below(2); things > 0; --things) {
      const int64_t side = 6 + below(5), left = below(kSide - side), top = below(kSide - side);
      const bool disc = below(2) == 1;
      for (int64_t y = 0; y < side; ++y) {
        for (int64_t x = 0; x < side; ++x) {
          const double radius = 0.5 * static_cast<double>(side);
          const double distance = std::hypot(static_cast<double>(x) + 0.5 - radius,
                                             static_cast<double>(y) + 0.5 - radius);
          if (disc && distance > radius) continue;
          pixels[(image * kSide + top + y) * kSide + left + x] = 255;
        }
      }
      boxes[image].push_back({static_cast<float>(left), static_cast<float>(top),
                              static_cast<float>(side), static_cast<float>(side),
                              static_cast<uint8_t>(disc)});
    }
  }
  return vae::ImageSet(kSide, kSide, 1, std::move(pixels)).with_boxes(boxes);
}

}  // namespace

int main() {
  const std::vector<std::string> names = {"square", "disc"};
  const vae::Dataset data("things", make_images().with_names({}, names));  // a tenth is held out

  vae::Config config;
  config.model.target = vae::Target::boxes;
  config.model.grid = {6, 6};  // cells of 4 x 4 pixels, each for one box
  config.model.encoder = vae::layers_from_string("conv 16 4x4/2, conv 32 4x4/2");
  config.model.heads = vae::conv_output({1, 1});  // a code that is an image, too
  config.model.latent = 6 * 6 * 2;
  config.model.decoder = vae::layers_from_string("skip 1, conv 32 3x3");
  config.model.output = vae::conv_output({1, 1});
  config.model = data.train.fit(config.model);  // 24 x 24 x 1, two classes
  config.training.binarization = vae::Binarization::none;
  config.training.batch_size = 20;
  config.training.learning_rate = 3e-3;
  config.training.beta = 0.01;
  vae::Model model = vae::train(config, data);

  std::printf("mAP50 %.3f\n", *model.evaluate(data.test).average_precision);
  const auto found = model.detect(data.test.slice(0, 8));
  for (const vae::Detection& thing : found[0]) {
    std::printf("%s, score %.2f: x %.1f, y %.1f (+- %.1f), %.1f x %.1f pixels\n",
                names[thing.class_].c_str(), static_cast<double>(thing.score),
                static_cast<double>(thing.x), static_cast<double>(thing.y),
                static_cast<double>(thing.deviation[0]), static_cast<double>(thing.width),
                static_cast<double>(thing.height));
  }
  std::vector<vae::Image> pictures;
  for (int64_t i = 0; i < 8; ++i) {
    pictures.push_back(
        vae::draw_boxes(data.test.image(i), found[i], data.test.boxes(i), 2, names, 8));
  }
  vae::save_png("detect.png", vae::make_grid(pictures, 4));
}
