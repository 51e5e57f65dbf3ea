// SPDX-License-Identifier: MIT
#include "host/data/array_images.h"

#include "host/io/number_bytes.h"
#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using test::expect_error;

void expect_layout(const std::vector<int64_t>& dims, const ArrayLayout& expected) {
  const ArrayLayout found = layout_of(dims, "f");
  EXPECT_EQ(found.height, expected.height);
  EXPECT_EQ(found.width, expected.width);
  EXPECT_EQ(found.channels, expected.channels);
  EXPECT_EQ(found.channels_first, expected.channels_first);
}

TEST(ArrayLayoutTest, TheDimensionsTellWhatTheyAre) {
  expect_layout({9, 28, 20}, {28, 20, 1});
  expect_layout({9, 28, 28, 1}, {28, 28, 1});
  expect_layout({9, 32, 20, 3}, {32, 20, 3});
  expect_layout({9, 3, 32, 20}, {32, 20, 3, true});
  expect_layout({9, 1, 28, 28}, {28, 28, 1, true});
  expect_layout({9, 2, 3, 3}, {2, 3, 3});  // small pictures in colour, not two planes
  expect_layout({9, 1, 2, 2}, {2, 2, 1, true});
  expect_layout({9, 12, 64, 64}, {64, 64, 12, true});
  expect_layout({9, 64, 64, 12}, {64, 64, 12});
  expect_layout({9, 28, 28, 28}, {28, 28, 28, true});  // a cube is depth, height, width
  expect_layout({9, 40, 28, 28}, {28, 28, 40, true});  // neighbours that are equal
  expect_layout({9, 28, 28, 40}, {28, 28, 40});
  expect_layout({9, 20, 28, 30}, {28, 30, 20, true});
  expect_layout({9, 30, 28, 20}, {30, 28, 20});
  expect_layout({9, 784}, {28, 28, 1});
  expect_layout({9, 12}, {3, 4, 1});
  expect_layout({9, 13}, {1, 13, 1});
  expect_layout({9, 4, 5, 6, 7}, {4, 210, 1});
  expect_error(ErrorCode::unsupported, [] { layout_of({9}, "f"); }, {"rank 1"});
  expect_error(ErrorCode::unsupported, [] { layout_of({}, "f"); }, {"rank 0"});
  expect_error(ErrorCode::unsupported, [] { layout_of({1, int64_t{1} << 40, 2}, "f"); });
  expect_error(ErrorCode::unsupported, [] {
    layout_of({1, 1 << 20, 1 << 20, 1 << 20, 1 << 20}, "f");
  });
}

/// What is written as reads_channels_last() says is read as what it was.
TEST(ArrayLayoutTest, WrittenImagesAreReadAsWhatTheyWere) {
  const std::vector<ArrayLayout> sizes = {{28, 28, 3},  {28, 28, 28}, {28, 28, 16}, {28, 28, 40},
                                          {28, 40, 28}, {2, 2, 3},    {30, 20, 24}};
  for (const ArrayLayout& size : sizes) {
    const bool last = reads_channels_last(size.height, size.width, size.channels);
    const std::vector<int64_t> dims =
        last ? std::vector<int64_t>{9, size.height, size.width, size.channels}
             : std::vector<int64_t>{9, size.channels, size.height, size.width};
    expect_layout(dims, {size.height, size.width, size.channels, !last});
  }
}

TEST(ArrayImagesTest, PlanesAreInterleaved) {
  ByteArray planes{{2, 3, 1, 5}, {}};
  for (int image = 0; image < 2; ++image) {
    for (int channel = 0; channel < 3; ++channel) {
      for (int x = 0; x < 5; ++x) {
        planes.values.push_back(static_cast<uint8_t>(100 * image + 10 * channel + x));
      }
    }
  }
  const ImageSet images = images_of(planes, {4, 7}, "f");
  EXPECT_EQ(images.channels(), 3);
  EXPECT_EQ(images.image(1).pixels, (std::vector<uint8_t>{100, 110, 120, 101, 111, 121, 102, 112,
                                                          122, 103, 113, 123, 104, 114, 124}));
  EXPECT_EQ(images.labels()[1], 7);
}

std::vector<uint8_t> bytes_of(const std::vector<float>& numbers, ArrayContent content) {
  std::vector<uint8_t> bytes;
  NumberBytes converter({'f', 4, false}, content, "f.npy");
  const auto all = std::as_bytes(std::span(numbers));
  for (size_t i = 0; i < all.size(); ++i) converter.append(all.subspan(i, 1), bytes);
  return bytes;
}

TEST(NumberBytesTest, FloatsOfTheUnitIntervalAreGreyLevels) {
  EXPECT_EQ(bytes_of({0.0f, 1.0f, 0.5f, 0.002f, 1.0f / 255}, ArrayContent::images),
            (std::vector<uint8_t>{0, 255, 128, 1, 1}));
  for (const float wrong : {-0.01f, 1.01f, 255.0f, std::nanf("")}) {
    expect_error(ErrorCode::unsupported,
                 [&] {
                   bytes_of({0.0f, wrong}, ArrayContent::images);
                 },
                 {"f.npy", "number 1 is", "[0, 1]"});
  }
  EXPECT_EQ(bytes_of({0.0f, 9.0f}, ArrayContent::labels), (std::vector<uint8_t>{0, 9}));
  expect_error(ErrorCode::unsupported, [] { bytes_of({0.5f}, ArrayContent::labels); },
               {"label 0 is not in 0..255"});
}

TEST(NumberBytesTest, WholeNumbersAndBooleansOfAnyWidth) {
  std::vector<uint8_t> bytes;
  const std::vector<int64_t> numbers = {0, 255, 7};
  NumberBytes({'i', 8, false}, ArrayContent::images, "f")
      .append(std::as_bytes(std::span(numbers)), bytes);
  EXPECT_EQ(bytes, (std::vector<uint8_t>{0, 255, 7}));
  const std::vector<uint8_t> flags = {0, 1, 2};
  bytes.clear();
  NumberBytes({'b', 1, false}, ArrayContent::images, "f")
      .append(std::as_bytes(std::span(flags)), bytes);
  EXPECT_EQ(bytes, (std::vector<uint8_t>{0, 255, 255}));
  const std::vector<int16_t> beyond = {256};
  expect_error(ErrorCode::unsupported,
               [&] {
                 NumberBytes({'i', 2, false}, ArrayContent::images, "f")
                     .append(std::as_bytes(std::span(beyond)), bytes);
               },
               {"number 0 is 256", "0..255"});
}

}  // namespace
}  // namespace vae
