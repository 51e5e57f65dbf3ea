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
#include "kernels/special_functions.h"
#include "tests/support/backend_test.h"
#include "tests/support/reference.h"

namespace vae {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// How accurate the functions are, tests/ulp measures. Here is what they do at their ends.
TEST(MathTest, ExponentialsReachZeroAndInfinity) {
  EXPECT_EQ(exponential(0.0f), 1.0f);
  EXPECT_EQ(exponential(kInfinity), kInfinity);
  EXPECT_EQ(exponential(1e30f), kInfinity);
  EXPECT_EQ(exponential(88.73f), kInfinity);
  EXPECT_LT(exponential(88.72f), kInfinity);
  EXPECT_EQ(exponential(-kInfinity), 0.0f);
  EXPECT_EQ(exponential_of_minus(kInfinity), 0.0f);
  EXPECT_EQ(exponential(-103.0f), std::numeric_limits<float>::denorm_min());
  EXPECT_EQ(exponential_of_minus(103.0f), std::numeric_limits<float>::denorm_min());
  EXPECT_EQ(exponential_minus_one(-kInfinity), -1.0f);
  EXPECT_EQ(exponential_minus_one(-1e-30f), -1e-30f);
  EXPECT_TRUE(std::isnan(exponential(kNan)));
}

TEST(MathTest, ValuesThatAreExact) {
  EXPECT_EQ(log_positive(1.0f), 0.0f);
  EXPECT_EQ(log1p_unit(0.0f), 0.0f);
  EXPECT_EQ(sigmoid(0.0f), 0.5f);
  EXPECT_EQ(sigmoid(-kInfinity), 0.0f);
  EXPECT_EQ(sigmoid(kInfinity), 1.0f);
  EXPECT_EQ(softplus(kInfinity), kInfinity);
  EXPECT_EQ(softplus(-kInfinity), 0.0f);
  EXPECT_EQ(hyperbolic_tangent(-kInfinity), -1.0f);
  EXPECT_EQ(normal_cdf(0.0f), 0.5f);
  EXPECT_EQ(normal_cdf(-0.0f), 0.5f);
  EXPECT_EQ(normal_cdf(-kInfinity), 0.0f);
  EXPECT_EQ(normal_cdf(kInfinity), 1.0f);
  EXPECT_EQ(log_gamma(1.0f), 0.0f);
  EXPECT_EQ(log_gamma(2.0f), 0.0f);
  EXPECT_EQ(normal_quantile(0.5f), 0.0f);
  EXPECT_EQ(normal_quantile(0.0f), -kInfinity);
  EXPECT_EQ(normal_quantile(1.0f), kInfinity);
  EXPECT_TRUE(std::isnan(normal_quantile(1.5f)));
}

/// Largest error in units of the last place of a double as large as the result, or as 1.
template <typename Function, typename Reference>
double worst_of_doubles(double low, double high, Function function, Reference reference) {
  double worst = 0.0;
  constexpr int kSteps = 20'000;
  for (int i = 0; i <= kSteps; ++i) {
    const double x = low * std::pow(high / low, static_cast<double>(i) / kSteps);
    const long double exact = reference(static_cast<long double>(x));
    const double size = std::max(1.0, std::abs(static_cast<double>(exact)));
    worst = std::max(worst, static_cast<double>(std::abs(function(x) - exact)) / size * 0x1p52);
  }
  return worst;
}

long double digamma_by_recurrence(long double x) {
  long double sum = 0.0L;
  for (; x < 40.0L; x += 1.0L) sum -= 1.0L / x;
  const long double z = 1.0L / (x * x);
  return sum + std::log(x) - 0.5L / x -
         z * (1.0L / 12 - z * (1.0L / 120 - z * (1.0L / 252 - z * (1.0L / 240 - z / 132))));
}

TEST(MathTest, SpecialFunctionsInDoubleHaveTheErrorsTheyState) {
  const auto gamma = [](double x) { return log_gamma(x); };
  const auto exact_gamma = [](long double x) { return std::lgamma(x); };
  EXPECT_LT(worst_of_doubles(1e-30, 8.0, gamma, exact_gamma), 100.0);
  EXPECT_LT(worst_of_doubles(8.0, 1e30, gamma, exact_gamma), 5.0);
  const auto slope = [](double x) { return digamma(x); };
  EXPECT_LT(worst_of_doubles(1e-30, 1e30, slope, digamma_by_recurrence), 30.0);
  const auto round_trip = [](double p) {
    return 0.5 * std::erfc(-normal_quantile(p) / std::numbers::sqrt2);
  };
  EXPECT_LT(worst_of_doubles(1e-9, 0.999, round_trip, [](long double p) { return p; }), 5.0);
}

ValueTerm<1> bernoulli_term(float logit, float x) {
  return rules::Bernoulli::term(&logit, x, rules::Bernoulli::constants(nullptr, 0, 1));
}

TEST(MathTest, NanGoesThroughEveryFunction) {
  for (const float x : {sigmoid(kNan), softplus(kNan), hyperbolic_tangent(kNan), normal_cdf(kNan),
                        rules::Relu::value(kNan), rules::Elu::value(kNan), rules::Gelu::value(kNan),
                        bernoulli_term(kNan, 1.0f).log_p, bernoulli_term(kNan, 1.0f).slope[0],
                        clamped(kNan, -1.0f, 1.0f)}) {
    EXPECT_TRUE(std::isnan(x));
  }
}

TEST(MathTest, ExtremeLogitsStayFinite) {
  for (const float logit : {-100.0f, 100.0f, -1e4f, 1e4f, -1e30f, 1e30f}) {
    for (const float x : {0.0f, 1.0f, 0.3f}) {
      const ValueTerm<1> term = bernoulli_term(logit, x);
      EXPECT_TRUE(std::isfinite(term.log_p)) << logit;
      EXPECT_LE(std::abs(term.slope[0]), 1.0f) << logit;
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
      ops.reparameterize(out.data(), out2.data(), {a.data(), 1}, 0, rows, width, {-0.5f, 0.5f},
                         rows_noise);
      keep(out);
      keep(out2);
      ops.prior_log_ratio(out2.data(), out.data(), {a.data(), 1}, {b.data(), 1}, 0, rows, width,
                          {-0.5f, 0.5f}, rows_noise);
      keep(out2);
      for (const float* const prior : {static_cast<const float*>(nullptr), b.data()}) {
        for (const float free_bits : {0.0f, 0.25f}) {
          ops.gaussian_backward(out.data(), b.data(), a.data(), {prior, 1}, 0, rows, width,
                                {-0.5f, 0.5f}, 0.3f, free_bits, rows_noise);
          keep(out);
        }
      }
    }
    all.push_back(ops.kl(a.data(), nullptr, n / 2, {-0.5f, 0.5f}));
    all.push_back(ops.kl(a.data(), b.data(), n / 2, {-0.5f, 0.5f}));
    const std::vector<float> variances = testing::random_values(n, 4, 0.5f, 3.0f);
    for (const auto& [likelihood, variance] : testing::all_observations()) {
      const cpu::ObservationModel model{
          likelihood,
          variance,
          {2.0f, -0.7f},
          variance == Variance::per_channel ? variances.data() : nullptr,
          b.data()};
      const int64_t count = n / 2;  // of values with up to two outputs
      all.push_back(ops.log_p(out.data(), a.data(), b.data(), count, model, 0.1f));
      keep(out);
      all.push_back(ops.log_p(nullptr, a.data(), b.data(), count, model, 0.1f));
      for (float* const doutputs : {out.data(), static_cast<float*>(nullptr)}) {
        all.push_back(
            ops.weighted_log_p(doutputs, a.data(), b.data(), variances.data(), count, model, 0.1f));
      }
      keep(out);
      ops.mean(out.data(), a.data(), count, likelihood, variance);
      keep(out);
      ops.observe(out.data(), a.data(), count, model, noise);
      keep(out);
    }
    for (const int64_t classes : {1, 2, 10, 33}) {
      const int64_t count = n / classes;
      const std::vector<uint8_t> targets(count, static_cast<uint8_t>(classes / 2));
      all.push_back(ops.class_log_p(out.data(), a.data(), targets.data(), count, classes, 0.1f));
      keep(out);
      ops.class_probabilities(out.data(), a.data(), count, classes);
      keep(out);
      std::vector<uint8_t> drawn(count);
      ops.draw_classes(drawn.data(), a.data(), count, classes, noise);
      for (const uint8_t draw : drawn) all.push_back(draw);
    }
    double squares = 0.0;
    ops.sums_of_squares(&squares, a.data(), n);
    all.push_back(static_cast<float>(squares));
    std::vector<float> w = a, m = b, v(n, 0.5f);
    const AdamStep step{0.9f, 0.999f, 1e-3f, 2.0f, 1e-8f, 0.7f, 0.01f};
    ops.adam(w.data(), m.data(), v.data(), b.data(), n, nullptr, step);
    keep(w);
    std::vector<uint8_t> decays(n / kDecayLine + 1);
    for (std::size_t line = 0; line < decays.size(); line += 3) decays[line] = 1;
    ops.adam(w.data(), m.data(), v.data(), b.data(), n, decays.data(), step);
    keep(w);
    ops.muon_directions(out.data(), m.data(), b.data(), n, 0.9f, 0.7f);
    keep(out);
    ops.blend(out.data(), b.data(), n, 3.5f, -0.3f);
    ops.multiply_by(out.data(), n, 0.7f);
    keep(out);
    ops.muon_updates(w.data(), out.data(), n, {0.2f, 0.01f});
    keep(w);
    ops.move_means(out.data(), w.data(), n, 0.3f);
    keep(out);
    keep(m);
    keep(v);
    for (const CorruptionKind kind : testing::all_values<CorruptionKind>()) {
      ops.corrupt(out.data(), out2.data(), b.data(), {kind, 2.0f, 1, n, 1}, noise);
      keep(out);
      keep(out2);
    }
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
