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
#include "host/io/number_bytes.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr size_t kMagicBytes = 4;  // 0, 0, type, rank
constexpr size_t kDimBytes = 4;    // big-endian
constexpr size_t kLargestRank = 8;
constexpr int kQmnistColumns = 8;  // the class and seven numbers on where the digit comes from

struct ElementType {
  int code;
  NumberType number;
};
constexpr std::array kElementTypes = {
    ElementType{0x08, {'u', 1, true}}, ElementType{0x09, {'i', 1, true}},
    ElementType{0x0B, {'i', 2, true}}, ElementType{0x0C, {'i', 4, true}},
    ElementType{0x0D, {'f', 4, true}}, ElementType{0x0E, {'f', 8, true}}};

/// Takes an IDX file piece by piece. The header decides about the size of the values before the
/// first of them is stored.
class IdxAssembler {
 public:
  /// `largest_size` is what the file can hold at most; where it is not `compressed`, at least too.
  IdxAssembler(std::string_view origin, ArrayContent content, uint64_t largest_size,
               bool compressed)
      : origin_(origin), content_(content), largest_size_(largest_size), compressed_(compressed) {}

  /// What is not read is refused at the end: until its checksum is known, a file that looks
  /// unsupported may as well be damaged.
  void feed(std::span<const std::byte> piece) {
    if (refusal_) return;
    try {
      take(piece);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
      refusal_ = error;
    }
  }

  ByteArray finish() && {
    if (refusal_) throw *refusal_;
    if (header_count_ < header_bytes() || received_ < expected_) {
      fail_corrupt(header_bytes() + expected_, " bytes",
                   concat("only ", header_count_ + received_));
    }
    return std::move(array_);
  }

 private:
  void take(std::span<const std::byte> piece) {
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
    if (piece.size() > expected_ - received_) {
      fail_corrupt(header_bytes() + expected_, " bytes as its header says", "more");
    }
    received_ += piece.size();
    numbers_->append(piece, array_.values);
  }

  template <typename Expected>
  [[noreturn]] void fail_corrupt(const Expected& expected, std::string_view unit,
                                 std::string_view found) const {
    fail(ErrorCode::corrupt, origin_, ": not a valid IDX file: expected ", expected, unit,
         ", found ", found, "; the file is damaged or incomplete, copy or download it again");
  }

  /// The file is as it should be, but of a kind that is not read.
  template <typename... Parts>
  [[noreturn]] void fail_unsupported(const Parts&... parts) const {
    fail(ErrorCode::unsupported, origin_, ": ", parts...);
  }

  int header_byte(size_t index) const { return std::to_integer<int>(header_[index]); }
  /// 4 until the magic number is complete: it tells the rank.
  size_t header_bytes() const {
    return kMagicBytes + (header_count_ < kMagicBytes ? 0 : kDimBytes * rank());
  }
  size_t rank() const { return static_cast<size_t>(header_byte(3)); }

  void check_magic(std::span<const std::byte> start) {
    if (header_byte(0) != 0 || header_byte(1) != 0) {
      fail(ErrorCode::corrupt, origin_,
           ": not an IDX file: expected two zero bytes at offset 0, found ", describe_start(start),
           "; is it the right file, and was it downloaded whole?");
    }
    const auto* type = std::find_if(kElementTypes.begin(), kElementTypes.end(),
                                    [&](const ElementType& t) { return t.code == header_byte(2); });
    if (type == kElementTypes.end()) {
      fail_corrupt("a type of IDX (8, 9, 11 to 14)", " at offset 2", concat(header_byte(2)));
    }
    type_ = *type;
    if (rank() == 0 || rank() > kLargestRank) {
      fail_corrupt(concat("a rank of 1 to ", kLargestRank), " at offset 3",
                   concat("rank ", rank()));
    }
  }

  void accept_header() {
    uint64_t bytes = type_.number.bytes;
    for (size_t i = 0; i < rank(); ++i) {
      const size_t offset = kMagicBytes + kDimBytes * i;
      uint64_t dim = 0;
      for (size_t k = 0; k < kDimBytes; ++k) dim = dim << 8 | header_byte(offset + k);
      if (dim == 0) {
        fail(ErrorCode::corrupt, origin_, ": an IDX file that holds nothing: expected at least 1 ",
             "at offset ", offset, ", found 0");
      }
      if (bytes > std::numeric_limits<int64_t>::max() / dim) {
        fail_corrupt("sizes whose product fits 63 bits", "", "larger ones");
      }
      bytes *= dim;
      array_.dims.push_back(static_cast<int64_t>(dim));
    }
    check_size(bytes);  // before its kind is judged: what does not fit its own header is damaged
    content_ == ArrayContent::labels ? check_labels() : check_images();
    reserve(bytes);
  }

  std::string dims_text() const {
    std::string text;
    for (const int64_t dim : array_.dims) text += concat(text.empty() ? "[" : ", ", dim);
    return text + "]";
  }

  void check_images() const {
    if (rank() > 1) return;
    fail_unsupported("expected images: an IDX file of rank 2 or more, found rank 1, ", dims_text(),
                     "; are these labels?");
  }

  void check_labels() {
    const bool qmnist = rank() == 2 && array_.dims[1] == kQmnistColumns && type_.code == 0x0C;
    if (rank() != 1 && !qmnist) {
      fail_unsupported("expected labels: an IDX file of rank 1, found rank ", rank(), ", ",
                       dims_text(), rank() > 2 ? "; are these images?" : "");
    }
    if (qmnist) columns_ = kQmnistColumns;
    array_.dims.resize(1);
  }

  void check_size(uint64_t bytes) const {
    const uint64_t room = largest_size_ - std::min<uint64_t>(largest_size_, header_bytes());
    if (bytes > room || (!compressed_ && bytes != room)) {
      fail_corrupt(
          concat(header_bytes() + bytes), " bytes as its header says",
          concat(compressed_ ? "a compressed file that holds at most " : "", largest_size_));
    }
  }

  /// Only reserves: a lying gzip file then costs address space, not memory.
  void reserve(uint64_t bytes) {
    const uint64_t values = bytes / type_.number.bytes / columns_;
    try {
      array_.values.reserve(values);
    } catch (const std::bad_alloc&) {
      fail(ErrorCode::out_of_memory, "not enough memory for the ", values, " bytes of ", origin_,
           "; close other programs or use a smaller data set");
    }
    numbers_.emplace(type_.number, content_, origin_, columns_);
    expected_ = bytes;
  }

  std::string_view origin_;
  ArrayContent content_;
  uint64_t largest_size_;
  bool compressed_;
  std::array<std::byte, kMagicBytes + kDimBytes* kLargestRank> header_ = {};
  size_t header_count_ = 0;
  ElementType type_ = kElementTypes[0];
  uint64_t expected_ = 0, received_ = 0;  // bytes of values
  std::optional<NumberBytes> numbers_;
  size_t columns_ = 1;  // of labels: how many numbers a row has
  std::optional<Error> refusal_;
  ByteArray array_;
};

uint64_t largest_inflated_size(uint64_t compressed) {
  const uint64_t limit = std::numeric_limits<int64_t>::max();
  return compressed > limit / kLargestDeflateRatio ? limit : compressed * kLargestDeflateRatio;
}

/// `read` fills a buffer and returns how much it got, 0 at the end.
template <typename Read>
ByteArray assemble(uint64_t size, std::string_view origin, ArrayContent content, const Read& read) {
  std::vector<std::byte> buffer(64 * 1024);
  std::span<const std::byte> piece(buffer.data(), read(std::span(buffer)));
  const bool compressed = looks_like_gzip(piece);
  IdxAssembler assembler(origin, content, compressed ? largest_inflated_size(size) : size,
                         compressed);
  std::optional<GzipDecoder> decoder;
  if (compressed) decoder.emplace(std::string(origin), [&](auto plain) { assembler.feed(plain); });
  for (; !piece.empty(); piece = std::span(buffer).first(read(std::span(buffer)))) {
    decoder ? decoder->feed(piece) : assembler.feed(piece);
  }
  if (decoder) decoder->finish();
  return std::move(assembler).finish();
}

}  // namespace

ByteArray read_idx(const std::string& path, ArrayContent content) {
  InputFile file(path);
  return assemble(file.size(), path, content,
                  [&](std::span<std::byte> buffer) { return file.read(buffer); });
}

ByteArray parse_idx(std::span<const std::byte> file, ArrayContent content,
                    std::string_view origin) {
  return assemble(file.size(), origin, content, [&](std::span<std::byte> buffer) {
    const size_t taken = std::min(buffer.size(), file.size());
    std::copy_n(file.begin(), taken, buffer.begin());
    file = file.subspan(taken);
    return taken;
  });
}

}  // namespace vae
