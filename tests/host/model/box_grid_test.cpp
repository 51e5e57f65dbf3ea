// SPDX-License-Identifier: MIT
//
// Boxes as targets of cells, and back.
#include "host/model/box_grid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "vae/error.h"

namespace vae {
namespace {

constexpr int64_t kPerCell = 9 + 3;

/// 4 x 2 cells of 10 x 15 pixels.
ModelConfig grid_model() {
  ModelConfig model;
  model.width = 40;
  model.height = 30;
  model.target = Target::boxes;
  model.target_classes = 3;
  model.grid = {4, 2};
  return model;
}

struct CellTargets {
  explicit CellTargets(const std::vector<Box>& boxes) : classes(8), numbers(32) {
    BoxGrid(grid_model()).encode(boxes, classes, numbers);
  }

  std::vector<uint8_t> classes;
  std::vector<float> numbers;
};

/// What a network would know that is sure of the targets.
std::vector<float> certain(const CellTargets& targets) {
  std::vector<float> known(8 * kPerCell, 0.0f);
  for (std::size_t cell = 0; cell < 8; ++cell) {
    float* const own = &known[cell * kPerCell];
    std::fill_n(own + 8, 4, 0.1f);
    if (targets.classes[cell] == BoxGrid::kNoObject) continue;
    own[0] = 1.0f;
    own[1 + targets.classes[cell]] = 1.0f;
    std::copy_n(&targets.numbers[cell * 4], 4, own + 4);
  }
  return known;
}

/// One cell that is fairly sure, of class 1, in the middle of the cell and as large as it.
void set_cell(std::vector<float>& known, std::size_t cell, float object, float share) {
  float* const own = &known[cell * kPerCell];
  own[0] = object;
  own[1] = 1.0f - share;
  own[2] = share;
  own[4] = own[5] = 0.5f;
}

DetectOptions from(double min_score) {
  DetectOptions options;
  options.min_score = min_score;
  return options;
}

TEST(BoxGridTest, ABoxBelongsToTheCellOfItsMiddle) {
  const CellTargets targets({{12, 14, 6, 8, 2}});  // its middle is (15, 18)
  for (std::size_t cell = 0; cell < 8; ++cell) {
    EXPECT_EQ(targets.classes[cell], cell == 5 ? 2 : BoxGrid::kNoObject) << cell;
    if (cell == 5) continue;
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(targets.numbers[cell * 4 + i], 0.0f);
  }
  EXPECT_NEAR(targets.numbers[20], 0.5, 1e-6);
  EXPECT_NEAR(targets.numbers[21], 3.0 / 15.0, 1e-6);
  EXPECT_NEAR(targets.numbers[22], std::log(0.6), 1e-6);
  EXPECT_NEAR(targets.numbers[23], std::log(8.0 / 15.0), 1e-6);
}

TEST(BoxGridTest, OfSeveralInACellTheLargestCounts) {
  const Box small{11, 1, 4, 4, 0}, large{10, 2, 8, 8, 1}, as_large{12, 3, 8, 8, 2};
  EXPECT_EQ(CellTargets({small, large}).classes[1], 1);
  EXPECT_EQ(CellTargets({large, small}).classes[1], 1);
  EXPECT_EQ(CellTargets({large, as_large}).classes[1], 1) << "of equal ones the first";
  EXPECT_EQ(CellTargets({small, large}).numbers, CellTargets({large}).numbers);
}

TEST(BoxGridTest, TheEdgesBelongToTheLastCells) {
  EXPECT_EQ(CellTargets({{39.9f, 29.9f, 0.1f, 0.1f, 0}}).classes[7], 0);
  EXPECT_EQ(CellTargets({{10, 15, 20, 0.001f, 1}}).classes[6], 1) << "(20, 15) begins a cell";
}

TEST(BoxGridTest, TargetsThatAreKnownForSureMakeTheBoxesAgain) {
  const std::vector<Box> boxes = {{1, 2, 7, 9, 0}, {22.5f, 3.25f, 10, 11, 1}, {3, 15, 30, 14, 2}};
  const auto found = BoxGrid(grid_model()).decode(certain(CellTargets(boxes)), from(0.5));
  ASSERT_EQ(found.size(), 3u);
  for (const Box& box : boxes) {
    const auto same = std::find_if(found.begin(), found.end(), [&](const Detection& detection) {
      return detection.class_ == box.class_;
    });
    ASSERT_NE(same, found.end());
    EXPECT_EQ(same->score, 1.0f);
    EXPECT_NEAR(same->x, box.x, 1e-4);
    EXPECT_NEAR(same->y, box.y, 1e-4);
    EXPECT_NEAR(same->width, box.width, 1e-4);
    EXPECT_NEAR(same->height, box.height, 1e-4);
    EXPECT_NEAR(same->deviation[0], 1.0, 1e-5) << "a tenth of a cell of 10 pixels";
    EXPECT_NEAR(same->deviation[1], 1.5, 1e-5);
    EXPECT_NEAR(same->deviation[2], 0.1 * box.width, 1e-4);
    EXPECT_NEAR(same->deviation[3], 0.1 * box.height, 1e-4);
  }
}

TEST(BoxGridTest, AScoreIsOfObjectAndClass) {
  std::vector<float> known(8 * kPerCell, 0.0f);
  set_cell(known, 2, 0.8f, 0.75f);
  const BoxGrid grid(grid_model());
  const auto both = grid.decode(known, from(0.1));
  ASSERT_EQ(both.size(), 2u) << "of either class";
  EXPECT_EQ(both[0].class_, 1);
  EXPECT_NEAR(both[0].score, 0.6, 1e-6);
  EXPECT_EQ(both[1].class_, 0);
  EXPECT_NEAR(both[1].score, 0.2, 1e-6);
  EXPECT_EQ(grid.decode(known, from(0.59)).size(), 1u);
  EXPECT_EQ(grid.decode(known, from(0.61)).size(), 0u);
}

TEST(BoxGridTest, OfBoxesOfAClassThatOverlapTheBestStays) {
  std::vector<float> known(8 * kPerCell, 0.0f);
  set_cell(known, 1, 0.7f, 1.0f);
  set_cell(known, 2, 0.9f, 1.0f);
  known[1 * kPerCell + 4] = 1.4f;  // nearly where the other one is
  const BoxGrid grid(grid_model());
  const auto found = grid.decode(known, from(0.1));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NEAR(found[0].score, 0.9, 1e-6);
  DetectOptions all = from(0.1);
  all.max_overlap = 0.95;
  EXPECT_EQ(grid.decode(known, all).size(), 2u);
  known[1 * kPerCell + 1] = 1.0f;  // now of class 0
  known[1 * kPerCell + 2] = 0.0f;
  EXPECT_EQ(grid.decode(known, from(0.1)).size(), 2u) << "of two classes";
}

TEST(BoxGridTest, TheBestComeFirstAndNoMoreThanAskedFor) {
  std::vector<float> known(8 * kPerCell, 0.0f);
  for (std::size_t cell = 0; cell < 8; ++cell) {
    set_cell(known, cell, 0.3f + 0.05f * static_cast<float>(cell * 3 % 8), 1.0f);
  }
  DetectOptions options = from(0.1);
  const auto all = BoxGrid(grid_model()).decode(known, options);
  ASSERT_EQ(all.size(), 8u);
  for (std::size_t i = 1; i < 8; ++i) EXPECT_GE(all[i - 1].score, all[i].score);
  options.most = 3;
  EXPECT_EQ(BoxGrid(grid_model()).decode(known, options),
            std::vector<Detection>(all.begin(), all.begin() + 3));
  options.most = 0;
  EXPECT_TRUE(BoxGrid(grid_model()).decode(known, options).empty());
}

TEST(BoxGridTest, WhatSticksOutIsCutOff) {
  std::vector<float> known(8 * kPerCell, 0.0f);
  set_cell(known, 0, 1.0f, 1.0f);
  float* const middle = &known[4];
  middle[2] = std::log(4.0f);  // 40 wide around (5, 7.5)
  auto found = BoxGrid(grid_model()).decode(known, from(0.5));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].x, 0.0f);
  EXPECT_NEAR(found[0].width, 25.0, 1e-4);
  middle[2] = 1e4f;  // infinitely wide
  found = BoxGrid(grid_model()).decode(known, from(0.5));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].width, 40.0f);
  middle[2] = 0.0f;
  middle[0] = -3.0f;  // beyond the image
  EXPECT_TRUE(BoxGrid(grid_model()).decode(known, from(0.5)).empty());
  middle[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(BoxGrid(grid_model()).decode(known, from(0.5)).empty());
  middle[0] = 0.5f;
  known[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(BoxGrid(grid_model()).decode(known, from(0.5)).empty());
}

TEST(BoxGridTest, RoomOfAnotherSizeIsRefused) {
  std::vector<uint8_t> classes(7);
  std::vector<float> numbers(32);
  const BoxGrid grid(grid_model());
  EXPECT_THROW(grid.encode({}, classes, numbers), Error);
  EXPECT_THROW(grid.decode(numbers, {}), Error);
}

}  // namespace
}  // namespace vae
