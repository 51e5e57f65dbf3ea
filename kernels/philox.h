// SPDX-License-Identifier: MIT
//
// Philox4x32-10, the counter-based generator of Salmon et al. 2011, and the draws made from it.
// A number is a function of (seed, stream, step, row, sample, element) and nothing else.
// On a card its words come from cuRAND's device function, whose twin for the host is here.
#pragma once

#if defined(__CUDACC__) || defined(VAE_SIMT)
#include <curand_philox4x32_x.h>
#endif

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/step_state.h"

namespace vae {

struct PhiloxWords {
  uint32_t word[4];
};

/// Ten rounds on one 128-bit counter under one 64-bit key.
VAE_HD static inline PhiloxWords philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3,
                                        uint32_t key0, uint32_t key1) {
#if defined(__CUDA_ARCH__) || defined(VAE_SIMT)
  const uint4 words = curand_Philox4x32_10(make_uint4(c0, c1, c2, c3), make_uint2(key0, key1));
  return {{words.x, words.y, words.z, words.w}};
#else
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = static_cast<uint64_t>(0xD2511F53u) * c0;
    const uint64_t product1 = static_cast<uint64_t>(0xCD9E8D57u) * c2;
    c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ key0;
    c1 = static_cast<uint32_t>(product1);
    c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ key1;
    c3 = static_cast<uint32_t>(product0);
    key0 += 0x9E3779B9u;  // the golden ratio
    key1 += 0xBB67AE85u;  // sqrt(3) - 1
  }
  return {{c0, c1, c2, c3}};
#endif
}

/// Which row of which purpose draws: everything of the counter but the element.
struct PhiloxRow {
  uint32_t row = 0;
  uint32_t step = 0;
  uint32_t tag = 0;  // stream << 24 | importance sample
  uint32_t key0 = 0;
  uint32_t key1 = 0;
};

VAE_HD static inline PhiloxRow philox_row(uint64_t seed, Stream stream, uint32_t step, uint32_t row,
                                          uint32_t sample = 0) {
  return {row, step, static_cast<uint32_t>(stream) << 24 | sample, static_cast<uint32_t>(seed),
          static_cast<uint32_t>(seed >> 32)};
}

/// The four words of elements 4 * quad .. 4 * quad + 3.
VAE_HD static inline PhiloxWords philox_quad(const PhiloxRow& row, uint32_t quad) {
  return philox(quad, row.row, row.step, row.tag, row.key0, row.key1);
}

/// The word of one element; for single draws, quads are cheaper.
VAE_HD static inline uint32_t word_of(const PhiloxRow& row, uint32_t element) {
  const PhiloxWords words = philox_quad(row, element / 4);
  // Not by an index: an array that is indexed at run time lies in a card's memory.
  const uint32_t low = element % 2 == 0 ? words.word[0] : words.word[1];
  const uint32_t high = element % 2 == 0 ? words.word[2] : words.word[3];
  return element % 4 < 2 ? low : high;
}

/// Uniform in (0, 1], as cuRAND maps words: x 2^-32 + 2^-33.
VAE_HD static inline float uniform_from_word(uint32_t word) {
  return fused_multiply_add(static_cast<float>(word), 0x1p-32f, 0x1p-33f);
}

/// Uniform in (0, 1): (word + 1/2) 2^-32, exactly.
VAE_HD static inline double middle_of_word(uint32_t word) {
  return (static_cast<double>(word) + 0.5) * 0x1p-32;
}

/// Two standard normals from two words by Box & Muller, in cuRAND's order (sine first).
VAE_HD static inline void normals_from_words(uint32_t word0, uint32_t word1, float& normal0,
                                             float& normal1) {
  const float radius = square_root(-2.0f * log_positive(uniform_from_word(word0)));
  float sine, cosine;
  sincos_turn(word1, sine, cosine);
  normal0 = radius * sine;
  normal1 = radius * cosine;
}

/// The standard normal of one element; for single draws, quads are cheaper.
VAE_HD static inline float normal_element(const PhiloxRow& row, uint32_t element) {
  const PhiloxWords words = philox_quad(row, element / 4);
  float normal[4];
  normals_from_words(words.word[0], words.word[1], normal[0], normal[1]);
  normals_from_words(words.word[2], words.word[3], normal[2], normal[3]);
  return normal[element % 4];
}

/// Uniform of one element in (0, 1].
VAE_HD static inline float uniform_element(const PhiloxRow& row, uint32_t element) {
  return uniform_from_word(word_of(row, element));
}

/// Bernoulli(pixel / 255) decided in integers: word < pixel 2^32 / 255. Since 2^32 = 255 * 16843009
/// + 1, that is word <= pixel * 16843009 for pixels above 0: 0 is never set and 255 always.
VAE_HD static inline bool bernoulli_pixel(uint32_t word, uint32_t pixel) {
  return pixel != 0 && word <= pixel * 16843009u;
}

}  // namespace vae
