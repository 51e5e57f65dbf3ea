// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vae {

/// SHA-256 [FIPS 180-4], fed in any pieces: names a known file by its content.
class Sha256 {
 public:
  void update(std::span<const std::byte> bytes);
  /// 64 lower-case hexadecimal digits, as sha256sum prints them. Ends the message.
  std::string finish();

 private:
  static constexpr size_t kBlockBytes = 64;

  void compress(const std::byte* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, kBlockBytes> pending_ = {};
  size_t pending_count_ = 0;
  uint64_t total_bytes_ = 0;
};

}  // namespace vae
