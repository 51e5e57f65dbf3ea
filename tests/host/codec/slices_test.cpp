// SPDX-License-Identifier: MIT
//
// Distributions as whole numbers: nothing is missing, nothing is there twice, and they are those of
// the model.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "host/codec/latent_slices.h"
#include "host/codec/value_slices.h"
#include "kernels/rules/bernoulli.h"
#include "kernels/rules/likelihoods.h"

namespace vae {
namespace {

constexpr float kNoNumber = std::numeric_limits<float>::quiet_NaN();
constexpr float kEndless = std::numeric_limits<float>::infinity();

/// Pairs of outputs: usual ones, and all that a network can come up with.
std::vector<std::vector<float>> pairs_of_outputs() {
  std::vector<std::vector<float>> pairs;
  const float kNumbers[] = {0.0f, 0.7f, -9.0f, 14.0f, -3.4e38f, kNoNumber, kEndless};
  for (const float first : kNumbers) {
    for (const float second : kNumbers) pairs.push_back({first, second});
  }
  return pairs;
}

template <typename Rule>
void expect_whole(const std::vector<float>& outputs, uint32_t symbols) {
  std::vector<Slice> slices;
  for (uint32_t symbol = 0; symbol < symbols; ++symbol) {
    const Slice slice = Rule(outputs.data()).slice(symbol);
    ASSERT_GE(slice.size, 1u) << outputs[0] << ' ' << outputs[1] << ' ' << symbol;
    slices.push_back(slice);
    for (const uint64_t share :
         {slice.start, slice.start + slice.size / 2, slice.start + slice.size - 1}) {
      const ValueSymbol found = Rule(outputs.data()).find(share);
      ASSERT_EQ(found.symbol, symbol) << outputs[0] << ' ' << outputs[1] << ' ' << share;
      ASSERT_EQ(found.slice.start, slice.start);
      ASSERT_EQ(found.slice.size, slice.size);
    }
  }
  if (slices.front().start != 0) std::reverse(slices.begin(), slices.end());  // from above
  uint64_t end = 0;
  for (const Slice& slice : slices) {
    ASSERT_EQ(slice.start, end) << outputs[0] << ' ' << outputs[1];
    end += slice.size;
  }
  ASSERT_EQ(end, uint64_t{1} << kValueBits);
}

TEST(ValueSlicesTest, SumToTheWholeScaleWhateverTheOutputsAre) {
  for (const std::vector<float>& outputs : pairs_of_outputs()) {
    expect_whole<BernoulliSlices>(outputs, 2);
    expect_whole<LogisticSlices>(outputs, 256);
    expect_whole<BetaBinomialSlices>(outputs, 256);
  }
}

/// Bits that a symbol costs more than its log-probability says, at the most.
template <typename Rule>
double largest_loss(Likelihood likelihood, const std::vector<float>& outputs, uint32_t symbols,
                    double most_bits) {
  double largest = 0.0;
  visit(likelihood, Variance::fixed, [&](auto rule) {
    for (uint32_t symbol = 0; symbol < symbols; ++symbol) {
      const float x =
          symbols == 2 ? static_cast<float>(symbol) : value_of_level(static_cast<double>(symbol));
      const double bits =
          -rule.term(outputs.data(), x, rule.constants(nullptr, 0, 0)).log_p / std::log(2.0);
      const auto size = static_cast<double>(Rule(outputs.data()).slice(symbol).size);
      if (bits < most_bits)
        largest = std::max(largest, std::abs(kValueBits - std::log2(size) - bits));
    }
  });
  return largest;
}

TEST(ValueSlicesTest, AreTheProbabilitiesOfTheRules) {
  for (const float first : {-6.0f, -1.0f, 0.0f, 0.4f, 1.1f, 3.0f, 7.0f}) {
    for (const float second : {-5.0f, -2.0f, 0.0f, 1.5f, 5.0f}) {
      const std::vector<float> outputs = {first, second};
      EXPECT_LT(largest_loss<BernoulliSlices>(Likelihood::bernoulli, outputs, 2, 12), 0.002);
      EXPECT_LT(largest_loss<LogisticSlices>(Likelihood::logistic, outputs, 256, 12), 0.002);
      EXPECT_LT(largest_loss<BetaBinomialSlices>(Likelihood::beta_binomial, outputs, 256, 12),
                0.002);
    }
  }
}

TEST(ValueSlicesTest, ADensityHasNone) {
  EXPECT_FALSE(protocol_of(Likelihood::gaussian).has_value());
  EXPECT_EQ(protocol_of(Likelihood::bernoulli), Binarization::threshold);
  EXPECT_EQ(protocol_of(Likelihood::logistic), Binarization::none);
  EXPECT_EQ(protocol_of(Likelihood::beta_binomial), Binarization::none);
}

/// Every bucket's slice begins where the one before ends.
void expect_whole(const PosteriorSlices& slices, int bits) {
  uint64_t end = 0;
  for (uint32_t bucket = 0; bucket < uint32_t{1} << bits; ++bucket) {
    const Slice slice = slices.slice(bucket);
    ASSERT_EQ(slice.start, end) << bucket;
    ASSERT_GE(slice.size, 1u) << bucket;
    end += slice.size;
    ASSERT_EQ(slices.find(slice.start), bucket);
    ASSERT_EQ(slices.find(end - 1), bucket);
  }
  ASSERT_EQ(end, uint64_t{1} << PosteriorSlices::kBits);
}

TEST(PosteriorSlicesTest, AreWholeForEveryMeanAndVariance) {
  const LatentBuckets buckets;
  for (const float mean : {0.0f, -1.3f, 3.0f, 40.0f, -1e30f, kNoNumber, kEndless}) {
    for (const float logvar : {0.0f, -4.0f, -30.0f, 20.0f, kNoNumber, -kEndless}) {
      for (const int bits : {5, 8}) {
        expect_whole(PosteriorSlices(buckets, bits, mean, logvar), bits);
      }
    }
  }
  expect_whole(PosteriorSlices(buckets, 14, 0.7f, -3.0f), 14);
}

TEST(PosteriorSlicesTest, BucketsHaveEqualMassAndTheirMiddleInside) {
  const LatentBuckets buckets;
  for (const int bits : {5, 8, 14}) {
    const uint32_t count = uint32_t{1} << bits;
    EXPECT_EQ(buckets.edge(0, bits), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(buckets.edge(count, bits), std::numeric_limits<double>::infinity());
    for (uint32_t i = 0; i < count; ++i) {
      const double middle = buckets.middle(i, bits);
      EXPECT_GT(middle, buckets.edge(i, bits));
      EXPECT_LT(middle, buckets.edge(i + 1, bits));
      EXPECT_NEAR(0.5 * std::erfc(-middle / std::sqrt(2.0)) * count, i + 0.5, 0.01);
    }
  }
}

/// The entropy of what is drawn tells what is paid back: that of the Gaussian over the buckets.
TEST(PosteriorSlicesTest, HaveTheDivergenceOfTheGaussian) {
  const LatentBuckets buckets;
  constexpr int kBits = LatentBuckets::kFinest;
  for (const auto& [mean, logvar] :
       {std::pair(0.0f, 0.0f), {0.8f, -2.0f}, {-1.9f, -4.0f}, {2.5f, -3.0f}}) {
    const PosteriorSlices slices(buckets, kBits, mean, logvar);
    double divergence = 0.0;  // from the uniform distribution over the buckets
    for (uint32_t bucket = 0; bucket < uint32_t{1} << kBits; ++bucket) {
      const double q = static_cast<double>(slices.slice(bucket).size) /
                       static_cast<double>(uint64_t{1} << PosteriorSlices::kBits);
      divergence += q * std::log(q * (1 << kBits));
    }
    const double exact = 0.5 * (mean * mean + std::exp(logvar) - 1.0 - logvar);
    EXPECT_NEAR(divergence, exact, 0.003 + 0.003 * exact) << mean << ' ' << logvar;
  }
}

TEST(PosteriorSlicesTest, TheFirstImagesTakeCoarseBuckets) {
  EXPECT_EQ(LatentBuckets::bits_of_step(0), 5);
  EXPECT_EQ(LatentBuckets::bits_of_step(1), 8);
  EXPECT_EQ(LatentBuckets::bits_of_step(2), 11);
  EXPECT_EQ(LatentBuckets::bits_of_step(3), 14);
  EXPECT_EQ(LatentBuckets::bits_of_step(int64_t{1} << 40), 14);
  const LatentBuckets buckets;
  for (const float mean : {-2.5f, -0.01f, 0.4f, 3.0f}) {
    const uint32_t bucket = PosteriorSlices(buckets, 5, mean, -3.0f).nearest();
    EXPECT_LE(buckets.edge(bucket, 5), mean);
    EXPECT_GE(buckets.edge(bucket + 1, 5), mean);
  }
}

}  // namespace
}  // namespace vae
