// SPDX-License-Identifier: MIT
//
// Which pixel belongs to what: scenes made of labelled images, a U-net whose lowest level is the
// latent code, and what several draws of that code say of each pixel.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <span>
#include <vector>

#include <vae/vae.h>

namespace {

constexpr int64_t kSide = 10, kScene = 20;

/// A bar that lies, stands or falls.
vae::ImageSet bars(int64_t count) {
  std::vector<uint8_t> pixels, labels;
  for (int64_t n = 0; n < count; ++n) {
    const int64_t kind = n % 3;
    for (int64_t y = 0; y < kSide; ++y) {
      for (int64_t x = 0; x < kSide; ++x) {
        const int64_t along = kind == 0 ? y : kind == 1 ? x : x - y + 5;
        const bool inside = along >= 4 && along < 6 && std::min(x, y) >= 1 && std::max(x, y) <= 8;
        pixels.push_back(inside ? static_cast<uint8_t>(160 + n % 90) : 0);
      }
    }
    labels.push_back(static_cast<uint8_t>(kind));
  }
  return vae::ImageSet(kSide, kSide, 1, pixels, labels);
}

vae::Config configuration() {
  vae::Config config;
  config.data.scene = {1, 3, {kScene, kScene}, 2};
  config.model.height = config.model.width = kScene;
  config.model.target = vae::Target::mask;  // 4 classes follow from the data: none, and the kinds
  config.model.encoder = vae::layers_from_string("conv 8 3x3, conv 16 4x4/2, conv 16 3x3");
  config.model.heads = vae::conv_output({1, 1});  // a code for each place of 10 x 10
  config.model.latent = 10 * 10 * 2;
  config.model.decoder = vae::layers_from_string("conv 16 3x3, upsample 2, skip 0, conv 16 3x3");
  config.model.output = vae::conv_output({1, 1});
  config.training.binarization = vae::Binarization::none;
  config.training.epochs = 6;
  config.training.batch_size = 32;
  config.training.learning_rate = 5e-3;
  return config;
}

}  // namespace

int main() {
  const vae::Config config = configuration();
  const vae::Dataset scenes = vae::Dataset("bars", bars(1200)).with_scenes(config.data.scene);
  vae::TrainOptions options;
  options.device = vae::Device::cpu();
  vae::Model model = vae::train(config, scenes, options);

  const vae::Evaluation found = model.evaluate(scenes.test);
  std::printf("mean IoU %.3f, of a threshold %.3f\n", *found.mean_iou, *found.threshold_mean_iou);

  // Each scene, what is in it, what was found, and where four draws of the code disagree.
  const vae::ImageSet first = scenes.test.slice(0, 8);
  const vae::Segmentation segments = model.segment(first, {.samples = 4});
  const int64_t size = kScene * kScene, classes = model.config().target_classes;
  std::vector<vae::Image> cells;
  for (int64_t i = 0; i < first.count(); ++i) {
    const vae::Image scene = first.image(i);
    const auto own = [&](const auto& of_all) { return std::span(of_all).subspan(i * size, size); };
    cells.push_back(vae::in_colour(scene));
    cells.push_back(vae::overlay_classes(scene, own(first.masks()), classes));
    cells.push_back(vae::overlay_classes(scene, own(segments.classes), classes));
    cells.push_back(vae::heat_map(own(segments.entropy.values), kScene, kScene, 1.4f));  // ln 4
  }
  vae::save_png("segment.png", vae::enlarge(vae::make_grid(cells, 8), 4));
  return 0;
}
