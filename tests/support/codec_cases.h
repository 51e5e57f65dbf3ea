// SPDX-License-Identifier: MIT
//
// Small models that compress, and images for them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "vae/config.h"
#include "vae/dataset.h"
#include "vae/model.h"

namespace vae::test {

struct CodecCase {
  std::string name;
  ModelConfig model;
  Binarization kept;
};

inline ModelConfig codec_model(Likelihood likelihood, int64_t channels = 1) {
  ModelConfig model;
  model.height = 5;
  model.width = 6;
  model.channels = channels;
  model.encoder = {13};
  model.decoder = {11};
  model.latent = 3;
  model.likelihood = likelihood;
  return model;
}

inline std::vector<CodecCase> codec_cases() {
  std::vector<CodecCase> cases = {
      {"black and white", codec_model(Likelihood::bernoulli), Binarization::threshold},
      {"logistic", codec_model(Likelihood::logistic), Binarization::none},
      {"colour", codec_model(Likelihood::beta_binomial, 3), Binarization::none},
      {"codes that are images", codec_model(Likelihood::logistic, 3), Binarization::none}};
  ModelConfig& image = cases.back().model;
  image.height = image.width = 6;
  image.encoder = {conv(4, {4, 4}, 2)};
  image.heads = conv_output({1, 1});
  image.latent = 18;
  image.decoder = {conv(5, {3, 3})};
  image.output = deconv_output({4, 4}, 2);
  return cases;
}

/// Images with dark and bright parts, and noise on them.
inline ImageSet codec_images(const ModelConfig& model, int64_t count, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::vector<uint8_t> pixels;
  for (int64_t i = 0; i < count * model.pixels(); ++i) {
    const int64_t base = (i / 5) % 3 == 0 ? 200 : 0;
    pixels.push_back(static_cast<uint8_t>(base + static_cast<int64_t>(random() % 40)));
  }
  return ImageSet(model.height, model.width, model.channels, std::move(pixels));
}

/// As they come back.
inline std::vector<uint8_t> kept_pixels(const ImageSet& images, Binarization kept) {
  std::vector<uint8_t> pixels(images.pixels().begin(), images.pixels().end());
  if (kept == Binarization::threshold) {
    for (uint8_t& pixel : pixels) pixel = pixel >= 128 ? 255 : 0;
  }
  return pixels;
}

inline std::vector<uint8_t> pixels_of(const ImageSet& images) {
  return {images.pixels().begin(), images.pixels().end()};
}

}  // namespace vae::test
