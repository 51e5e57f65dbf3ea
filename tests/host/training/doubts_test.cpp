// SPDX-License-Identifier: MIT
#include "vae/doubts.h"

#include <gtest/gtest.h>

#include "tests/support/tiny_run.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using Labels = std::vector<uint8_t>;

/// The images with `change` done to every pixel.
template <typename Change>
ImageSet changed(const ImageSet& images, const Change& change, Labels labels = {}) {
  std::vector<uint8_t> pixels(images.pixels().begin(), images.pixels().end());
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(change(pixel));
  return {images.height(), images.width(), images.channels(), std::move(pixels), std::move(labels)};
}

ImageSet same(const ImageSet& images, Labels labels) {
  return changed(
      images, [](int pixel) { return pixel; }, std::move(labels));
}

void expect_doubt(const std::vector<std::string>& doubts, const std::vector<std::string>& words) {
  ASSERT_EQ(doubts.size(), 1u) << (doubts.empty() ? "none" : doubts[1]);
  for (const std::string& word : words) {
    EXPECT_NE(doubts[0].find(word), std::string::npos) << word << ": " << doubts[0];
  }
}

TEST(DoubtsTest, OrdinaryDataRaiseNone) {
  EXPECT_TRUE(find_doubts(test::tiny_data()).empty());
  EXPECT_TRUE(find_doubts(test::tiny_data(), test::tiny_config()).empty());
}

TEST(DoubtsTest, ImagesOfOneColour) {
  Dataset data = test::tiny_data();
  data.train = changed(data.train, [](int) { return 9; });
  expect_doubt(find_doubts(data), {"every pixel of the training images is 9 of 255"});
}

TEST(DoubtsTest, ValuesThatWereDividedAlready) {
  Dataset data = test::tiny_data();
  data.test = changed(data.test, [](int pixel) { return pixel / 128; });
  expect_doubt(find_doubts(data), {"test images", "exceeds 1 of 255", "multiply"});
  data.test = changed(test::tiny_data().test, [](int pixel) { return pixel / 16; });
  expect_doubt(find_doubts(data), {"test images", "exceeds 15 of 255"});
}

TEST(DoubtsTest, TestImagesThatAreInverted) {
  Dataset data = test::tiny_data();
  data.test = changed(data.test, [](int pixel) { return 255 - pixel; });
  expect_doubt(find_doubts(data), {"mean pixel", "exchanged"});
}

TEST(DoubtsTest, TestImagesThatAreTrainingImages) {
  Dataset data = test::tiny_data();
  data.test = data.train.slice(3, 20);
  expect_doubt(find_doubts(data), {"20 of the 20 test images", "memory"});
}

TEST(DoubtsTest, LabelsThatSayNothing) {
  Dataset data = test::tiny_data();
  const auto count = [](const ImageSet& set) { return static_cast<size_t>(set.count()); };
  Labels train(count(data.train)), test(count(data.test));
  for (size_t i = 0; i < train.size(); ++i) train[i] = static_cast<uint8_t>(i % 3);
  for (size_t i = 0; i < test.size(); ++i) test[i] = static_cast<uint8_t>(i % 3);
  EXPECT_TRUE(find_doubts({"", same(data.train, train), same(data.test, test)}).empty());
  expect_doubt(find_doubts({"", same(data.train, train), data.test}), {"training images only"});
  expect_doubt(find_doubts({"", data.train, same(data.test, test)}), {"test images only"});
  expect_doubt(find_doubts({"", same(data.train, train), same(data.test, Labels(test.size(), 2))}),
               {"17 test labels are 2"});
  test[5] = 9;
  expect_doubt(find_doubts({"", same(data.train, train), same(data.test, test)}), {"label 9"});
}

TEST(DoubtsTest, AGaussianOfBlackAndWhiteImages) {
  Config config = test::tiny_config();
  config.model.likelihood = Likelihood::gaussian;
  expect_doubt(find_doubts(test::tiny_data(), config), {"gaussian", "--binarization dynamic"});
  config.training.binarization = Binarization::none;
  EXPECT_TRUE(find_doubts(test::tiny_data(), config).empty());
  Dataset data = test::tiny_data();
  data.train = changed(data.train, [](int pixel) { return pixel > 99 ? 255 : 0; });
  expect_doubt(find_doubts(data, config), {"gaussian", "two values"});
}

TEST(DoubtsTest, AThresholdThatLeavesNothing) {
  Config config = test::tiny_config();
  config.training.binarization = Binarization::threshold;
  Dataset data = test::tiny_data();
  data.train = changed(data.train, [](int pixel) { return pixel / 2; });
  expect_doubt(find_doubts(data, config), {"every pixel black", "0..", "the threshold is 128"});
}

TEST(DoubtsTest, ImagesInvertedAgainstThoseTheModelWasTrainedOn) {
  test::ScratchFolder folder;
  const Dataset data = test::tiny_data();
  TrainOptions options;
  options.run_folder = folder / "run";
  options.pictures = false;
  options.device = Device::cpu(1);
  train(test::tiny_config(1), data, options);
  const Model model = Model::load(options.run_folder, Device::cpu(1));
  EXPECT_TRUE(find_doubts(data.test, model).empty());
  const ImageSet inverted = changed(data.test, [](int pixel) { return 255 - pixel; });
  expect_doubt(find_doubts(inverted, model), {"exchanged", "0.8", "training images was 0.1"});
}

TEST(DoubtsTest, ATrainingSaysThem) {
  Dataset data = test::tiny_data();
  data.test = data.train;
  std::vector<std::string> warnings;
  TrainOptions options;
  options.device = Device::cpu(1);
  options.log = [&](LogLevel level, std::string_view line) {
    if (level == LogLevel::warning) warnings.emplace_back(line);
  };
  train(test::tiny_config(1), data, options);
  expect_doubt(warnings, {"45 of the 45 test images"});
}

}  // namespace
}  // namespace vae
