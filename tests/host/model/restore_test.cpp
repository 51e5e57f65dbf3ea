// SPDX-License-Identifier: MIT
//
// Images restored by models, and the bounds of a model that is told what is seen, against sums in
// float64 over what its public calls give.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/philox.h"
#include "kernels/step_state.h"
#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/model.h"
#include "vae/trainer.h"

namespace vae {
namespace {

constexpr int64_t kSideLength = 6, kValues = kSideLength * kSideLength, kCodeSize = 2;
using test::refusal_of;

TrainOptions without_folder() {
  TrainOptions options;
  options.pictures = false;
  options.device = Device::cpu(1);
  return options;
}

Config config_with(const Corruption& corruption, int64_t epochs) {
  Config config = test::tiny_config(epochs);
  config.training.binarization = Binarization::none;
  config.data.corrupt = corruption;
  return config;
}

Model trained_on_what_is_seen(int64_t epochs = 6) {
  Config config = config_with({CorruptionKind::quadrants, 1}, epochs);
  config.model.condition = Condition::seen;
  config.model.prior = Prior::conditional;
  config.model.prior_layers = {5};
  return train(config, test::tiny_data(), without_folder());
}

/// Of quadrants=1.
bool is_in_lower_left(int64_t pixel) {
  return pixel / kSideLength >= kSideLength / 2 && pixel % kSideLength < kSideLength / 2;
}

double log_mean_exp(const std::vector<double>& logs) {
  const double most = *std::max_element(logs.begin(), logs.end());
  double sum = 0.0;
  for (const double value : logs) sum += std::exp(value - most);
  return most + std::log(sum / static_cast<double>(logs.size()));
}

double psnr_of(double squared_errors, double values) {
  return -10.0 * std::log10(squared_errors / values);
}

/// The bounds of a model that is told what is seen, from its posterior, its prior and its decoder.
class Bounds {
 public:
  Bounds(Model& model, const ImageSet& images)
      : model_(model),
        seen_(model.conditions(images)),
        truth_(model.targets(images)),
        posterior_(model.encode(images)) {
    const Array zeros{{images.count(), kCodeSize},
                      std::vector<float>(static_cast<std::size_t>(images.count() * kCodeSize))};
    Array ones = zeros;
    std::fill(ones.values.begin(), ones.values.end(), 1.0f);
    prior_mean_ = model.in_prior(zeros, seen_);
    prior_one_ = model.in_prior(ones, seen_);
  }

  /// log p(x|z, c) and log p(z|c) - log q(z|x, c) of sample k of image i.
  struct Sample {
    double log_px, log_ratio;
  };
  Sample sample(int64_t i, uint32_t k) {
    const PhiloxRow noise = philox_row(model_.run_config().training.seed, Stream::posterior, 0,
                                       static_cast<uint32_t>(i), k);
    Array z{{1, kCodeSize}, {}};
    Sample result{};
    for (int64_t j = 0; j < kCodeSize; ++j) {
      const double mu = posterior_.mean.row(i)[j], logvar = posterior_.logvar.row(i)[j];
      const double eps = normal_element(noise, static_cast<uint32_t>(j));
      const double value = mu + std::exp(0.5 * logvar) * eps;
      const double scaled = (value - prior_mean_.row(i)[j]) / deviation(i, j);
      result.log_ratio += 0.5 * (eps * eps + logvar - scaled * scaled) - std::log(deviation(i, j));
      z.values.push_back(static_cast<float>(value));
    }
    const Array told{{1, kValues}, {seen_.row(i), seen_.row(i + 1)}};
    const Array mean = model_.decode(z, told);
    for (int64_t pixel = 0; pixel < kValues; ++pixel) {
      if (is_in_lower_left(pixel)) continue;
      const double x = truth_.row(i)[pixel], p = mean.values[static_cast<std::size_t>(pixel)];
      result.log_px += x * std::log(p) + (1.0 - x) * std::log1p(-p);
    }
    return result;
  }

  double kl(int64_t i) const {
    double kl = 0.0;
    for (int64_t j = 0; j < kCodeSize; ++j) {
      const double logvar = posterior_.logvar.row(i)[j], s = deviation(i, j);
      const double apart = double{posterior_.mean.row(i)[j]} - prior_mean_.row(i)[j];
      kl += 0.5 * ((std::exp(logvar) + apart * apart) / (s * s) - 1.0 - logvar) + std::log(s);
    }
    return kl;
  }

 private:
  double deviation(int64_t i, int64_t j) const {
    return double{prior_one_.row(i)[j]} - prior_mean_.row(i)[j];
  }

  Model& model_;
  Array seen_, truth_;
  Posterior posterior_;
  Array prior_mean_, prior_one_;
};

TEST(RestoreTest, BoundsOfWhatIsHiddenAreThoseOfTheConditionalModel) {
  constexpr int64_t kSamples = 5;
  Model model = trained_on_what_is_seen();
  const ImageSet images = test::tiny_data().test;
  Bounds bounds(model, images);
  double elbo = 0.0, kl = 0.0, nll = 0.0;
  for (int64_t i = 0; i < images.count(); ++i) {
    std::vector<double> logs;
    for (uint32_t k = 0; k < kSamples; ++k) {
      const Bounds::Sample sample = bounds.sample(i, k);
      logs.push_back(sample.log_px + sample.log_ratio);
      if (k == 0) elbo += sample.log_px - bounds.kl(i);
    }
    kl += bounds.kl(i);
    nll -= log_mean_exp(logs);
  }
  const auto n = static_cast<double>(images.count());
  EvaluateOptions options;
  options.importance_samples = kSamples;
  const Evaluation found = model.evaluate(images, options);
  EXPECT_NEAR(found.elbo, elbo / n, 1e-4);
  EXPECT_NEAR(found.kl, kl / n, 1e-4);
  EXPECT_NEAR(*found.nll, nll / n, 1e-4);
}

TEST(RestoreTest, WhatIsHiddenIsFoundAtTheMeanOfThePriorOfWhatIsSeen) {
  Model model = trained_on_what_is_seen(40);
  const ImageSet images = test::tiny_data().test;
  const Array seen = model.conditions(images), truth = model.targets(images);
  const Array zeros{{images.count(), kCodeSize},
                    std::vector<float>(static_cast<std::size_t>(images.count() * kCodeSize))};
  const Array mean = model.decode(model.in_prior(zeros, seen), seen);
  EXPECT_EQ(model.reconstruct(images).values, mean.values);
  const Restoration found = model.restore(images);
  EXPECT_EQ(found.seen.values, seen.values);
  EXPECT_EQ(found.truth.values, truth.values);
  double error = 0.0, dark = 0.0;
  for (int64_t i = 0; i < truth.count(); ++i) {
    const bool shown = is_in_lower_left(i % kValues);
    const auto at = static_cast<std::size_t>(i);
    ASSERT_EQ(seen.values[at], shown ? truth.values[at] : 0.0f);
    ASSERT_EQ(found.to_find.values[at], shown ? 0.0f : 1.0f);
    ASSERT_EQ(found.restored.values[at], shown ? truth.values[at] : mean.values[at]);
    if (shown) continue;
    error += std::pow(double{mean.values[at]} - truth.values[at], 2);
    dark += std::pow(double{truth.values[at]}, 2);
  }
  const double values = 27.0 * static_cast<double>(images.count());
  const Evaluation measured = model.evaluate(images);
  EXPECT_NEAR(*measured.psnr, psnr_of(error, values), 1e-9);
  EXPECT_NEAR(*measured.input_psnr, psnr_of(dark, values), 1e-9);
  EXPECT_DOUBLE_EQ(found.error->psnr(), *measured.psnr);
  EXPECT_DOUBLE_EQ(found.error->input_psnr(), *measured.input_psnr);
  EXPECT_GT(*measured.psnr, *measured.input_psnr);
}

TEST(RestoreTest, SamplesOfAnImageAreItsOwnWhereverItIsRestored) {
  constexpr int64_t kImage = 135;
  const ImageSet images = test::blobs(140, 6, 1000);  // more than go through at once
  const std::vector<uint8_t> left = [] {
    std::vector<uint8_t> mask;
    for (int64_t i = 0; i < kValues; ++i) mask.push_back(i % kSideLength < 3 ? 1 : 0);
    return mask;
  }();
  Model seen = trained_on_what_is_seen(2);
  Model noisy =
      train(config_with({CorruptionKind::noise, 0.3}, 2), test::tiny_data(), without_folder());
  Model plain = train(config_with({}, 2), test::tiny_data(), without_folder());
  struct Case {
    Model& model;
    RestoreOptions options;
  };
  RestoreOptions unmasked, masked;
  unmasked.samples = masked.samples = 3;
  masked.seen = left;
  masked.steps = 4;
  for (Case& c : std::vector<Case>{
           {seen, unmasked}, {seen, masked}, {noisy, unmasked}, {noisy, masked}, {plain, masked}}) {
    const Restoration all = c.model.restore(images, c.options);
    ASSERT_EQ(all.samples.shape, (std::vector<int64_t>{3 * images.count(), kValues}));
    const Restoration one = c.model.restore(images.slice(kImage, 1), c.options);
    EXPECT_EQ(one.restored.values,
              std::vector<float>(all.restored.row(kImage), all.restored.row(kImage + 1)));
    EXPECT_EQ(one.samples.values,
              std::vector<float>(all.samples.row(3 * kImage), all.samples.row(3 * kImage + 3)));
    const auto sample = [&](int64_t s) {
      return std::vector<float>(all.samples.row(s), all.samples.row(s + 1));
    };
    EXPECT_NE(sample(3 * kImage), sample(3 * kImage + 1));
    EXPECT_NE(sample(3 * kImage + 1), sample(3 * kImage + 2));
    RestoreOptions fewer = c.options, other = c.options;
    fewer.samples = 1;
    other.seed = 99;
    EXPECT_EQ(c.model.restore(images.slice(kImage, 1), fewer).samples.values, sample(3 * kImage));
    EXPECT_NE(c.model.restore(images.slice(kImage, 1), other).samples.values, one.samples.values);
  }
}

/// The chain of a model that was not trained for it.
TEST(RestoreTest, ChainsLeaveWhatIsSeenAndFindTheRest) {
  Model model = train(config_with({}, 80), test::tiny_data(), without_folder());
  const ImageSet images = test::tiny_data().test;
  std::vector<uint8_t> mask;
  for (int64_t i = 0; i < images.count() * kValues; ++i) {
    mask.push_back((i * 7 + i / kValues) % 3 == 0 ? 0 : 1);
  }
  RestoreOptions options;
  options.seen = mask;
  options.samples = 2;
  options.steps = 20;
  const Restoration found = model.restore(images, options);
  ASSERT_EQ(found.restored.shape, (std::vector<int64_t>{images.count(), kValues}));
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const float pixel = static_cast<float>(images.pixels()[i]) / 255.0f;
    ASSERT_EQ(found.truth.values[i], pixel);
    ASSERT_EQ(found.seen.values[i], mask[i] == 1 ? pixel : 0.0f);
    const std::size_t image = i / kValues, at = i % kValues;
    for (const float value :
         {found.restored.values[i], found.samples.values[2 * image * kValues + at],
          found.samples.values[(2 * image + 1) * kValues + at]}) {
      ASSERT_EQ(value == pixel, mask[i] == 1) << "what is seen stays, and nothing else";
      ASSERT_TRUE(value >= 0.0f && value <= 1.0f);
    }
  }
  EXPECT_GT(found.error->psnr(), found.error->input_psnr() + 3.0);
  // Another mask for one image alone.
  options.seen = {mask.begin() + 3 * kValues, mask.begin() + 4 * kValues};
  const Restoration fourth = model.restore(images.slice(3, 1), options);
  EXPECT_EQ(fourth.restored.values,
            std::vector<float>(found.restored.row(3), found.restored.row(4)));
}

/// The mean over two chains of one step is the mean of their ends.
TEST(RestoreTest, WhatChainsAgreeOnIsTheirMean) {
  Model model = train(config_with({}, 2), test::tiny_data(), without_folder());
  RestoreOptions options;
  options.seen = std::vector<uint8_t>(kValues, 0);
  options.seen[7] = 1;
  options.samples = 2;
  options.steps = 1;
  const ImageSet image = test::tiny_data().test.slice(2, 1);
  const Restoration found = model.restore(image, options);
  for (std::size_t i = 0; i < kValues; ++i) {
    EXPECT_NEAR(found.restored.values[i],
                (found.samples.values[i] + found.samples.values[kValues + i]) / 2.0f, 1e-6f);
  }
}

TEST(RestoreTest, NoiseIsTakenOffByThePosterior) {
  Model model =
      train(config_with({CorruptionKind::noise, 0.5}, 6), test::tiny_data(), without_folder());
  const ImageSet images = test::tiny_data().test;
  const Restoration found = model.restore(images);
  EXPECT_EQ(found.restored.values, model.reconstruct(images).values);
  EXPECT_EQ(found.seen.values, model.inputs(images).values);
  EXPECT_EQ(found.samples.count(), 0);
  EXPECT_DOUBLE_EQ(found.error->psnr(), *model.evaluate(images).psnr);
  model.set_corruption({});
  const Restoration of_clean = model.restore(images);
  EXPECT_TRUE(of_clean.truth.values.empty() && !of_clean.error.has_value());
  EXPECT_EQ(of_clean.seen.values, model.targets(images).values);
  EXPECT_EQ(of_clean.restored.values, model.reconstruct(images).values);
}

TEST(RestoreTest, ImagesThatNeedToBeRestoredHaveNoPosterior) {
  Model model = trained_on_what_is_seen(1);
  const ImageSet images = test::tiny_data().test;
  model.encode(images);
  model.set_corruption({});
  for (const std::string& text :
       {refusal_of([&] { model.encode(images); }), refusal_of([&] { model.evaluate(images); })}) {
    EXPECT_NE(text.find("--corrupt none"), std::string::npos) << text;
  }
  const Restoration found = model.restore(images);
  EXPECT_TRUE(found.truth.values.empty());
  EXPECT_EQ(found.seen.values, model.targets(images).values);
}

TEST(RestoreTest, WhatCannotBeRestoredIsRefused) {
  Model plain(test::tiny_data().train.fit(test::tiny_config().model), Device::cpu(1));
  const ImageSet images = test::tiny_data().test;
  const auto says = [&](Model& model, const RestoreOptions& options, const std::string& part) {
    const std::string text = refusal_of([&] { model.restore(images, options); });
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  RestoreOptions options;
  says(plain, options, "without corruption");
  options.seen = std::vector<uint8_t>(kValues - 1, 1);
  says(plain, options, "a mask of 35 pixels");
  options.seen = std::vector<uint8_t>(kValues, 1);
  options.seen[9] = 255;
  says(plain, options, "255 at pixel 9");
  options.seen[9] = 0;
  options.steps = 0;
  says(plain, options, "0 steps");
  options.steps = 1;
  options.samples = -1;
  says(plain, options, "-1 samples");
  options.samples = 0;
  plain.restore(images, options);
  ModelConfig skipping = test::tiny_config().model;
  skipping.decoder = layers_from_string("9, skip 0");
  Model with_skip(skipping, Device::cpu(1));
  says(with_skip, options, "(skip)");
  ModelConfig deciding = test::tiny_config().model;
  deciding.target = Target::mask;
  deciding.target_classes = 3;
  Model of_classes(deciding, Device::cpu(1));
  says(of_classes, options, "decodes classes");
}

}  // namespace
}  // namespace vae
