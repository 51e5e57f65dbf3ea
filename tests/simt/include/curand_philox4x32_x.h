// SPDX-License-Identifier: MIT
//
// cuRAND's device function for hosts without the toolkit, whose header of this name it stands in
// for: Philox4x32-10 of Salmon et al. 2011. tests/kernels/curand compares the toolkit's own.
#pragma once

#include <vector_types.h>

#include <cstdint>

static inline uint4 curand_Philox4x32_10(uint4 counter, uint2 key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53} * counter.x;
    const std::uint64_t second = std::uint64_t{0xCD9E8D57} * counter.z;
    counter = {
        static_cast<unsigned>(second >> 32) ^ counter.y ^ key.x, static_cast<unsigned>(second),
        static_cast<unsigned>(first >> 32) ^ counter.w ^ key.y, static_cast<unsigned>(first)};
    key = {key.x + 0x9E3779B9u, key.y + 0xBB67AE85u};
  }
  return counter;
}
