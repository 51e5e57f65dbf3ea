// SPDX-License-Identifier: MIT
#include "host/io/png.h"

#include <zlib.h>

#include <algorithm>
#include <vector>

#include "tests/fuzz/run_parser.h"

namespace {

uint32_t read_big_endian(const std::byte* from) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | std::to_integer<uint32_t>(from[i]);
  return value;
}

/// Makes the chunks' checksums right, or mutations would never reach the decoder.
std::vector<std::byte> with_right_checksums(std::span<const std::byte> input) {
  std::vector<std::byte> file(input.begin(), input.end());
  for (size_t at = 8; at + 12 <= file.size();) {
    const uint32_t length = read_big_endian(&file[at]);
    if (length > file.size() - at - 12) break;
    const auto sum = ::crc32_z(0, reinterpret_cast<const Bytef*>(&file[at + 4]), length + 4);
    for (size_t i = 0; i < 4; ++i) file[at + 8 + length + i] = std::byte(sum >> (24 - 8 * i) & 255);
    at += 12 + length;
  }
  return file;
}

}  // namespace

VAE_FUZZ_TARGET(png) {
  using namespace vae;
  const auto input = fuzz::as_input(data, size);
  fuzz::run_parser([&] { decode_png(input, "input"); });
  fuzz::run_parser([&] {
    const Image image = decode_png(with_right_checksums(input), "input");
    fuzz::require(
        static_cast<int64_t>(image.pixels.size()) == image.height * image.width * image.channels,
        "the size describes the pixels");
  });
}
