// SPDX-License-Identifier: MIT
#include "host/data/boxes.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "tests/support/refusal.h"

namespace vae {
namespace {

using test::refusal_of;

using Boxes = std::vector<std::vector<Box>>;

/// Image i has i % 3 boxes, which tell its index.
ImageSet with_numbered_boxes(int64_t count) {
  Boxes boxes(count);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = 0; k < i % 3; ++k) {
      boxes[i].push_back(
          {static_cast<float>(i % 8), static_cast<float>(k), 1.0f, 0.5f, static_cast<uint8_t>(i)});
    }
  }
  std::vector<uint8_t> pixels(10 * 8 * count);
  for (int64_t i = 0; i < count; ++i) pixels[80 * i] = static_cast<uint8_t>(i);
  return ImageSet(8, 10, 1, pixels).with_boxes(boxes);
}

void expect_own_boxes(const ImageSet& images) {
  std::size_t all = 0;
  for (int64_t i = 0; i < images.count(); ++i) {
    const int index = images.pixels()[80 * i];
    const auto boxes = images.boxes(i);
    EXPECT_EQ(std::ssize(boxes), index % 3);
    for (const Box& box : boxes) {
      EXPECT_EQ(box.class_, index);
      EXPECT_EQ(box, images.boxes()[all++]);
    }
  }
  EXPECT_EQ(images.boxes().size(), all);
}

TEST(BoxesTest, BelongToTheirImageInEverySliceAndShare) {
  const ImageSet images = with_numbered_boxes(60);
  ASSERT_TRUE(images.has_boxes());
  expect_own_boxes(images);
  expect_own_boxes(images.slice(10, 17));
  expect_own_boxes(images.slice(10, 17).slice(3, 5).as(Split::test));
  expect_own_boxes(images.slice(60, 0));
  const Dataset data = Dataset("numbered", images).with_validation(13);
  for (const ImageSet& part : {data.train, data.validation, data.test}) {
    ASSERT_GT(part.count(), 0);
    EXPECT_TRUE(part.has_boxes());
    expect_own_boxes(part);
  }
}

TEST(BoxesTest, MayBeUnknownOrNone) {
  const ImageSet images(2, 2, 1, std::vector<uint8_t>(8));
  EXPECT_FALSE(images.has_boxes());
  EXPECT_TRUE(images.boxes().empty());
  EXPECT_TRUE(images.boxes(1).empty());
  const ImageSet empty = images.with_boxes({{}, {}});
  EXPECT_TRUE(empty.has_boxes());
  EXPECT_TRUE(empty.boxes().empty());
  EXPECT_NE(refusal_of([&] { images.boxes(2); }).find("image 2 of 2"), std::string::npos);
}

TEST(BoxesTest, WhatIsNoBoxOfTheImageIsNamed) {
  const ImageSet images(8, 10, 1, std::vector<uint8_t>(160));  // 8 high, 10 wide
  const Box good = {0, 0, 10, 8, 3};
  EXPECT_EQ(box_problem(good, 8, 10), "");
  EXPECT_EQ(box_problem({2.5f, 1.25f, 7.51f, 6.76f, 0}, 8, 10), "") << "rounded in a file";
  EXPECT_EQ(box_problem({-0.01f, 0, 1, 1, 0}, 8, 10), "") << "likewise";
  const float infinity = std::numeric_limits<float>::infinity();
  for (const Box& bad :
       {Box{0, 0, 8, 10, 0}, Box{-1, 0, 2, 2, 0}, Box{0, -1, 2, 2, 0}, Box{9, 0, 1.1f, 1, 0},
        Box{0, 7, 1, 1.1f, 0}, Box{1, 1, 0, 1, 0}, Box{1, 1, 1, -1, 0}, Box{infinity, 0, 1, 1, 0},
        Box{0, 0, infinity, 1, 0}, Box{0, std::numeric_limits<float>::quiet_NaN(), 1, 1, 0}}) {
    EXPECT_NE(box_problem(bad, 8, 10), "");
    const std::string message = refusal_of([&] { images.with_boxes({{good}, {good, bad}}); });
    EXPECT_NE(message.find("box 1 of image 1"), std::string::npos) << message;
  }
  EXPECT_NE(refusal_of([&] { images.with_boxes({{good}}); }).find("2 images but boxes of 1"),
            std::string::npos);
}

TEST(BoxesTest, OfASliceAreItsOwn) {
  const ImageSet part = with_numbered_boxes(60).slice(20, 3);
  const Box box = {1, 2, 3, 4, 5};
  const ImageSet other = part.with_boxes({{}, {box, box}, {box}});
  EXPECT_EQ(other.first_index(), 20);
  EXPECT_EQ(other.boxes().size(), 3u);
  EXPECT_TRUE(other.boxes(0).empty());
  EXPECT_EQ(other.boxes(1).size(), 2u);
  EXPECT_EQ(other.slice(2, 1).boxes(0)[0], box);
  EXPECT_EQ(part.boxes(2).size(), 1u) << "the slice it was made of keeps its own";
  EXPECT_NE(refusal_of([&] {
              part.with_boxes({{}, {}, {Box{9, 9, 9, 9, 0}}});
            }).find("image 2"),
            std::string::npos);
}

}  // namespace
}  // namespace vae
