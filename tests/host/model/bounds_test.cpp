// SPDX-License-Identifier: MIT
//
// Bounds of single images.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "tests/host/io/sample_files.h"
#include "vae/model.h"

namespace vae {
namespace {

ImageSet patterns(int64_t count) {
  std::vector<uint8_t> pixels;
  for (int64_t i = 0; i < count * 36; ++i) {
    pixels.push_back(static_cast<uint8_t>(i % 36 * 7 + i / 36 * 31));
  }
  return ImageSet(6, 6, 1, pixels);
}

ModelConfig tiny_model(Likelihood likelihood = Likelihood::bernoulli) {
  ModelConfig model;
  model.height = model.width = 6;
  model.encoder = {9};
  model.decoder = {8};
  model.latent = 3;
  model.likelihood = likelihood;
  return model;
}

double average_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(BoundsTest, OfOneDrawAverageToTheEvaluations) {
  for (const Likelihood likelihood : {Likelihood::bernoulli, Likelihood::gaussian}) {
    Model model(tiny_model(likelihood), Device::cpu(1), 3);
    const ImageSet images = patterns(140);  // more than one batch
    for (const Binarization binarization : {Binarization::none, Binarization::dynamic}) {
      const ImageBounds bounds =
          model.bounds(images, {.samples = 1, .binarization = binarization, .seed = 4});
      EvaluateOptions options;
      options.binarization = binarization;
      options.seed = 4;
      const Evaluation all = model.evaluate(images, options);
      ASSERT_EQ(bounds.kl.size(), 140u);
      EXPECT_NEAR(average_of(bounds.kl), all.kl, 1e-6);
      EXPECT_NEAR(average_of(bounds.reconstruction), all.reconstruction, 1e-5);
      EXPECT_DOUBLE_EQ(bounds.elbo(7), bounds.reconstruction[7] - bounds.kl[7]);
    }
  }
}

TEST(BoundsTest, AnImageHasItsOwnWhateverItsNeighbours) {
  Model model(tiny_model(), Device::cpu(1), 3);
  const ImageSet images = patterns(140);
  const ImageBounds all = model.bounds(images, {.samples = 3});
  const ImageBounds one = model.bounds(images.slice(131, 1), {.samples = 3});
  EXPECT_EQ(one.reconstruction[0], all.reconstruction[131]);
  EXPECT_EQ(one.kl[0], all.kl[131]);
}

TEST(BoundsTest, ManyDrawsAreAveraged) {
  Model model(tiny_model(), Device::cpu(1), 3);
  const ImageSet image = patterns(1);
  const auto of = [&](int64_t samples, uint64_t seed) {
    return model.bounds(image, {.samples = samples, .seed = seed}).reconstruction[0];
  };
  const auto spread = [&](int64_t samples) {
    std::vector<double> values;
    for (uint64_t seed = 1; seed <= 20; ++seed) values.push_back(of(samples, seed));
    double squares = 0.0;
    for (const double value : values) squares += std::pow(value - average_of(values), 2);
    return std::sqrt(squares / 19.0);
  };
  EXPECT_NE(of(2, 5), of(1, 5)) << "another draw";
  const double of_one = spread(1), of_many = spread(64);
  EXPECT_GT(of_one, 0.0);
  EXPECT_LT(of_many, 0.3 * of_one) << "an eighth is expected";
}

TEST(BoundsTest, WithoutAChoiceGreyLevelsAreRead) {
  Model model(tiny_model(), Device::cpu(1), 3);
  const ImageSet images = patterns(4);
  EXPECT_EQ(model.bounds(images).reconstruction,
            model.bounds(images, {.binarization = Binarization::none}).reconstruction);
}

TEST(BoundsTest, SaysWhatIsWrong) {
  Model model(tiny_model(), Device::cpu(1), 3);
  const auto expect_refusal = [](Model& asked, const BoundOptions& options, const char* part) {
    test::expect_error(ErrorCode::invalid_argument, [&] { asked.bounds(patterns(2), options); },
                       {part});
  };
  expect_refusal(model, {.samples = 0}, "0 samples");
  test::expect_error(ErrorCode::invalid_argument, [&] { model.bounds({}); });
  ModelConfig labels = tiny_model();
  labels.target = Target::label;
  labels.target_classes = 3;
  Model of_labels(labels, Device::cpu(1));
  expect_refusal(of_labels, {}, "classes");
  Model of_levels(tiny_model(Likelihood::logistic), Device::cpu(1));
  expect_refusal(of_levels, {.binarization = Binarization::dynamic}, "256 levels");
  EXPECT_EQ(of_levels.bounds(patterns(2)).kl.size(), 2u);
}

TEST(BoundsTest, StopWhenAskedTo) {
  Model model(tiny_model(), Device::cpu(1), 3);
  int calls = 0;
  const ImageBounds bounds =
      model.bounds(patterns(300), {.progress = [&](double) { return ++calls < 2; }});
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(bounds.kl.empty());
}

}  // namespace
}  // namespace vae
