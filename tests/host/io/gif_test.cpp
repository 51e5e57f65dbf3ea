// SPDX-License-Identifier: MIT
#include "host/io/gif.h"

#include <random>
#include <stdexcept>

#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using test::expect_error;

/// A plain reading of the GIF89a specification, enough to decode what any encoder of full frames
/// with a global table writes.
class GifReader {
 public:
  explicit GifReader(std::span<const std::byte> file) : file_(file) {}

  struct Frame {
    std::vector<uint8_t> rgb;
    int hundredths = 0;
  };

  void read() {
    for (const char c : std::string_view("GIF89a")) require(byte() == c, "signature");
    width = word();
    height = word();
    require(byte() == 0xF7, "global table of 256");
    word();
    for (auto& value : palette_) value = static_cast<uint8_t>(byte());
    for (int kind = byte(); kind != 0x3B; kind = byte()) {
      kind == 0x21 ? read_extension() : read_picture(kind);
    }
    require(at_ == file_.size(), "nothing behind the trailer");
  }

  int width = 0, height = 0;
  int loops = -1;
  std::vector<Frame> frames;

 private:
  static void require(bool condition, const char* what) {
    if (!condition) throw std::runtime_error(std::string("GIF: expected ") + what);
  }
  int byte() {
    require(at_ < file_.size(), "more bytes");
    return std::to_integer<int>(file_[at_++]);
  }
  int word() {
    const int low = byte();
    return low | byte() << 8;
  }
  std::vector<uint8_t> blocks() {
    std::vector<uint8_t> content;
    for (int count = byte(); count != 0; count = byte()) {
      for (int i = 0; i < count; ++i) content.push_back(static_cast<uint8_t>(byte()));
    }
    return content;
  }

  void read_extension() {
    const int label = byte();
    const std::vector<uint8_t> content = blocks();
    if (label == 0xF9) hundredths_ = content.at(1) | content.at(2) << 8;
    if (label == 0xFF) {
      require(std::string(content.begin(), content.begin() + 11) == "NETSCAPE2.0", "NETSCAPE2.0");
      loops = content.at(12) | content.at(13) << 8;
    }
  }

  void read_picture(int kind) {
    require(kind == 0x2C, "a picture");
    require(word() == 0 && word() == 0, "a full frame");
    require(word() == width && word() == height, "the screen's size");
    require(byte() == 0, "no local table");
    const int bits = byte();
    const std::vector<uint8_t> symbols = decompress(blocks(), bits);
    require(symbols.size() == static_cast<size_t>(width) * static_cast<size_t>(height), "pixels");
    Frame frame;
    frame.hundredths = hundredths_;
    for (const uint8_t symbol : symbols) {
      frame.rgb.insert(frame.rgb.end(), &palette_[3 * symbol], &palette_[3 * symbol] + 3);
    }
    frames.push_back(std::move(frame));
  }

  std::vector<uint8_t> decompress(const std::vector<uint8_t>& packed, int bits) {
    const int clear = 1 << bits, end = clear + 1;
    std::vector<std::vector<uint8_t>> table;
    std::vector<uint8_t> out, previous;
    int width_bits = bits + 1;
    uint32_t pending = 0;
    int pending_bits = 0;
    for (size_t at = 0;;) {
      for (; pending_bits < width_bits; pending_bits += 8) {
        require(at < packed.size(), "an end code");
        pending |= static_cast<uint32_t>(packed[at++]) << pending_bits;
      }
      const int code = static_cast<int>(pending & ((1u << width_bits) - 1));
      pending >>= width_bits;
      pending_bits -= width_bits;
      if (code == end) {
        require(at == packed.size(), "nothing behind the end code");
        return out;
      }
      if (code == clear) {
        table.assign(static_cast<size_t>(clear) + 2, {});
        for (int i = 0; i < clear; ++i) table[static_cast<size_t>(i)] = {static_cast<uint8_t>(i)};
        width_bits = bits + 1;
        previous.clear();
        continue;
      }
      const auto index = static_cast<size_t>(code);
      require(index < table.size() || (index == table.size() && !previous.empty()), "a known code");
      std::vector<uint8_t> text = index < table.size() ? table[index] : previous;
      if (index == table.size()) text.push_back(previous.front());
      if (!previous.empty() && table.size() < 4096) {
        previous.push_back(text.front());
        table.push_back(previous);
        if (table.size() == size_t{1} << width_bits && width_bits < 12) ++width_bits;
      }
      out.insert(out.end(), text.begin(), text.end());
      previous = std::move(text);
    }
  }

  std::span<const std::byte> file_;
  size_t at_ = 0;
  int hundredths_ = 0;
  std::array<uint8_t, 768> palette_ = {};
};

Image noise(int64_t height, int64_t width, int64_t channels, int levels, unsigned seed) {
  std::mt19937 random(seed);
  Image image{height, width, channels, {}};
  for (int64_t i = 0; i < height * width * channels; ++i) {
    image.pixels.push_back(static_cast<uint8_t>(random() % static_cast<unsigned>(levels)));
  }
  return image;
}

void expect_restored(const Image& image) {
  const auto file = encode_gif({image}, 80);
  GifReader reader(file);
  reader.read();
  ASSERT_EQ(reader.frames.size(), 1u);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    ASSERT_EQ(reader.frames[0].rgb[3 * i], image.pixels[i]) << i;
    ASSERT_EQ(reader.frames[0].rgb[3 * i + 2], image.pixels[i]) << i;
  }
}

TEST(GifTest, RestoresGreyPicturesOfEveryTexture) {
  // Noise of 256 levels fills the code table fastest, a flat picture makes the longest strings.
  for (const int levels : {1, 2, 3, 16, 256}) {
    SCOPED_TRACE(levels);
    expect_restored(noise(100, 201, 1, levels, 7));
  }
}

TEST(GifTest, EndsRightWhereverTheCodeTableStands) {
  // Each pixel of noise is a code: the end meets every place near a change of width and a clear.
  for (const int64_t centre : {1, 255, 256, 257, 767, 1791, 3837, 3838, 3839, 4096}) {
    for (int64_t width = std::max<int64_t>(1, centre - 6); width < centre + 6; ++width) {
      SCOPED_TRACE(width);
      Image image{1, width, 1, {}};
      for (int64_t i = 0; i < width; ++i) {
        image.pixels.push_back(static_cast<uint8_t>(i / 256 + i * (1 + i / 256 * 2)));
      }
      expect_restored(image);
    }
  }
}

TEST(GifTest, KeepsFramesDelayAndLoop) {
  const std::vector<Image> frames = {noise(9, 7, 1, 256, 1), noise(9, 7, 1, 256, 2)};
  const auto file = encode_gif(frames, 124);
  GifReader reader(file);
  reader.read();
  EXPECT_EQ(reader.width, 7);
  EXPECT_EQ(reader.height, 9);
  EXPECT_EQ(reader.loops, 0);
  ASSERT_EQ(reader.frames.size(), 2u);
  EXPECT_EQ(reader.frames[0].hundredths, 12);
  EXPECT_EQ(reader.frames[1].rgb[3], frames[1].pixels[1]);
}

TEST(GifTest, ShowsEachFrameForAtLeastTwoHundredths) {
  const auto file = encode_gif({noise(2, 2, 1, 2, 1)}, 1);
  GifReader reader(file);
  reader.read();
  EXPECT_EQ(reader.frames[0].hundredths, 2);
}

TEST(GifTest, RoundsColoursToTheNearestOfItsCube) {
  const Image image = noise(40, 40, 3, 256, 3);
  const auto file = encode_gif({image}, 80);
  GifReader reader(file);
  reader.read();
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const int limit = i % 3 == 1 ? 22 : 26;  // half the distance of 7 and of 6 levels
    ASSERT_NEAR(reader.frames[0].rgb[i], image.pixels[i], limit) << i;
  }
}

TEST(GifTest, KeepsBlackAndWhiteOfColourPictures) {
  const auto file = encode_gif({Image{1, 2, 3, {0, 0, 0, 255, 255, 255}}}, 80);
  GifReader reader(file);
  reader.read();
  EXPECT_EQ(reader.frames[0].rgb, (std::vector<uint8_t>{0, 0, 0, 255, 255, 255}));
}

TEST(GifTest, RefusesFramesThatDoNotFitTogether) {
  const auto refused = [](std::vector<Image> frames) {
    expect_error(ErrorCode::invalid_argument, [&] { encode_gif(frames, 80); });
  };
  refused({});
  refused({Image{1, 1, 1, {1}}, Image{1, 2, 1, {1, 2}}});
  refused({Image{1, 1, 1, {1}}, Image{1, 1, 3, {1, 2, 3}}});
  refused({Image{1, 2, 1, {1}}});
  refused({Image{1, 70'000, 1, std::vector<uint8_t>(70'000)}});
}

}  // namespace
}  // namespace vae
