// SPDX-License-Identifier: MIT
//
// .vaez files: images on stacks. docs/codec.md specifies the format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/codec/bit_stack.h"
#include "host/codec/mean_slices.h"
#include "host/codec/model_hash.h"
#include "host/io/input_file.h"

namespace vae {

/// What lies on the stacks.
enum class VaezContent : uint8_t {
  black_and_white = 0,  // images, of which pixels of 128 and above are white
  levels = 1,           // images, all of them
  means = 2,            // quantised means of their posteriors, behind a table of scales
};

inline constexpr int kMostSampleBits = 4;

/// What a file says of its images.
struct VaezHeader {
  VaezContent content = VaezContent::levels;
  int sample_bits = 0;  // of pixels: images have 2^sample_bits samples, kMostSampleBits at most
  int64_t height = 0, width = 0, channels = 0;
  int64_t images = 0;
  ModelHash model = {};

  int64_t values() const { return height * width * channels; }
  /// Images of each block but the last one. They follow from the images' size, so that a block of
  /// pixels fits into memory.
  int64_t images_of_block() const;
  /// How many stacks `count` images of a block may have: 64, and so few that all samples of what a
  /// step works on, an image of each stack, are no more values than a block has.
  int64_t most_lanes(int64_t count) const;
  int64_t blocks() const { return (images + images_of_block() - 1) / images_of_block(); }
};

/// The bytes of a header, of a table of scales behind it, and of block number `index`.
std::vector<std::byte> encode_vaez_header(const VaezHeader& header);
std::vector<std::byte> encode_vaez_scales(std::span<const MeanScale> scales);
std::vector<std::byte> encode_vaez_block(int64_t index, std::span<const BitStack> stacks);

/// Reads a file block by block. Nothing of a size that it claims is allocated before the file was
/// found to be as large.
class VaezReader {
 public:
  /// Reads the header. Throws Error(io), Error(corrupt), and Error(unsupported) for a format of
  /// another version.
  explicit VaezReader(const std::string& path);

  const VaezHeader& header() const { return header_; }
  const std::string& path() const { return file_.path(); }
  /// The table of so many scales behind the header, before any block. Throws Error(io),
  /// Error(corrupt).
  std::vector<MeanScale> read_scales(int64_t count);
  /// How many images the next block has; 0 behind the last.
  int64_t next_images() const;
  /// The stacks of the next block: one at least, and no more than most_lanes() of its images.
  /// Throws Error(io), Error(corrupt), and does so with the last block where something follows it.
  std::vector<BitStack> read_block();

 private:
  std::vector<std::byte> read(uint64_t bytes, std::string_view what);

  InputFile file_;
  uint64_t left_;  // bytes of the file
  VaezHeader header_;
  int64_t block_ = 0;  // the next one
};

}  // namespace vae
