// SPDX-License-Identifier: MIT
// Format: magic, version, header length, a Python dict literal, data.
// [numpy.lib.format, "Format Version 1.0"]
#include "host/io/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "host/io/atomic_file.h"
#include "host/io/foreign.h"
#include "host/io/input_file.h"
#include "host/io/npy_values.h"
#include "host/io/number_bytes.h"
#include "kernels/check.h"

namespace vae {
namespace {

using namespace std::string_view_literals;

static_assert(std::endian::native == std::endian::little, "arrays are stored little-endian");

constexpr std::string_view kMagic = "\x93NUMPY"sv;
constexpr size_t kAlignment = 64;             // of the data's start, as NumPy pads
constexpr size_t kLargestNpyHeader = 65'535;  // version 1.0's own limit; ours for 2.0 too
constexpr size_t kLargestNpyRank = 32;        // NumPy's limit

[[noreturn]] void fail_corrupt_npy(std::string_view origin, std::string_view expected,
                                   std::string_view found) {
  fail(ErrorCode::corrupt, origin, ": not a readable .npy file: expected ", expected, ", found ",
       found, "; write it with numpy.save as an array of numbers");
}

/// Recognises {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } with keys in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view origin) : rest_(text), origin_(origin) {}

  void parse() {
    expect("{");
    while (!take("}")) {
      parse_member(parse_string());
      if (!take(",")) {
        expect("}");
        break;
      }
    }
    // What remains is padding up to the newline at the very end.
    const size_t padding = std::min(rest_.find_first_not_of(' '), rest_.size());
    if (rest_.substr(padding) != "\n") fail_here("blanks and a newline at the header's end");
    if (!descr || !fortran_order || !shape) fail_here("descr, fortran_order and shape");
  }

  std::optional<std::string_view> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;

 private:
  [[noreturn]] void fail_here(std::string_view expected) const {
    fail_corrupt_npy(origin_, concat(expected, " in the header"),
                     rest_.empty() ? "its end" : concat('"', shortened(rest_, 40), '"'));
  }

  bool take(std::string_view token) {
    const size_t blanks = std::min(rest_.find_first_not_of(' '), rest_.size());
    if (!rest_.substr(blanks).starts_with(token)) return false;
    rest_.remove_prefix(blanks + token.size());
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token)) fail_here(concat('"', token, '"'));
  }

  std::string_view parse_string() {
    if (!take("'")) fail_here("a quoted word (structured types are not read)");
    const size_t end = rest_.find_first_of("'\\\n");
    if (end == std::string_view::npos || rest_[end] != '\'') fail_here("a closing quote");
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return word;
  }

  void parse_member(std::string_view key) {
    expect(":");
    if (key == "descr" && !descr) {
      descr = parse_string();
    } else if (key == "fortran_order" && !fortran_order) {
      fortran_order = take("True");
      if (!*fortran_order) expect("False");
    } else if (key == "shape" && !shape) {
      shape = parse_shape();
    } else {
      fail_corrupt_npy(origin_, "descr, fortran_order and shape, each once",
                       concat("the key \"", shortened(key, 40), '"'));
    }
  }

  std::vector<int64_t> parse_shape() {
    std::vector<int64_t> sizes;
    expect("(");
    while (!take(")")) {
      if (sizes.size() == kLargestNpyRank)
        fail_here(concat("at most ", kLargestNpyRank, " dimensions"));
      sizes.push_back(parse_size());
      if (take(",")) continue;
      if (sizes.size() == 1) fail_here("\",\" of a tuple");  // (3) is a number in Python
      expect(")");
      break;
    }
    return sizes;
  }

  int64_t parse_size() {
    take("");  // blanks
    int64_t size = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
    const bool leading_zero = rest_.starts_with('0') && end != rest_.data() + 1;
    if (error != std::errc() || size < 0 || leading_zero) fail_here("a size from 0 to 2^63 - 1");
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    if (rest_.starts_with('L')) rest_.remove_prefix(1);  // a long integer of Python 2
    return size;
  }

  std::string_view rest_;
  std::string_view origin_;
};

/// Splits the file into header text and data.
std::pair<std::string_view, std::span<const std::byte>> split(std::span<const std::byte> file,
                                                              std::string_view origin) {
  const std::string_view text = as_text(file);
  if (!text.starts_with(kMagic))
    fail_corrupt_npy(origin, "NumPy's magic number", describe_start(file));
  if (text.size() < 12) fail_corrupt_npy(origin, "a complete header", "the file's end");
  const int major = text[6], minor = text[7];
  if ((major != 1 && major != 2) || minor != 0) {
    fail_corrupt_npy(origin, "format version 1.0 or 2.0", concat(major, '.', minor));
  }
  const size_t length_bytes = major == 1 ? 2 : 4;
  uint32_t length = 0;
  std::memcpy(&length, file.data() + 8, length_bytes);
  const size_t start = 8 + length_bytes;
  if (length > kLargestNpyHeader || length > text.size() - start) {
    fail_corrupt_npy(
        origin,
        concat("a header of at most ", std::min(kLargestNpyHeader, text.size() - start), " bytes"),
        concat("a length of ", length));
  }
  return {text.substr(start, length), file.subspan(start + length)};
}

void check_data_size(const std::vector<int64_t>& shape, size_t value_bytes, uint64_t data_bytes,
                     std::string_view origin) {
  // Without the zeros, so that no product of sizes overflows later, strides included.
  auto bytes = static_cast<int64_t>(value_bytes);
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(1, size), &bytes)) {
      fail_corrupt_npy(origin, "a shape of less than 2^63 bytes", "a larger one");
    }
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) bytes = 0;
  if (static_cast<uint64_t>(bytes) != data_bytes) {
    fail_corrupt_npy(origin, concat(bytes, " bytes of data as the shape says"), concat(data_bytes));
  }
}

struct NpyHeader {
  NumberType type;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

NpyHeader parse_header(std::string_view text, std::string_view origin) {
  HeaderParser parser(text, origin);
  parser.parse();
  return {parse_npy_type(*parser.descr, origin), *parser.fortran_order, std::move(*parser.shape)};
}

}  // namespace

std::string npy_header(const std::vector<int64_t>& shape, std::string_view type) {
  VAE_CHECK(shape.size() <= kLargestNpyRank, "an array of ", shape.size(),
            " dimensions cannot be written as .npy");
  std::string header = concat("{'descr': '", type, "', 'fortran_order': False, 'shape': (");
  for (const int64_t size : shape) header += concat(size, ", ");
  if (shape.size() > 1) header.resize(header.size() - 2);   // (2, 3)
  if (shape.size() == 1) header.resize(header.size() - 1);  // (2,)
  header += "), }";
  constexpr size_t kFixedBytes = 10;  // magic, version, length
  while ((kFixedBytes + header.size() + 1) % kAlignment != 0) header += ' ';
  header += '\n';
  return concat(kMagic, '\x01', '\0', static_cast<char>(header.size() & 255),
                static_cast<char>(header.size() >> 8), header);
}

std::vector<std::byte> encode_npy(const Array& array) {
  int64_t count = 1;
  for (const int64_t size : array.shape) count *= size;
  VAE_CHECK(count == array.count(), "the array has ", array.count(), " values, its shape says ",
            count);
  const std::string start = npy_header(array.shape);
  const std::span<const std::byte> values = std::as_bytes(std::span(array.values));
  std::vector<std::byte> file(start.size() + values.size());
  std::ranges::copy(values, std::ranges::copy(as_bytes(start), file.begin()).out);
  return file;
}

Array decode_npy(std::span<const std::byte> file, std::string_view origin) {
  const auto [text, data] = split(file, origin);
  NpyHeader header = parse_header(text, origin);
  check_data_size(header.shape, header.type.bytes, data.size(), origin);
  std::vector<float> values =
      npy_values(data, header.type, header.shape, header.fortran_order, origin);
  return {std::move(header.shape), std::move(values)};
}

struct NpyByteReader::State {
  ArrayContent content;
  uint64_t bytes;
  std::string origin;
  std::vector<std::byte> start;  // the file as far as its header reaches
  uint64_t received = 0;
  std::optional<NumberBytes> numbers;  // from the header's end on
  std::optional<FortranWalk> walk;     // where values lie in another order than they come
  std::vector<uint8_t> piece_values;
  ByteArray array;

  /// The bytes that must be there before the header can be read, or one more step to them.
  size_t wanted() const {
    constexpr size_t kFixedBytes = 12;  // that tell the header's length
    if (start.size() < kFixedBytes) return kFixedBytes;
    const size_t length_bytes = start[6] == std::byte{1} ? 2 : 4;
    uint32_t length = 0;
    std::memcpy(&length, start.data() + 8, length_bytes);
    return 8 + length_bytes + std::min<size_t>(length, kLargestNpyHeader);
  }

  void accept_header() {
    const auto [text, rest] = split(start, origin);
    const NpyHeader header = parse_header(text, origin);
    const uint64_t data_bytes = bytes - (start.size() - rest.size());
    check_data_size(header.shape, header.type.bytes, data_bytes, origin);
    array.dims = header.shape;
    numbers.emplace(header.type, content, origin);
    if (header.fortran_order) walk.emplace(header.shape);
    allocate(data_bytes / header.type.bytes);
    take_values(rest);
  }

  /// In C order only reserved: a lying archive then costs address space, not memory.
  void allocate(uint64_t count) {
    try {
      walk ? array.values.resize(count) : array.values.reserve(count);
    } catch (const std::exception&) {  // bad_alloc, or length_error beyond 2^63
      fail(ErrorCode::out_of_memory, "not enough memory for the ", count, " values of ", origin,
           "; close other programs or use a smaller data set");
    }
  }

  void take_values(std::span<const std::byte> piece) {
    if (!walk) return numbers->append(piece, array.values);
    piece_values.clear();
    numbers->append(piece, piece_values);
    for (const uint8_t value : piece_values) {
      array.values[static_cast<size_t>(walk->place())] = value;
      walk->advance();
    }
  }
};

NpyByteReader::NpyByteReader(ArrayContent content, uint64_t bytes, std::string origin)
    : state_(std::make_unique<State>()) {
  state_->content = content;
  state_->bytes = bytes;
  state_->origin = std::move(origin);
}

NpyByteReader::~NpyByteReader() = default;

void NpyByteReader::feed(std::span<const std::byte> piece) {
  State& state = *state_;
  if (piece.size() > state.bytes - state.received) {
    fail_corrupt_npy(state.origin, concat(state.bytes, " bytes"), "more");
  }
  state.received += piece.size();
  while (!state.numbers && !piece.empty()) {
    const size_t taken = std::min(piece.size(), state.wanted() - state.start.size());
    state.start.insert(state.start.end(), piece.begin(), piece.begin() + taken);
    piece = piece.subspan(taken);
    if (state.start.size() >= state.wanted()) state.accept_header();
  }
  if (state.numbers) state.take_values(piece);
}

ByteArray NpyByteReader::finish() {
  State& state = *state_;
  if (!state.numbers) split(state.start, state.origin);  // says what is wrong
  if (!state.numbers || state.received != state.bytes) {
    fail_corrupt_npy(state.origin, concat(state.bytes, " bytes"), concat(state.received));
  }
  return std::move(state.array);
}

ByteArray read_npy_bytes(const std::string& path, ArrayContent content) {
  InputFile file(path);
  NpyByteReader reader(content, file.size(), path);
  std::vector<std::byte> buffer(64 * 1024);
  while (const size_t count = file.read(buffer)) reader.feed(std::span(buffer).first(count));
  return reader.finish();
}

}  // namespace vae
