// SPDX-License-Identifier: MIT
//
// Volumes from outside: which voxel is seen where, from which side, and what hides what.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/support/refusal.h"
#include "vae/volumes.h"

namespace vae {
namespace {

using test::refusal_of;

constexpr int64_t kViewHeight = 5, kViewWidth = 6, kViewDepth = 8,
                  kViewReach = 10;  // the diagonal of 6 x 8

struct ViewVoxels {
  std::vector<float> values = std::vector<float>(kViewHeight * kViewWidth * kViewDepth);

  float& at(int64_t row, int64_t column, int64_t slice) {
    return values[static_cast<std::size_t>((row * kViewWidth + column) * kViewDepth + slice)];
  }
};

Image view_of(const ViewVoxels& voxels, double degrees, int64_t pixels = 1) {
  return turned_picture(voxels.values, kViewHeight, kViewWidth, kViewDepth, degrees, pixels);
}

/// Row and column of the only pixel that is not nearly black, the column in voxels of the volume's
/// `side`.
std::pair<int64_t, int64_t> only_bright_pixel(const Image& picture, int64_t side) {
  const auto brightest = std::max_element(picture.pixels.begin(), picture.pixels.end());
  EXPECT_GT(*brightest, 60);
  for (auto pixel = picture.pixels.begin(); pixel != picture.pixels.end(); ++pixel) {
    if (pixel == brightest) continue;
    EXPECT_LT(*pixel, *brightest / 2);
  }
  const int64_t at = brightest - picture.pixels.begin();
  return {at / picture.width, at % picture.width - (picture.width - side) / 2};
}

using ViewPlace = std::pair<int64_t, int64_t>;

TEST(TurningViewTest, EverySideShowsAVoxelWhereItIs) {
  ViewVoxels voxels;
  voxels.at(1, 4, 2) = 1.0f;
  EXPECT_EQ(turned_size(kViewHeight, kViewWidth, kViewDepth), (ViewPlace{kViewHeight, kViewReach}));
  EXPECT_EQ(view_of(voxels, 0.0).height, kViewHeight);
  EXPECT_EQ(view_of(voxels, 0.0).width, kViewReach);
  EXPECT_EQ(view_of(voxels, 0.0).channels, 1);
  EXPECT_EQ(only_bright_pixel(view_of(voxels, 0.0), kViewWidth), (ViewPlace{1, 4}))
      << "from before slice 0";
  EXPECT_EQ(only_bright_pixel(view_of(voxels, 90.0), kViewDepth), (ViewPlace{1, 2}))
      << "the last slice is right";
  EXPECT_EQ(only_bright_pixel(view_of(voxels, 180.0), kViewWidth),
            (ViewPlace{1, kViewWidth - 1 - 4}));
  EXPECT_EQ(only_bright_pixel(view_of(voxels, 270.0), kViewDepth),
            (ViewPlace{1, kViewDepth - 1 - 2}));
  EXPECT_EQ(view_of(voxels, 360.0), view_of(voxels, 0.0));
  EXPECT_EQ(view_of(voxels, -90.0), view_of(voxels, 270.0));
}

TEST(TurningViewTest, WhatIsInFrontIsBrighterAndHidesWhatIsBehind) {
  ViewVoxels voxels;
  voxels.at(1, 1, 1) = voxels.at(3, 1, 6) = 1.0f;
  const auto pixel = [](const Image& picture, int64_t row, int64_t column) {
    return picture.pixels[static_cast<std::size_t>(row * picture.width + column)];
  };
  const Image front = view_of(voxels, 0.0), back = view_of(voxels, 180.0);
  EXPECT_GT(pixel(front, 1, 3), pixel(front, 3, 3) + 20);
  EXPECT_LT(pixel(back, 1, kViewReach - 1 - 3), pixel(back, 3, kViewReach - 1 - 3) - 20);
  ViewVoxels wall;
  for (int64_t row = 0; row < kViewHeight; ++row) {
    for (int64_t column = 0; column < kViewWidth; ++column) wall.at(row, column, 1) = 1.0f;
  }
  const Image alone = view_of(wall, 0.0), alone_from_behind = view_of(wall, 180.0);
  EXPECT_GT(pixel(alone, 2, 5), 150) << "it faces the viewer";
  wall.at(2, 3, 5) = 1.0f;
  EXPECT_EQ(view_of(wall, 0.0), alone);
  EXPECT_NE(view_of(wall, 180.0), alone_from_behind);
}

TEST(TurningViewTest, FacesTowardsTheLightAreBrighter) {
  ViewVoxels block;
  for (int64_t row = 1; row < 4; ++row) {
    for (int64_t column = 1; column < 5; ++column) {
      for (int64_t slice = 1; slice < 7; ++slice) block.at(row, column, slice) = 1.0f;
    }
  }
  // From a corner: two upright faces, of which the left one is turned to the light.
  const Image picture = view_of(block, 45.0, 4);
  const auto row = picture.pixels.begin() + 10 * picture.width;
  double left = 0.0, right = 0.0;
  for (int64_t column = 0; column < picture.width; ++column) {
    (column < picture.width / 2 ? left : right) += row[column];
  }
  EXPECT_GT(left, 1.2 * right);
}

TEST(TurningViewTest, FogIsWhatLiesBetweenClearAndSolid) {
  ViewVoxels voxels;
  int before = -1;
  for (const float value : {0.1f, 0.3f, 0.45f, 0.7f, 1.0f, 7.0f}) {
    voxels.at(2, 2, 4) = value;
    const Image picture = view_of(voxels, 0.0);
    const int brightest = *std::max_element(picture.pixels.begin(), picture.pixels.end());
    EXPECT_EQ(brightest == 0, value < 0.2f) << value;
    EXPECT_GE(brightest, before) << value;
    if (value == 0.45f) {
      EXPECT_GT(brightest, 10);
      EXPECT_LT(brightest, 200);
    }
    before = brightest;
  }
  for (const float clear : {-3.0f, std::numeric_limits<float>::quiet_NaN()}) {
    voxels.at(2, 2, 4) = clear;
    const Image picture = view_of(voxels, 0.0);
    EXPECT_EQ(std::count(picture.pixels.begin(), picture.pixels.end(), 0),
              std::ssize(picture.pixels));
  }
}

TEST(TurningViewTest, AFilmIsAWholeTurn) {
  ViewVoxels voxels;
  voxels.at(1, 4, 2) = voxels.at(3, 0, 5) = 1.0f;
  const std::vector<Image> film =
      turning_view(voxels.values, kViewHeight, kViewWidth, kViewDepth, 8, 3);
  ASSERT_EQ(film.size(), 8u);
  for (std::size_t frame = 0; frame < film.size(); ++frame) {
    EXPECT_EQ(film[frame], view_of(voxels, 45.0 * static_cast<double>(frame), 3));
    EXPECT_EQ(film[frame].height, 3 * kViewHeight);
    EXPECT_EQ(film[frame].width, 3 * kViewReach);
  }
  EXPECT_NE(film[1], film[3]);
}

TEST(TurningViewTest, SlicesAreTheChannels) {
  ViewVoxels voxels;
  voxels.at(1, 4, 2) = 1.0f;
  voxels.at(0, 0, 7) = 0.2f;
  const std::vector<Image> slices =
      slice_pictures(voxels.values, kViewHeight, kViewWidth, kViewDepth);
  ASSERT_EQ(slices.size(), static_cast<std::size_t>(kViewDepth));
  for (int64_t slice = 0; slice < kViewDepth; ++slice) {
    Image expected{kViewHeight, kViewWidth, 1, std::vector<uint8_t>(kViewHeight * kViewWidth)};
    if (slice == 2) expected.pixels[1 * kViewWidth + 4] = 255;
    if (slice == 7) expected.pixels[0] = 51;
    EXPECT_EQ(slices[static_cast<std::size_t>(slice)], expected) << slice;
  }
}

TEST(TurningViewTest, RefusesWhatIsNoVolume) {
  const std::vector<float> voxels(kViewHeight * kViewWidth * kViewDepth);
  const auto refused = [&](const auto& draw) { return refusal_of([&] { draw(); }); };
  EXPECT_NE(refused([&] { turned_picture(voxels, 5, 6, 9, 0.0); }).find("5 x 6 x 9"),
            std::string::npos);
  EXPECT_NE(refused([&] { slice_pictures(voxels, 5, 6, 9); }).find("5 x 6 x 9"), std::string::npos);
  EXPECT_NE(refused([&] { turned_picture(voxels, 5, 6, 8, 0.0, 65); }).find("65 pixels"),
            std::string::npos);
  EXPECT_NE(refused([&] { turned_picture(voxels, 5, 6, 8, std::nan("")); }).find("degrees"),
            std::string::npos);
  EXPECT_NE(refused([&] { turning_view(voxels, 5, 6, 8, 0); }).find("0 frames"), std::string::npos);
  EXPECT_NE(refused([&] { turned_size(0, 6, 8); }).find("a side of 0"), std::string::npos);
  EXPECT_NE(refused([&] { turned_size(5, 6, 5000); }).find("a side of 5000"), std::string::npos);
}

}  // namespace
}  // namespace vae
