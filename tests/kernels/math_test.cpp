// SPDX-License-Identifier: MIT
#include "kernels/math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <vector>

#include "kernels/cpu/vector_ops.h"
#include "kernels/rules/activations.h"
#include "kernels/rules/likelihoods.h"
#include "tests/support/backend_test.h"
#include "tests/support/reference.h"

namespace vae {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Largest error over [low, high], in units of the last place of the result.
template <typename Function, typename Reference>
double worst_ulps(float low, float high, Function function, Reference reference) {
  double worst = 0.0;
  const int steps = 400000;
  for (int i = 0; i <= steps; ++i) {
    const float x = low + (high - low) * static_cast<float>(i) / steps;
    const double exact = reference(static_cast<double>(x));
    const auto rounded = static_cast<float>(std::abs(exact));
    const double ulp = std::nextafter(rounded, kInfinity) - static_cast<double>(rounded);
    worst = std::max(worst, std::abs(function(x) - exact) / ulp);
  }
  return worst;
}

TEST(MathTest, ExponentialIsAccurateOverItsRange) {
  const auto function = [](float x) { return exponential(x); };
  EXPECT_LT(worst_ulps(-87.3f, 88.7f, function, [](double x) { return std::exp(x); }), 2.0);
  EXPECT_LT(worst_ulps(-1.0f, 1.0f, function, [](double x) { return std::exp(x); }), 2.0);
}

TEST(MathTest, ExponentialSaturatesAndKeepsNan) {
  EXPECT_EQ(exponential(0.0f), 1.0f);
  EXPECT_GT(exponential(1e30f), 3.3e38f);
  EXPECT_TRUE(std::isfinite(exponential(kInfinity)));
  EXPECT_LT(exponential(-kInfinity), 2e-38f);
  EXPECT_GT(exponential(-kInfinity), 0.0f);
  EXPECT_TRUE(std::isnan(exponential(kNan)));
}

TEST(MathTest, LogarithmIsAccurate) {
  EXPECT_LT(worst_ulps(1e-9f, 1e-3f, log_positive, [](double x) { return std::log(x); }), 2.0);
  EXPECT_LT(worst_ulps(0.5f, 2.0f, log_positive, [](double x) { return std::log(x); }), 2.0);
  EXPECT_LT(worst_ulps(1.0f, 1e6f, log_positive, [](double x) { return std::log(x); }), 2.0);
  EXPECT_EQ(log_positive(1.0f), 0.0f);
}

TEST(MathTest, SoftplusPartsAreAccurate) {
  EXPECT_LT(worst_ulps(0.0f, 1.0f, log1p_unit, [](double x) { return std::log1p(x); }), 3.0);
  EXPECT_LT(worst_ulps(1e-8f, 1e-4f, log1p_unit, [](double x) { return std::log1p(x); }), 3.0);
  EXPECT_LT(worst_ulps(-80.0f, 80.0f, sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }),
            4.0);
  EXPECT_LT(
      worst_ulps(-20.0f, 80.0f, softplus,
                 [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }),
      4.0);
  EXPECT_LT(worst_ulps(-10.0f, 10.0f, hyperbolic_tangent, [](double x) { return std::tanh(x); }),
            4.0);
}

TEST(MathTest, NormalCdfHasTheErrorItsSourceStates) {
  for (double x = -9.0; x < 9.0; x += 1e-4) {
    ASSERT_NEAR(normal_cdf(static_cast<float>(x)), 0.5 * std::erfc(-x / std::numbers::sqrt2), 4e-7);
  }
}

TEST(MathTest, SineAndCosineOfATurnAreAccurate) {
  double worst = 0.0;
  for (uint64_t word = 0; word < (uint64_t{1} << 32); word += 40009) {
    float sine, cosine;
    sincos_turn(static_cast<uint32_t>(word), sine, cosine);
    const double angle = 2.0 * std::numbers::pi * (static_cast<double>(word) + 0.5) * 0x1p-32;
    worst = std::max({worst, std::abs(sine - std::sin(angle)), std::abs(cosine - std::cos(angle))});
  }
  EXPECT_LT(worst, 1.2e-7);
}

PixelTerm bernoulli_term(float logit, float x) {
  return rules::Bernoulli::term(logit, x, rules::Bernoulli::constants(0.0, 1));
}

TEST(MathTest, NanGoesThroughEveryFunction) {
  for (const float x : {sigmoid(kNan), softplus(kNan), hyperbolic_tangent(kNan), normal_cdf(kNan),
                        rules::Relu::value(kNan), rules::Elu::value(kNan), rules::Gelu::value(kNan),
                        bernoulli_term(kNan, 1.0f).log_p, bernoulli_term(kNan, 1.0f).slope,
                        clamped(kNan, -1.0f, 1.0f)}) {
    EXPECT_TRUE(std::isnan(x));
  }
}

TEST(MathTest, ExtremeLogitsStayFinite) {
  for (const float logit : {-100.0f, 100.0f, -1e4f, 1e4f, -1e30f, 1e30f}) {
    for (const float x : {0.0f, 1.0f, 0.3f}) {
      const PixelTerm term = bernoulli_term(logit, x);
      EXPECT_TRUE(std::isfinite(term.log_p)) << logit;
      EXPECT_LE(std::abs(term.slope), 1.0f) << logit;
    }
  }
  EXPECT_NEAR(bernoulli_term(100.0f, 0.0f).log_p, -100.0f, 1e-4);
  EXPECT_NEAR(bernoulli_term(0.0f, 0.3f).log_p, -std::numbers::ln2, 1e-6);
}

// The reason for writing the functions by hand: every instruction set gives the same bits.
TEST(VectorOpsTest, EveryInstructionSetGivesTheSameBits) {
  const auto run = [](const cpu::VectorOps& ops) {
    const int64_t n = 1003;
    const auto a = testing::random_values(n, 1, -6.0f, 6.0f), b = testing::random_values(n, 2);
    std::vector<float> all;
    const auto keep = [&](const std::vector<float>& v) {
      all.insert(all.end(), v.begin(), v.end());
    };
    const PhiloxRow noise = philox_row(1, Stream::posterior, 2, 3);
    std::vector<float> out(n), out2(n);
    for (const Activation activation : testing::all_activations()) {
      out = a;
      ops.bias_activate(out.data(), out2.data(), b.data(), n, activation);
      keep(out);
      keep(out2);
      ops.multiply_slope(out.data(), b.data(), n, activation);
      keep(out);
    }
    for (const int64_t width : {1, 3, 20, 50, 167, 501}) {
      const int64_t rows = n / 2 / width;
      const cpu::NoiseRows rows_noise{1, 2, 3, 4u << 24, 1};
      ops.reparameterize(out.data(), out2.data(), a.data(), 0, rows, width, {-0.5f, 0.5f},
                         rows_noise);
      keep(out);
      keep(out2);
      ops.gaussian_backward(out.data(), b.data(), a.data(), 0, rows, width, {-0.5f, 0.5f}, 0.3f,
                            rows_noise);
      keep(out);
    }
    all.push_back(ops.kl(a.data(), b.data(), n, {-0.5f, 0.5f}));
    for (const Likelihood likelihood : testing::all_likelihoods()) {
      const LikelihoodConstants constants{2.0f, 0.0f};
      all.push_back(ops.log_p(out.data(), a.data(), b.data(), n, likelihood, constants, 0.1f));
      keep(out);
      all.push_back(ops.log_p(nullptr, a.data(), b.data(), n, likelihood, constants, 0.1f));
      ops.mean(out.data(), a.data(), n, likelihood);
      keep(out);
    }
    double squares = 0.0;
    ops.sums_of_squares(&squares, a.data(), n);
    all.push_back(static_cast<float>(squares));
    std::vector<float> w = a, m = b, v(n, 0.5f);
    ops.adam(w.data(), m.data(), v.data(), b.data(), n, {0.9f, 0.999f, 1e-3f, 2.0f, 1e-8f, 0.7f});
    keep(w);
    keep(m);
    keep(v);
    std::vector<uint8_t> pixels(n);
    for (int64_t i = 0; i < n; ++i) pixels[i] = static_cast<uint8_t>(i);
    for (const Binarization binarization : testing::all_binarizations()) {
      ops.load_pixels(out.data(), pixels.data(), n, binarization, noise);
      keep(out);
    }
    return all;
  };
  const std::vector<float> baseline = run(cpu::vector_ops("baseline"));
  for (const auto isa : cpu::available_isas()) {
    const std::vector<float> found = run(cpu::vector_ops(isa));
    ASSERT_EQ(found.size(), baseline.size());
    EXPECT_EQ(std::memcmp(found.data(), baseline.data(), found.size() * sizeof(float)), 0) << isa;
  }
}

TEST(VectorOpsTest, AnUnknownInstructionSetIsAnErrorThatNamesTheKnownOnes) {
  try {
    cpu::vector_ops("sse9");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("baseline"), std::string::npos);
  }
}

}  // namespace
}  // namespace vae
