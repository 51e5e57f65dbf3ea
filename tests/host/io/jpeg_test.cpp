// SPDX-License-Identifier: MIT
#include "host/io/jpeg.h"

#include <cstdlib>

#include "host/io/exif.h"
#include "tests/host/io/sample_files.h"
#include "tests/support/memory_growth.h"
#include "tests/support/sample_jpeg.h"

namespace vae {
namespace {

using test::Bytes;
using test::expect_error;
using test::make_jpeg;
using test::to_bytes;

/// A smooth picture, which JPEG keeps nearly as it is.
Image slope(int64_t width, int64_t height, int64_t channels) {
  Image image{height, width, channels, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < channels; ++c) {
        image.pixels.push_back(static_cast<uint8_t>(40 + 4 * x + 2 * y + 30 * c));
      }
    }
  }
  return image;
}

void expect_close(const Image& found, const Image& expected, int tolerance) {
  ASSERT_EQ(found.height, expected.height);
  ASSERT_EQ(found.width, expected.width);
  ASSERT_EQ(found.channels, expected.channels);
  for (size_t i = 0; i < found.pixels.size(); ++i) {
    ASSERT_NEAR(found.pixels[i], expected.pixels[i], tolerance) << i;
  }
}

Image picture_of(const std::string& file) { return decode_jpeg(to_bytes(file), "f.jpg"); }

TEST(JpegTest, ReadsGreyAndColouredBaselineAndProgressiveFiles) {
  for (const bool progressive : {false, true}) {
    for (const int64_t channels : {1, 3}) {
      const Image image = slope(19, 11, channels);
      const std::string file = make_jpeg(image, {95, progressive});
      expect_close(picture_of(file), image, 6);
      const PictureSize size = jpeg_size(to_bytes(file), "f.jpg");
      EXPECT_EQ(size.height, 11);
      EXPECT_EQ(size.width, 19);
      EXPECT_EQ(size.channels, channels);
    }
  }
}

TEST(JpegTest, InksBecomeLights) {
  Image inks{8, 8, 4, {}};
  for (int i = 0; i < 64; ++i) inks.pixels.insert(inks.pixels.end(), {255, 128, 0, 200});
  const Image image = picture_of(make_jpeg(inks, {100, false, 0, true}));
  EXPECT_EQ(image.channels, 3);
  // libjpeg writes Adobe's marker, so the numbers are lights: 255 * 200 / 255 and so on.
  EXPECT_NEAR(image.pixels[0], 200, 3);
  EXPECT_NEAR(image.pixels[1], 100, 3);
  EXPECT_NEAR(image.pixels[2], 0, 3);
}

// What each orientation means: ImageOps.exif_transpose of Pillow.
TEST(JpegTest, ExifTurnsThePicture) {
  const Image stored{2, 3, 1, {1, 2, 3, 4, 5, 6}};
  const std::vector<std::pair<int, std::vector<uint8_t>>> expected = {
      {1, {1, 2, 3, 4, 5, 6}}, {2, {3, 2, 1, 6, 5, 4}}, {3, {6, 5, 4, 3, 2, 1}},
      {4, {4, 5, 6, 1, 2, 3}}, {5, {1, 4, 2, 5, 3, 6}}, {6, {4, 1, 5, 2, 6, 3}},
      {7, {6, 3, 5, 2, 4, 1}}, {8, {3, 6, 2, 5, 1, 4}}};
  for (const auto& [orientation, pixels] : expected) {
    const Image turned = turned_upright(stored, orientation);
    EXPECT_EQ(turned.pixels, pixels) << orientation;
    EXPECT_EQ(turned.width, orientation < 5 ? 3 : 2);
    const std::string file = make_jpeg(slope(16, 8, 3), {95, false, orientation});
    EXPECT_EQ(jpeg_size(to_bytes(file), "f").width, orientation < 5 ? 16 : 8) << orientation;
    expect_close(picture_of(file), turned_upright(slope(16, 8, 3), orientation), 6);
  }
}

TEST(ExifTest, EveryCutAndFlippedBitIsHarmless) {
  const std::string file = make_jpeg(slope(8, 8, 1), {95, false, 6});
  const size_t at = file.find("Exif");
  const Bytes segment = to_bytes(file.substr(at, 32));
  EXPECT_EQ(exif_orientation(segment), 6);
  for (size_t bytes = 0; bytes < segment.size() - 8; ++bytes) {
    EXPECT_EQ(exif_orientation(std::span(segment).first(bytes)), std::nullopt) << bytes;
  }
  for (size_t bit = 0; bit < segment.size() * 8; ++bit) {
    const int found = exif_orientation(test::flip_bit(segment, bit)).value_or(1);
    EXPECT_TRUE(found >= 1 && found <= 8);
  }
}

/// What viewers fill up with grey is no training data.
TEST(JpegTest, RejectsTruncatedFiles) {
  for (const bool progressive : {false, true}) {
    const std::string file = make_jpeg(slope(40, 40, 3), {80, progressive});
    for (size_t bytes = 0; bytes + 2 < file.size(); bytes += bytes < 700 ? 1 : 7) {
      expect_error(ErrorCode::corrupt, [&] { picture_of(file.substr(0, bytes)); }, {"f.jpg"});
    }
  }
}

TEST(JpegTest, FlippedBitsAreAPictureOrAnError) {
  const Bytes file = to_bytes(make_jpeg(slope(16, 16, 3), {50}));
  for (size_t bit = 0; bit < file.size() * 8; bit += 3) {
    try {
      const Image image = decode_jpeg(test::flip_bit(file, bit), "f.jpg");
      EXPECT_EQ(std::ssize(image.pixels), image.height * image.width * image.channels);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt) << error.what();
    }
  }
}

/// The size in the frame header of a baseline file.
std::string with_size(std::string file, int width, int height) {
  const size_t at = file.find("\xFF\xC0");
  for (int i = 0; i < 2; ++i) {
    file[at + 5 + i] = static_cast<char>(height >> (8 - 8 * i));
    file[at + 7 + i] = static_cast<char>(width >> (8 - 8 * i));
  }
  return file;
}

TEST(JpegTest, LiesAboutTheSizeCostNoMemory) {
  const std::string file = with_size(make_jpeg(slope(16, 16, 3)), 60'000, 60'000);
  const int64_t growth = test::memory_growth([&] {
    expect_error(ErrorCode::corrupt, [&] { picture_of(file); }, {"60000 x 60000", "pixels"});
    expect_error(ErrorCode::corrupt, [&] { jpeg_size(to_bytes(file), "f"); }, {"60000"});
  });
  EXPECT_GE(growth, 0);
  EXPECT_LT(growth, int64_t{4} << 20);
}

TEST(JpegTest, ManyScansAreRefused) {
  const std::string file = make_jpeg(slope(16, 16, 1), {50, true});
  const size_t first = file.find("\xFF\xDA"), end = file.size() - 2;
  std::string scans;
  for (int i = 0; i < 200; ++i) scans += file.substr(first, end - first);
  expect_error(ErrorCode::corrupt,
               [&] { picture_of(file.substr(0, end) + scans + file.substr(end)); }, {"f.jpg"});
}

TEST(JpegTest, NamesOtherFiles) {
  expect_error(ErrorCode::corrupt, [] { picture_of(""); }, {"an empty file"});
  expect_error(ErrorCode::corrupt, [] { picture_of("GIF89a"); }, {"GIF"});
  EXPECT_FALSE(looks_like_jpeg(to_bytes("\xFF\xD8")));
}

}  // namespace
}  // namespace vae
