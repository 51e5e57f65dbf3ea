// SPDX-License-Identifier: MIT
//
// A network of the program's own: blocks of layers are functions, encoder and decoder are put
// together from them. It is trained on an array in memory and saved; serve_model.cpp, another
// program, loads it and knows nothing of the layers.
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <vae/vae.h>

namespace {

constexpr int64_t kImages = 1200, kSide = 16;

/// A ring of another radius at another place in each image: values [kImages, kSide, kSide] in
/// [0, 1].
vae::Array make_rings() {
  vae::Array rings{{kImages, kSide, kSide}, {}};
  for (int64_t image = 0; image < kImages; ++image) {
    const double turn = 0.618034 * static_cast<double>(image);
    const double row = 7.5 + 2.5 * std::sin(turn), column = 7.5 + 2.5 * std::cos(1.7 * turn);
    const double radius = 3.0 + 1.5 * std::sin(2.3 * turn);
    for (int64_t y = 0; y < kSide; ++y) {
      for (int64_t x = 0; x < kSide; ++x) {
        const double distance =
            std::hypot(static_cast<double>(y) - row, static_cast<double>(x) - column) - radius;
        rings.values.push_back(static_cast<float>(std::exp(-distance * distance)));
      }
    }
  }
  return rings;
}

using Layers = std::vector<vae::Layer>;

/// x + f(x), f two convolutions that keep the size; the model's activation follows the sum.
vae::Layer refine(int64_t filters) {
  return vae::residual({vae::conv(filters, 3), vae::conv(filters, 3)});
}

/// An image of half the size.
Layers down(int64_t filters) { return {vae::conv(filters, 4, 2), refine(filters)}; }

/// An image of twice the size.
Layers up(int64_t filters) {
  return {vae::upsample(2), vae::conv(filters, 3).with(vae::Activation::none), refine(filters)};
}

vae::ModelConfig make_model() {
  vae::ModelConfig model;
  model.encoder = vae::chain({down(8), down(16), {vae::gated_dense(64)}});
  model.decoder = vae::chain({{64, vae::gated_dense(4, 4, 16)}, up(16), up(8)});
  model.output = vae::conv_output(3);
  model.activation = vae::Activation::silu;
  model.latent = 3;
  model.likelihood = vae::Likelihood::gaussian;
  model.variance = vae::Variance::learned;
  model.sigma = 0.2;
  return model;
}

void print(const vae::ModelConfig& model) {
  for (const vae::ModelLayer& line : vae::model_layers(model)) {
    std::string shape;
    for (const int64_t size : line.shape) shape += " " + std::to_string(size);
    std::printf("%-14s %-34s ->%-9s %6ld parameters\n", line.name.c_str(),
                vae::to_string(line.layer).c_str(), shape.c_str(),
                static_cast<long>(line.parameters));
  }
}

}  // namespace

int main() {
  const vae::Array rings = make_rings();
  const vae::ImageSet images = vae::ImageSet::from_floats(kSide, kSide, 1, rings.values);
  const vae::Dataset data("rings", images);  // a tenth of them becomes data.test

  vae::Config config;
  config.model = images.fit(make_model());
  config.training.binarization = vae::Binarization::none;
  config.training.epochs = 15;
  config.training.batch_size = 30;
  vae::validate(config);  // says which layer does not fit, before anything is computed
  print(config.model);

  vae::TrainOptions options;  // without a run_folder nothing is written
  options.on_metrics = [](const vae::Metrics& metrics) {
    if (metrics.split == "test") {
      std::printf("epoch %ld: %.1f nats per image\n", static_cast<long>(metrics.epoch),
                  metrics.elbo);
    }
  };
  vae::Trainer trainer(config, data, options);
  trainer.run();

  // Images above what the model makes of them.
  const vae::ImageSet some = data.test.slice(0, 10);
  const vae::Array again = trainer.model().reconstruct(some);
  std::vector<vae::Image> cells;
  for (int64_t i = 0; i < some.count(); ++i) cells.push_back(some.image(i));
  for (vae::Image& image : vae::to_images(again, kSide, kSide, 1)) {
    cells.push_back(std::move(image));
  }
  vae::save_png("own_network.png", vae::enlarge(vae::make_grid(cells, some.count()), 4));
  trainer.model().save("own_network.safetensors");
  vae::save_npy("own_network.npy",
                vae::Array{{some.count(), kSide, kSide}, trainer.model().inputs(some).values});
}
