// SPDX-License-Identifier: MIT
//
// How pictures become the model's input: without chance where they are used, and drawn by seed,
// split and index where a binarisation is asked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/model.h"
#include "vae/trainer.h"

namespace vae {
namespace {

constexpr uint64_t kSeed = 7;

Model trained_with(Binarization binarization) {
  Config config = test::tiny_config(1);
  config.training.binarization = binarization;
  config.training.seed = kSeed;
  TrainOptions options;
  options.device = Device::cpu(1);
  return train(config, test::tiny_data(), options);
}

std::vector<float> row_of(const Array& array, int64_t row) {
  return {array.row(row), array.row(row) + array.row_size()};
}

/// 40 grey images, all the same.
ImageSet copies() { return ImageSet(6, 6, 1, std::vector<uint8_t>(40 * 36, 128)); }

TEST(EncodingTest, OnePictureHasOneCodeByDefault) {
  for (const Binarization protocol :
       {Binarization::none, Binarization::fixed, Binarization::dynamic, Binarization::threshold}) {
    SCOPED_TRACE(to_string(protocol));
    Model model = trained_with(protocol);
    const Posterior codes = model.encode(copies());
    const Array decoded = model.reconstruct(copies()), inputs = model.inputs(copies());
    for (int64_t row = 1; row < 40; ++row) {
      EXPECT_EQ(row_of(codes.mean, row), row_of(codes.mean, 0)) << row;
      EXPECT_EQ(row_of(codes.logvar, row), row_of(codes.logvar, 0)) << row;
      EXPECT_EQ(row_of(decoded, row), row_of(decoded, 0)) << row;
    }
    const bool threshold = protocol == Binarization::threshold;
    EXPECT_EQ(inputs.values, std::vector<float>(40 * 36, threshold ? 1.0f : 128.0f / 255.0f));
    const auto asked_for = threshold ? Binarization::threshold : Binarization::none;
    EXPECT_EQ(codes.mean.values, model.encode(copies(), asked_for).mean.values);
  }
}

TEST(EncodingTest, AnExplicitBinarizationDrawsByTheImagesIndex) {
  Model model = trained_with(Binarization::dynamic);
  const ImageSet images = test::tiny_data().test;
  for (const Binarization protocol : {Binarization::fixed, Binarization::dynamic}) {
    const Array all = model.inputs(images, protocol);
    const Array codes = model.encode(images, protocol).mean;
    for (int64_t i = 0; i < images.count(); ++i) {
      EXPECT_EQ(model.inputs(images.slice(i, 1), protocol).values, row_of(all, i)) << i;
      EXPECT_EQ(model.encode(images.slice(i, 1), protocol).mean.values, row_of(codes, i)) << i;
    }
    const ImageSet part = images.slice(3, 9).slice(2, 4);
    EXPECT_EQ(part.first_index(), 5);
    EXPECT_EQ(row_of(model.inputs(part, protocol), 1), row_of(all, 6));
    EXPECT_EQ(all.values, model.inputs(images, protocol, kSeed).values) << "the run's seed";
    EXPECT_NE(all.values, model.inputs(images, protocol, kSeed + 1).values);
    EXPECT_TRUE(std::all_of(all.values.begin(), all.values.end(),
                            [](float x) { return x == 0.0f || x == 1.0f; }));
  }
}

TEST(EncodingTest, BoundsOfSlicesAddUpToThatOfTheWhole) {
  Model model = trained_with(Binarization::dynamic);
  const ImageSet images = test::tiny_data().test;
  EvaluateOptions options;
  options.importance_samples = 3;
  const Evaluation whole = model.evaluate(images, options);
  double elbo = 0.0, nll = 0.0;
  for (const auto& [first, count] : {std::pair{0, 5}, {5, 1}, {6, 11}}) {
    const Evaluation part = model.evaluate(images.slice(first, count), options);
    elbo += part.elbo * count;
    nll += *part.nll * count;
  }
  EXPECT_NEAR(elbo / 17, whole.elbo, 1e-4);
  EXPECT_NEAR(nll / 17, *whole.nll, 1e-4);
}

TEST(EncodingTest, StaticDrawsOfTheSplitsHaveNothingInCommon) {
  Model model = trained_with(Binarization::fixed);
  const auto draws = [&](Split split) {
    return model.inputs(copies().as(split), Binarization::fixed).values;
  };
  const std::vector<std::vector<float>> of_splits = {draws(Split::train), draws(Split::validation),
                                                     draws(Split::test)};
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      for (int64_t image = 0; image < 40; ++image) {
        int equal = 0;
        for (int64_t i = 36 * image; i < 36 * (image + 1); ++i) {
          equal += of_splits[a][i] == of_splits[b][i];
        }
        // 18 of 36 by chance; all of them where the draws are shared.
        EXPECT_LT(equal, 34) << a << " and " << b << ", image " << image;
      }
    }
  }
}

TEST(EncodingTest, EvaluationFollowsTheRunsProtocolAndSeed) {
  for (const Binarization protocol :
       {Binarization::none, Binarization::fixed, Binarization::dynamic, Binarization::threshold}) {
    SCOPED_TRACE(to_string(protocol));
    Config config = test::tiny_config(1);
    config.training.binarization = protocol;
    config.training.seed = kSeed;
    TrainOptions options;
    options.device = Device::cpu(1);
    Trainer trainer(config, test::tiny_data(), options);
    const TrainResult result = trainer.run();
    const Evaluation found = trainer.model().evaluate(test::tiny_data().test);
    EXPECT_EQ(found.binarization, protocol);
    EXPECT_EQ(found.seed, kSeed);
    EXPECT_DOUBLE_EQ(found.elbo, result.test.elbo);
    EvaluateOptions spelled_out;
    spelled_out.binarization = protocol;
    spelled_out.seed = kSeed;
    EXPECT_EQ(trainer.model().evaluate(test::tiny_data().test, spelled_out).elbo, found.elbo);
    spelled_out.seed = kSeed + 1;
    EXPECT_NE(trainer.model().evaluate(test::tiny_data().test, spelled_out).elbo, found.elbo);
  }
}

TEST(EncodingTest, DecodeNamesTheCodeThatIsNoNumber) {
  Model model = trained_with(Binarization::dynamic);
  const float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {inf, -inf, std::numeric_limits<float>::quiet_NaN()}) {
    try {
      model.decode({{3, 2}, {0, 0, 0, bad, 0, 0}});
      ADD_FAILURE() << bad << " was decoded";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      EXPECT_NE(std::string(error.what()).find("row 1, column 1"), std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace vae
