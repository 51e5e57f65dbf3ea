// SPDX-License-Identifier: MIT
#include "host/measure/confusion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/support/refusal.h"

namespace vae {
namespace {

using Classes = std::vector<uint8_t>;

TEST(ConfusionTest, IsWhatOneCountsByHand) {
  ConfusionMatrix confusion(4);
  // Class 3 neither is nor was found; 255 and 4 were not observed.
  confusion.add(Classes{0, 0, 0, 0, 1, 1, 1, 2, 255, 4}, Classes{0, 0, 0, 1, 1, 1, 2, 0, 1, 2});
  EXPECT_EQ(confusion.observed(), 8);
  EXPECT_EQ(confusion.count(0, 0), 3);
  EXPECT_EQ(confusion.count(0, 1), 1);
  EXPECT_EQ(confusion.count(1, 2), 1);
  EXPECT_EQ(confusion.count(2, 0), 1);
  EXPECT_EQ(confusion.accuracy(), 5.0 / 8.0);
  EXPECT_EQ(confusion.iou(0), 3.0 / 5.0);  // is: 4, found: 4, both: 3
  EXPECT_EQ(confusion.iou(1), 2.0 / 4.0);  // is: 3, found: 3, both: 2
  EXPECT_EQ(confusion.iou(2), 0.0);        // is: 1, found: 1, never both
  EXPECT_TRUE(std::isnan(confusion.iou(3)));
  EXPECT_DOUBLE_EQ(confusion.mean_iou(), (0.6 + 0.5 + 0.0) / 3.0);
  EXPECT_EQ(confusion.foreground_iou(), 3.0 / 5.0);  // the 3 of class 1; beside them 2 and 1 of 0
}

TEST(ConfusionTest, PoolsAllThatIsAdded) {
  ConfusionMatrix whole(3), parts(3);
  const Classes truth = {0, 1, 2, 2, 1, 0, 255}, found = {0, 2, 2, 1, 1, 1, 0};
  whole.add(truth, found);
  for (std::size_t i = 0; i < truth.size(); ++i) parts.add(Classes{truth[i]}, Classes{found[i]});
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 3; ++j) EXPECT_EQ(parts.count(i, j), whole.count(i, j));
  }
  EXPECT_EQ(parts.mean_iou(), whole.mean_iou());
}

TEST(ConfusionTest, OfNothingIsNoNumber) {
  ConfusionMatrix confusion(2);
  confusion.add(Classes{255, 255}, Classes{0, 1});
  EXPECT_EQ(confusion.observed(), 0);
  EXPECT_TRUE(std::isnan(confusion.accuracy()));
  EXPECT_TRUE(std::isnan(confusion.mean_iou()));
  EXPECT_TRUE(std::isnan(confusion.foreground_iou()));
  confusion.add(Classes{0}, Classes{0});
  EXPECT_EQ(confusion.mean_iou(), 1.0);
  EXPECT_TRUE(std::isnan(confusion.foreground_iou())) << "there is none";
  EXPECT_NE(test::refusal_of([&] { confusion.add(Classes{0}, Classes{2}); }), "");
  EXPECT_NE(test::refusal_of([&] { confusion.add(Classes{0, 1}, Classes{1}); }), "");
}

TEST(ConfusionTest, TheThresholdTakesWhatIsBrightForTheMostFrequentClass) {
  // Two RGB images of 1 x 4 pixels; one value above 127 makes a pixel bright.
  const Classes pixels = {0,   0, 0, 128, 0,   0,   0, 0, 127, 255, 255, 255,   //
                          200, 0, 0, 0,   130, 100, 0, 0, 0,   0,   0,   255};  //
  const Classes masks = {0, 2, 2, 1, 0, 2, 255, 255};
  const ConfusionMatrix confusion =
      threshold_confusion(ImageSet(1, 4, 3, pixels).with_masks(masks), 3);
  EXPECT_EQ(confusion.observed(), 6);
  EXPECT_EQ(confusion.count(0, 0), 1);
  EXPECT_EQ(confusion.count(0, 2), 1);
  EXPECT_EQ(confusion.count(1, 2), 1);
  EXPECT_EQ(confusion.count(2, 0), 1);
  EXPECT_EQ(confusion.count(2, 2), 2);
  EXPECT_EQ(confusion.foreground_iou(), 3.0 / 5.0);
  EXPECT_DOUBLE_EQ(confusion.mean_iou(), (1.0 / 3.0 + 0.0 + 2.0 / 5.0) / 3.0);
}

}  // namespace
}  // namespace vae
