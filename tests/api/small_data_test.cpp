// SPDX-License-Identifier: MIT
//
// Data sets at the edge: one image, no variation, a batch larger than the set.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::blobs;
using test::tiny_config;

TrainResult run_training(const Config& config, const Dataset& data) {
  TrainOptions options;
  options.device = Device::cpu(1);
  return Trainer(config, data, options).run();
}

void expect_trains(const Config& config, const Dataset& data, int64_t steps) {
  const TrainResult result = run_training(config, data);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.steps, steps);
  EXPECT_TRUE(std::isfinite(result.train.elbo));
  EXPECT_TRUE(std::isfinite(result.test.elbo));
  EXPECT_EQ(result.train.skipped_steps, 0);
}

ImageSet equal_images(int64_t count, uint8_t pixel) {
  return ImageSet(6, 6, 1, std::vector<uint8_t>(static_cast<std::size_t>(count) * 36, pixel));
}

TEST(SmallDataTest, OneImageIsEnough) {
  expect_trains(tiny_config(3), {"one", blobs(1, 6), blobs(1, 6)}, 3);
  Config config = tiny_config(2);
  config.training.batch_size = 1;
  expect_trains(config, {"three", blobs(3, 6), blobs(1, 6)}, 6);
}

TEST(SmallDataTest, ABatchLargerThanTheSetIsTheSet) {
  Config config = tiny_config(2);
  config.training.batch_size = 100'000;
  expect_trains(config, {"few", blobs(5, 6), blobs(2, 6)}, 2);
}

TEST(SmallDataTest, ALastBatchOfOneImageIsUsed) {
  expect_trains(tiny_config(2), {"21", blobs(21, 6), blobs(2, 6)}, 4);
}

TEST(SmallDataTest, ImagesWithoutVariationTrain) {
  for (const uint8_t pixel : {0, 128, 255}) {
    for (const bool from_mean : {false, true}) {
      Config config = tiny_config(2);
      config.model.output_bias_from_mean = from_mean;
      expect_trains(config, {"equal", equal_images(30, pixel), equal_images(3, pixel)}, 4);
    }
  }
}

TEST(SmallDataTest, NoImagesAreRefused) {
  const Dataset none = {"none", ImageSet(6, 6, 1, {}), blobs(1, 6)};
  const Dataset no_test = {"no test", blobs(1, 6), ImageSet(6, 6, 1, {})};
  for (const Dataset& data : {none, no_test}) {
    try {
      run_training(tiny_config(), data);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      EXPECT_NE(std::string(error.what()).find(data.name), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace vae
