// SPDX-License-Identifier: MIT
#include "host/io/png.h"

#include <zlib.h>

#include "kernels/check.h"
#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using test::Bytes;
using test::expect_error;
using test::to_bytes;

Image gradient(int64_t height, int64_t width, int64_t channels) {
  Image image{height, width, channels, {}};
  for (int64_t i = 0; i < height * width * channels; ++i) {
    image.pixels.push_back(static_cast<uint8_t>(i * 37 + i / width));
  }
  return image;
}

Image decoded(const Bytes& file) { return decode_png(file, "a.png"); }

std::string big_endian(uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift);
  return text;
}

std::string chunk(const std::string& type, const std::string& content) {
  const std::string covered = type + content;
  const auto sum =
      ::crc32(0, reinterpret_cast<const Bytef*>(covered.data()), static_cast<uInt>(covered.size()));
  return big_endian(static_cast<uint32_t>(content.size())) + covered +
         big_endian(static_cast<uint32_t>(sum));
}

std::string deflated(const std::string& content) {
  std::string packed(::compressBound(content.size()), '\0');
  uLongf size = packed.size();
  ::compress(reinterpret_cast<Bytef*>(packed.data()), &size,
             reinterpret_cast<const Bytef*>(content.data()), content.size());
  return packed.substr(0, size);
}

/// A PNG with any header and rows.
Bytes make_png(uint32_t width, uint32_t height, int depth, int colour_type, const std::string& rows,
               const std::string& before_data = "", const std::string& after = "") {
  std::string header = big_endian(width) + big_endian(height);
  for (const int value : {depth, colour_type, 0, 0, 0}) header += static_cast<char>(value);
  return to_bytes("\x89PNG\r\n\x1A\n" + chunk("IHDR", header) + before_data +
                  chunk("IDAT", deflated(rows)) + chunk("IEND", "") + after);
}

TEST(PngTest, RestoresGreyAndColourPictures) {
  for (const int64_t channels : {1, 3}) {
    for (const auto& [height, width] : {std::pair(1, 1), std::pair(7, 31), std::pair(64, 300)}) {
      const Image image = gradient(height, width, channels);
      EXPECT_EQ(decoded(encode_png(image)), image);
    }
  }
}

TEST(PngTest, RejectsEveryTruncation) {
  test::expect_corrupt_when_truncated(encode_png(gradient(5, 6, 3)), decoded);
}

TEST(PngTest, RejectsEveryFlippedBit) {
  test::expect_corrupt_when_flipped(encode_png(gradient(5, 6, 3)), decoded);
  test::expect_corrupt_when_flipped(encode_png(gradient(3, 4, 1)), decoded);
}

TEST(PngTest, ConvertsOtherKinds) {
  const std::string row = std::string(1, '\0');  // filter type of each row
  EXPECT_EQ(decoded(make_png(8, 1, 1, 0, row + "\xA5")).pixels,
            (std::vector<uint8_t>{255, 0, 255, 0, 0, 255, 0, 255}));
  const Image palette =
      decoded(make_png(2, 1, 8, 3, row + std::string("\0\x01", 2), chunk("PLTE", "abcxyz")));
  EXPECT_EQ(palette.channels, 3);
  EXPECT_EQ(palette.pixels, (std::vector<uint8_t>{'a', 'b', 'c', 'x', 'y', 'z'}));
  EXPECT_EQ(decoded(make_png(1, 1, 16, 0, row + "\x64\x64")).pixels, std::vector<uint8_t>{0x64});
  const Image transparent = decoded(make_png(2, 1, 8, 6, row + std::string("abc\xffxyz\0", 8)));
  EXPECT_EQ(transparent.pixels, (std::vector<uint8_t>{'a', 'b', 'c', 0, 0, 0}));
  EXPECT_EQ(decoded(make_png(1, 1, 8, 4, row + "g\xff")).channels, 1);
}

TEST(PngTest, AcceptsAncillaryChunks) {
  const std::string comment = chunk("tEXt", std::string("Comment\0hi", 10));
  EXPECT_EQ(decoded(make_png(1, 1, 8, 0, std::string("\0g", 2), comment)).pixels,
            std::vector<uint8_t>{'g'});
}

TEST(PngTest, IgnoresWhatIsBehindTheEnd) {
  for (const char* tail : {"\n", "\r\n", "a whole other file"}) {
    EXPECT_EQ(decoded(make_png(1, 1, 8, 0, std::string("\0g", 2), "", tail)).pixels,
              std::vector<uint8_t>{'g'});
  }
}

struct HostilePng {
  const char* name;
  Bytes file;
  std::vector<std::string> words;
};

TEST(PngTest, RejectsHostileFilesWithExpectationAndFinding) {
  const std::string row("\0g", 2);
  const std::vector<HostilePng> cases = {
      {"empty", {}, {"an empty file"}},
      {"JPEG", to_bytes("\xFF\xD8\xFF\xE0"), {"JPEG picture"}},
      {"signature only", to_bytes("\x89PNG\r\n\x1A\n"), {"the file's end"}},
      {"2^31 wide", make_png(1u << 31, 1, 8, 0, row), {"2147483648 x 1"}},
      {"2^31 - 1 square", make_png(0x7FFFFFFF, 0x7FFFFFFF, 8, 0, row), {"2147483647"}},
      {"width 0", make_png(0, 1, 8, 0, row), {"0 x 1"}},
      {"more than it holds", make_png(30'000, 2'000, 8, 0, row), {"30000 x 2000"}},
      {"too few rows", make_png(1, 100, 8, 0, row), {"pixels of all rows"}},
      {"bad depth", make_png(1, 1, 5, 0, row), {"header"}},
      {"no palette", make_png(1, 1, 8, 3, row), {"PNG"}},
      {"no IHDR", to_bytes("\x89PNG\r\n\x1A\n" + chunk("IEND", "")), {"IHDR first"}},
      {"no IDAT",
       to_bytes("\x89PNG\r\n\x1A\n" +
                chunk("IHDR", std::string("\0\0\0\1\0\0\0\1\x08\0\0\0\0", 13)) + chunk("IEND", "")),
       {"PNG"}},
      {"unknown critical chunk", make_png(1, 1, 8, 0, row, chunk("ABCD", "")), {"PNG"}},
      {"terminal in a type",
       make_png(1, 1, 8, 0, row, big_endian(0) + "\x1b[2J" + "crc!"),
       {"\\x1b[2J"}}};
  for (const HostilePng& hostile : cases) {
    SCOPED_TRACE(hostile.name);
    expect_error(
        ErrorCode::corrupt, [&] { decoded(hostile.file); }, hostile.words);
  }
}

TEST(PngTest, RefusesToWriteWhatIsNoPicture) {
  for (const Image& image : {Image{2, 2, 1, {1, 2, 3}}, Image{0, 2, 1, {}}, Image{1, 1, 2, {1, 2}},
                             Image{1, 1 << 20, 1, std::vector<uint8_t>(1 << 20)}}) {
    expect_error(ErrorCode::invalid_argument, [&] { encode_png(image); });
  }
}

}  // namespace
}  // namespace vae
