// SPDX-License-Identifier: MIT
// Types: [numpy.lib.format, "Format Version 1.0"], [numpy.dtype, "array interface" type strings].
#include "host/io/npy_values.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "kernels/check.h"

namespace vae {
namespace {

static_assert(std::endian::native == std::endian::little, "values are put together little-endian");

bool is_read(const NpyType& type) {
  const bool power = type.bytes == 2 || type.bytes == 4 || type.bytes == 8;
  switch (type.kind) {
    case 'f':
      return power;
    case 'i':
    case 'u':
      return power || type.bytes == 1;
    default:
      return type.kind == 'b' && type.bytes == 1;
  }
}

/// What the types are that are not read.
std::string_view kind_text(char kind) {
  switch (kind) {
    case 'O':
      return "Python objects, which could run code and are never loaded";
    case 'c':
      return "complex numbers";
    case 'S':
    case 'U':
      return "text";
    case 'M':
    case 'm':
      return "dates or times";
    case 'V':
      return "raw bytes, as which bfloat16 is written";
    case 'f':
      return "floating-point numbers of an unusual size";
    default:
      return "unknown";
  }
}

/// binary16 of IEEE 754; every one is also a float.
float half_to_float(uint32_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = half >> 10 & 31u, fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 31 ? 255u : exponent + (127u - 15u);
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

/// The value as the widest number of its kind; a double holds every float.
double read_value(const std::byte* at, const NpyType& type) {
  std::array<std::byte, 8> bytes = {};
  std::copy_n(at, type.bytes, bytes.begin());
  if (type.big_endian) std::reverse(bytes.begin(), bytes.begin() + type.bytes);
  const auto bits = std::bit_cast<uint64_t>(bytes);
  const auto unused = static_cast<int>(64 - 8 * type.bytes);
  switch (type.kind) {
    case 'b':
      return bits != 0 ? 1.0 : 0.0;
    case 'u':
      return static_cast<double>(bits);
    case 'i':
      return static_cast<double>(static_cast<int64_t>(bits << unused) >> unused);
    default:
      break;
  }
  if (type.bytes == 2) return half_to_float(static_cast<uint32_t>(bits));
  if (type.bytes == 4) return std::bit_cast<float>(static_cast<uint32_t>(bits));
  return std::bit_cast<double>(bits);
}

/// "row 3, column 0 (counted from 0)", or the index of each dimension.
std::string place_text(int64_t at, const std::vector<int64_t>& shape) {
  std::vector<int64_t> index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0; at /= shape[i]) index[i] = at % shape[i];
  if (index.size() == 2)
    return concat("row ", index[0], ", column ", index[1], " (counted from 0)");
  std::string text;
  for (const int64_t number : index) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return concat("[", text, "]");
}

/// Walks through an array as it lies in Fortran order, the first index fastest, and tells the place
/// of each value in C order.
class FortranWalk {
 public:
  explicit FortranWalk(const std::vector<int64_t>& shape)
      : shape_(shape), index_(shape.size()), strides_(shape.size()) {
    int64_t stride = 1;
    for (std::size_t i = shape.size(); i-- > 0; stride *= shape[i]) strides_[i] = stride;
  }

  int64_t place() const { return place_; }

  void advance() {
    for (std::size_t i = 0; i < shape_.size(); ++i) {
      place_ += strides_[i];
      if (++index_[i] < shape_[i]) return;
      place_ -= strides_[i] * shape_[i];
      index_[i] = 0;
    }
  }

 private:
  const std::vector<int64_t>& shape_;
  std::vector<int64_t> index_, strides_;
  int64_t place_ = 0;
};

}  // namespace

NpyType parse_npy_type(std::string_view descr, std::string_view origin) {
  const char order = descr.empty() ? '?' : descr[0];
  NpyType type;
  type.kind = descr.size() < 2 ? '?' : descr[1];
  type.bytes = descr.size() == 3 ? static_cast<std::size_t>(descr[2] - '0') : 0;
  type.big_endian = order == '>';
  const bool ordered = order == '<' || order == '>' || (order == '|' && type.bytes == 1);
  if (ordered && is_read(type)) return type;
  fail(ErrorCode::corrupt, origin, ": the values are of the type \"", shortened(descr, 40), "\" (",
       kind_text(type.kind),
       "), which is not read; write them with numpy.save(file, array.astype('float32'))");
}

std::vector<float> npy_values(std::span<const std::byte> data, const NpyType& type,
                              const std::vector<int64_t>& shape, bool fortran_order,
                              std::string_view origin) {
  std::vector<float> values(data.size() / type.bytes);
  FortranWalk walk(shape);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = read_value(data.data() + i * type.bytes, type);
    const int64_t place = fortran_order ? walk.place() : static_cast<int64_t>(i);
    if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) {
      fail(ErrorCode::corrupt, origin, ": ", place_text(place, shape), " is ", value,
           ", too large for a 32-bit float");
    }
    values[static_cast<std::size_t>(place)] = static_cast<float>(value);
    if (fortran_order) walk.advance();
  }
  return values;
}

}  // namespace vae
