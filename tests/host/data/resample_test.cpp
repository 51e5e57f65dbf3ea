// SPDX-License-Identifier: MIT
#include "host/data/resample.h"

#include <gtest/gtest.h>

#include "host/data/prepare.h"
#include "vae/error.h"

namespace vae {
namespace {

/// Levels that depend on their place in no simple way.
Image pattern(int64_t width, int64_t height, int64_t channels) {
  Image image{height, width, channels, {}};
  uint32_t state = 1;
  for (int64_t i = 0; i < width * height * channels; ++i) {
    state = state * 1664525u + 1013904223u;
    image.pixels.push_back(static_cast<uint8_t>(state >> 24));
  }
  return image;
}

using Levels = std::vector<uint8_t>;

TEST(ResampleTest, AConstantStaysAndTheOwnSizeIsUntouched) {
  const Image grey{7, 5, 1, Levels(35, 137)};
  for (const ImageSize size : {ImageSize{1, 1}, {3, 2}, {5, 7}, {64, 48}, {2, 100}}) {
    const Image result = resample(grey, size);
    EXPECT_EQ(result.width, size.width);
    EXPECT_EQ(result.height, size.height);
    EXPECT_EQ(result.pixels, Levels(size.width * size.height, 137));
  }
  EXPECT_EQ(resample(pattern(5, 7, 3), {5, 7}), pattern(5, 7, 3));
}

TEST(ResampleTest, HalvingWeighsEachPixelByItsTent) {
  // Two pixels wide: weights 1 3 3 1 over 8, at the edges 3 3 1 over 7.
  const Image half =
      resample(Image{2, 6, 1, {0, 40, 80, 120, 160, 200, 0, 40, 80, 120, 160, 200}}, {3, 1});
  EXPECT_EQ(half.pixels, (Levels{(0 * 3 + 40 * 3 + 80) / 7 + 1, (40 + 80 * 3 + 120 * 3 + 160) / 8,
                                 (120 + 160 * 3 + 200 * 3 + 3) / 7}));
}

TEST(ResampleTest, DoublingInterpolates) {
  const Image twice = resample(Image{1, 2, 1, {0, 200}}, {4, 2});
  EXPECT_EQ(twice.pixels, (Levels{0, 50, 150, 200, 0, 50, 150, 200}));
}

TEST(ResampleTest, TheMiddleIsCutOutAndShapesAreKept) {
  Image wide{2, 6, 1, {}};
  for (int y = 0; y < 2; ++y) {
    for (int x = 0; x < 6; ++x) wide.pixels.push_back(static_cast<uint8_t>(10 * x));
  }
  EXPECT_EQ(resample(wide, {2, 2}).pixels, (Levels{20, 30, 20, 30}));
  const Image tall = prepare(wide, {{}, false, false, true, 0.0});
  EXPECT_EQ(tall.height, 6);
  EXPECT_EQ(resample(tall, {2, 2}).pixels, (Levels{20, 20, 30, 30}));
}

// Image.resize(size, Image.Resampling.BILINEAR) of Pillow 13 on the same pixels. It rounds twice.
TEST(ResampleTest, AgreesWithPillow) {
  const auto expect_close = [](const Image& image, const Levels& expected) {
    ASSERT_EQ(image.pixels.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(image.pixels[i], expected[i], 1) << i;
    }
  };
  expect_close(resample(pattern(16, 12, 1), {4, 3}),
               {132, 126, 123, 124, 137, 134, 129, 116, 132, 128, 124, 115});
  expect_close(resample(pattern(15, 10, 1), {3, 2}), {128, 129, 126, 126, 131, 128});
  expect_close(resample(pattern(4, 3, 1), {8, 6}),
               {60, 69, 86,  103, 120, 142, 167, 180, 48, 60, 83,  107, 133, 153, 164, 171,
                24, 42, 77,  116, 159, 174, 159, 152, 10, 36, 86,  125, 151, 157, 141, 134,
                6,  41, 111, 134, 110, 102, 112, 117, 4,  44, 123, 138, 89,  75,  97,  108});
  expect_close(resample(pattern(12, 8, 3), {3, 2}), {135, 146, 129, 130, 133, 98, 118, 122, 137,
                                                     129, 120, 117, 129, 103, 130, 147, 130, 144});
}

TEST(PrepareTest, GreyIsTheLumaOfRec601) {
  // Image.convert("L") of Pillow 13.
  const Image colours{1, 5, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 20, 30}};
  EXPECT_EQ(prepare(colours, {{}, true}).pixels, (Levels{76, 150, 29, 255, 18}));
  const Image grey{1, 2, 1, {7, 9}};
  EXPECT_EQ(prepare(grey, {{}, true}), grey);
  EXPECT_EQ(prepare(grey, {{}, false, true}).pixels, (Levels{7, 7, 7, 9, 9, 9}));
  const Image five{1, 1, 5, Levels(5)};
  EXPECT_THROW(prepare(five, {{}, true}), Error);
  EXPECT_EQ(prepare(five, {{}, false, false, true}), five);
}

TEST(PrepareTest, TransposingTurnsRowsIntoColumns) {
  const Image image{2, 3, 1, {1, 2, 3, 4, 5, 6}};
  const Image turned = prepare(image, {{}, false, false, true});
  EXPECT_EQ(turned, (Image{3, 2, 1, {1, 4, 2, 5, 3, 6}}));
  EXPECT_EQ(prepare(turned, {{}, false, false, true}), image);
}

TEST(PrepareTest, SetsKeepLabelsNamesAndSplit) {
  const ImageSet set = ImageSet(2, 2, 1, {0, 0, 0, 0, 8, 8, 8, 8}, {1, 0})
                           .with_names({"a.png", "b.png"}, {"cat", "dog"})
                           .as(Split::test);
  const ImageSet small = prepare(set, {{1, 1}, false, true});
  EXPECT_EQ(small.channels(), 3);
  EXPECT_EQ(small.image(1).pixels, (Levels{8, 8, 8}));
  EXPECT_EQ(small.labels()[0], 1);
  EXPECT_EQ(small.names()[1], "b.png");
  EXPECT_EQ(small.label_names()[1], "dog");
  EXPECT_EQ(small.split(), Split::test);
}

TEST(PrepareTest, MasksFollowTheirImagesByTheNearestPixel) {
  const Image mask{2, 4, 1, {1, 2, 3, 4, 5, 6, 7, 8}};
  EXPECT_EQ(resample_nearest(mask, {2, 2}), (Image{2, 2, 1, {2, 3, 6, 7}})) << "the middle";
  EXPECT_EQ(resample_nearest(mask, {4, 2}), mask);
  EXPECT_EQ(resample_nearest(mask, {8, 4}).pixels,
            (Levels{1, 1, 2, 2, 3, 3, 4, 4, 1, 1, 2, 2, 3, 3, 4, 4,
                    5, 5, 6, 6, 7, 7, 8, 8, 5, 5, 6, 6, 7, 7, 8, 8}));
  EXPECT_EQ(resample_nearest({1, 3, 1, {1, 2, 3}}, {1, 1}).pixels, (Levels{2}));
  const ImageSet set = ImageSet(2, 4, 1, Levels(16, 9))
                           .with_masks({1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 255});
  const ImageSet turned = prepare(set, {{}, false, false, true});
  EXPECT_EQ(Levels(turned.masks().begin(), turned.masks().end()),
            (Levels{1, 5, 2, 6, 3, 7, 4, 8, 11, 15, 12, 16, 13, 17, 14, 255}));
  const ImageSet small = prepare(set, {{2, 2}});
  EXPECT_EQ(Levels(small.masks().begin(), small.masks().end()),
            (Levels{2, 3, 6, 7, 12, 13, 16, 17}));
}

TEST(PrepareTest, AdviceIsTheWholeCommandWhereItIsKnown) {
  LoadOptions options;
  EXPECT_EQ(advise(options, "do it", "--grey"), "; to do it add --grey");
  options.command = "vae train --data d";
  EXPECT_EQ(advise(options, "do it", "--grey"), "; to do it:\n  vae train --data d --grey");
}

}  // namespace
}  // namespace vae
