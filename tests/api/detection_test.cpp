// SPDX-License-Identifier: MIT
//
// Models that decode boxes: trained, measured, kept, and what they find.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/boxed_images.h"
#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/detection.h"
#include "vae/error.h"
#include "vae/model.h"
#include "vae/reconstructions.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::boxed_images;
using test::boxes_config;
using test::refusal_of;

Dataset boxed_data(int64_t train = 400, int64_t test_count = 60) {
  return Dataset("squares", boxed_images(train, 1), boxed_images(test_count, 2));
}

TrainOptions without_files() {
  TrainOptions options;
  options.pictures = false;
  options.device = Device::cpu(1);
  return options;
}

bool has_text(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(DetectionModelTest, FindsWhatItWasTrainedToFind) {
  const Dataset data = boxed_data();
  Model model = train(boxes_config(30), data, without_files());
  const Evaluation found = model.evaluate(data.test);
  ASSERT_TRUE(found.average_precision.has_value());
  EXPECT_GT(*found.average_precision, 0.6);
  EXPECT_GT(*found.average_precision_of_places, 0.6);
  EXPECT_FALSE(found.accuracy.has_value());
  EXPECT_TRUE(found.is_likelihood);

  // The same by hand, of what is found with any score worth it.
  DetectOptions every;
  every.min_score = 0.001;
  const auto boxes = model.detect(data.test, every);
  ASSERT_EQ(std::ssize(boxes), data.test.count());
  EXPECT_EQ(average_precision(boxes, data.test, 2).mean, *found.average_precision);
  EXPECT_EQ(average_precision_of_places(boxes, data.test), *found.average_precision_of_places);
  EvaluateOptions small;
  small.batch_size = 7;
  EXPECT_EQ(*model.evaluate(data.test, small).average_precision, *found.average_precision);

  double error = 0.0, deviation = 0.0;
  int64_t matched = 0;
  for (int64_t i = 0; i < data.test.count(); ++i) {
    for (const Detection& box : boxes[static_cast<std::size_t>(i)]) {
      for (const Box& known : data.test.boxes(i)) {
        if (box.score < 0.5f || overlap(box, known) < 0.5) continue;
        error += std::abs(box.x + box.width / 2 - known.x - known.width / 2);
        deviation += box.deviation[0];
        ++matched;
      }
    }
  }
  ASSERT_GT(matched, 20);
  EXPECT_LT(error / deviation, 3.0) << "the deviations say how far off the boxes are";
  EXPECT_GT(error / deviation, 0.1);
}

TEST(DetectionModelTest, ASliceHasTheBoxesOfTheWhole) {
  const Dataset data = boxed_data(40, 30);
  Model model = train(boxes_config(2), data, without_files());
  const auto all = model.detect(data.test, {.min_score = 0.01});
  const auto part = model.detect(data.test.slice(11, 3), {.min_score = 0.01});
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(part[i], all[11 + i]);
  EXPECT_FALSE(all[11].empty());
  EXPECT_TRUE(model.detect(data.test.slice(0, 0)).empty());
  const auto few = model.detect(data.test, {.min_score = 0.01, .most = 2});
  for (std::size_t i = 0; i < few.size(); ++i) {
    EXPECT_EQ(few[i],
              std::vector<Detection>(all[i].begin(), all[i].begin() + std::min<std::ptrdiff_t>(
                                                                          2, std::ssize(all[i]))));
  }
}

TEST(DetectionModelTest, IsTrainedWithImportanceWeightsToo) {
  Config config = boxes_config(2);
  config.training.importance_samples = 3;
  const Dataset data = boxed_data(40, 20);
  Model model = train(config, data, without_files());
  EvaluateOptions options;
  options.importance_samples = 5;
  const Evaluation found = model.evaluate(data.test, options);
  EXPECT_LT(*found.nll, -found.elbo);
}

TEST(DetectionModelTest, ClassesFollowFromTheData) {
  const ImageSet images = boxed_images(40, 1);
  Config config = boxes_config(1);
  config.model.target_classes = 0;
  EXPECT_EQ(images.fit(config.model).target_classes, 2);
  const std::vector<std::string> names = {"full", "hollow", "other"};
  EXPECT_EQ(images.with_names({}, names).fit(config.model).target_classes, 3);
}

TEST(DetectionModelTest, BoxesOfOtherDataAreThoseOfTheSameNames) {
  const Dataset plain = boxed_data(40, 20);
  Dataset data = plain;
  data.train = plain.train.with_names({}, {"full", "hollow"});
  data.test = plain.test.with_names({}, {"full", "hollow"});
  Model model = train(boxes_config(4), data, without_files());
  EXPECT_EQ(model.label_names(), (std::vector<std::string>{"full", "hollow"}));
  std::vector<std::vector<Box>> exchanged;
  for (int64_t i = 0; i < 20; ++i) {
    exchanged.emplace_back(data.test.boxes(i).begin(), data.test.boxes(i).end());
    for (Box& box : exchanged.back()) box.class_ = 1 - box.class_;
  }
  const ImageSet renamed = plain.test.with_boxes(exchanged).with_names({}, {"hollow", "full"});
  const Evaluation expected = model.evaluate(data.test),
                   found = model.evaluate(renamed.as(Split::test));
  EXPECT_EQ(found.elbo, expected.elbo);
  EXPECT_EQ(*found.average_precision, *expected.average_precision);
  EXPECT_EQ(model.evaluate(renamed.slice(5, 4)).elbo, model.evaluate(data.test.slice(5, 4)).elbo);
  const ImageSet unknown = plain.test.with_names({}, {"round", "hollow"});
  EXPECT_TRUE(has_text(refusal_of([&] { model.evaluate(unknown); }),
                       "'round', which the model was not trained with"));
}

TEST(DetectionModelTest, WhatDoesNotFitIsRefused) {
  const Dataset data = boxed_data(40, 20);
  const auto says = [](const Config& config) { return refusal_of([&] { validate(config); }); };
  Config config = boxes_config(1);
  config.model.grid = {};
  EXPECT_TRUE(has_text(says(config), "--grid 10x10"));
  config.model.grid = {5, 4};
  EXPECT_TRUE(has_text(says(config), "4x4 cells")) << says(config);
  config.model.grid = {17, 4};
  EXPECT_TRUE(has_text(says(config), "more cells than"));
  config = boxes_config(1);
  config.model.target_classes = 256;
  EXPECT_TRUE(has_text(says(config), "at most 255"));
  config.model.target_classes = 0;
  EXPECT_TRUE(has_text(says(config), "target_classes (--target-classes) is 0"));
  config = Config();
  config.model.grid = {4, 4};
  EXPECT_TRUE(has_text(says(config), "needs model.target boxes"));
  config = boxes_config(1);
  config.model.target_classes = 1;
  EXPECT_TRUE(
      has_text(refusal_of([&] { train(config, data, without_files()); }), "box of class 1"));
  Dataset without = data;
  without.train = ImageSet(16, 16, 1, std::vector<uint8_t>(256 * 40));
  EXPECT_TRUE(has_text(refusal_of([&] { train(boxes_config(1), without, without_files()); }),
                       "have no boxes"));
  Model model(boxes_config(1).model, Device::cpu(1));
  EXPECT_TRUE(
      has_text(refusal_of([&] { model.detect(data.test, {.min_score = -1.0}); }), "min_score"));
  EXPECT_THROW(model.targets(data.test), Error);
  EXPECT_THROW(reconstruction_rows(model, data.test), Error);
  Model other(test::tiny_config(1).model, Device::cpu(1));
  EXPECT_TRUE(has_text(refusal_of([&] { other.detect(test::tiny_data().test); }),
                       "decodes no boxes (model.target image)"));
}

class DetectionRunTest : public ::testing::Test {
 protected:
  TrainOptions into(const std::string& name) const {
    TrainOptions options = without_files();
    options.run_folder = folder_ / name;
    return options;
  }

  test::ScratchFolder folder_;
};

TEST_F(DetectionRunTest, GoesOnAfterAStopWithTheSameBytes) {
  const Dataset data = boxed_data(60, 20);
  const Config config = boxes_config(3);
  Trainer(config, data, into("whole")).run();
  TrainOptions wanted = into("parts");
  wanted.on_step = [](const Progress& progress) {
    return progress.step == 5 ? Command::stop : Command::proceed;
  };
  EXPECT_FALSE(Trainer(config, data, wanted).run().finished);
  wanted = into("parts");
  wanted.resume = true;
  EXPECT_TRUE(Trainer(config, data, wanted).run().finished);
  auto whole = test::comparable_files(folder_ / "whole");
  auto parts = test::comparable_files(folder_ / "parts");
  for (auto* files : {&whole, &parts}) files->erase("run.json");  // has times
  EXPECT_EQ(parts, whole);
  TrainOptions other = into("parts");
  other.resume = true;
  Dataset moved = data;
  moved.train = boxed_images(60, 3);
  EXPECT_THROW(Trainer(config, moved, other), Error) << "another fingerprint";
}

TEST_F(DetectionRunTest, HasPicturesAndIsLoaded) {
  const Dataset data = boxed_data(60, 20);
  TrainOptions options = into("run");
  options.pictures = true;
  double precision = -1.0;
  options.on_metrics = [&](const Metrics& metrics) {
    if (metrics.split == "test") precision = metrics.average_precision.value();
  };
  Trainer trainer(boxes_config(2), data, options);
  trainer.run();
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run/images/epoch-002-reconstructions.png"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run/report.html"));
  EXPECT_EQ(*trainer.model().evaluate(data.test).average_precision, precision);
  Model model = Model::load(folder_ / "run/checkpoints/step-00000006.safetensors", Device::cpu(1));
  EXPECT_EQ(model.config(), boxes_config(2).model);
  EXPECT_EQ(model.detect(data.test), trainer.model().detect(data.test));
}

}  // namespace
}  // namespace vae
