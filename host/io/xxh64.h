// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vae {

/// XXH64, the 64-bit hash of xxHash (Yann Collet, specification 0.1.1), fed in any pieces. It finds
/// accidental damage; it is no defence against a forger.
class Xxh64 {
 public:
  explicit Xxh64(uint64_t seed = 0);

  void update(std::span<const std::byte> bytes);
  uint64_t digest() const;

 private:
  std::array<uint64_t, 4> lanes_;
  std::array<std::byte, 32> pending_ = {};
  size_t pending_count_ = 0;
  uint64_t total_ = 0;
  uint64_t seed_;
};

uint64_t xxh64(std::span<const std::byte> bytes, uint64_t seed = 0);

/// 16 lower-case hexadecimal digits.
std::string to_hex(uint64_t value);

}  // namespace vae
