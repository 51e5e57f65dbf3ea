// SPDX-License-Identifier: MIT
//
// Scenes against what they promise, by plain loops over pixels.
#include "host/data/scene.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/image.h"

namespace vae {
namespace {

using test::refusal_of;

constexpr int64_t kSide = 9, kThings = 40;
constexpr SceneConfig kScene = {1, 3, {20, 17}, 4};  // 20 wide, 17 high

/// Thing i: a block of its own size and place with a dim rim around, of label i % 10. Its level is
/// its own, too: 130 + i.
ImageSet things(int64_t channels = 1, int64_t count = kThings) {
  std::vector<uint8_t> pixels(count * kSide * kSide * channels), labels;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t height = 2 + i % 4, width = 2 + i % 3, top = 1 + i % 3, left = 1 + i % 4;
    for (int64_t y = top - 1; y <= top + height; ++y) {
      for (int64_t x = left - 1; x <= left + width; ++x) {
        const bool rim = y < top || y == top + height || x < left || x == left + width;
        const int64_t channel = i % channels;
        pixels[((i * kSide + y) * kSide + x) * channels + channel] =
            static_cast<uint8_t>(rim ? 40 : 130 + i % 120);
      }
    }
    labels.push_back(static_cast<uint8_t>(i % 10));
  }
  return ImageSet(kSide, kSide, channels, pixels, labels);
}

uint8_t brightest(const ImageSet& scenes, int64_t scene, int64_t row, int64_t column) {
  const auto values = scenes.pixels().subspan(
      ((scene * scenes.height() + row) * scenes.width() + column) * scenes.channels(),
      scenes.channels());
  return *std::max_element(values.begin(), values.end());
}

uint8_t class_at(const ImageSet& scenes, int64_t scene, int64_t row, int64_t column) {
  return scenes.masks()[(scene * scenes.height() + row) * scenes.width() + column];
}

bool holds(const Box& box, int64_t row, int64_t column) {
  const auto y = static_cast<float>(row), x = static_cast<float>(column);
  return y >= box.y && y < box.y + box.height && x >= box.x && x < box.x + box.width;
}

/// Pixels that two boxes have in common.
int64_t shared(const ImageSet& scenes, const Box& a, const Box& b) {
  int64_t count = 0;
  for (int64_t y = 0; y < scenes.height(); ++y) {
    for (int64_t x = 0; x < scenes.width(); ++x) count += holds(a, y, x) && holds(b, y, x) ? 1 : 0;
  }
  return count;
}

TEST(SceneTest, HasTheSizeAndTheNumbersAskedFor) {
  const ImageSet scenes = make_scenes(things(), kScene);
  EXPECT_EQ(scenes.count(), kThings);
  EXPECT_EQ(scenes.width(), 20);
  EXPECT_EQ(scenes.height(), 17);
  EXPECT_EQ(scenes.channels(), 1);
  EXPECT_TRUE(scenes.labels().empty());
  EXPECT_EQ(std::ssize(scenes.masks()), kThings * 20 * 17);
  std::map<std::size_t, int> numbers;
  for (int64_t i = 0; i < kThings; ++i) ++numbers[scenes.boxes(i).size()];
  EXPECT_EQ(numbers.begin()->first, 1u);
  EXPECT_EQ(numbers.rbegin()->first, 3u);
  EXPECT_EQ(numbers.size(), 3u) << "one, two and three";
  const ImageSet exactly = make_scenes(things(), {2, 2, {40, 40}, 0});
  for (int64_t i = 0; i < kThings; ++i) EXPECT_EQ(exactly.boxes(i).size(), 2u);
}

TEST(SceneTest, TheFirstThingIsTheImageOfItsNumber) {
  const ImageSet scenes = make_scenes(things(), {1, 3, {20, 17}, 0});
  for (int64_t i = 0; i < kThings; ++i) {
    const Box first = scenes.boxes(i)[0];
    EXPECT_EQ(first.class_, i % 10);
    EXPECT_EQ(first.height, 2.0f + static_cast<float>(i % 4)) << "the block, without its rim";
    EXPECT_EQ(first.width, 2.0f + static_cast<float>(i % 3));
    bool found = false;
    for (int64_t y = 0; y < scenes.height(); ++y) {
      for (int64_t x = 0; x < scenes.width(); ++x) {
        found = found || (holds(first, y, x) && brightest(scenes, i, y, x) == 130 + i);
      }
    }
    EXPECT_TRUE(found) << i;
  }
}

TEST(SceneTest, MasksAndBoxesSayWhatThePixelsShow) {
  for (const int64_t channels : {1, 3}) {
    const ImageSet scenes = make_scenes(things(channels), {1, 3, {20, 17}, 0});
    for (int64_t i = 0; i < kThings; ++i) {
      for (int64_t y = 0; y < scenes.height(); ++y) {
        for (int64_t x = 0; x < scenes.width(); ++x) {
          const bool ink = brightest(scenes, i, y, x) > 127;
          const uint8_t mask = class_at(scenes, i, y, x);
          EXPECT_EQ(mask > 0, ink);
          if (!ink) continue;
          // The later thing lies above; the blocks have no holes.
          std::optional<uint8_t> last;
          for (const Box& box : scenes.boxes(i)) {
            if (holds(box, y, x)) last = box.class_;
          }
          ASSERT_TRUE(last);
          EXPECT_EQ(mask, *last + 1);
        }
      }
      for (const Box& box : scenes.boxes(i)) {
        EXPECT_GE(box.x, 1.0f) << "a rim lies around";
        EXPECT_GE(box.y, 1.0f);
        EXPECT_LE(box.x + box.width, 19.0f);
        EXPECT_LE(box.y + box.height, 16.0f);
      }
    }
  }
}

TEST(SceneTest, BoxesShareAtMostAQuarterOfTheSmallerOne) {
  const ImageSet scenes = make_scenes(things(), {4, 16, {20, 17}, 0});
  int64_t touching = 0, dropped = 0;
  for (int64_t i = 0; i < kThings; ++i) {
    const auto boxes = scenes.boxes(i);
    for (std::size_t a = 0; a < boxes.size(); ++a) {
      for (std::size_t b = a + 1; b < boxes.size(); ++b) {
        const auto area = [](const Box& box) { return box.width * box.height; };
        const auto common = static_cast<float>(shared(scenes, boxes[a], boxes[b]));
        EXPECT_LE(4.0f * common, std::min(area(boxes[a]), area(boxes[b])));
        touching += common > 0.0f ? 1 : 0;
      }
    }
    dropped += boxes.size() < 16 ? 1 : 0;
  }
  EXPECT_GT(touching, 0) << "some do";
  EXPECT_GT(dropped, 0);
}

TEST(SceneTest, PlacesAreUniform) {
  const ImageSet scenes = make_scenes(things(1, 4000), {1, 1, {20, 17}, 0});
  // Blocks of 2 x 2 with a rim have 17 x 14 places.
  std::vector<int64_t> columns(17), rows(14);
  int64_t count = 0;
  for (int64_t i = 0; i < scenes.count(); i += 12) {
    const Box box = scenes.boxes(i)[0];
    ++columns[static_cast<std::size_t>(box.x) - 1];
    ++rows[static_cast<std::size_t>(box.y) - 1];
    ++count;
  }
  const auto unevenness = [&](const std::vector<int64_t>& found) {
    const double expected = static_cast<double>(count) / static_cast<double>(found.size());
    double sum = 0.0;
    for (const int64_t n : found)
      sum += (static_cast<double>(n) - expected) * (static_cast<double>(n) - expected) / expected;
    return sum;
  };
  EXPECT_LT(unevenness(columns), 39.3);  // chi squared of 16 degrees at 0.1 %
  EXPECT_LT(unevenness(rows), 34.6);     // of 13
}

TEST(SceneTest, ClutterIsOfNoClassAndFromTheSet) {
  const ImageSet with = make_scenes(things(), {1, 3, {20, 17}, 20});
  int64_t cluttered = 0;
  for (int64_t i = 0; i < kThings; ++i) {
    EXPECT_GE(with.boxes(i).size(), 1u);
    for (int64_t y = 0; y < with.height(); ++y) {
      for (int64_t x = 0; x < with.width(); ++x) {
        if (class_at(with, i, y, x) > 0) {
          EXPECT_GT(brightest(with, i, y, x), 127) << "things lie above";
        } else {
          cluttered += brightest(with, i, y, x) > 0 ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(cluttered, 1000);
  const ImageSet only = make_scenes(things(), {0, 1, {20, 17}, 3});
  int64_t empty = 0;
  for (int64_t i = 0; i < kThings; ++i) empty += only.boxes(i).empty() ? 1 : 0;
  EXPECT_GT(empty, 5);
  EXPECT_LT(empty, 35);
}

/// The numbers hold the drawing: others would be other data under every run.
TEST(SceneTest, TheScenesAreAlwaysTheSame) {
  const ImageSet scenes = make_scenes(things(), kScene);
  const ImageSet again = make_scenes(things(), kScene);
  EXPECT_TRUE(std::equal(scenes.pixels().begin(), scenes.pixels().end(), again.pixels().begin()));
  const ImageSet one_by_one = make_scenes(things(1, 20), {1, 1, {20, 17}, 0});
  const ImageSet all = make_scenes(things(), {1, 1, {20, 17}, 0});
  for (int64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(one_by_one.boxes(i)[0], all.boxes(i)[0]) << "depends on its index alone";
  }
  Dataset data;
  data.train = scenes;
  data.name = "things";
  EXPECT_EQ(data.fingerprint(), "801ad83ea65d8728");
}

TEST(SceneTest, EverySplitHasItsOwn) {
  Dataset data;
  data.name = "things";
  data.train = things();
  data.test = things().as(Split::test);
  const Dataset scenes = data.with_scenes(kScene);
  EXPECT_EQ(scenes.prepared.scene, kScene);
  EXPECT_EQ(scenes.test.split(), Split::test);
  EXPECT_EQ(scenes.validation.count(), 0);
  const auto train = scenes.train.pixels(), test = scenes.test.pixels();
  EXPECT_FALSE(std::equal(train.begin(), train.end(), test.begin()));
  EXPECT_NE(refusal_of([&] { scenes.with_scenes(kScene); }).find("scenes already"),
            std::string::npos);
  // Nothing of one set is in the other: the levels tell where a pixel comes from.
  data.train = things().slice(0, 20);
  const Dataset apart = data.with_scenes({3, 3, {20, 17}, 9});
  for (const uint8_t pixel : apart.train.pixels()) {
    EXPECT_TRUE(pixel == 0 || pixel == 40 || (pixel >= 130 && pixel < 150));
  }
}

TEST(SceneTest, SmallSetsAndDarkImagesHaveWhatTheyCan) {
  const ImageSet two = make_scenes(things(1, 2), {3, 3, {40, 40}, 0});
  EXPECT_EQ(two.boxes(0).size(), 2u) << "there are no more";
  std::vector<uint8_t> dark(81);
  dark[40] = 127;
  const ImageSet images = ImageSet(9, 9, 1, dark, {3}).with_names({"a.png"}, {"0", "1", "2", "x"});
  const ImageSet scenes = make_scenes(images, {1, 1, {9, 9}, 0});
  EXPECT_TRUE(scenes.boxes(0).empty());
  EXPECT_EQ(std::count(scenes.masks().begin(), scenes.masks().end(), 0), 81);
  EXPECT_EQ(std::count(scenes.pixels().begin(), scenes.pixels().end(), 127), 1);
  EXPECT_EQ(scenes.names()[0], "a.png");
  EXPECT_EQ(scenes.label_names()[3], "x");
  const ImageSet black(4, 5, 1, std::vector<uint8_t>(20), {1});
  EXPECT_TRUE(make_scenes(black, {1, 2, {8, 8}, 2}).boxes(0).empty());
  EXPECT_EQ(make_scenes(ImageSet(), kScene).count(), 0);
  EXPECT_EQ(make_scenes(things(), {}).width(), kSide) << "no scenes";
}

TEST(SceneTest, WhatScenesCannotBeMadeOfIsNamed) {
  const auto refused = [](const ImageSet& images, const SceneConfig& config) {
    return refusal_of([&] { make_scenes(images, config); });
  };
  EXPECT_NE(refused(things().with_labels({}), kScene).find("labels"), std::string::npos);
  EXPECT_NE(refused(things(), {1, 1, {20, 8}, 0}).find("9 x 9"), std::string::npos);
  EXPECT_NE(refused(things(), {1, 17, {20, 20}, 0}).find("data.scene (--scene)"),
            std::string::npos);
  EXPECT_NE(refused(things().with_masks(std::vector<uint8_t>(kThings * 81)), kScene).find("masks"),
            std::string::npos);
  EXPECT_NE(refused(things().with_side(1, std::vector<float>(kThings)), kScene).find("side"),
            std::string::npos);
  EXPECT_NE(refused(things(1, 1000), {1, 1, {4096, 4096}, 0}).find("GiB"), std::string::npos);
  const auto unsupported = [](const ImageSet& images) {
    try {
      make_scenes(images, kScene);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::unsupported);
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_NE(unsupported(things(4)).find("4 channels"), std::string::npos);
  std::vector<uint8_t> labels(kThings, 3);
  labels[7] = 254;
  EXPECT_NE(unsupported(things().with_labels(labels)).find("image 7 is 254"), std::string::npos);
}

TEST(SceneTest, LoadingMakesThem) {
  const test::ScratchFolder folder;
  LoadOptions options;
  options.data.scene = {1, 3, {40, 40}, 6};
  Dataset mnist = Dataset::load("mnist");
  const ImageSet digits = mnist.test.slice(0, 3);
  mnist.train = mnist.train.slice(0, 90);
  mnist.test = mnist.test.slice(0, 30);
  mnist.save(folder / "digits.npz");
  const Dataset scenes = Dataset::load(folder / "digits.npz", options);
  EXPECT_EQ(scenes.prepared, options.data);
  EXPECT_EQ(scenes.train.count(), 90);
  EXPECT_EQ(scenes.test.image_size(), 1600);
  EXPECT_EQ(*std::max_element(scenes.test.masks().begin(), scenes.test.masks().end()), 10);
  EXPECT_TRUE(std::ranges::equal(scenes.test.pixels(),
                                 mnist.with_scenes(options.data.scene).test.pixels()));
  // Of pictures that no model was trained on, too, which are of the test split.
  std::filesystem::create_directories(folder / "digits/7");
  for (int64_t i = 0; i < 3; ++i) {
    save_png(folder / ("digits/7/" + std::to_string(i) + ".png"), digits.image(i));
  }
  ModelConfig model;
  model.height = model.width = 40;
  const ImageSet loaded = load_images(folder / "digits", model, options);
  EXPECT_EQ(loaded.split(), Split::test);
  EXPECT_EQ(loaded.masks().size(), 3u * 1600u);
  for (const Box& box : loaded.boxes()) EXPECT_EQ(box.class_, 0) << "the only label";
}

}  // namespace
}  // namespace vae
