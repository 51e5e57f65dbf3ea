// SPDX-License-Identifier: MIT
#include "host/codec/vaez_file.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>
#include <utility>

#include "host/io/foreign.h"
#include "host/io/xxh64.h"
#include "kernels/arithmetic.h"
#include "kernels/check.h"

namespace vae {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are stored little-endian");

// A byte above 127 and both ends of lines show what a transfer as text does to a file.
constexpr std::string_view kVaezMagic = "\x89VAEZ\r\n\x1a";
constexpr uint8_t kVaezVersion = 1;
constexpr std::size_t kVaezHeaderBytes = 56;
constexpr std::size_t kChecksumBytes = 8, kLaneBytes = 12, kScaleBytes = 10;
constexpr uint64_t kSmallestBlock = 4 + kLaneBytes + kChecksumBytes;
constexpr int64_t kLargestSide = 1 << 24, kMostImages = int64_t{1} << 48;
constexpr int64_t kValuesOfBlock = int64_t{1} << 25;

class ByteWriter {
 public:
  template <std::integral Number>
  void add(Number number) {
    const std::size_t end = bytes_.size();
    bytes_.resize(end + sizeof number);
    std::memcpy(bytes_.data() + end, &number, sizeof number);
  }
  void add(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  /// With their checksum behind them.
  std::vector<std::byte> finish(uint64_t seed) {
    add(xxh64(bytes_, seed));
    return std::move(bytes_);
  }

 private:
  std::vector<std::byte> bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename Number>
  Number take() {
    Number number;
    std::memcpy(&number, take(sizeof number).data(), sizeof number);
    return number;
  }
  std::span<const std::byte> take(std::size_t count) {
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }

 private:
  std::span<const std::byte> bytes_;
};

bool is_intact(std::span<const std::byte> bytes, uint64_t seed) {
  const auto content = bytes.first(bytes.size() - kChecksumBytes);
  return ByteReader(bytes.last(kChecksumBytes)).take<uint64_t>() == xxh64(content, seed);
}

[[noreturn]] void fail_vaez(std::string_view path, std::string_view what, std::string_view found) {
  fail(ErrorCode::corrupt, path, ": not a readable .vaez file: expected ", what, ", found ", found,
       "; fetch the file again, or make it anew with `vae compress`");
}

void check_magic(std::span<const std::byte> bytes, std::string_view path) {
  const std::size_t known = std::min(bytes.size(), kVaezMagic.size());
  const bool is_ours = known > 0 && std::memcmp(bytes.data(), kVaezMagic.data(), known) == 0;
  if (!is_ours) fail_vaez(path, "what `vae compress` begins with", describe_start(bytes));
  if (bytes.size() <= kVaezMagic.size()) return;
  const auto version = static_cast<uint8_t>(bytes[kVaezMagic.size()]);
  if (version <= kVaezVersion && version > 0) return;
  fail(ErrorCode::unsupported, path, ": format version ", int{version}, " is not read here, but ",
       int{kVaezVersion}, "; use the program that wrote it");
}

/// The sizes of images and their number are those of some model's images.
void check_sizes(const VaezHeader& header, std::string_view path) {
  constexpr int64_t kMostValues = int64_t{1} << 40;
  const bool has_sides = header.height >= 1 && header.height <= kLargestSide && header.width >= 1 &&
                         header.width <= kLargestSide && header.channels >= 1 &&
                         header.channels <= kLargestSide;
  if (!has_sides || header.height * header.width > kMostValues / header.channels) {
    fail_vaez(path, "the size of an image",
              concat(header.height, "x", header.width, "x", header.channels));
  }
  if (header.images < 1 || header.images > kMostImages) {
    fail_vaez(path, "at least one image", concat(header.images));
  }
}

VaezHeader parse_vaez_header(std::span<const std::byte> bytes, std::string_view path) {
  ByteReader reader(bytes);
  reader.take(kVaezMagic.size() + 1);
  const auto content = reader.take<uint8_t>();
  VaezHeader header;
  if (content > 2) fail_vaez(path, "0 to 2 as what the file holds", concat(int{content}));
  header.content = VaezContent{content};
  header.sample_bits = reader.take<uint8_t>();
  if (header.sample_bits > (header.content == VaezContent::means ? 0 : kMostSampleBits)) {
    fail_vaez(path, concat("0 to ", kMostSampleBits, " bits of samples, and 0 of means"),
              concat(header.sample_bits));
  }
  const auto unused = reader.take<uint8_t>();
  if (unused != 0) fail_vaez(path, "a zero behind these", concat(int{unused}));
  for (int64_t* side : {&header.height, &header.width, &header.channels}) {
    *side = reader.take<uint32_t>();
  }
  header.images = reader.take<int64_t>();
  std::memcpy(header.model.data(), reader.take(header.model.size()).data(), header.model.size());
  check_sizes(header, path);
  return header;
}

/// What a block says of one stack.
struct LaneHead {
  uint64_t state;
  uint32_t words;
};

/// Of a block as far as these reach.
std::vector<LaneHead> lane_heads(std::span<const std::byte> block) {
  ByteReader reader{block};
  std::vector<LaneHead> heads(reader.take<uint32_t>());
  for (LaneHead& head : heads) {
    head.state = reader.take<uint64_t>();
    head.words = reader.take<uint32_t>();
  }
  return heads;
}

/// The stacks of a whole block.
std::vector<BitStack> stacks_of(std::span<const LaneHead> heads, std::span<const std::byte> block,
                                std::string_view path) {
  ByteReader reader{block.subspan(sizeof(uint32_t) + heads.size() * kLaneBytes)};
  std::vector<BitStack> stacks;
  for (const LaneHead& head : heads) {
    if (head.state < BitStack::kLowest) {
      fail_vaez(path, "states of 2^32 or more", concat(head.state));
    }
    std::vector<uint32_t> words(head.words);
    const auto bytes = reader.take(words.size() * sizeof(uint32_t));
    if (!words.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
    stacks.emplace_back(head.state, std::move(words));
  }
  return stacks;
}

}  // namespace

int64_t VaezHeader::images_of_block() const {
  constexpr int64_t kMostOfBlock = int64_t{1} << 14;
  return std::clamp<int64_t>(kValuesOfBlock / values(), 1, kMostOfBlock);
}

int64_t VaezHeader::most_lanes(int64_t count) const {
  constexpr int64_t kMost = 64;
  return std::clamp<int64_t>(kValuesOfBlock / (values() << sample_bits), 1, std::min(kMost, count));
}

std::vector<std::byte> encode_vaez_header(const VaezHeader& header) {
  ByteWriter writer;
  writer.add(std::as_bytes(std::span(kVaezMagic)));
  writer.add(kVaezVersion);
  writer.add(static_cast<uint8_t>(header.content));
  writer.add(static_cast<uint8_t>(header.sample_bits));
  writer.add(uint8_t{0});
  for (const int64_t side : {header.height, header.width, header.channels}) {
    writer.add(static_cast<uint32_t>(side));
  }
  writer.add(header.images);
  writer.add(std::as_bytes(std::span(header.model)));
  return writer.finish(0);
}

std::vector<std::byte> encode_vaez_scales(std::span<const MeanScale> scales) {
  ByteWriter writer;
  for (const MeanScale& scale : scales) {
    writer.add(bits_from_float(scale.step));
    writer.add(bits_from_float(scale.deviation));
    writer.add(scale.limit);
  }
  return writer.finish(0);
}

/// The checksum is keyed by the block's number, so that no block stands for another.
std::vector<std::byte> encode_vaez_block(int64_t index, std::span<const BitStack> stacks) {
  ByteWriter writer;
  writer.add(static_cast<uint32_t>(stacks.size()));
  for (const BitStack& stack : stacks) {
    writer.add(stack.state());
    writer.add(static_cast<uint32_t>(stack.words().size()));
  }
  for (const BitStack& stack : stacks) writer.add(std::as_bytes(stack.words()));
  return writer.finish(static_cast<uint64_t>(index) + 1);
}

VaezReader::VaezReader(const std::string& path) : file_(path), left_(file_.size()) {
  std::vector<std::byte> bytes(std::min<uint64_t>(left_, kVaezHeaderBytes));
  bytes.resize(file_.read(bytes));
  check_magic(bytes, path);
  if (bytes.size() < kVaezHeaderBytes) {
    fail_vaez(path, concat("a header of ", kVaezHeaderBytes, " bytes"), concat(bytes.size()));
  }
  if (!is_intact(bytes, 0)) fail_vaez(path, "the header's checksum", "another one: it is damaged");
  left_ -= bytes.size();
  header_ = parse_vaez_header(bytes, path);
  if (static_cast<uint64_t>(header_.blocks()) > left_ / kSmallestBlock) {
    fail_vaez(
        path,
        concat("at least ", kSmallestBlock, " bytes for each of ", header_.blocks(), " blocks"),
        concat(left_));
  }
}

std::vector<MeanScale> VaezReader::read_scales(int64_t count) {
  const std::string_view what = "the table of scales";
  const std::vector<std::byte> bytes =
      read(static_cast<uint64_t>(count) * kScaleBytes + kChecksumBytes, what);
  if (!is_intact(bytes, 0)) {
    fail_vaez(path(), concat("the checksum of ", what), "another one: it is damaged");
  }
  ByteReader reader{bytes};
  std::vector<MeanScale> scales(static_cast<std::size_t>(count));
  for (MeanScale& scale : scales) {
    scale.step = float_from_bits(reader.take<uint32_t>());
    scale.deviation = float_from_bits(reader.take<uint32_t>());
    scale.limit = reader.take<uint16_t>();
    if (!is_usable(scale)) fail_vaez(path(), concat("numbers of 1e-6 to 1e6 in ", what), "others");
  }
  return scales;
}

int64_t VaezReader::next_images() const {
  const int64_t done = block_ * header_.images_of_block();
  return std::min(header_.images_of_block(), header_.images - done);
}

std::vector<std::byte> VaezReader::read(uint64_t bytes, std::string_view what) {
  if (bytes > left_) {
    fail_vaez(path(), concat(bytes, " bytes of ", what), concat("the end after ", left_));
  }
  std::vector<std::byte> content(bytes);
  if (file_.read(content) != bytes) fail_vaez(path(), what, "the end: it shrank while it was read");
  left_ -= bytes;
  return content;
}

std::vector<BitStack> VaezReader::read_block() {
  const std::string what = concat("block ", block_ + 1, " of ", header_.blocks());
  std::vector<std::byte> block = read(sizeof(uint32_t), what);
  const auto lanes = ByteReader(block).take<uint32_t>();
  const int64_t most = header_.most_lanes(next_images());
  if (lanes < 1 || lanes > most) {
    fail_vaez(path(), concat("1 to ", most, " stacks in ", what), concat(lanes));
  }
  const auto append = [&](uint64_t bytes) {
    const std::vector<std::byte> more = read(bytes, what);
    block.insert(block.end(), more.begin(), more.end());
  };
  append(lanes * kLaneBytes);
  const std::vector<LaneHead> heads = lane_heads(block);
  uint64_t words = 0;
  for (const LaneHead& head : heads) words += head.words;
  append(words * sizeof(uint32_t) + kChecksumBytes);
  if (!is_intact(block, static_cast<uint64_t>(block_) + 1)) {
    fail_vaez(path(), concat("the checksum of ", what), "another one: it is damaged");
  }
  if (++block_ == header_.blocks() && left_ > 0) {
    fail_vaez(path(), "the file's end", concat(left_, " bytes more"));
  }
  return stacks_of(heads, block, path());
}

}  // namespace vae
