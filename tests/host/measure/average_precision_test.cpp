// SPDX-License-Identifier: MIT
//
// Average precision on cases that can be reckoned by hand.
#include "host/measure/average_precision.h"

#include <gtest/gtest.h>

#include <cmath>

#include "vae/error.h"

namespace vae {
namespace {

using FoundBoxes = std::vector<std::vector<Detection>>;

Detection found_at(float x, float score, uint8_t label = 0) {
  return {{x, 0.0f, 10.0f, 10.0f, label}, score, {}};
}

Box box_at(float x, uint8_t label = 0) { return {x, 0.0f, 10.0f, 10.0f, label}; }

ImageSet images_with(const std::vector<std::vector<Box>>& boxes) {
  return ImageSet(20, 100, 1, std::vector<uint8_t>(boxes.size() * 2000)).with_boxes(boxes);
}

double mean_of(const FoundBoxes& found, const std::vector<std::vector<Box>>& known,
               int64_t classes = 1) {
  return average_precision(found, images_with(known), classes).mean;
}

TEST(OverlapTest, IsTheSharedPartOfBoth) {
  const Box box{10, 20, 30, 40, 0};
  EXPECT_EQ(overlap(box, box), 1.0);
  EXPECT_EQ(overlap(box, {40, 20, 30, 40, 0}), 0.0) << "they touch";
  EXPECT_EQ(overlap(box, {10, 70, 30, 40, 0}), 0.0);
  EXPECT_DOUBLE_EQ(overlap(box, {10, 20, 30, 20, 1}), 0.5) << "of whatever class";
  EXPECT_DOUBLE_EQ(overlap(box, {25, 20, 30, 40, 0}), 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(overlap(box, {25, 40, 30, 40, 0}), 300.0 / 2100.0);
  EXPECT_EQ(overlap(box, {15, 25, 0, 0, 0}), 0.0) << "no area";
}

TEST(AveragePrecisionTest, WhatIsAllRightIsOne) {
  EXPECT_EQ(mean_of({{found_at(0, 0.5f), found_at(50, 0.9f)}}, {{box_at(50), box_at(0)}}), 1.0);
}

TEST(AveragePrecisionTest, NothingFoundIsZero) {
  EXPECT_EQ(mean_of({{}}, {{box_at(0)}}), 0.0);
  EXPECT_EQ(mean_of({{found_at(40, 0.9f)}}, {{box_at(0)}}), 0.0);
}

// Of two boxes one is found: precision 1 at the recalls 0, 0.01, ... 0.5.
TEST(AveragePrecisionTest, RecallsBeyondWhatIsFoundCountAsZero) {
  EXPECT_DOUBLE_EQ(mean_of({{found_at(0, 0.9f)}}, {{box_at(0), box_at(50)}}), 51.0 / 101.0);
}

// One wrong box above the right one: precision 1/2 at every recall.
TEST(AveragePrecisionTest, AWrongBoxLowersThePrecisionOfThoseBelow) {
  EXPECT_DOUBLE_EQ(mean_of({{found_at(70, 0.9f), found_at(0, 0.8f)}}, {{box_at(0)}}), 0.5);
  EXPECT_DOUBLE_EQ(mean_of({{found_at(70, 0.7f), found_at(0, 0.8f)}}, {{box_at(0)}}), 1.0)
      << "below it changes nothing";
}

// Right, wrong, right: precisions 1, 1/2, 2/3; at recalls up to 1/2 the largest is 1, then 2/3.
TEST(AveragePrecisionTest, PrecisionIsTheLargestAtThisRecallOrMore) {
  const double expected = (51.0 * 1.0 + 50.0 * 2.0 / 3.0) / 101.0;
  EXPECT_NEAR(mean_of({{found_at(0, 0.9f), found_at(80, 0.8f), found_at(50, 0.7f)}},
                      {{box_at(0), box_at(50)}}),
              expected, 1e-12);
}

TEST(AveragePrecisionTest, ASecondBoxOfOneThingIsWrong) {
  const double expected = (51.0 * 1.0 + 50.0 * 2.0 / 3.0) / 101.0;
  EXPECT_NEAR(mean_of({{found_at(0, 0.9f), found_at(1, 0.8f), found_at(50, 0.7f)}},
                      {{box_at(0), box_at(50)}}),
              expected, 1e-12);
}

TEST(AveragePrecisionTest, AnOverlapOfOneHalfSuffices) {
  const FoundBoxes half = {{{{0, 0, 10, 5, 0}, 0.9f, {}}}};
  EXPECT_EQ(mean_of(half, {{box_at(0)}}), 1.0);
  const FoundBoxes less = {{{{0, 0, 10, 4.99f, 0}, 0.9f, {}}}};
  EXPECT_EQ(mean_of(less, {{box_at(0)}}), 0.0);
  EXPECT_EQ(average_precision(half, images_with({{box_at(0)}}), 1, 0.75).mean, 0.0);
}

// The better box takes the thing that it overlaps most, and leaves the other one to the next.
TEST(AveragePrecisionTest, ABoxTakesWhatItOverlapsMost) {
  const std::vector<std::vector<Box>> known = {{{0, 0, 10, 10, 0}, {3, 0, 10, 10, 0}}};
  EXPECT_EQ(mean_of({{{{2, 0, 10, 10, 0}, 0.9f, {}}, {{0, 0, 10, 10, 0}, 0.8f, {}}}}, known), 1.0);
  EXPECT_LT(mean_of({{{{0, 0, 10, 10, 0}, 0.9f, {}}, {{0, 0, 10, 10, 0}, 0.8f, {}}}},
                    {{{0, 0, 10, 10, 0}, {6, 0, 10, 10, 0}}}),
            1.0)
      << "the second one is too far off";
}

// Scores are compared over all images: the wrong box of the second one is the best of all.
TEST(AveragePrecisionTest, ScoresAreOrderedOverAllImages) {
  const FoundBoxes found = {{found_at(0, 0.5f)}, {found_at(70, 0.9f), found_at(0, 0.6f)}};
  const double expected = 2.0 / 3.0;
  EXPECT_NEAR(mean_of(found, {{box_at(0)}, {box_at(0)}}), expected, 1e-12);
}

TEST(AveragePrecisionTest, ClassesAreMeasuredByThemselves) {
  const FoundBoxes found = {{found_at(0, 0.9f, 0), found_at(50, 0.8f, 0)}};
  const ImageSet images = images_with({{box_at(0, 0), box_at(50, 2)}});
  const AveragePrecision result = average_precision(found, images, 3);
  ASSERT_EQ(result.of_class.size(), 3u);
  EXPECT_EQ(result.of_class[0], 1.0) << "the wrong one has a smaller score";
  EXPECT_TRUE(std::isnan(result.of_class[1])) << "there is none of this class";
  EXPECT_EQ(result.of_class[2], 0.0);
  EXPECT_EQ(result.mean, 0.5) << "over the classes that there are";
  EXPECT_EQ(average_precision_of_places(found, images), 1.0);
}

TEST(AveragePrecisionTest, WithoutAnyBoxThereIsNoNumber) {
  EXPECT_TRUE(std::isnan(mean_of({{found_at(0, 0.9f)}}, {{}})));
  EXPECT_TRUE(std::isnan(average_precision_of_places(FoundBoxes{{}}, images_with({{}}))));
}

TEST(AveragePrecisionTest, WhatDoesNotFitIsRefused) {
  const ImageSet images = images_with({{box_at(0, 1)}});
  EXPECT_THROW(average_precision(FoundBoxes{}, images, 2), Error) << "of no image";
  EXPECT_THROW(average_precision(FoundBoxes{{}}, images, 1), Error) << "a class beyond";
  EXPECT_THROW(average_precision(FoundBoxes{{found_at(0, 1, 2)}}, images, 2), Error);
  const ImageSet without(20, 100, 1, std::vector<uint8_t>(2000));
  EXPECT_THROW(average_precision(FoundBoxes{{}}, without, 1), Error);
  EXPECT_THROW(average_precision_of_places(FoundBoxes{{}}, without), Error);
}

}  // namespace
}  // namespace vae
