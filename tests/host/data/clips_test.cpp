// SPDX-License-Identifier: MIT
//
// Clips against what they promise, by plain loops over pixels.
#include "host/data/clips.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/data/scene.h"
#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/prediction.h"

namespace vae {
namespace {

using test::refusal_of;

constexpr int64_t kBlockSide = 5, kBlocks = 60;
/// 30 wide, 20 high.
constexpr SceneConfig kOneMoves = {1, 1, {30, 20}, 0, 12, 2.0, 5.0};

/// Image i: a block of 2 rows and 3 columns of level 100 + i, at its own place.
ImageSet blocks(int64_t channels = 1) {
  std::vector<uint8_t> pixels(kBlocks * kBlockSide * kBlockSide * channels);
  for (int64_t i = 0; i < kBlocks; ++i) {
    for (int64_t y = 0; y < 2; ++y) {
      for (int64_t x = 0; x < 3; ++x) {
        const int64_t row = i % 3 + y, column = i % 2 + x;
        pixels[((i * kBlockSide + row) * kBlockSide + column) * channels] =
            static_cast<uint8_t>(100 + i);
      }
    }
  }
  return ImageSet(kBlockSide, kBlockSide, channels, pixels);
}

uint8_t level(const ImageSet& clips, int64_t clip, int64_t frame, int64_t row, int64_t column) {
  const int64_t at = ((clip * clips.height() + row) * clips.width() + column) * clips.channels();
  return clips.pixels()[static_cast<std::size_t>(at + frame)];
}

/// Where the upper left pixel of a level is, row and column.
std::pair<int64_t, int64_t> corner(const ImageSet& clips, int64_t clip, int64_t frame) {
  for (int64_t row = 0; row < clips.height(); ++row) {
    for (int64_t column = 0; column < clips.width(); ++column) {
      if (level(clips, clip, frame, row, column) > 0) return {row, column};
    }
  }
  ADD_FAILURE() << "nothing in frame " << frame;
  return {};
}

/// Of numbers behind the last image the images begin anew, and the paths are others.
TEST(ClipsTest, ClipsOfLaterNumbersAreTheseClips) {
  const ImageSet clips = make_clips(blocks(), kOneMoves);
  const auto size = clips.pixels().size() / kBlocks;
  for (const int64_t first : {int64_t{7}, kBlocks, 3 * kBlocks + 7}) {
    const ImageSet later = make_clips(blocks(), kOneMoves, first);
    ASSERT_EQ(later.count(), kBlocks);
    int64_t same = 0;
    for (int64_t i = 0; i < kBlocks; ++i) {
      const auto [row, column] = corner(later, i, 0);
      EXPECT_EQ(level(later, i, 0, row, column), 100 + (first + i) % kBlocks);
      const auto* const clip = clips.pixels().data() + (first + i) % kBlocks * size;
      if (std::equal(clip, clip + size, later.pixels().data() + i * size)) ++same;
    }
    EXPECT_EQ(same, first < kBlocks ? kBlocks - first : 0) << first;
  }
}

TEST(ClipsTest, EveryFrameHasAllOfWhatMoves) {
  const ImageSet clips = make_scenes(blocks(), kOneMoves);
  EXPECT_EQ(clips.count(), kBlocks);
  EXPECT_EQ(clips.height(), 20);
  EXPECT_EQ(clips.width(), 30);
  EXPECT_EQ(clips.channels(), 12);
  EXPECT_TRUE(clips.masks().empty() && clips.labels().empty() && !clips.has_boxes());
  for (int64_t i = 0; i < kBlocks; ++i) {
    for (int64_t frame = 0; frame < 12; ++frame) {
      const auto [top, left] = corner(clips, i, frame);
      int64_t pixels = 0;
      for (int64_t row = 0; row < 20; ++row) {
        for (int64_t column = 0; column < 30; ++column) {
          const bool inside = row >= top && row < top + 2 && column >= left && column < left + 3;
          ASSERT_EQ(level(clips, i, frame, row, column), inside ? 100 + i : 0);
          pixels += inside ? 1 : 0;
        }
      }
      ASSERT_EQ(pixels, 6) << "the block of image " << i;
    }
  }
}

/// On the line that the border folds, a thing goes straight on: places are pixels of
/// place(t) = start + t step, reflected.
TEST(ClipsTest, ThingsMoveStraightAtTheirSpeedAndAreThrownBack) {
  double slowest = 1e9, fastest = 0.0;
  int64_t thrown_back = 0, quadrants[4] = {};
  for (int64_t i = 0; i < 400; ++i) {
    SceneDraws draws(Split::train, i);
    const Path path = draw_path(draws, kOneMoves, 18, 27);
    const double unit = kPlaceUnits;
    const double down = static_cast<double>(path.down) / unit,
                 aside = static_cast<double>(path.aside) / unit;
    const double speed = std::hypot(down, aside);
    slowest = std::min(slowest, speed);
    fastest = std::max(fastest, speed);
    ++quadrants[(down > 0 ? 2 : 0) + (aside > 0 ? 1 : 0)];
    double row = static_cast<double>(path.top) / unit, step = down;
    double column = static_cast<double>(path.left) / unit, step_aside = aside;
    for (int64_t frame = 0; frame < 40; ++frame) {
      ASSERT_NEAR(static_cast<double>(path.row(frame)), row, 0.5 + 1e-6) << i << ' ' << frame;
      ASSERT_NEAR(static_cast<double>(path.column(frame)), column, 0.5 + 1e-6);
      ASSERT_TRUE(path.row(frame) >= 0 && path.row(frame) <= 18);
      ASSERT_TRUE(path.column(frame) >= 0 && path.column(frame) <= 27);
      row += step;
      column += step_aside;
      if (row < 0.0 || row > 18.0) {
        row = row < 0.0 ? -row : 36.0 - row;
        step = -step;
        ++thrown_back;
      }
      if (column < 0.0 || column > 27.0) {
        column = column < 0.0 ? -column : 54.0 - column;
        step_aside = -step_aside;
      }
    }
  }
  EXPECT_GE(slowest, 2.0 - 1e-4);
  EXPECT_LE(fastest, 5.0 + 1e-4);
  EXPECT_LT(slowest, 2.1);
  EXPECT_GT(fastest, 4.9);
  EXPECT_GT(thrown_back, 400);
  for (const int64_t clips : quadrants) EXPECT_NEAR(static_cast<double>(clips), 100.0, 45.0);
}

TEST(ClipsTest, WhatFillsAClipStays) {
  SceneDraws draws(Split::train, 3);
  const Path path = draw_path(draws, kOneMoves, 0, 9);
  for (int64_t frame = 0; frame < 12; ++frame) EXPECT_EQ(path.row(frame), 0);
  const ImageSet clips = make_scenes(blocks(), {1, 1, {8, 8}, 0, 3, 64.0, 64.0});
  EXPECT_EQ(clips.channels(), 3);
}

TEST(ClipsTest, OfTwoThingsTheBrighterIsSeen) {
  SceneConfig two = kOneMoves;
  two.fewest = two.most = 2;
  two.size = {8, 8};
  const ImageSet clips = make_scenes(blocks(), two);
  int64_t overlaps = 0;
  for (int64_t i = 0; i < kBlocks; ++i) {
    for (int64_t frame = 0; frame < 12; ++frame) {
      int64_t brightest = 0, bright = 0, all = 0;
      for (int64_t at = 0; at < 64; ++at) {
        const int64_t value = level(clips, i, frame, at / 8, at % 8);
        if (value > brightest) bright = 0;
        brightest = std::max(brightest, value);
        bright += value == brightest ? 1 : 0;
        all += value > 0 ? 1 : 0;
      }
      ASSERT_EQ(bright, 6) << "the brighter one is whole";
      overlaps += all < 12 ? 1 : 0;
    }
  }
  EXPECT_GT(overlaps, 20);
}

/// The numbers hold the drawing: others would be other data under every run.
TEST(ClipsTest, TheClipsAreAlwaysTheSame) {
  const ImageSet clips = make_scenes(blocks(), kOneMoves);
  SceneConfig longer = kOneMoves, fewer = kOneMoves;
  longer.frames = 20;
  fewer.count = 7;
  const ImageSet on = make_scenes(blocks(), longer), some = make_scenes(blocks(), fewer);
  EXPECT_EQ(some.count(), 7);
  for (int64_t i = 0; i < 7; ++i) {
    for (int64_t frame = 0; frame < 12; ++frame) {
      EXPECT_EQ(corner(on, i, frame), corner(clips, i, frame)) << "longer clips begin alike";
      EXPECT_EQ(corner(some, i, frame), corner(clips, i, frame)) << "depends on its number alone";
    }
  }
  const ImageSet test = make_scenes(blocks().as(Split::test), kOneMoves);
  EXPECT_FALSE(std::equal(test.pixels().begin(), test.pixels().end(), clips.pixels().begin()));
  EXPECT_EQ(test.split(), Split::test);
  Dataset data;
  data.name = "blocks";
  data.train = clips;
  EXPECT_EQ(data.fingerprint(), "58b5fac42555e498");
}

TEST(ClipsTest, CountLimitsStillScenesToo) {
  std::vector<uint8_t> labels(kBlocks, 3);
  const ImageSet images =
      blocks().with_labels(labels).with_names(std::vector<std::string>(kBlocks, "a.png"), {});
  SceneConfig scene = {1, 2, {20, 20}, 3};
  const ImageSet all = make_scenes(images, scene);
  scene.count = 5;
  const ImageSet five = make_scenes(images, scene);
  EXPECT_EQ(five.count(), 5);
  EXPECT_EQ(five.names().size(), 5u);
  EXPECT_TRUE(std::equal(five.pixels().begin(), five.pixels().end(), all.pixels().begin()));
  EXPECT_TRUE(std::equal(five.masks().begin(), five.masks().end(), all.masks().begin()));
  scene.count = kBlocks + 1;
  EXPECT_EQ(make_scenes(images, scene).count(), kBlocks);
}

TEST(ClipsTest, WhatCannotMoveIsRefused) {
  const auto says = [](const ImageSet& images, const SceneConfig& scene, const std::string& part) {
    const std::string text = refusal_of([&] { make_scenes(images, scene); });
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  SceneConfig scene = kOneMoves;
  scene.clutter = 3;
  says(blocks(), scene, "clutter=3 and frames=12");
  scene = kOneMoves;
  scene.slowest = 6.0;
  says(blocks(), scene, "speed=6-5");
  scene = kOneMoves;
  scene.slowest = scene.fastest = 0.0;
  says(blocks(), scene, "frames=12 without speed");
  scene.frames = 0;
  scene.slowest = scene.fastest = 1.0;
  says(blocks(), scene, "without frames");
  says(blocks(), {1, 1, {4096, 4096}, 0, 1024, 1.0, 2.0}, "16 GiB");
  says(ImageSet(20, 31, 1, std::vector<uint8_t>(620)), kOneMoves, "31 x 20");
  EXPECT_THROW(make_scenes(blocks(3), kOneMoves), Error) << "of colours";
}

/// Every clip of every epoch is one of its own, and none is one that was set aside.
TEST(ClipsTest, ThoseMadeAnewForAnEpochWereNotSeenBefore) {
  SceneConfig renewed = kOneMoves;
  renewed.renew = 1;
  renewed.count = 50;
  Dataset plain("blocks", blocks(), blocks());
  const Dataset data = plain.with_scenes(renewed).with_validation(8);
  ASSERT_EQ(data.train.count(), 42);
  std::set<std::vector<uint8_t>> seen;
  int64_t clips = 0;
  const auto add = [&](const ImageSet& set) {
    EXPECT_EQ(set.channels(), 12);
    for (int64_t i = 0; i < set.count(); ++i, ++clips) {
      const auto clip = set.pixels().subspan(i * set.image_size(), set.image_size());
      seen.emplace(clip.begin(), clip.end());
    }
  };
  add(data.validation);
  for (const int64_t epoch : {0, 1, 2, 7}) {
    const ImageSet images = data.train_in_epoch(epoch);
    EXPECT_EQ(images.count(), 42);
    EXPECT_EQ(images.split(), Split::train);
    add(images);
  }
  EXPECT_EQ(static_cast<int64_t>(seen.size()), clips);
  const ImageSet again = data.train_in_epoch(7), once = data.train_in_epoch(7);
  EXPECT_TRUE(std::ranges::equal(again.pixels(), once.pixels()));
  EXPECT_TRUE(std::ranges::equal(data.train_in_epoch(0).pixels(), data.train.pixels()));

  renewed.renew = 0;
  const Dataset same = plain.with_scenes(renewed).with_validation(8);
  EXPECT_TRUE(std::ranges::equal(same.train.pixels(), data.train.pixels())) << "the first epoch's";
  EXPECT_TRUE(std::ranges::equal(same.train_in_epoch(3).pixels(), same.train.pixels()));
}

TEST(ClipFileTest, FramesOfAnArrayAreChannels) {
  const test::ScratchFolder folder;
  ModelConfig model;
  model.height = 2;
  model.width = 3;
  std::vector<uint8_t> bytes;
  for (int i = 0; i < 2 * 4 * 6; ++i) bytes.push_back(static_cast<uint8_t>(5 * i));
  save_npy(folder / "many.npy", {2, 4, 2, 3}, bytes);
  const ImageSet clips = load_clips(folder / "many.npy", model);
  EXPECT_EQ(clips.count(), 2);
  EXPECT_EQ(clips.channels(), 4);
  EXPECT_EQ(clips.split(), Split::test);
  for (int64_t clip = 0; clip < 2; ++clip) {
    for (int64_t frame = 0; frame < 4; ++frame) {
      for (int64_t at = 0; at < 6; ++at) {
        EXPECT_EQ(level(clips, clip, frame, at / 3, at % 3), 5 * ((clip * 4 + frame) * 6 + at));
      }
    }
  }
  save_npy(folder / "one.npy", {8, 2, 3}, bytes);
  EXPECT_EQ(load_clips(folder / "one.npy", model).count(), 1);
  EXPECT_EQ(load_clips(folder / "one.npy", model).channels(), 8);
  save_npy(folder / "grey.npy", Array{{1, 2, 3}, {0, 0.2f, 0.4f, 0.6f, 0.8f, 1}});
  EXPECT_EQ(level(load_clips(folder / "grey.npy", model), 0, 0, 1, 2), 255);
}

TEST(ClipFileTest, OthersAreRefusedWithWhatTheyShouldBe) {
  const test::ScratchFolder folder;
  ModelConfig model;
  model.height = 2;
  model.width = 3;
  const auto says = [&](const std::string& name, const std::vector<std::string>& parts) {
    try {
      load_clips(folder / name, model);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::unsupported || error.code() == ErrorCode::corrupt);
      for (const std::string& part : parts) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      }
    }
  };
  const std::vector<uint8_t> bytes(24);
  save_npy(folder / "turned.npy", {4, 3, 2}, bytes);
  says("turned.npy", {"turned.npy", "2 x 3", "found 3 x 2"});
  save_npy(folder / "flat.npy", {4, 6}, bytes);
  says("flat.npy", {"rank 2", "[frames, height, width]"});
  save_npy(folder / "deep.npy", {1, 4, 2, 3, 1}, bytes);
  says("deep.npy", {"rank 5"});
  save_npy(folder / "levels.npy", Array{{1, 2, 3}, {0, 1, 2, 3, 4, 300}});
  says("levels.npy", {"levels.npy"});
  test::write_text(folder / "page.npy", "<html>");
  says("page.npy", {"page.npy"});
}

}  // namespace
}  // namespace vae
