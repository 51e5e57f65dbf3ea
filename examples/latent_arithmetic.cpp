// SPDX-License-Identifier: MIT
//
// Arithmetic on codes: the mean code of one class less that of another is a direction, and added to
// any code it changes what makes the difference. Here sevens become nines.
//
//     latent_arithmetic [RUN]     RUN: a run folder of `vae train` on MNIST; without one a small
//                                 model is trained first
#include <cstdio>
#include <utility>
#include <vector>

#include <vae/vae.h>

namespace {

constexpr uint8_t kFrom = 7, kTo = 9;

vae::Model get_model(int argc, char** argv, const vae::Dataset& data) {
  if (argc > 1) return vae::Model::load(argv[1]);
  vae::Config config = vae::preset("mlp-400-20");
  config.training.epochs = 5;
  vae::Dataset part = data;
  part.train = data.train.slice(0, 10000);
  return vae::train(config, part);
}

/// The mean over the codes [n, Z] whose images have this label: Z numbers.
std::vector<float> mean_code(const vae::Array& codes, const vae::ImageSet& images, uint8_t label) {
  std::vector<float> mean(codes.row_size());
  float count = 0;
  for (int64_t i = 0; i < codes.rows(); ++i) {
    if (images.labels()[i] != label) continue;
    for (std::size_t z = 0; z < mean.size(); ++z) mean[z] += codes.row(i)[z];
    ++count;
  }
  for (float& number : mean) number /= count;
  return mean;
}

}  // namespace

int main(int argc, char** argv) {
  const vae::Dataset data = vae::Dataset::load("mnist");
  vae::Model model = get_model(argc, argv, data);

  const vae::ImageSet images = data.train.slice(0, 5000);
  const vae::Array codes = model.encode(images).mean;  // [5000, Z]
  const std::vector<float> from = mean_code(codes, images, kFrom),
                           to = mean_code(codes, images, kTo);

  // A row for each of some test images: the digit, and its code with 0, 1/2, 1 and 1 1/2 times the
  // direction added.
  std::vector<vae::Image> cells;
  const vae::ImageSet tests = data.test.slice(0, 300);
  const vae::Array test_codes = model.encode(tests).mean;
  for (int64_t i = 0; i < tests.count() && cells.size() < 8 * 5; ++i) {
    if (tests.labels()[i] != kFrom) continue;
    vae::Array path{{4, test_codes.row_size()}, {}};
    for (const float share : {0.0f, 0.5f, 1.0f, 1.5f}) {
      for (int64_t z = 0; z < test_codes.row_size(); ++z) {
        path.values.push_back(test_codes.row(i)[z] + share * (to[z] - from[z]));
      }
    }
    cells.push_back(tests.image(i));
    for (vae::Image& image : vae::to_images(model.decode(path), 28, 28, 1)) {
      cells.push_back(std::move(image));
    }
  }
  vae::save_png("latent_arithmetic.png", vae::enlarge(vae::make_grid(cells, 5), 2));
  std::printf("latent_arithmetic.png: sevens, and what makes them nines\n");
}
