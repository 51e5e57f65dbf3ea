// SPDX-License-Identifier: MIT
#include "kernels/philox.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <numbers>
#include <set>
#include <vector>

#include "kernels/cpu/vector_ops.h"
#include "kernels/permutation.h"

namespace vae {
namespace {

using Words = std::array<uint32_t, 4>;

Words words(const PhiloxWords& w) { return {w.word[0], w.word[1], w.word[2], w.word[3]}; }

// Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
TEST(PhiloxTest, ReproducesTheKnownAnswersOfRandom123) {
  EXPECT_EQ(words(philox(0, 0, 0, 0, 0, 0)),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t f = 0xffffffff;
  EXPECT_EQ(words(philox(f, f, f, f, f, f)),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(words(philox(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0)),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(PhiloxTest, SeparatesPurposesRowsStepsSamplesAndSeeds) {
  std::set<Words> seen;
  int drawn = 0;
  for (const uint64_t seed : {1ull, 1ull << 40}) {
    for (const Stream stream : {Stream::posterior, Stream::binarize, Stream::prior}) {
      for (uint32_t step = 0; step < 3; ++step) {
        for (uint32_t row = 0; row < 3; ++row) {
          for (uint32_t sample = 0; sample < 3; ++sample) {
            for (uint32_t quad = 0; quad < 3; ++quad, ++drawn) {
              seen.insert(words(philox_quad(philox_row(seed, stream, step, row, sample), quad)));
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(static_cast<int>(seen.size()), drawn);
}

TEST(PhiloxTest, BernoulliComparesWithTheExactThreshold) {
  for (uint32_t pixel = 0; pixel < 256; ++pixel) {
    const uint64_t scaled = static_cast<uint64_t>(pixel) << 32;
    for (const uint64_t offset : {-2, -1, 0, 1, 2}) {
      const auto word = static_cast<uint32_t>(scaled / 255 + offset);
      EXPECT_EQ(bernoulli_pixel(word, pixel), static_cast<uint64_t>(word) * 255 < scaled)
          << pixel << ' ' << word;
    }
  }
  EXPECT_FALSE(bernoulli_pixel(0, 0));
  EXPECT_TRUE(bernoulli_pixel(0xffffffff, 255));
}

/// Box & Muller in float64 on the same words; the uniform is rounded to float first, as it must be.
void reference_normals(uint32_t word0, uint32_t word1, double& normal0, double& normal1) {
  const double u = uniform_from_word(word0);
  const double v = 2.0 * std::numbers::pi * (word1 * 0x1p-32 + 0x1p-33);
  const double radius = std::sqrt(-2.0 * std::log(u));
  normal0 = radius * std::sin(v);
  normal1 = radius * std::cos(v);
}

TEST(PhiloxTest, NormalsMatchFloat64BoxMuller) {
  const PhiloxRow row = philox_row(7, Stream::prior, 0, 0);
  double worst = 0.0;
  for (uint32_t quad = 0; quad < 200000; ++quad) {
    const PhiloxWords w = philox_quad(row, quad);
    float n0, n1;
    double r0, r1;
    normals_from_words(w.word[0], w.word[1], n0, n1);
    reference_normals(w.word[0], w.word[1], r0, r1);
    worst = std::max({worst, std::abs(n0 - r0), std::abs(n1 - r1)});
  }
  EXPECT_LT(worst, 2e-6);
}

TEST(PhiloxTest, NormalsHaveTheMomentsOfTheStandardNormal) {
  const int64_t count = 1 << 20;
  std::vector<float> z(count);
  cpu::vector_ops().normals(z.data(), 0, 1, count, {3, 0, 0, 5u << 24, 1});
  double sums[5] = {};
  for (const float value : z) {
    for (int power = 1; power <= 4; ++power) sums[power] += std::pow(value, power);
  }
  const double n = static_cast<double>(count);
  EXPECT_NEAR(sums[1] / n, 0.0, 5.0 / std::sqrt(n));
  EXPECT_NEAR(sums[2] / n, 1.0, 5.0 * std::sqrt(2.0 / n));
  EXPECT_NEAR(sums[3] / n, 0.0, 5.0 * std::sqrt(15.0 / n));
  EXPECT_NEAR(sums[4] / n, 3.0, 5.0 * std::sqrt(96.0 / n));
}

TEST(PhiloxTest, VectorsDrawWhatSingleElementsDraw) {
  const int64_t rows = 7, samples = 3;
  const uint32_t tag = static_cast<uint32_t>(Stream::posterior) << 24;
  for (const auto isa : cpu::available_isas()) {
    for (const int64_t width : {1, 2, 20, 63, 255, 256, 257, 1037}) {
      std::vector<float> z(rows * width, 9.0f);
      cpu::vector_ops(isa).normals(z.data(), 1, rows, width, {9, 5, 6, tag | 7u, samples});
      for (int64_t m = 0; m < rows; ++m) {
        const PhiloxRow row =
            philox_row(9, Stream::posterior, 5, static_cast<uint32_t>(6 + m / samples),
                       static_cast<uint32_t>(7 + m % samples));
        for (int64_t i = 0; i < width; ++i) {
          const float expected = m == 0 ? 9.0f : normal_element(row, static_cast<uint32_t>(i));
          ASSERT_EQ(z[m * width + i], expected) << isa << ' ' << width << ' ' << m << ' ' << i;
        }
      }
    }
  }
}

class PermutationTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(PermutationTest, VisitsEveryImageOnce) {
  const uint32_t count = GetParam();
  for (uint32_t epoch = 0; epoch < 3; ++epoch) {
    const Permutation permutation = make_permutation(5, epoch, count);
    std::vector<bool> seen(count, false);
    for (uint32_t position = 0; position < count; ++position) {
      const uint32_t image = permute(permutation, position);
      ASSERT_LT(image, count);
      ASSERT_FALSE(seen[image]) << "image " << image << " twice";
      seen[image] = true;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Counts, PermutationTest,
                         ::testing::Values(1u, 2u, 3u, 4u, 5u, 16u, 17u, 31u, 64u, 65u, 257u, 1000u,
                                           4096u, 60000u, 65537u, 262145u));

TEST(PermutationTest, EpochsAndSeedsGiveUnrelatedOrders) {
  const uint32_t count = 10000;
  const Permutation a = make_permutation(1, 0, count), b = make_permutation(1, 1, count);
  const Permutation c = make_permutation(2, 0, count);
  int fixed = 0, same_epoch = 0, same_seed = 0;
  for (uint32_t i = 0; i < count; ++i) {
    fixed += permute(a, i) == i;
    same_epoch += permute(a, i) == permute(b, i);
    same_seed += permute(a, i) == permute(c, i);
  }
  // Each count is Poisson with mean 1 for a random permutation.
  EXPECT_LT(fixed, 8);
  EXPECT_LT(same_epoch, 8);
  EXPECT_LT(same_seed, 8);
}

TEST(PermutationTest, EachPositionIsUniformOverEpochs) {
  const uint32_t count = 10, epochs = 20000;
  std::vector<int> hits(count, 0);
  for (uint32_t epoch = 0; epoch < epochs; ++epoch) {
    ++hits[permute(make_permutation(3, epoch, count), 0)];
  }
  double chi_square = 0.0;
  const double expected = static_cast<double>(epochs) / count;
  for (const int hit : hits) chi_square += (hit - expected) * (hit - expected) / expected;
  EXPECT_LT(chi_square, 27.9) << "9 degrees of freedom, one in a thousand";
}

}  // namespace
}  // namespace vae
