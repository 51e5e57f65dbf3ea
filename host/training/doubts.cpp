// SPDX-License-Identifier: MIT
#include "vae/doubts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>
#include <unordered_set>

#include "host/data/pixel_statistics.h"
#include "host/io/xxh64.h"
#include "host/model/model_impl.h"
#include "kernels/check.h"
#include "kernels/rules/binarization.h"
#include "kernels/rules/likelihoods.h"

namespace vae {
namespace {

constexpr double kFarApart = 0.25;  // of two mean pixels in [0, 1]; MNIST's inverse is 0.74 away

std::string decimals(double value, int digits) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

/// Of pixels that nobody would call a picture's.
void add_range_doubts(const std::string& what, const PixelStatistics& pixels,
                      std::vector<std::string>& doubts) {
  const int largest = pixels.largest();
  if (pixels.distinct() == 1) {
    doubts.push_back(concat("every pixel of the ", what, " is ", largest,
                            " of 255: there is nothing to see in them"));
  } else if (largest == 1) {
    doubts.push_back(concat("no pixel of the ", what,
                            " exceeds 1 of 255: they look like values already divided by 255 or "
                            "like black and white as 0 and 1; multiply them by 255"));
  } else if (largest < 32) {
    doubts.push_back(concat("no pixel of the ", what, " exceeds ", largest,
                            " of 255: nearly black; scale them to 0..255 if ", largest,
                            " was meant as white"));
  }
}

bool exchanged(double mean, double reference) {
  return std::abs(mean - reference) > kFarApart &&
         std::abs(1.0 - mean - reference) < std::abs(mean - reference) / 2;
}

std::unordered_set<uint64_t> image_hashes(const ImageSet& images) {
  std::unordered_set<uint64_t> hashes;
  const auto size = static_cast<size_t>(images.image_size());
  for (int64_t i = 0; i < images.count(); ++i) {
    hashes.insert(
        xxh64(std::as_bytes(images.pixels().subspan(static_cast<size_t>(i) * size, size))));
  }
  return hashes;
}

/// How many test images are training images, too.
int64_t shared_images(const Dataset& data) {
  const std::unordered_set<uint64_t> known = image_hashes(data.train);
  const auto size = static_cast<size_t>(data.test.image_size());
  int64_t shared = 0;
  for (int64_t i = 0; i < data.test.count(); ++i) {
    const auto image = data.test.pixels().subspan(static_cast<size_t>(i) * size, size);
    shared += known.contains(xxh64(std::as_bytes(image))) ? 1 : 0;
  }
  return shared;
}

void add_label_doubts(const Dataset& data, std::vector<std::string>& doubts) {
  const auto train = data.train.labels(), test = data.test.labels();
  if (train.empty() != test.empty()) {
    doubts.push_back(
        concat("there are labels of the ", train.empty() ? "test" : "training", " images only"));
  }
  for (const auto& [labels, what] : {std::pair(train, "training"), std::pair(test, "test")}) {
    const bool constant =
        std::adjacent_find(labels.begin(), labels.end(), std::not_equal_to<>()) == labels.end();
    if (labels.size() > 1 && constant) {
      doubts.push_back(
          concat("all ", labels.size(), " ", what, " labels are ", static_cast<int>(labels[0])));
    }
  }
  const std::set<uint8_t> known(train.begin(), train.end());
  const auto unknown =
      std::find_if(test.begin(), test.end(), [&](uint8_t label) { return !known.contains(label); });
  if (!train.empty() && unknown != test.end()) {
    doubts.push_back(concat("the test set has label ", static_cast<int>(*unknown),
                            ", which no training image has"));
  }
}

}  // namespace

std::vector<std::string> find_doubts(const Dataset& data) {
  std::vector<std::string> doubts;
  if (data.train.count() == 0 || data.test.count() == 0) return doubts;
  const PixelStatistics train(data.train), test(data.test);
  add_range_doubts("training images", train, doubts);
  add_range_doubts("test images", test, doubts);
  if (std::abs(train.mean() - test.mean()) > kFarApart) {
    doubts.push_back(concat(
        "the mean pixel is ", decimals(train.mean(), 3), " in the training images and ",
        decimals(test.mean(), 3), " in the test images",
        exchanged(test.mean(), train.mean()) ? ": black and white seem exchanged in one of them"
                                             : ": they do not look like one data set"));
  }
  const bool same_size = data.train.image_size() == data.test.image_size();
  const int64_t shared = same_size ? shared_images(data) : 0;
  if (shared * 10 >= data.test.count() && shared > 1) {
    doubts.push_back(concat(shared, " of the ", data.test.count(),
                            " test images are training images, too: what is measured on them is "
                            "memory"));
  }
  add_label_doubts(data, doubts);
  return doubts;
}

std::vector<std::string> find_doubts(const Dataset& data, const Config& config) {
  std::vector<std::string> doubts;
  if (data.train.count() == 0) return doubts;
  const PixelStatistics pixels(data.train);
  const bool drawn = !makes_grey_levels(config.training.binarization);
  const Likelihood likelihood = config.model.likelihood;
  const bool is_density = is_of_grey_levels(likelihood) && !is_of_256_levels(likelihood);
  if (is_density && (drawn || pixels.distinct() == 2)) {
    doubts.push_back(concat(
        "--likelihood ", to_string(likelihood),
        " describes grey levels, but the inputs are black and white (",
        drawn ? "--binarization " : "the images hold two values only",
        drawn ? std::string(to_string(config.training.binarization)) : std::string(),
        "): the density has no upper bound and the numbers mean little; --likelihood bernoulli",
        drawn ? " or --binarization none" : "", " fits"));
  }
  constexpr int kThreshold = 128;  // of Binarization::threshold
  if (config.training.binarization == Binarization::threshold && pixels.distinct() > 1 &&
      (pixels.largest() < kThreshold || pixels.smallest() >= kThreshold)) {
    doubts.push_back(concat("--binarization threshold makes every pixel ",
                            pixels.largest() < kThreshold ? "black" : "white",
                            ": the values of the training images are ", pixels.smallest(), "..",
                            pixels.largest(), ", the threshold is ", kThreshold));
  }
  if (config.model.condition == Condition::seen && config.model.prior != Prior::conditional) {
    doubts.push_back(concat("--condition seen with --prior ", to_string(config.model.prior),
                            " restores from latents that do not depend on what is seen: --prior "
                            "conditional fits"));
  }
  const bool restores = config.data.corrupt.kind != CorruptionKind::none;
  if (config.model.has_skips() && !config.model.has_class_target() && !restores) {
    doubts.push_back(
        "--decoder has a skip, so that what decodes an image reads what the encoder made of that "
        "image: it may copy it, z then tells nothing and the bound is none of p(x); skips are for "
        "a --target of classes and for --corrupt");
  }
  return doubts;
}

std::vector<std::string> find_doubts(const ImageSet& images, const Model& model) {
  std::vector<std::string> doubts;
  if (images.count() == 0) return doubts;
  const PixelStatistics pixels(images);
  add_range_doubts("images", pixels, doubts);
  const std::optional<double> trained = model.impl().trained_mean;
  if (pixels.distinct() > 1 && trained && exchanged(pixels.mean(), *trained)) {
    doubts.push_back(concat("black and white seem exchanged: the images' mean pixel is ",
                            decimals(pixels.mean(), 3), ", that of the training images was ",
                            decimals(*trained, 3),
                            "; replace each pixel by 255 minus its value if they are inverted"));
  }
  return doubts;
}

}  // namespace vae
