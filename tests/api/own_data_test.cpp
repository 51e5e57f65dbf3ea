// SPDX-License-Identifier: MIT
//
// Images of the caller's own, in memory: bytes or floats, any number of channels, with and without
// labels and test images.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::blobs;
using test::ScratchFolder;
using test::tiny_config;

/// Images whose channels are blobs at different places.
ImageSet layered(int64_t count, int64_t side, int64_t channels) {
  std::vector<uint8_t> planes;  // [N, C, H, W]
  const ImageSet all = blobs(count * channels, side);
  planes.assign(all.pixels().begin(), all.pixels().end());
  return {side, side, channels, planes, {}, ChannelOrder::first};
}

/// One image a byte, whose value is its index.
ImageSet numbered_images(int64_t count) {
  std::vector<uint8_t> pixels(static_cast<std::size_t>(count));
  std::iota(pixels.begin(), pixels.end(), uint8_t{0});
  return {1, 1, 1, pixels, pixels};
}

std::vector<int> numbers_of(const ImageSet& images) {
  return {images.pixels().begin(), images.pixels().end()};
}

/// An Error(invalid_argument) whose message holds these words.
template <typename Action>
void expect_refused(Action action, const std::vector<std::string>& words) {
  try {
    action();
    ADD_FAILURE() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    for (const std::string& word : words) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
  }
}

TEST(OwnDataTest, PlanesAreInterleaved) {
  const std::vector<uint8_t> planes = {1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16};
  const ImageSet images(1, 3, 2, planes, {}, ChannelOrder::first);
  EXPECT_EQ(images.count(), 2);
  EXPECT_EQ(numbers_of(images), (std::vector<int>{1, 4, 2, 5, 3, 6, 11, 14, 12, 15, 13, 16}));
  EXPECT_EQ(numbers_of(ImageSet(1, 3, 2, planes)), std::vector<int>(planes.begin(), planes.end()));
}

TEST(OwnDataTest, FloatsBecomeTheNearestByte) {
  const std::vector<float> values = {0.0f, 1.0f, 0.5f, 0.2f, 1.4f / 255.0f, 1.6f / 255.0f};
  const ImageSet images = ImageSet::from_floats(1, 3, 1, values, {7, 8});
  EXPECT_EQ(numbers_of(images), (std::vector<int>{0, 255, 128, 51, 1, 2}));
  EXPECT_EQ(images.labels()[1], 8);
  const ImageSet planes = ImageSet::from_floats(1, 3, 2, values, {}, ChannelOrder::first);
  EXPECT_EQ(numbers_of(planes), (std::vector<int>{0, 51, 255, 1, 128, 2}));
}

TEST(OwnDataTest, FloatsThatAreNoGreyLevelsAreRefusedWithTheirPlace) {
  std::vector<float> values(2 * 24);  // two images [2, 3, 4]
  const auto refuse = [&](float value, const std::vector<std::string>& words) {
    const std::vector<float> before = values;
    values[24 + 1 * 12 + 2 * 4 + 3] = value;  // row 1, column 2, channel 3 of image 1
    expect_refused([&] { ImageSet::from_floats(2, 3, 4, values); }, words);
    values = before;
  };
  const std::string place = "image 1, row 1, column 2, channel 3";
  refuse(-0.01f, {place, "-0.01", "[0, 1]"});
  refuse(254.0f, {place, "divide them by 255"});
  refuse(std::numeric_limits<float>::quiet_NaN(), {place, "nan"});
  refuse(std::numeric_limits<float>::infinity(), {place, "inf"});
  EXPECT_NO_THROW(ImageSet::from_floats(2, 3, 4, values));
  values[24 + 3 * 6 + 5] = 2.0f;  // of planes: channel 3, row 1, column 2
  expect_refused([&] { ImageSet::from_floats(2, 3, 4, values, {}, ChannelOrder::first); }, {place});
}

TEST(OwnDataTest, SizesThatDoNotFitAreRefused) {
  EXPECT_THROW(ImageSet::from_floats(2, 2, 1, std::vector<float>(5)), Error);
  EXPECT_THROW(ImageSet::from_floats(2, 2, 0, std::vector<float>(4)), Error);
  EXPECT_THROW(ImageSet::from_floats(2, 2, 1, std::vector<float>(4), {1, 2}), Error);
  EXPECT_THROW(ImageSet(2, 2, 12, std::vector<uint8_t>(47)), Error);
}

/// The numbers come from an independent implementation of Philox4x32-10: other ones would move test
/// images of every existing run into its training set.
TEST(OwnDataTest, ATenthIsHeldOutByIndexAlone) {
  const Dataset data("mine", numbered_images(100));
  EXPECT_EQ(numbers_of(data.test), (std::vector<int>{5, 12, 14, 15, 21, 23, 77, 79, 81, 83}));
  EXPECT_EQ(data.test.split(), Split::test);
  EXPECT_EQ(data.test.labels()[3], data.test.pixels()[3]);
  EXPECT_EQ(data.train.count(), 90);
  std::set<int> all;
  for (const ImageSet* set : {&data.train, &data.test}) {
    for (const int number : numbers_of(*set)) EXPECT_TRUE(all.insert(number).second) << number;
  }
  EXPECT_EQ(all.size(), 100u);
  const Dataset whole("mine", numbered_images(100), {});
  EXPECT_EQ(numbers_of(whole.with_test(0.1).test), numbers_of(data.test));
  EXPECT_EQ(whole.with_test(0.25).test.count(), 25);
}

TEST(OwnDataTest, HoldingOutLeavesSomethingAndHappensOnce) {
  expect_refused([] { Dataset("one", numbered_images(1)); },
                 {"of the 1 images out for testing", "leaves none"});
  EXPECT_EQ(Dataset("two", numbered_images(2)).train.count(), 1);
  expect_refused([] { Dataset("mine", numbered_images(20)).with_test(0.1); },
                 {"mine has 2 test images already"});
}

TEST(OwnDataTest, AnyNumberOfChannelsTrainsEvaluatesAndIsDrawn) {
  const ScratchFolder folder;
  for (const int64_t channels : {1, 2, 3, 4, 12}) {
    SCOPED_TRACE(channels);
    const ImageSet images = layered(40, 6, channels);
    Config config = tiny_config(3);
    config.model = images.fit(config.model);
    EXPECT_EQ(config.model.pixels(), 36 * channels);
    TrainOptions options;
    options.device = Device::cpu(1);
    options.run_folder = folder / std::to_string(channels);
    Trainer trainer(config, Dataset("layers", images), options);
    const TrainResult result = trainer.run();
    EXPECT_TRUE(std::isfinite(result.test.elbo));
    Model loaded = Model::load(options.run_folder, Device::cpu(1));
    EXPECT_EQ(loaded.config(), config.model);
    EXPECT_EQ(loaded.reconstruct(images).row_size(), 36 * channels);
    const Evaluation before = Model(config.model, Device::cpu(1)).evaluate(images);
    EXPECT_GT(loaded.evaluate(images).elbo, before.elbo) << "it learned something";
    const Image drawn = load_png(options.run_folder + "/images/epoch-003-samples.png");
    EXPECT_EQ(drawn.channels, channels == 3 ? 3 : 1);
  }
}

}  // namespace
}  // namespace vae
