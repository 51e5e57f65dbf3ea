// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/rules/importance.h"
#include "tests/support/backend_test.h"
#include "tests/support/canonical_sums.h"

namespace vae::testing {
namespace {

constexpr float kInfinite = std::numeric_limits<float>::infinity();

/// Images by samples.
const std::vector<std::pair<int64_t, int64_t>>& sample_cases() {
  static const std::vector<std::pair<int64_t, int64_t>> cases = {
      {1, 1}, {5, 3}, {9, 31}, {3, 32}, {7, 33}, {20, 50}, {2, 1024}, {2, 3073}, {4099, 2}};
  return cases;
}

class ImportanceTest : public BackendTest {
 protected:
  struct Weights {
    std::vector<float> weights, bound;
  };

  Weights weights_of(const std::vector<float>& log_px, const std::vector<float>& log_ratio,
                     int64_t samples, float beta = 1.0f) {
    const auto codes = static_cast<int64_t>(log_px.size());
    const FloatTensor p(backend(), {codes}, log_px), r(backend(), {codes}, log_ratio);
    const FloatTensor weights(backend(), {codes}), bound(backend(), {codes / samples});
    StepState start;
    start.beta = beta;
    const DeviceState state(backend(), start);
    backend().issue(ImportanceWeightsArgs{weights.view(), bound.view(), p.view(), r.view(),
                                          state.get(), samples});
    return {weights.values(), bound.values()};
  }
};

TEST_P(ImportanceTest, WeightsAndBoundMatchFloat64AndSumToOne) {
  const float beta = 0.7f;
  for (const auto& [images, samples] : sample_cases()) {
    const auto log_px = random_values(images * samples, 51, -110.0f, -100.0f);
    const auto log_ratio = random_values(images * samples, 52, -30.0f, -20.0f);
    const Weights found = weights_of(log_px, log_ratio, samples, beta);
    for (int64_t image = 0; image < images; ++image) {
      long double sum = 0.0L;
      const int64_t first = image * samples;
      const auto weight = [&, first](int64_t k) {
        const std::size_t at = first + k;
        return std::exp(static_cast<long double>(log_px[at]) +
                        static_cast<long double>(beta) * log_ratio[at]);
      };
      for (int64_t k = 0; k < samples; ++k) sum += weight(k);
      double total = 0.0;
      for (int64_t k = 0; k < samples; ++k) {
        const double expected = static_cast<double>(weight(k) / sum);
        ASSERT_NEAR(found.weights[image * samples + k], expected, 1e-7 * expected);
        total += found.weights[image * samples + k];
      }
      ASSERT_NEAR(total, 1.0, 1e-7) << images << 'x' << samples;
      ASSERT_NEAR(found.bound[image], static_cast<double>(std::log(sum / samples)), 1e-5);
    }
  }
}

// docs/arithmetic.md, rule 6, read slowly: the same bits on every device.
TEST_P(ImportanceTest, TheSumOfWeightsIsALongSum) {
  for (const auto& [images, samples] : sample_cases()) {
    const auto log_px = random_values(images * samples, 53, -104.0f, -100.0f);
    const auto log_ratio = random_values(images * samples, 54, -3.0f, 3.0f);
    const Weights found = weights_of(log_px, log_ratio, samples, 0.3f);
    for (int64_t image = 0; image < images; image += 1 + images / 50) {
      std::vector<double> terms;
      for (int64_t at = image * samples; at < (image + 1) * samples; ++at) {
        terms.push_back(log_weight(log_px[at], log_ratio[at], double{0.3f}));
      }
      const double max = *std::max_element(terms.begin(), terms.end());
      for (double& term : terms) term = relative_weight(term, max);
      const double sum = canonical_long_sum(terms);
      ASSERT_EQ(found.bound[image], static_cast<float>(log_mean({max, sum}, samples)));
      for (int64_t k = 0; k < samples; ++k) {
        ASSERT_EQ(found.weights[image * samples + k], static_cast<float>(terms[k] / sum));
      }
    }
  }
}

TEST_P(ImportanceTest, OneSampleHasTheWholeWeightAndItsOwnBound) {
  const Weights found = weights_of({-100.5f, -3.0f}, {2.0f, -8.0f}, 1, 0.5f);
  EXPECT_EQ(found.weights, (std::vector<float>{1.0f, 1.0f}));
  EXPECT_EQ(found.bound, (std::vector<float>{-99.5f, -7.0f}));
}

TEST_P(ImportanceTest, ExtremesGiveWeightsThatSumToOne) {
  struct Row {
    const char* name;
    std::vector<float> log_weights, weights;
    float bound;
  };
  const float third = 1.0f / 3.0f, log_3 = std::log(3.0f), low = -3e38f;
  const std::vector<Row> cases = {
      {"equal ones", {-900.0f, -900.0f, -900.0f}, {third, third, third}, -900.0f},
      {"far apart", {-5000.0f, -100.0f, -9000.0f}, {0.0f, 1.0f, 0.0f}, -100.0f - log_3},
      {"the largest floats", {3e38f, low, low}, {1.0f, 0.0f, 0.0f}, 3e38f},
      {"one is 0", {-kInfinite, -2.0f, -2.0f}, {0.0f, 0.5f, 0.5f}, -2.0f + std::log(2.0f) - log_3},
      {"all are 0", {-kInfinite, -kInfinite, -kInfinite}, {third, third, third}, -kInfinite},
      {"one is infinite", {-2.0f, kInfinite, -kInfinite}, {0.0f, 1.0f, 0.0f}, kInfinite},
      {"two are infinite", {kInfinite, -2.0f, kInfinite}, {0.5f, 0.0f, 0.5f}, kInfinite},
  };
  for (const Row& row : cases) {
    const Weights found = weights_of(row.log_weights, {0.0f, 0.0f, 0.0f}, 3);
    EXPECT_EQ(found.weights, row.weights) << row.name;
    EXPECT_FLOAT_EQ(found.bound[0], row.bound) << row.name;
  }
}

TEST_P(ImportanceTest, NotANumberSpoilsTheWeightsOfItsImageOnly) {
  for (const int64_t samples : {2, 40, 1100}) {
    std::vector<float> log_px(3 * samples, -5.0f);
    log_px[2 * samples - 1] = std::numeric_limits<float>::quiet_NaN();
    const Weights found = weights_of(log_px, std::vector<float>(3 * samples, 0.0f), samples);
    for (int64_t at = 0; at < 3 * samples; ++at) {
      ASSERT_EQ(std::isnan(found.weights[at]), at / samples == 1);
      ASSERT_EQ(std::isnan(found.bound[at / samples]), at / samples == 1);
    }
  }
}

TEST_P(ImportanceTest, ImportanceWeightsMergeInChunksWithoutOverflow) {
  const int64_t rows = 3, samples = 40;
  auto log_px = random_values(rows * samples, 10, -900.0f, -100.0f);
  const auto log_ratio = random_values(rows * samples, 11, -30.0f, 30.0f);
  const double minus_infinity = -std::numeric_limits<double>::infinity();
  const DeviceTensor<double> max(backend(), {rows}, std::vector<double>(rows, minus_infinity));
  const DeviceTensor<double> sum(backend(), {rows}, std::vector<double>(rows, 0.0));
  for (int64_t first = 0; first < samples; first += 10) {
    std::vector<float> p, r;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t k = first; k < first + 10; ++k) {
        p.push_back(log_px[row * samples + k]);
        r.push_back(log_ratio[row * samples + k]);
      }
    }
    const FloatTensor dp(backend(), {rows * 10}, p), dr(backend(), {rows * 10}, r);
    backend().issue(ImportanceArgs{max.view(), sum.view(), dp.view(), dr.view(), 10});
  }
  for (int64_t row = 0; row < rows; ++row) {
    long double total = 0.0L;
    for (int64_t k = 0; k < samples; ++k) {
      const std::size_t at = row * samples + k;
      total += std::exp(static_cast<long double>(log_px[at]) + log_ratio[at]);
    }
    EXPECT_NEAR(max.values()[row] + std::log(sum.values()[row]),
                static_cast<double>(std::log(total)), 1e-9);
  }
}

TEST_P(ImportanceTest, ImportanceWeightsMergeForAnyNumberOfRowsAndSamples) {
  const double minus_infinity = -std::numeric_limits<double>::infinity();
  for (const auto& [rows, samples] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 1}, {5, 3}, {9, 31}, {3, 32}, {7, 33}, {2, 5000}, {65537, 1}}) {
    const auto log_px = random_values(rows * samples, 31, -600.0f, -100.0f);
    const auto log_ratio = random_values(rows * samples, 32, -30.0f, 30.0f);
    const FloatTensor p(backend(), {rows * samples}, log_px);
    const FloatTensor r(backend(), {rows * samples}, log_ratio);
    const DeviceTensor<double> max(backend(), {rows}, std::vector<double>(rows, minus_infinity));
    const DeviceTensor<double> sum(backend(), {rows}, std::vector<double>(rows, 0.0));
    backend().issue(ImportanceArgs{max.view(), sum.view(), p.view(), r.view(), samples});
    const auto found_max = max.values(), found_sum = sum.values();
    for (int64_t row = 0; row < rows; row += 1 + rows / 50) {
      double largest = minus_infinity, total = 0.0;
      for (int64_t at = row * samples; at < (row + 1) * samples; ++at) {
        largest = std::max(largest, static_cast<double>(log_px[at]) + log_ratio[at]);
      }
      for (int64_t at = row * samples; at < (row + 1) * samples; ++at) {
        total += std::exp(static_cast<double>(log_px[at]) + log_ratio[at] - largest);
      }
      ASSERT_EQ(found_max[row], largest) << rows << 'x' << samples;
      ASSERT_NEAR(found_sum[row], total, 1e-12 * total) << rows << 'x' << samples;
    }
  }
}

TEST_P(ImportanceTest, InfiniteLogWeightsMergeAsTheSumsTheyAre) {
  struct Row {
    const char* name;
    float first, last, others;  // log weights
    double log_sum;
  };
  constexpr int64_t kSamples = 40, kChunks = 2;  // samples of a chunk: more than a warp's lanes
  const double log_count = std::log(static_cast<double>(kSamples * kChunks));
  const std::vector<Row> cases = {
      {"all weights are 0", -kInfinite, -kInfinite, -kInfinite, -double{kInfinite}},
      {"one of a chunk is not 0", -kInfinite, -3.0f, -kInfinite, -3.0 + std::log(2.0)},
      {"the first is 0", -kInfinite, -3.0f, -3.0f, -3.0 + std::log(78.0)},
      {"one of a chunk is infinite", -5.0f, kInfinite, -5.0f, kInfinite},
      {"two are infinite", kInfinite, kInfinite, -5.0f, kInfinite},
      {"all are infinite", kInfinite, kInfinite, kInfinite, kInfinite},
      {"both kinds", kInfinite, -kInfinite, -kInfinite, kInfinite},
      {"none", -5.0f, -5.0f, -5.0f, -5.0 + log_count},
  };
  std::vector<float> weights;
  for (const Row& row : cases) {
    weights.push_back(row.first);
    weights.insert(weights.end(), kSamples - 2, row.others);
    weights.push_back(row.last);
  }
  const auto rows = static_cast<int64_t>(cases.size());
  const FloatTensor p(backend(), {rows * kSamples}, weights);
  const FloatTensor r(backend(), {rows * kSamples}, std::vector<float>(rows * kSamples, 0.0f));
  const DeviceTensor<double> max(backend(), {rows}, std::vector<double>(rows, -double{kInfinite}));
  const DeviceTensor<double> sum(backend(), {rows}, std::vector<double>(rows, 0.0));
  for (int64_t chunk = 0; chunk < kChunks; ++chunk) {
    backend().issue(ImportanceArgs{max.view(), sum.view(), p.view(), r.view(), kSamples});
  }
  const auto found_max = max.values(), found_sum = sum.values();
  for (std::size_t row = 0; row < cases.size(); ++row) {
    const double found = found_max[row] + std::log(found_sum[row]);
    const double expected = cases[row].log_sum;
    if (std::isinf(expected)) {
      EXPECT_EQ(found, expected) << cases[row].name;
    } else {
      EXPECT_NEAR(found, expected, 1e-12) << cases[row].name;
    }
  }
}

/// Sentinels merged with no weights stay what they are; only memory of the exact size tells.
TEST_P(ImportanceTest, MergingStaysWithinItsRows) {
  const int64_t rows = 5;
  const FloatTensor zeros(backend(), {rows}, std::vector<float>(rows, 0.0f));
  const std::vector<double> ones(rows, 1.0);
  const std::size_t bytes = rows * sizeof(double);
  const DoubleView max(static_cast<double*>(backend().allocate(bytes)), {rows});
  const DoubleView sum(static_cast<double*>(backend().allocate(bytes)), {rows});
  backend().copy_to_device(max.data, ones.data(), bytes);
  backend().copy_to_device(sum.data, ones.data(), bytes);
  backend().issue(ImportanceArgs{max, sum, zeros.view(), zeros.view(), 1});
  std::vector<double> found(rows);
  backend().copy_to_host(found.data(), sum.data, bytes);
  for (const double value : found) EXPECT_NEAR(value, 1.0 + std::exp(-1.0), 1e-15);
  backend().deallocate(max.data);
  backend().deallocate(sum.data);
}

TEST_P(ImportanceTest, AWeightThatIsNotANumberSpoilsItsRowOnly) {
  std::vector<float> weights(3 * 40, -5.0f);
  weights[40 + 39] = std::numeric_limits<float>::quiet_NaN();
  const FloatTensor p(backend(), {3 * 40}, weights);
  const FloatTensor r(backend(), {3 * 40}, std::vector<float>(3 * 40, 0.0f));
  const DeviceTensor<double> max(backend(), {3}, std::vector<double>(3, -7.0));
  const DeviceTensor<double> sum(backend(), {3}, std::vector<double>(3, 1.0));
  backend().issue(ImportanceArgs{max.view(), sum.view(), p.view(), r.view(), 40});
  for (int64_t row = 0; row < 3; ++row) EXPECT_EQ(std::isnan(sum.values()[row]), row == 1);
}

VAE_INSTANTIATE_BACKENDS(ImportanceTest);

}  // namespace
}  // namespace vae::testing
