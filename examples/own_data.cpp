// SPDX-License-Identifier: MIT
//
// Trains on images of the program's own: floats in memory, of four channels, say red, green, blue
// and infrared. There are no labels and no test set; a tenth of the images is held out.
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include <vae/vae.h>

namespace {

constexpr int64_t kImages = 1000, kSide = 12, kChannels = 4;

/// A spot at another place in each image; each channel sees it at another brightness. Values
/// [kImages, kSide, kSide, kChannels] in [0, 1], a pixel's channels together.
std::vector<float> make_spots() {
  std::vector<float> values;
  for (int64_t image = 0; image < kImages; ++image) {
    const double turn = 0.618034 * static_cast<double>(image);
    const double row = 6.0 + 4.0 * std::sin(turn), column = 6.0 + 4.0 * std::cos(1.7 * turn);
    for (int64_t y = 0; y < kSide; ++y) {
      for (int64_t x = 0; x < kSide; ++x) {
        const double distance =
            std::hypot(static_cast<double>(y) - row, static_cast<double>(x) - column);
        for (int64_t channel = 0; channel < kChannels; ++channel) {
          const double brightness = 0.25 * static_cast<double>(channel + 1);
          values.push_back(static_cast<float>(brightness * std::exp(-distance * distance / 4.0)));
        }
      }
    }
  }
  return values;
}

}  // namespace

int main() {
  const vae::ImageSet images = vae::ImageSet::from_floats(kSide, kSide, kChannels, make_spots());
  const vae::Dataset data("spots", images);

  vae::Config config;
  config.model = images.fit(config.model);  // 12 x 12 x 4
  config.model.encoder = config.model.decoder = {64};
  config.model.latent = 2;
  config.training.epochs = 20;
  config.training.batch_size = 20;
  vae::Model model = vae::train(config, data);

  const vae::Evaluation result = model.evaluate(data.test);
  std::printf("%ld images to train on, %ld to test; test bound %.2f nats per image\n",
              static_cast<long>(data.train.count()), static_cast<long>(data.test.count()),
              result.elbo);

  // Images above what the model makes of them. The four channels of each lie side by side.
  const vae::ImageSet some = data.test.slice(0, 8);
  std::vector<vae::Image> cells;
  for (int64_t i = 0; i < some.count(); ++i) cells.push_back(some.image(i));
  for (vae::Image& image : vae::to_images(model.reconstruct(some), kSide, kSide, kChannels)) {
    cells.push_back(std::move(image));
  }
  vae::save_png("own_data.png", vae::enlarge(vae::make_grid(cells, some.count()), 4));
  model.save("own_data.safetensors");  // every verb of the program `vae` reads it
}
