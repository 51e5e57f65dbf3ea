// SPDX-License-Identifier: MIT
//
// Volumes made of pictures against what they promise, in float64.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "host/data/scene.h"
#include "host/data/scene_parts.h"
#include "host/io/xxh64.h"
#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"

namespace vae {
namespace {

using test::refusal_of;

constexpr int64_t kLetterRows = 7, kLetterColumns = 9, kLetterCount = 200;
constexpr SceneConfig volume(ImageSize size, int64_t depth) {
  return {.fewest = 1, .most = 1, .size = size, .depth = depth};
}
constexpr SceneConfig kLetterVolume = volume({16, 10}, 18);  // 16 wide, 10 high, 18 slices

/// Picture i: an L of a level of its own, of label i % 10.
ImageSet letters(int64_t count = kLetterCount, int64_t channels = 1) {
  std::vector<uint8_t> pixels(count * kLetterRows * kLetterColumns * channels), labels;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t row = 1; row < kLetterRows - 1; ++row) {
      for (int64_t column = 2; column < kLetterColumns - 1; ++column) {
        if (column > 3 && row < kLetterRows - 3) continue;
        pixels[((i * kLetterRows + row) * kLetterColumns + column) * channels] =
            static_cast<uint8_t>(155 + i % 100);
      }
    }
    labels.push_back(static_cast<uint8_t>(i % 10));
  }
  return ImageSet(kLetterRows, kLetterColumns, channels, pixels, labels);
}

double letter_voxel(const ImageSet& set, int64_t i, int64_t row, int64_t column, int64_t slice) {
  return set.pixels()[((i * set.height() + row) * set.width() + column) * set.channels() + slice];
}

/// The numbers that a volume is made by, drawn as the maker draws them.
struct DrawnPose {
  explicit DrawnPose(Split split, int64_t image) {
    SceneDraws draws(split, image);
    thickness = 4.0 + static_cast<double>(draws.below(5));
    angle = (static_cast<double>(draws.below(int64_t{1} << 32)) + 0.5) * 0x1p-32 * 2.0 *
            std::numbers::pi;
  }
  double thickness, angle;
};

/// The picture between its pixels, linear along a row, times how much of a voxel is within.
double solid_letter(const ImageSet& pictures, int64_t i, int64_t row, double across, double deep,
                    double thickness) {
  if (row < 0 || row >= kLetterRows) return 0.0;
  const double place = across + 0.5 * static_cast<double>(kLetterColumns - 1);
  const auto left = static_cast<int64_t>(std::floor(place));
  const double weight = place - static_cast<double>(left);
  const auto value = [&](int64_t column) {
    return column < 0 || column >= kLetterColumns ? 0.0 : letter_voxel(pictures, i, row, column, 0);
  };
  const double cover = std::clamp(0.5 * thickness + 0.5 - std::abs(deep), 0.0, 1.0);
  return cover * ((1.0 - weight) * value(left) + weight * value(left + 1));
}

TEST(VolumesTest, IsThePictureMadeSolidAndTurned) {
  const ImageSet pictures = letters(), volumes = make_scenes(pictures, kLetterVolume);
  ASSERT_EQ(volumes.count(), kLetterCount);
  EXPECT_EQ(volumes.height(), 10);
  EXPECT_EQ(volumes.width(), 16);
  EXPECT_EQ(volumes.channels(), 18);
  for (int64_t i = 0; i < 20; ++i) {
    const DrawnPose pose(Split::train, i);
    const double c = std::cos(pose.angle), s = std::sin(pose.angle);
    for (int64_t row = 0; row < 10; ++row) {
      for (int64_t column = 0; column < 16; ++column) {
        for (int64_t slice = 0; slice < 18; ++slice) {
          const double x = static_cast<double>(column) - 7.5, z = static_cast<double>(slice) - 8.5;
          ASSERT_NEAR(
              letter_voxel(volumes, i, row, column, slice),
              solid_letter(pictures, i, row - 1, x * c + z * s, z * c - x * s, pose.thickness),
              0.75)
              << i << ": row " << row << ", column " << column << ", slice " << slice;
        }
      }
    }
  }
}

/// The volumes are what is turned, not only cut through: they keep their mass.
TEST(VolumesTest, KeepsTheMassOfEveryRow) {
  const ImageSet pictures = letters(), volumes = make_scenes(pictures, kLetterVolume);
  std::map<int64_t, int> thicknesses;
  for (int64_t i = 0; i < kLetterCount; ++i) {
    double thickness = 0.0;
    for (int64_t row = 0; row < kLetterRows; ++row) {
      double flat = 0.0, solid = 0.0;
      for (int64_t column = 0; column < kLetterColumns; ++column) {
        flat += letter_voxel(pictures, i, row, column, 0);
      }
      for (int64_t at = 0; at < 16 * 18; ++at) {
        solid += letter_voxel(volumes, i, row + 1, at / 18, at % 18);
      }
      if (flat == 0.0) {
        EXPECT_EQ(solid, 0.0);
        continue;
      }
      thickness = solid / flat;
      EXPECT_NEAR(thickness, std::round(thickness), 0.3) << i << ", row " << row;
    }
    ++thicknesses[std::lround(thickness)];
  }
  EXPECT_EQ(thicknesses.size(), 5u);
  EXPECT_EQ(thicknesses.begin()->first, 4);
  EXPECT_EQ(thicknesses.rbegin()->first, 8);
}

TEST(VolumesTest, IsTurnedByEveryAngle) {
  std::map<int, int> quadrants;
  for (int64_t i = 0; i < kLetterCount; ++i) {
    const double angle = DrawnPose(Split::train, i).angle;
    ++quadrants[static_cast<int>(angle / (0.5 * std::numbers::pi))];
  }
  ASSERT_EQ(quadrants.size(), 4u);
  for (const auto& [quadrant, count] : quadrants) EXPECT_GT(count, kLetterCount / 8) << quadrant;
}

TEST(VolumesTest, DependsOnSplitAndIndexAlone) {
  const ImageSet all = make_scenes(letters(), kLetterVolume),
                 few = make_scenes(letters(7), kLetterVolume);
  EXPECT_TRUE(std::ranges::equal(few.pixels(), all.slice(0, 7).pixels()));
  const ImageSet test = make_scenes(letters().as(Split::test), kLetterVolume);
  EXPECT_EQ(test.split(), Split::test);
  EXPECT_FALSE(std::ranges::equal(test.pixels(), all.pixels()));
}

/// Others would be other data under every run.
TEST(VolumesTest, HasTheVoxelsOfEveryMachine) {
  Xxh64 hash;
  hash.update(std::as_bytes(make_scenes(letters(), kLetterVolume).pixels()));
  EXPECT_EQ(to_hex(hash.digest()), "fa2a3ecc365cab7e");
}

TEST(VolumesTest, KeepsLabelsAndNamesAndNeedsNone) {
  const std::vector<std::string> names(kLetterCount, "a.png"), labels(10, "letter");
  const ImageSet volumes = make_scenes(letters().with_names(names, labels), kLetterVolume);
  EXPECT_TRUE(std::ranges::equal(volumes.labels(), letters().labels()));
  EXPECT_EQ(volumes.names().size(), names.size());
  EXPECT_EQ(volumes.label_names()[9], "letter");
  EXPECT_TRUE(volumes.masks().empty());
  EXPECT_FALSE(volumes.has_boxes());
  const ImageSet labelled = letters();
  const auto pixels = labelled.pixels();
  const ImageSet unlabelled(kLetterRows, kLetterColumns, 1, {pixels.begin(), pixels.end()});
  EXPECT_TRUE(
      std::ranges::equal(make_scenes(unlabelled, kLetterVolume).pixels(), volumes.pixels()));
}

TEST(VolumesTest, ScenesWithADepthAreVolumes) {
  const Dataset data("letters", letters(), letters(20));
  const Dataset volumes = data.with_scenes(kLetterVolume);
  EXPECT_EQ(volumes.prepared.scene, kLetterVolume);
  EXPECT_EQ(volumes.test.count(), 20);
  EXPECT_EQ(volumes.test.channels(), 18);
  EXPECT_TRUE(
      std::ranges::equal(volumes.train.pixels(), make_scenes(letters(), kLetterVolume).pixels()));
  EXPECT_EQ(make_scenes(ImageSet(), kLetterVolume).count(), 0);
}

TEST(VolumesTest, RefusesWhatWouldBeLost) {
  const auto refused = [](const ImageSet& images, const SceneConfig& config = kLetterVolume) {
    return refusal_of([&] { make_scenes(images, config); });
  };
  const std::vector<uint8_t> masks(kLetterCount * kLetterRows * kLetterColumns);
  EXPECT_NE(refused(letters().with_masks(masks)).find("masks"), std::string::npos);
  EXPECT_NE(refused(letters().with_side(1, std::vector<float>(kLetterCount))).find("side vectors"),
            std::string::npos);
  EXPECT_NE(refused(letters(), volume({8, 10}, 8)).find("no room"), std::string::npos);
  EXPECT_NE(refused(letters(), volume({4096, 4096}, 1024)).find("GiB"), std::string::npos);
  EXPECT_NE(
      refused(letters(), {.fewest = 1, .most = 2, .size = {16, 16}, .depth = 8}).find("digits=1"),
      std::string::npos);
  try {
    make_scenes(letters(3, 3), kLetterVolume);
    ADD_FAILURE() << "colours";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(error.what()).find("--scene none"), std::string::npos);
  }
}

}  // namespace
}  // namespace vae
