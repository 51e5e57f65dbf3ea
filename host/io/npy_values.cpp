// SPDX-License-Identifier: MIT
// Types: [numpy.lib.format, "Format Version 1.0"], [numpy.dtype, "array interface" type strings].
#include "host/io/npy_values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "kernels/check.h"

namespace vae {
namespace {

bool is_read(const NumberType& type) {
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

}  // namespace

NumberType parse_npy_type(std::string_view descr, std::string_view origin) {
  const char order = descr.empty() ? '?' : descr[0];
  NumberType type;
  type.kind = descr.size() < 2 ? '?' : descr[1];
  type.bytes = descr.size() == 3 ? static_cast<std::size_t>(descr[2] - '0') : 0;
  type.big_endian = order == '>';
  const bool ordered = order == '<' || order == '>' || (order == '|' && type.bytes == 1);
  if (ordered && is_read(type)) return type;
  fail(ErrorCode::corrupt, origin, ": the values are of the type \"", shortened(descr, 40), "\" (",
       kind_text(type.kind),
       "), which is not read; write them with numpy.save(file, array.astype('float32'))");
}

std::vector<float> npy_values(std::span<const std::byte> data, const NumberType& type,
                              const std::vector<int64_t>& shape, bool fortran_order,
                              std::string_view origin) {
  std::vector<float> values(data.size() / type.bytes);
  FortranWalk walk(shape);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = read_number(data.data() + i * type.bytes, type);
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
