// SPDX-License-Identifier: MIT
#include "host/io/idx.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <optional>

#include "host/io/conversion.h"
#include "host/io/foreign.h"
#include "host/io/gzip.h"
#include "host/io/input_file.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr size_t kMagicBytes = 4;  // 0, 0, type, rank
constexpr size_t kDimBytes = 4;    // big-endian
constexpr size_t kLargestRank = 4;
constexpr int64_t kQmnistColumns = 8;  // the class and seven numbers on where the digit comes from

struct ElementType {
  int code;
  std::string_view name;
  size_t bytes;
  char python;  // its code in Python's module array
};
constexpr std::array kElementTypes = {
    ElementType{0x08, "unsigned bytes", 1, 'B'},  ElementType{0x09, "signed bytes", 1, 'b'},
    ElementType{0x0B, "16-bit integers", 2, 'h'}, ElementType{0x0C, "32-bit integers", 4, 'i'},
    ElementType{0x0D, "32-bit floats", 4, 'f'},   ElementType{0x0E, "64-bit floats", 8, 'd'}};
constexpr const ElementType& kUnsignedByte = kElementTypes[0];

/// Takes an IDX file piece by piece. The header decides about the size of the values before the
/// first of them is stored.
class IdxAssembler {
 public:
  /// `largest_size` is what the file can hold at most; where it is not `compressed`, at least too.
  IdxAssembler(std::string_view origin, IdxContent content, uint64_t largest_size, bool compressed)
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

  IdxArray finish() && {
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
    if (row_.empty()) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(piece.data());
      array_.values.insert(array_.values.end(), bytes, bytes + piece.size());
    } else {
      for (const std::byte byte : piece) take_label_byte(byte);
    }
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
    // A rank that no IDX file has is rather a flipped bit.
    if (rank() == 0 || rank() > 2 * kLargestRank) {
      fail_corrupt("a rank of 1 to 4", " at offset 3", concat("rank ", rank()));
    }
    if (rank() <= kLargestRank) return;  // the sizes tell more
    fail_unsupported("an IDX file of rank ", rank(), "; images have rank 3, or 4 with channels");
  }

  void accept_header() {
    uint64_t bytes = type_.bytes;
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
    content_ == IdxContent::labels ? check_labels() : check_images();
    reserve(bytes);
  }

  std::string dims_text() const {
    std::string text;
    for (const int64_t dim : array_.dims) text += concat(text.empty() ? "[" : ", ", dim);
    return text + "]";
  }

  void check_images() const {
    const std::vector<int64_t>& dims = array_.dims;
    if (rank() < 3) {
      fail_unsupported("expected images: an IDX file of rank 3, or 4 with channels, found rank ",
                       rank(), ", ", dims_text(),
                       rank() == 1 ? "; are these labels?"
                                   : "; give the shape [N, height, width] in the header");
    }
    if (rank() == 4 && dims[3] != 1 && dims[3] != 3) {
      if (dims[1] == 1 || dims[1] == 3) {
        fail_unsupported("the images are ", dims_text(), ", channels first (dimension 1 is ",
                         dims[1], "); [N, height, width, channels] is read. This moves them:\n",
                         idx_to_channels_last_command(std::string(origin_), compressed_));
      }
      fail_unsupported("the images are ", dims_text(), " with ", dims[3],
                       " channels in the last dimension; expected 1 or 3 channels");
    }
    if (type_.code == kUnsignedByte.code) return;
    fail_unsupported("the images are ", type_.name, " (type ", type_.code,
                     "); unsigned bytes (type 8), 0 black and 255 white, are read. This converts "
                     "them:\n",
                     idx_to_bytes_command(std::string(origin_), compressed_, type_.python));
  }

  void check_labels() {
    const bool qmnist = rank() == 2 && array_.dims[1] == kQmnistColumns && type_.code == 0x0C;
    if (rank() != 1 && !qmnist) {
      fail_unsupported("expected labels: an IDX file of rank 1, found rank ", rank(), ", ",
                       dims_text(), rank() > 2 ? "; are these images?" : "");
    }
    if (type_.code > 0x0C) {
      fail_unsupported("the labels are ", type_.name, "; whole numbers are read");
    }
    if (type_.code != kUnsignedByte.code) row_.resize(type_.bytes * (qmnist ? kQmnistColumns : 1));
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
    const uint64_t values = row_.empty() ? bytes : bytes / row_.size();
    try {
      array_.values.reserve(values);
    } catch (const std::bad_alloc&) {
      fail(ErrorCode::out_of_memory, "not enough memory for the ", values, " bytes of ", origin_,
           "; close other programs or use a smaller data set");
    }
    expected_ = bytes;
  }

  /// A label wider than a byte, big-endian; of a row only the first number is one.
  void take_label_byte(std::byte byte) {
    row_[row_count_++] = byte;
    if (row_count_ < row_.size()) return;
    row_count_ = 0;
    uint32_t label = 0;  // a negative one is far beyond 255
    for (size_t i = 0; i < type_.bytes; ++i)
      label = label << 8 | std::to_integer<uint32_t>(row_[i]);
    if (label > 255 || (type_.bytes == 1 && label > 127)) {
      fail_unsupported("label ", array_.values.size(),
                       " is not in 0..255; labels are read as bytes");
    }
    array_.values.push_back(static_cast<uint8_t>(label));
  }

  std::string_view origin_;
  IdxContent content_;
  uint64_t largest_size_;
  bool compressed_;
  std::array<std::byte, kMagicBytes + kDimBytes* kLargestRank> header_ = {};
  size_t header_count_ = 0;
  ElementType type_ = kUnsignedByte;
  uint64_t expected_ = 0, received_ = 0;  // bytes of values
  std::vector<std::byte> row_;            // what makes one label; empty where values are bytes
  size_t row_count_ = 0;
  std::optional<Error> refusal_;
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
