// SPDX-License-Identifier: MIT
#include "host/io/idx.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <optional>

#include "host/io/foreign.h"
#include "host/io/gzip.h"
#include "host/io/input_file.h"
#include "host/io/sanitize.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr size_t kMagicBytes = 4;  // 0, 0, type, rank
constexpr size_t kDimBytes = 4;    // big-endian
constexpr int kUnsignedByte = 0x08;
constexpr size_t kLargestRank = 4;

/// Takes an IDX file piece by piece. The header decides about the size of the values before the
/// first of them is stored.
class IdxAssembler {
 public:
  /// `largest_size` is what the file can hold at most; where it is `exact`, at least too.
  IdxAssembler(std::string_view origin, IdxContent content, uint64_t largest_size, bool exact)
      : origin_(origin), content_(content), largest_size_(largest_size), exact_(exact) {}

  void feed(std::span<const std::byte> piece) {
    const std::span<const std::byte> start = piece;
    while (!piece.empty() && header_count_ < header_bytes()) {
      const size_t taken = std::min(piece.size(), header_bytes() - header_count_);
      std::copy_n(piece.begin(), taken, header_.begin() + header_count_);
      header_count_ += taken;
      piece = piece.subspan(taken);
      if (header_count_ == kMagicBytes) check_magic(start);
      if (header_count_ == header_bytes()) accept_header();
    }
    if (piece.empty()) return;
    if (piece.size() > expected_ - array_.values.size()) {
      fail_corrupt(header_bytes() + expected_, " bytes as its header says", "more");
    }
    const auto* bytes = reinterpret_cast<const uint8_t*>(piece.data());
    array_.values.insert(array_.values.end(), bytes, bytes + piece.size());
  }

  IdxArray finish() && {
    if (header_count_ < header_bytes() || array_.values.size() < expected_) {
      fail_corrupt(header_bytes() + expected_, " bytes",
                   concat("only ", header_count_ + array_.values.size()));
    }
    return std::move(array_);
  }

 private:
  template <typename Expected>
  [[noreturn]] void fail_corrupt(const Expected& expected, std::string_view unit,
                                 std::string_view found) const {
    fail(ErrorCode::corrupt, sanitize_for_terminal(origin_), ": not a valid IDX file: expected ",
         expected, unit, ", found ", found,
         "; the file is damaged, incomplete or of another kind, copy or download it again");
  }

  int header_byte(size_t index) const { return std::to_integer<int>(header_[index]); }
  /// 4 until the magic number is complete: it tells the rank.
  size_t header_bytes() const {
    return kMagicBytes + (header_count_ < kMagicBytes ? 0 : kDimBytes * rank());
  }
  size_t rank() const { return static_cast<size_t>(header_byte(3)); }

  void check_magic(std::span<const std::byte> start) const {
    if (header_byte(0) != 0 || header_byte(1) != 0) {
      fail_corrupt("two zero bytes", " at offset 0", describe_start(start));
    }
    if (header_byte(2) != kUnsignedByte) {
      fail_corrupt("type 8 (unsigned byte)", " at offset 2", concat("type ", header_byte(2)));
    }
    const bool fits = content_ == IdxContent::labels ? rank() == 1 : rank() == 3 || rank() == 4;
    if (!fits) {
      fail_corrupt(content_ == IdxContent::labels ? "labels: rank 1" : "images: rank 3 or 4",
                   " at offset 3", concat("rank ", rank()));
    }
  }

  void accept_header() {
    uint64_t product = 1;
    for (size_t i = 0; i < rank(); ++i) {
      const size_t offset = kMagicBytes + kDimBytes * i;
      uint64_t dim = 0;
      for (size_t k = 0; k < kDimBytes; ++k) dim = dim << 8 | header_byte(offset + k);
      if (dim == 0) fail_corrupt("at least 1", concat(" at offset ", offset), "0");
      if (product > std::numeric_limits<int64_t>::max() / dim) {
        fail_corrupt("sizes whose product fits 63 bits", "", "larger ones");
      }
      product *= dim;
      array_.dims.push_back(static_cast<int64_t>(dim));
    }
    if (rank() == 4 && array_.dims[3] != 1 && array_.dims[3] != 3) {
      fail_corrupt("1 or 3 channels", " at offset 16", concat(array_.dims[3]));
    }
    reserve(product);
  }

  /// Only reserves: a lying gzip file then costs address space, not memory.
  void reserve(uint64_t values) {
    const uint64_t room = largest_size_ - std::min<uint64_t>(largest_size_, header_bytes());
    if (values > room || (exact_ && values != room)) {
      fail_corrupt(concat(header_bytes() + values), " bytes as its header says",
                   concat(exact_ ? "" : "a compressed file that holds at most ", largest_size_));
    }
    try {
      array_.values.reserve(values);
    } catch (const std::bad_alloc&) {
      fail(ErrorCode::out_of_memory, "not enough memory for the ", values, " bytes of ",
           sanitize_for_terminal(origin_), "; close other programs or use a smaller data set");
    }
    expected_ = values;
  }

  std::string_view origin_;
  IdxContent content_;
  uint64_t largest_size_;
  bool exact_;
  std::array<std::byte, kMagicBytes + kDimBytes* kLargestRank> header_ = {};
  size_t header_count_ = 0;
  uint64_t expected_ = 0;
  IdxArray array_;
};

uint64_t largest_inflated_size(uint64_t compressed) {
  const uint64_t limit = std::numeric_limits<int64_t>::max();
  return compressed > limit / kLargestDeflateRatio ? limit : compressed * kLargestDeflateRatio;
}

/// `read` fills a buffer and returns how much it got, 0 at the end.
template <typename Read>
IdxArray assemble(uint64_t size, std::string_view origin, IdxContent content, const Read& read) {
  std::vector<std::byte> buffer(64 * 1024);
  std::span<const std::byte> piece(buffer.data(), read(std::span(buffer)));
  const bool compressed = looks_like_gzip(piece);
  IdxAssembler assembler(origin, content, compressed ? largest_inflated_size(size) : size,
                         !compressed);
  std::optional<GzipDecoder> decoder;
  if (compressed) decoder.emplace(std::string(origin), [&](auto plain) { assembler.feed(plain); });
  for (; !piece.empty(); piece = std::span(buffer).first(read(std::span(buffer)))) {
    decoder ? decoder->feed(piece) : assembler.feed(piece);
  }
  if (decoder) decoder->finish();
  return std::move(assembler).finish();
}

}  // namespace

IdxArray read_idx(const std::string& path, IdxContent content) {
  InputFile file(path);
  return assemble(file.size(), path, content,
                  [&](std::span<std::byte> buffer) { return file.read(buffer); });
}

IdxArray parse_idx(std::span<const std::byte> file, IdxContent content, std::string_view origin) {
  return assemble(file.size(), origin, content, [&](std::span<std::byte> buffer) {
    const size_t taken = std::min(buffer.size(), file.size());
    std::copy_n(file.begin(), taken, buffer.begin());
    file = file.subspan(taken);
    return taken;
  });
}

}  // namespace vae
