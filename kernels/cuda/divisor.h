// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/hd.h"

namespace vae::cuda {

/// What many indices are divided by, 1 to 2^31 - 1: a product and a shift in place of a division.
/// [Granlund & Montgomery 1994, "Division by invariant integers using multiplication", fig. 4.1]
class Divisor {
 public:
  explicit Divisor(int64_t divisor)
      : divisor_(static_cast<uint32_t>(divisor)),
        shift_(static_cast<uint32_t>(std::bit_width(divisor_ - 1))),
        multiplier_(
            static_cast<uint32_t>((((uint64_t{1} << shift_) - divisor_) << 32) / divisor_ + 1)) {}

  VAE_HD explicit operator int() const { return static_cast<int>(divisor_); }

  /// For n >= 0, whose sum with a smaller number fits 32 bits.
  VAE_HD friend int operator/(int n, const Divisor& d) {
    const auto number = static_cast<uint32_t>(n);
    const auto high = static_cast<uint32_t>(uint64_t{number} * d.multiplier_ >> 32);
    return static_cast<int>((high + number) >> d.shift_);
  }

 private:
  uint32_t divisor_, shift_, multiplier_;
};

}  // namespace vae::cuda
