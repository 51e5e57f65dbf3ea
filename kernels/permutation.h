// SPDX-License-Identifier: MIT
//
// The order of an epoch as a keyed bijection of 0 .. count - 1: nothing is shuffled or stored.
// A balanced Feistel network permutes the smallest even power of two that holds `count`; results
// outside are sent through again until they fall inside (cycle walking), fewer than four times on
// average.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/philox.h"

namespace vae {

struct Permutation {
  static constexpr int kRounds = 6;

  uint32_t count = 1;
  uint32_t half_bits = 1;
  uint32_t keys[kRounds] = {};
};

VAE_HD static inline Permutation make_permutation(uint64_t seed, uint32_t epoch, uint32_t count) {
  Permutation permutation;
  permutation.count = count;
  while (permutation.half_bits < 16 && (uint64_t{1} << (2 * permutation.half_bits)) < count) {
    ++permutation.half_bits;
  }
  const PhiloxRow row = philox_row(seed, Stream::shuffle, epoch, 0);
  const PhiloxWords words[2] = {philox_quad(row, 0), philox_quad(row, 1)};
  for (int round = 0; round < Permutation::kRounds; ++round) {
    permutation.keys[round] = words[round / 4].word[round % 4];
  }
  return permutation;
}

/// A well-mixed 32-bit hash (the finaliser of MurmurHash3).
VAE_HD static inline uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x85ebca6bu;
  x ^= x >> 13;
  x *= 0xc2b2ae35u;
  return x ^ (x >> 16);
}

/// The image at this position of the epoch.
VAE_HD static inline uint32_t permute(const Permutation& permutation, uint32_t position) {
  const uint32_t bits = permutation.half_bits;
  const uint32_t mask = (1u << bits) - 1u;
  uint32_t value = position;
  do {
    uint32_t left = value >> bits;
    uint32_t right = value & mask;
    for (int round = 0; round < Permutation::kRounds; ++round) {
      const uint32_t next = left ^ (mix(right ^ permutation.keys[round]) & mask);
      left = right;
      right = next;
    }
    value = left << bits | right;
  } while (value >= permutation.count);
  return value;
}

}  // namespace vae
