// SPDX-License-Identifier: MIT
//
// Boxes drawn into pictures.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "vae/detection.h"
#include "vae/error.h"

namespace vae {
namespace {

using Pixel = std::array<uint8_t, 3>;

constexpr Pixel kGreyPixel = {90, 90, 90}, kWhitePixel = {255, 255, 255};

Image grey_square(int64_t channels = 1) {
  return {40, 40, channels, std::vector<uint8_t>(static_cast<std::size_t>(1600 * channels), 90)};
}

Pixel pixel_of(const Image& image, int64_t x, int64_t y) {
  const uint8_t* const at = &image.pixels[static_cast<std::size_t>((y * image.width + x) * 3)];
  return {at[0], at[1], at[2]};
}

TEST(DrawBoxesTest, AFrameStandsAroundWhatWasFound) {
  const std::vector<Detection> found = {{{10, 15, 20, 12, 3}, 0.5f, {}}};
  for (const int64_t channels : {1, 3}) {
    const Image image = draw_boxes(grey_square(channels), found, {}, 10, {}, 5);
    ASSERT_EQ(image.width, 200);
    ASSERT_EQ(image.height, 200);
    ASSERT_EQ(image.channels, 3);
    const Pixel frame = pixel_of(image, 50, 100);
    EXPECT_NE(frame, kGreyPixel);
    for (const auto& [x, y] : std::vector<std::pair<int64_t, int64_t>>{
             {50, 75}, {149, 75}, {50, 134}, {149, 134}, {100, 75}, {149, 100}, {100, 134}}) {
      EXPECT_EQ(pixel_of(image, x, y), frame) << x << ' ' << y;
    }
    EXPECT_EQ(pixel_of(image, 100, 100), kGreyPixel) << "within";
    EXPECT_EQ(pixel_of(image, 48, 100), kGreyPixel) << "without";
    EXPECT_EQ(pixel_of(image, 152, 100), kGreyPixel);
  }
}

TEST(DrawBoxesTest, ClassesHaveColoursAndTextsOfTheirOwn) {
  const auto drawn = [](uint8_t label, float score, std::span<const std::string> names = {}) {
    const std::vector<Detection> found = {{{10, 15, 20, 12, label}, score, {}}};
    return draw_boxes(grey_square(), found, {}, 10, names, 5);
  };
  EXPECT_NE(pixel_of(drawn(1, 0.5f), 50, 100), pixel_of(drawn(2, 0.5f), 50, 100));
  EXPECT_NE(drawn(1, 0.5f).pixels, drawn(1, 0.6f).pixels);
  const std::vector<std::string> names = {"cat", "dog"}, others = {"cat", "cow"};
  EXPECT_NE(drawn(1, 0.5f, names).pixels, drawn(1, 0.5f, others).pixels);
  EXPECT_EQ(drawn(2, 0.5f, names).pixels, drawn(2, 0.5f).pixels) << "no name, its number";
  const std::vector<std::string> hostile = {"", "\x1b[31m\n"}, shown = {"", "\\x1b[31m\\x0a"};
  EXPECT_EQ(drawn(1, 0.5f, hostile).pixels, drawn(1, 0.5f, shown).pixels);
}

TEST(DrawBoxesTest, WhatIsKnownIsDashedAndWhite) {
  const std::vector<Box> known = {{10, 15, 20, 12, 3}};
  const Image image = draw_boxes(grey_square(), {}, known, 10, {}, 5);
  int64_t white = 0, grey = 0;
  for (int64_t x = 50; x < 150; ++x) {
    white += pixel_of(image, x, 75) == kWhitePixel;
    grey += pixel_of(image, x, 75) == kGreyPixel;
  }
  EXPECT_EQ(white + grey, 100);
  EXPECT_GT(white, 40);
  EXPECT_GT(grey, 40);
  EXPECT_EQ(draw_boxes(grey_square(3), {}, {}, 10).pixels, grey_square(3).pixels);
}

TEST(DrawBoxesTest, BoxesAtTheEdgesStayInThePicture) {
  const std::vector<Detection> found = {{{0, 0, 40, 40, 0}, 1.0f, {}},
                                        {{39, 39, 1, 1, 200}, 0.01f, {}},
                                        {{-5, -5, 100, 100, 1}, 0.2f, {}}};
  for (const int64_t factor : {1, 7}) {
    const Image image = draw_boxes(grey_square(), found, {}, 3, {}, factor);
    EXPECT_EQ(image.width, 40 * factor);
    EXPECT_NE(pixel_of(image, 0, 0), kGreyPixel);
    EXPECT_NE(pixel_of(image, 40 * factor - 1, 40 * factor - 1), kGreyPixel);
  }
  EXPECT_THROW(draw_boxes(grey_square(), {}, {}, 3, {}, 0), Error);
}

}  // namespace
}  // namespace vae
