// SPDX-License-Identifier: MIT
//
// Images as a file of as many bits as a model says that they have, and back.
//
//     compress [RUN]     RUN: a run folder of `vae train --binarization threshold` on MNIST;
//     without
//                        one a small model is trained first
#include <algorithm>
#include <cstdio>

#include <vae/vae.h>

namespace {

vae::Model get_model(int argc, char** argv, const vae::Dataset& data) {
  if (argc > 1) return vae::Model::load(argv[1]);
  vae::Config config = vae::preset("mlp-400-20");
  config.training.epochs = 5;
  config.training.binarization = vae::Binarization::threshold;
  vae::Dataset part = data;
  part.train = data.train.slice(0, 10000);
  return vae::train(config, part);
}

}  // namespace

int main(int argc, char** argv) {
  const vae::Dataset data = vae::Dataset::load("mnist");
  vae::Model model = get_model(argc, argv, data);
  const int64_t bytes = vae::compress(model, data.test, "compress.vaez");
  const double bits = 8.0 * static_cast<double>(bytes) / static_cast<double>(data.test.count());
  std::printf("compress.vaez: %.1f bits an image, 784 without compression\n", bits);

  const vae::ImageSet again = vae::decompress(model, "compress.vaez");
  // Black and white is what such a model keeps of them.
  const bool same =
      std::equal(again.pixels().begin(), again.pixels().end(), data.test.pixels().begin(),
                 data.test.pixels().end(),
                 [](uint8_t kept, uint8_t pixel) { return (kept == 255) == (pixel >= 128); });
  vae::save_png("compress.png", vae::enlarge(vae::make_grid({again.image(0), again.image(1)}), 4));
  std::printf("%s\n", same ? "every pixel came back" : "THIS IS A DEFECT: pixels differ");
  return same ? 0 : 1;
}
