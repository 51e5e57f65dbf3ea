// SPDX-License-Identifier: MIT
#include "vae/latent_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "host/draw/palette.h"
#include "host/map/frame.h"
#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

size_t times_in(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

int64_t pixels_of(const Image& image, Colour colour) {
  int64_t count = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    count += Colour{image.pixels[i], image.pixels[i + 1], image.pixels[i + 2]} == colour;
  }
  return count;
}

const Array kPlane = {{4, 2}, {-1, -1, -1, 1, 1, -1, 1, 1}};
const std::vector<uint8_t> kLabels = {0, 0, 1, 1};

TEST(LatentMapTest, TwoDimensionsAreThePlaneItself) {
  const LatentMap map = make_latent_map(kPlane, kLabels);
  EXPECT_EQ(map.points.values, kPlane.values);
  EXPECT_EQ(map.x_axis, "latent dimension 0");
  EXPECT_EQ(map.y_axis, "latent dimension 1");
  EXPECT_TRUE(map.explained.empty());
}

TEST(LatentMapTest, OneDimensionHasABandForEachClass) {
  const LatentMap map = make_latent_map({{4, 1}, {5, 6, 7, 8}}, std::vector<uint8_t>{9, 2, 9, 2});
  EXPECT_EQ(map.y_axis, "");
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(map.points.row(i)[0], static_cast<float>(5 + i));
    EXPECT_NEAR(map.points.row(i)[1], i % 2 == 0 ? -1.0 : 0.0, 0.36) << "2 lies above 9";
  }
}

TEST(LatentMapTest, MoreDimensionsAreLaidOntoTheirPrincipalComponents) {
  Array codes{{4, 3}, {0, 3, 0, 0, -3, 0, 1, 0, 0, -1, 0, 0}};
  const LatentMap map = make_latent_map(codes);
  EXPECT_NEAR(map.points.row(0)[0], 3.0, 1e-5);
  EXPECT_NEAR(map.points.row(3)[1], -1.0, 1e-5);
  ASSERT_EQ(map.explained.size(), 2u);
  EXPECT_NEAR(map.explained[0], 0.9, 1e-6);
  EXPECT_EQ(map.x_axis, "first principal component: 90.0 % of the variance");
}

TEST(LatentMapTest, APlaceOfTheMapIsACode) {
  // On their plane lie the codes themselves.
  const Array codes{{4, 3}, {1, 5, 2, 1, -1, 2, 2, 2, 2, 0, 2, 2}};
  for (const int64_t width : {1, 2, 3}) {
    Array some{{4, width}, {}};
    for (int64_t i = 0; i < 4; ++i) {
      some.values.insert(some.values.end(), codes.row(i), codes.row(i) + width);
    }
    const LatentMap map = make_latent_map(some);
    ASSERT_EQ(map.directions.size(), static_cast<size_t>(std::min<int64_t>(width, 2)));
    for (int64_t i = 0; i < 4; ++i) {
      EXPECT_EQ(map.rows[static_cast<size_t>(i)], i);
      for (int64_t k = 0; k < width; ++k) {
        const auto at = static_cast<size_t>(k);
        double value = map.origin[at];
        for (size_t axis = 0; axis < map.directions.size(); ++axis) {
          value += map.points.row(i)[axis] * map.directions[axis][at];
        }
        EXPECT_NEAR(value, some.row(i)[k], 1e-5) << width << " dimensions, code " << i;
      }
    }
  }
}

TEST(LatentMapTest, CodesThatAreNotFiniteAreLeftOutAndCounted) {
  Array codes = kPlane;
  codes.values[3] = std::numeric_limits<float>::quiet_NaN();
  const LatentMap map = make_latent_map(codes, kLabels);
  EXPECT_EQ(map.points.rows(), 3);
  EXPECT_EQ(map.labels, (std::vector<uint8_t>{0, 1, 1}));
  EXPECT_EQ(map.rows, (std::vector<int64_t>{0, 2, 3}));
  EXPECT_EQ(map.note, "left out: 1 of 4 images, whose codes are not finite");
  for (const int64_t count : {0, 3}) {
    test::expect_error(ErrorCode::invalid_argument,
                       [&] { make_latent_map(kPlane, std::vector<uint8_t>(5 + count)); },
                       {"for 4 codes"});
  }
  codes.values.assign(8, std::numeric_limits<float>::infinity());
  test::expect_error(ErrorCode::invalid_argument, [&] { make_latent_map(codes); }, {"none of 4"});
}

TEST(LatentMapTest, ADotHasTheColourOfItsClassAtItsPlace) {
  const LatentMap map = make_latent_map(kPlane, kLabels, std::vector<std::string>{"cat", "dog"});
  const Image image = draw_latent_map(map, 400);
  const MapFrame frame = make_map_frame(map);
  ASSERT_EQ(frame.classes.size(), 2u);
  EXPECT_EQ(frame.classes[1].name, "dog");
  EXPECT_NE(frame.classes[0].colour, frame.classes[1].colour);
  // The class on the left has its dots left of those of the class on the right.
  const auto columns_of = [&](Colour colour) {
    std::set<int64_t> columns;
    for (int64_t i = 0; i < image.width * image.height; ++i) {
      const uint8_t* pixel = image.pixels.data() + 3 * i;
      const bool near = std::abs(pixel[0] - colour.red) + std::abs(pixel[1] - colour.green) +
                            std::abs(pixel[2] - colour.blue) <
                        100;
      // Left of the legend and above the axis.
      if (near && i % image.width < 480 && i / image.width < 400) columns.insert(i % image.width);
    }
    return columns;
  };
  const auto cats = columns_of(frame.classes[0].colour), dogs = columns_of(frame.classes[1].colour);
  ASSERT_FALSE(cats.empty());
  ASSERT_FALSE(dogs.empty());
  EXPECT_LT(*cats.rbegin(), *dogs.begin());
  for (const MapClass& each : frame.classes) {
    EXPECT_GT(pixels_of(image, each.colour), 100) << "in the legend";
  }
}

TEST(LatentMapTest, WithoutLabelsThereIsNoLegend) {
  const Image plain = draw_latent_map(make_latent_map(kPlane), 300);
  const Image labelled = draw_latent_map(make_latent_map(kPlane, kLabels), 300);
  EXPECT_LT(plain.width, labelled.width);
  EXPECT_EQ(plain.height, labelled.height);
}

TEST(LatentMapTest, TwoHundredAndFiftySixClassesFitBesideTheDots) {
  Array codes{{256, 2}, {}};
  std::vector<uint8_t> labels;
  std::vector<std::string> names;
  for (int i = 0; i < 256; ++i) {
    codes.values.insert(codes.values.end(), {static_cast<float>(i % 16), static_cast<float>(i)});
    labels.push_back(static_cast<uint8_t>(i));
    names.push_back("a class with a name that is far too long to be written out, " +
                    std::to_string(i));
  }
  const LatentMap map = make_latent_map(codes, labels, names);
  const Image image = draw_latent_map(map, 300);
  EXPECT_LT(image.width, 8000);
  EXPECT_LT(latent_map_svg(map).size(), size_t{100} << 10);
  std::set<std::string> colours;
  for (const MapClass& each : make_map_frame(map).classes) colours.insert(css_text(each.colour));
  EXPECT_EQ(colours.size(), 256u);
}

TEST(LatentMapTest, TheDrawingHasEveryDotAndEscapedNames) {
  LatentMap map =
      make_latent_map(kPlane, kLabels, std::vector<std::string>{"<script>", "dog & cat"});
  map.note = "the first 4 of 9 test images";
  const std::string svg = latent_map_svg(map);
  EXPECT_EQ(times_in(svg, "h0"), 4u);
  EXPECT_EQ(times_in(svg, "<script"), 0u);
  EXPECT_EQ(times_in(svg, "dog &amp; cat"), 2u) << "in the legend and among the dots";
  EXPECT_EQ(times_in(svg, "the first 4 of 9 test images"), 1u);
  EXPECT_EQ(times_in(svg, "nan"), 0u);
}

TEST(LatentMapTest, OnePointAndAlikePointsAreDrawn) {
  for (const Array& codes :
       {Array{{1, 5}, {1, 2, 3, 4, 5}}, Array{{3, 2}, {1, 2, 1, 2, 1, 2}}, Array{{2, 1}, {4, 4}}}) {
    const LatentMap map = make_latent_map(codes);
    EXPECT_EQ(times_in(latent_map_svg(map), "nan"), 0u);
    EXPECT_GT(draw_latent_map(map, 100).width, 100);
  }
  test::expect_error(ErrorCode::invalid_argument,
                     [] { draw_latent_map(make_latent_map(kPlane), 99); }, {"99 pixels"});
}

}  // namespace
}  // namespace vae
