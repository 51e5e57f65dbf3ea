// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "host/draw/canvas.h"
#include "host/draw/font.h"
#include "vae/image.h"

namespace vae {
namespace {

using Pixels = std::map<std::pair<int64_t, int64_t>, double>;

Pixels pixels_of_text(const std::string& text) {
  Pixels pixels;
  for_text_pixels(text, [&](int64_t x, int64_t y, double coverage) {
    EXPECT_GT(coverage, 0.0);
    EXPECT_LE(coverage, 1.0);
    EXPECT_GE(y, -kTextAscent);
    EXPECT_LT(y, kTextDescent);
    pixels[{x, y}] = coverage;
  });
  return pixels;
}

TEST(TextTest, EveryLetterLooksLikeItselfAndStaysOnItsLine) {
  std::set<Pixels> letters;
  for (char letter = '!'; letter <= '~'; ++letter) {
    const Pixels pixels = pixels_of_text(std::string(1, letter));
    EXPECT_FALSE(pixels.empty()) << letter;
    EXPECT_TRUE(letters.insert(pixels).second) << letter;
  }
  EXPECT_TRUE(pixels_of_text(" ").empty());
  EXPECT_NE(pixels_of_text("ä"), pixels_of_text("a"));
}

TEST(TextTest, WhatTheTypefaceLacksIsABox) {
  const Pixels box = pixels_of_text("犬");
  EXPECT_FALSE(box.empty());
  EXPECT_EQ(pixels_of_text("\xff"), box) << "a byte that is no UTF-8";
  EXPECT_EQ(text_width("犬犬"), 2 * text_width("\xff"));
}

TEST(TextTest, AWordIsItsLettersOneAfterAnother) {
  EXPECT_EQ(text_width(""), 0);
  EXPECT_EQ(text_width("abc"), text_width("a") + text_width("b") + text_width("c"));
  int64_t right = 0;
  for (const auto& [place, coverage] : pixels_of_text("abc")) right = std::max(right, place.first);
  EXPECT_LE(right, text_width("abc"));
  EXPECT_GT(right, text_width("ab"));
}

TEST(TextTest, WhatDoesNotFitEndsWithDots) {
  const std::string text = "Äpfel und Birnen";
  EXPECT_EQ(fitting_text(text, 1000), text);
  const std::string cut = fitting_text(text, text_width(text) - 1);
  EXPECT_TRUE(cut.ends_with("..."));
  EXPECT_LT(text_width(cut), text_width(text));
  EXPECT_TRUE(text.starts_with(cut.substr(0, cut.size() - 3)));
}

TEST(CanvasTest, DrawsNothingOutside) {
  Canvas canvas(4, 4, 3, {255, 255, 255});
  canvas.disk(-20, -20, 3, {0, 0, 0}, 1.0);
  canvas.disk(30, 2, 3, {0, 0, 0}, 1.0);
  canvas.text(-100, 300, "text", {0, 0, 0});
  canvas.text_upwards(2, 900, "text", {0, 0, 0});
  canvas.rectangle(-5, -5, 3, 3, {0, 0, 0});
  EXPECT_EQ(canvas.image().pixels, std::vector<uint8_t>(48, 255));
  canvas.disk(2, 2, 9, {1, 2, 3}, 1.0);
  EXPECT_EQ(canvas.image().pixels[0], 1);
  EXPECT_EQ(canvas.image().pixels[47], 3);
}

TEST(LabelImagesTest, RowsHaveTheirLabelsAndThePictureStays) {
  const Image rows{60, 30, 1, std::vector<uint8_t>(1800, 7)};
  const Image labelled = label_rows(rows, {"z3  KL 1.25", "z0"});
  EXPECT_EQ(labelled.height, 60);
  const int64_t left = labelled.width - 30;
  EXPECT_GT(left, text_width("z3  KL 1.25"));
  const auto dark = [&](int64_t from, int64_t to) {
    int64_t count = 0;
    for (int64_t y = from; y < to; ++y) {
      for (int64_t x = 0; x < left; ++x) count += labelled.pixels[y * labelled.width + x] < 128;
      EXPECT_EQ(labelled.pixels[y * labelled.width + left], 7);
    }
    return count;
  };
  EXPECT_GT(dark(0, 30), dark(30, 60)) << "the longer label stands above";
  EXPECT_GT(dark(30, 60), 10);
  EXPECT_EQ(label_rows(rows, {"a", "b", "c", "d"}), rows) << "15 pixels hold no line of text";
}

TEST(LabelImagesTest, ACaptionStandsBelowAndFits) {
  const Image picture{5, 40, 3, std::vector<uint8_t>(600, 9)};
  const Image captioned = add_caption(picture, "a caption that is too long");
  EXPECT_EQ(captioned.width, 40);
  EXPECT_EQ(captioned.height, 5 + kTextHeight);
  EXPECT_TRUE(std::equal(picture.pixels.begin(), picture.pixels.end(), captioned.pixels.begin()));
  EXPECT_LT(*std::min_element(captioned.pixels.begin() + 600, captioned.pixels.end()), 128);
}

}  // namespace
}  // namespace vae
