// SPDX-License-Identifier: MIT
// GIF89a with one global table of 256 colours. [GIF89a specification, appendix F: LZW]
#include "host/io/gif.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "host/io/atomic_file.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr int kColourBits = 8;
constexpr int kGreenLevels = 7, kRedBlueLevels = 6;  // the eye sees green best; 252 of 256 used

class ByteWriter {
 public:
  void byte(int value) { bytes_.push_back(static_cast<std::byte>(value)); }
  void word(int64_t value) {  // little-endian
    byte(static_cast<int>(value & 255));
    byte(static_cast<int>(value >> 8 & 255));
  }
  void text(std::string_view text) {
    for (const char c : text) byte(static_cast<uint8_t>(c));
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// Packs codes of changing width into sub-blocks of at most 255 bytes.
class CodeWriter {
 public:
  explicit CodeWriter(ByteWriter& out) : out_(out) {}

  void code(int value, int width) {
    pending_ |= static_cast<uint32_t>(value) << pending_bits_;
    for (pending_bits_ += width; pending_bits_ >= 8; pending_bits_ -= 8) {
      append(static_cast<uint8_t>(pending_ & 255));
      pending_ >>= 8;
    }
  }

  void finish() {
    if (pending_bits_ > 0) append(static_cast<uint8_t>(pending_ & 255));
    if (count_ > 0) flush();
    out_.byte(0);  // an empty sub-block ends the picture
  }

 private:
  void append(uint8_t byte) {
    block_[count_++] = byte;
    if (count_ == block_.size()) flush();
  }
  void flush() {
    out_.byte(static_cast<int>(count_));
    for (size_t i = 0; i < count_; ++i) out_.byte(block_[i]);
    count_ = 0;
  }

  ByteWriter& out_;
  uint32_t pending_ = 0;
  int pending_bits_ = 0;
  std::array<uint8_t, 255> block_ = {};
  size_t count_ = 0;
};

/// The LZW compressor: a trie of the strings seen since the last clear code.
class LzwEncoder {
 public:
  explicit LzwEncoder(ByteWriter& out) : codes_(out), children_(kLargestCode * kRoots) {}

  void encode(const std::vector<uint8_t>& symbols) {
    clear();
    int prefix = symbols[0];
    for (size_t i = 1; i < symbols.size(); ++i) {
      uint16_t& child = children_[static_cast<size_t>(prefix) * kRoots + symbols[i]];
      if (child != 0) {
        prefix = child;
        continue;
      }
      codes_.code(prefix, width_);
      child = static_cast<uint16_t>(next_++);
      // The decoder learns each string one code later than we do, hence > and not >=.
      if (next_ > 1 << width_) ++width_;
      prefix = symbols[i];
      if (next_ == kLargestCode) clear();
    }
    codes_.code(prefix, width_);
    // Nothing is learnt from the last code, but the decoder catches up and may widen.
    if (next_ == 1 << width_) ++width_;
    codes_.code(kEnd, width_);
    codes_.finish();
  }

 private:
  static constexpr int kRoots = 1 << kColourBits;
  static constexpr int kClear = kRoots, kEnd = kRoots + 1;
  static constexpr int kLargestWidth = 12;
  static constexpr int kLargestCode = 1 << kLargestWidth;

  void clear() {
    codes_.code(kClear, width_);
    std::fill(children_.begin(), children_.end(), uint16_t{0});
    next_ = kEnd + 1;
    width_ = kColourBits + 1;
  }

  CodeWriter codes_;
  std::vector<uint16_t> children_;  // [code, symbol] -> code of the longer string; 0 is none
  int next_ = kEnd + 1;
  int width_ = kColourBits + 1;
};

int level(int value, int levels) { return (value * (levels - 1) + 127) / 255; }
int value_of(int level, int levels) { return (level * 255 + (levels - 1) / 2) / (levels - 1); }

void write_palette(ByteWriter& out, bool colour) {
  for (int i = 0; i < 256; ++i) {
    if (!colour) {
      for (int channel = 0; channel < 3; ++channel) out.byte(i);
      continue;
    }
    const int used = std::min(i, kRedBlueLevels * kGreenLevels * kRedBlueLevels - 1);
    out.byte(value_of(used / (kGreenLevels * kRedBlueLevels), kRedBlueLevels));
    out.byte(value_of(used / kRedBlueLevels % kGreenLevels, kGreenLevels));
    out.byte(value_of(used % kRedBlueLevels, kRedBlueLevels));
  }
}

/// Pixels as indices of the palette.
std::vector<uint8_t> to_symbols(const Image& image) {
  if (image.channels == 1) return image.pixels;
  std::vector<uint8_t> symbols(image.pixels.size() / 3);
  for (size_t i = 0; i < symbols.size(); ++i) {
    const uint8_t* rgb = &image.pixels[3 * i];
    const int index = (level(rgb[0], kRedBlueLevels) * kGreenLevels + level(rgb[1], kGreenLevels)) *
                          kRedBlueLevels +
                      level(rgb[2], kRedBlueLevels);
    symbols[i] = static_cast<uint8_t>(index);
  }
  return symbols;
}

void check_frames(const std::vector<Image>& frames) {
  VAE_CHECK(!frames.empty(), "a GIF needs at least one frame");
  const Image& first = frames.front();
  VAE_CHECK(first.channels == 1 || first.channels == 3, "a GIF has 1 or 3 channels, not ",
            first.channels);
  VAE_CHECK(first.width >= 1 && first.width <= 65535 && first.height >= 1 && first.height <= 65535,
            "a GIF of ", first.width, " x ", first.height, " pixels is not possible");
  for (const Image& frame : frames) {
    VAE_CHECK(frame.width == first.width && frame.height == first.height &&
                  frame.channels == first.channels,
              "the frames of a GIF have one size and kind");
    VAE_CHECK(
        static_cast<int64_t>(frame.pixels.size()) == frame.height * frame.width * frame.channels,
        "a frame has ", frame.pixels.size(), " values, not ", frame.height, " x ", frame.width,
        " x ", frame.channels);
  }
}

void write_header(ByteWriter& out, const Image& first) {
  out.text("GIF89a");
  out.word(first.width);
  out.word(first.height);
  out.byte(0x80 | 7 << 4 | 7);  // a global table of 2^(7 + 1) colours, 8 bits a channel
  out.byte(0);                  // background colour
  out.byte(0);                  // square pixels
  write_palette(out, first.channels == 3);
  out.text("\x21\xFF\x0BNETSCAPE2.0");
  out.byte(3);
  out.byte(1);
  out.word(0);  // loops: for ever
  out.byte(0);
}

void write_frame(ByteWriter& out, const Image& frame, int hundredths) {
  out.text("\x21\xF9\x04");
  out.byte(1 << 2);  // leave the frame in place
  out.word(hundredths);
  out.word(0);  // no transparent colour
  out.byte(0x2C);
  out.word(0);
  out.word(0);
  out.word(frame.width);
  out.word(frame.height);
  out.byte(0);  // no table of its own
  out.byte(kColourBits);
  LzwEncoder(out).encode(to_symbols(frame));
}

}  // namespace

std::vector<std::byte> encode_gif(const std::vector<Image>& frames, int frame_ms) {
  check_frames(frames);
  const int hundredths = std::clamp((frame_ms + 5) / 10, 2, 65535);
  ByteWriter out;
  write_header(out, frames.front());
  for (const Image& frame : frames) write_frame(out, frame, hundredths);
  out.byte(0x3B);
  return out.take();
}

}  // namespace vae
