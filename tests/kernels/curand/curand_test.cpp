// SPDX-License-Identifier: MIT
//
// Built where the CUDA toolkit is present; nothing else links cuRAND. Kernels use its device
// function curand_Philox4x32_10, which is a header.
#include <curand.h>
#include <gtest/gtest.h>
#include <vector_types.h>

// The device function, compiled for the host.
#define QUALIFIERS static inline
#include <curand_philox4x32_x.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/philox.h"

namespace vae {
namespace {

/// cuRAND's host generator runs without a GPU. Its word i is Philox at counter
/// (i / 262144, 0, (i / 4) mod 65536, 0), word i mod 4.
class CurandTest : public ::testing::Test {
 protected:
  static constexpr size_t kCount = 1 << 20;
  static constexpr uint64_t kSeed = 0x123456789abcdefull;

  void SetUp() override {
    ASSERT_EQ(curandCreateGeneratorHost(&generator_, CURAND_RNG_PSEUDO_PHILOX4_32_10),
              CURAND_STATUS_SUCCESS);
    ASSERT_EQ(curandSetPseudoRandomGeneratorSeed(generator_, kSeed), CURAND_STATUS_SUCCESS);
  }
  void TearDown() override { curandDestroyGenerator(generator_); }

  static PhiloxWords quad_of(size_t i) {
    return philox(static_cast<uint32_t>(i / 262144), 0, static_cast<uint32_t>(i / 4 % 65536), 0,
                  static_cast<uint32_t>(kSeed), static_cast<uint32_t>(kSeed >> 32));
  }

  curandGenerator_t generator_ = nullptr;
};

TEST(CurandDeviceFunctionTest, WordsAreEqualBitForBit) {
  uint32_t c[6] = {};
  for (int i = 0; i < 100000; ++i) {
    const uint4 theirs = curand_Philox4x32_10({c[0], c[1], c[2], c[3]}, {c[4], c[5]});
    const PhiloxWords ours = philox(c[0], c[1], c[2], c[3], c[4], c[5]);
    ASSERT_TRUE(theirs.x == ours.word[0] && theirs.y == ours.word[1] && theirs.z == ours.word[2] &&
                theirs.w == ours.word[3])
        << i;
    for (uint32_t& word : c) word = word * 1664525u + 1013904223u + theirs.x;
  }
}

TEST_F(CurandTest, WordsAreEqualBitForBit) {
  std::vector<uint32_t> theirs(kCount);
  ASSERT_EQ(curandGenerate(generator_, theirs.data(), kCount), CURAND_STATUS_SUCCESS);
  size_t different = 0;
  for (size_t i = 0; i < kCount; ++i) different += theirs[i] != quad_of(i).word[i % 4];
  EXPECT_EQ(different, 0u);
}

TEST_F(CurandTest, UniformsAreEqualBitForBit) {
  std::vector<float> theirs(kCount);
  ASSERT_EQ(curandGenerateUniform(generator_, theirs.data(), kCount), CURAND_STATUS_SUCCESS);
  size_t different = 0;
  for (size_t i = 0; i < kCount; ++i) {
    different += theirs[i] != uniform_from_word(quad_of(i).word[i % 4]);
  }
  EXPECT_EQ(different, 0u);
}

// Ours come from polynomials that every device rounds alike, theirs from each platform's libm
// and an angle rounded to float.
TEST_F(CurandTest, NormalsAgreeToRounding) {
  std::vector<float> theirs(kCount);
  ASSERT_EQ(curandGenerateNormal(generator_, theirs.data(), kCount, 0.0f, 1.0f),
            CURAND_STATUS_SUCCESS);
  double worst = 0.0;
  for (size_t i = 0; i < kCount; i += 4) {
    const PhiloxWords w = quad_of(i);
    float ours[4];
    normals_from_words(w.word[0], w.word[1], ours[0], ours[1]);
    normals_from_words(w.word[2], w.word[3], ours[2], ours[3]);
    for (int j = 0; j < 4; ++j) worst = std::max<double>(worst, std::abs(ours[j] - theirs[i + j]));
  }
  EXPECT_LT(worst, 5e-6);
}

}  // namespace
}  // namespace vae
