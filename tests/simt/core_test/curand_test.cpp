// SPDX-License-Identifier: MIT
//
// What stands in for cuRAND's device function: the words that kernels draw.
#include <curand_philox4x32_x.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace vae::cuda {
namespace {

std::array<uint32_t, 4> words(uint4 counter, uint2 key) {
  const uint4 drawn = curand_Philox4x32_10(counter, key);
  return {drawn.x, drawn.y, drawn.z, drawn.w};
}

// Of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
TEST(CurandStandInTest, ReproducesTheKnownAnswersOfRandom123) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(words({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t f = 0xffffffff;
  EXPECT_EQ(words({f, f, f, f}, {f, f}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(words({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

}  // namespace
}  // namespace vae::cuda
