// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/io/byte_array.h"
#include "vae/array.h"

namespace vae {

/// NumPy's .npy format, version 1.0: little-endian float32 in C order.
std::vector<std::byte> encode_npy(const Array& array);
/// What stands there before the values, which have the type `type` in NumPy's words.
std::string npy_header(const std::vector<int64_t>& shape, std::string_view type = "<f4");

/// Reads versions 1.0 and 2.0 with values of the types of npy_values.h, in C or Fortran order. The
/// header is Python source; only the one form NumPy writes is recognised and nothing is evaluated.
/// Object arrays (pickles) and every other type throw Error(corrupt). Memory stays within four
/// bytes for each value of the file.
Array decode_npy(std::span<const std::byte> file, std::string_view origin);

/// Reads images or labels of a .npy file that arrives in pieces of any size. The header decides
/// about everything before the first value is stored; memory stays within the number of values plus
/// a constant. Throws what decode_npy() throws, and Error(unsupported) with what to do for numbers
/// that ArrayContent does not have.
class NpyByteReader {
 public:
  /// `bytes` is the size of the whole file; `origin` names it in messages.
  NpyByteReader(ArrayContent content, uint64_t bytes, std::string origin);
  ~NpyByteReader();
  NpyByteReader(const NpyByteReader&) = delete;
  NpyByteReader& operator=(const NpyByteReader&) = delete;

  void feed(std::span<const std::byte> piece);
  ByteArray finish();  ///< after the last piece

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The file at `path` by a NpyByteReader. Throws Error(io), too.
ByteArray read_npy_bytes(const std::string& path, ArrayContent content);

}  // namespace vae
