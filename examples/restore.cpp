// SPDX-License-Identifier: MIT
//
// Images with a hole, filled in: a model that was trained on whole images alone finds what a mask
// hides, several times.
//
//     restore [RUN]     RUN: a run folder of `vae train` on MNIST; without one a small model is
//                       trained first
#include <cstdio>
#include <utility>
#include <vector>

#include <vae/vae.h>

namespace {

constexpr int64_t kImages = 12, kSamples = 3;

vae::Model get_model(int argc, char** argv, const vae::Dataset& data) {
  if (argc > 1) return vae::Model::load(argv[1]);
  vae::Config config = vae::preset("mlp-400-20");
  config.training.epochs = 5;
  vae::Dataset part = data;
  part.train = data.train.slice(0, 10000);
  return vae::train(config, part);
}

/// Seen is all but a square in the middle.
std::vector<uint8_t> mask_with_a_hole(int64_t height, int64_t width) {
  std::vector<uint8_t> seen;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const bool hole = y > height / 3 && y < 2 * height / 3 && x > width / 3 && x < 2 * width / 3;
      seen.push_back(hole ? 0 : 1);
    }
  }
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  const vae::Dataset data = vae::Dataset::load("mnist");
  vae::Model model = get_model(argc, argv, data);
  const vae::ImageSet images = data.test.slice(0, kImages);

  vae::RestoreOptions options;
  options.seen = mask_with_a_hole(images.height(), images.width());  // of all images
  options.samples = kSamples;
  options.steps = 50;
  const vae::Restoration found = model.restore(images, options);

  // Rows: what is seen, the mean, the samples, the truth.
  std::vector<vae::Image> cells;
  const auto add_row = [&](const vae::Array& rows) {
    for (vae::Image& image : vae::to_images(rows, images.height(), images.width(), 1)) {
      cells.push_back(std::move(image));
    }
  };
  add_row(found.seen);
  add_row(found.restored);
  for (int64_t sample = 0; sample < kSamples; ++sample) {
    vae::Array row{{kImages, found.samples.row_size()}, {}};
    for (int64_t i = 0; i < kImages; ++i) {
      const float* pixels = found.samples.row(i * kSamples + sample);
      row.values.insert(row.values.end(), pixels, pixels + found.samples.row_size());
    }
    add_row(row);
  }
  add_row(found.truth);
  vae::save_png("restore.png", vae::enlarge(vae::make_grid(cells, kImages), 2));
  std::printf("restore.png: PSNR of what was hidden %.2f dB, of nothing there %.2f dB\n",
              found.error->psnr(), found.error->input_psnr());
}
