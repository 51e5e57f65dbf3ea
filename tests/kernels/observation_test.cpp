// SPDX-License-Identifier: MIT
//
// The likelihoods whose values have several outputs, Gaussians with a variance a channel, and
// classes: against formulas in float64 that are not the rules'. Probabilities, slopes by central
// differences, sums over all levels, draws, and what extreme outputs do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "kernels/philox.h"
#include "kernels/rules/categorical.h"
#include "kernels/rules/likelihoods.h"
#include "tests/support/backend_test.h"
#include "tests/support/reference.h"
#include "vae/error.h"

namespace vae::testing {
namespace {

/// ln p of level k under two outputs.
using LogProbability = double (*)(double first, double second, double x);

double pixel_gaussian(double mean, double log_variance, double x) {
  const double variance = std::exp(std::clamp(log_variance, -12.0, 12.0));
  return -0.5 * ((x - mean) * (x - mean) / variance + std::log(2 * std::numbers::pi * variance));
}

/// ln(1 + e^x).
double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

/// By sigma(m + h) - sigma(m - h) = sinh h / (cosh m + cosh h); the ends by their tails.
double discretised_logistic(double location, double log_scale, double x) {
  const double scale = std::exp(std::clamp(log_scale, -8.0, 8.0));
  const double exact = static_cast<double>(std::lround(255.0 * x)) / 255.0;  // x is a float
  const double middle = (exact - location) / scale, half = 0.5 / 255 / scale;
  if (x == 0.0) return -softplus_of(-(middle + half));
  if (x == 1.0) return -softplus_of(middle - half);
  const double larger = std::max(std::abs(middle), half);
  const double sinh = 0.5 * (std::exp(half - larger) - std::exp(-half - larger));
  const double coshs = 0.5 * (std::exp(std::abs(middle) - larger) + std::exp(half - larger) +
                              std::exp(-std::abs(middle) - larger) + std::exp(-half - larger));
  return std::log(half < 0.1 ? std::sinh(half) : sinh) - (half < 0.1 ? larger : 0.0) -
         std::log(coshs);
}

/// As a product over trials, without any Gamma function.
double beta_binomial(double log_alpha, double log_beta, double x) {
  const double alpha = std::exp(std::clamp(log_alpha, -12.0, 12.0));
  const double beta = std::exp(std::clamp(log_beta, -12.0, 12.0));
  const int successes = static_cast<int>(std::lround(255.0 * x));
  long double sum = 0.0L;
  for (int i = 0; i < 255; ++i) {
    const int failure = i - successes;
    const long double chance = i < successes ? alpha + static_cast<long double>(i)
                                             : beta + static_cast<long double>(failure);
    sum += std::log(chance / (alpha + static_cast<long double>(beta) + i));
    // Of (255 over k): one factor for each success.
    if (i < successes) sum += std::log((255.0L - i) / (i + 1.0L));
  }
  return static_cast<double>(sum);
}

struct Model {
  Observation observation;
  LogProbability log_p;
  float low, high;  // outputs to try, first and second
};

const std::vector<Model>& two_output_models() {
  static const std::vector<Model> models = {
      {{Likelihood::gaussian, Variance::per_pixel}, pixel_gaussian, -2.0f, 2.0f},
      {{Likelihood::logistic, Variance::fixed}, discretised_logistic, -4.0f, 1.5f},
      {{Likelihood::beta_binomial, Variance::fixed}, beta_binomial, -4.0f, 6.0f}};
  return models;
}

float level(int64_t k) { return static_cast<float>(k) / 255.0f; }

std::vector<float> random_levels(int64_t count, uint64_t seed) {
  std::vector<float> x = random_values(count, seed, 0.0f, 1.0f);
  for (float& value : x) value = level(std::lround(255.0f * value));
  x.front() = 0.0f;
  x.back() = 1.0f;
  return x;
}

class ObservationTest : public BackendTest {};

TEST_P(ObservationTest, LogProbabilitiesAndSlopesMatchFloat64) {
  for (const Model& model : two_output_models()) {
    const int64_t images = 3, samples = 2, rows = images * samples, width = 45;
    auto outputs = random_values(rows * width * 2, 1, model.low, model.high);
    const auto x = random_levels(images * width, 2);
    const FloatTensor outputs_(backend(), {rows, 2 * width}, outputs);
    const FloatTensor x_(backend(), {images, width}, x), log_px(backend(), {rows});
    LikelihoodArgs args;
    args.log_px = log_px;
    args.outputs = outputs_.view();
    args.doutputs = outputs_;  // in place
    args.x = x_.view();
    args.samples = samples;
    args.likelihood = model.observation.likelihood;
    args.variance = model.observation.variance;
    args.scale = 0.25f;
    backend().issue(args);
    const auto slopes = outputs_.values(), sums = log_px.values();
    for (int64_t row = 0; row < rows; ++row) {
      double sum = 0.0;
      for (int64_t i = 0; i < width; ++i) {
        const int64_t at = 2 * (row * width + i);
        const double own = x[row / samples * width + i], first = outputs[at];
        const double second = outputs[at + 1];
        sum += model.log_p(first, second, own);
        const double h = 1e-5;
        const double by_first =
            (model.log_p(first + h, second, own) - model.log_p(first - h, second, own)) / (2 * h);
        const double by_second =
            (model.log_p(first, second + h, own) - model.log_p(first, second - h, own)) / (2 * h);
        ASSERT_NEAR(slopes[at], -0.25 * by_first, 2e-6 * (1.0 + std::abs(by_first)))
            << first << ' ' << second << ' ' << own;
        ASSERT_NEAR(slopes[at + 1], -0.25 * by_second, 2e-6 * (1.0 + std::abs(by_second)))
            << first << ' ' << second << ' ' << own;
      }
      ASSERT_NEAR(sums[row], sum, 1e-6 * std::abs(sum) + 1e-5);
    }
  }
}

TEST_P(ObservationTest, VariancesOfChannelsMatchFloat64AndTheirGradientsCentralDifferences) {
  const int64_t rows = 5, channels = 3, width = 12 * channels;
  const auto means = random_values(rows * width, 3), x = random_values(rows * width, 4, 0.0f);
  const std::vector<float> log_variances = {-1.3f, 0.2f, -0.4f};
  const FloatTensor outputs(backend(), {rows, width}, means), x_(backend(), {rows, width}, x);
  const FloatTensor log_px(backend(), {rows}), doutputs(backend(), {rows, width});
  const FloatTensor variance(backend(), {channels}, log_variances), slope(backend(), {channels});
  LikelihoodArgs args{log_px.view(),
                      doutputs.view(),
                      slope.view(),
                      outputs.view(),
                      x_.view(),
                      variance.view(),
                      1,
                      Likelihood::gaussian,
                      0.2f,
                      Variance::per_channel};
  backend().issue(args);
  const auto total = [&](const std::vector<double>& lv) {
    double sum = 0.0;
    for (int64_t i = 0; i < rows * width; ++i) sum += pixel_gaussian(means[i], lv[i % 3], x[i]);
    return sum;
  };
  const std::vector<double> lv(log_variances.begin(), log_variances.end());
  double sum = 0.0;
  for (const float value : log_px.values()) sum += value;
  EXPECT_NEAR(sum, total(lv), 1e-5 * std::abs(total(lv)));
  for (int64_t channel = 0; channel < channels; ++channel) {
    auto above = lv, below = lv;
    above[channel] += 1e-5;
    below[channel] -= 1e-5;
    const double expected = -0.2 * (total(above) - total(below)) / 2e-5;
    EXPECT_NEAR(slope.values()[channel], expected, 1e-4 * (1.0 + std::abs(expected)));
  }
  for (int64_t i = 0; i < rows * width; ++i) {
    const double expected = -0.2 * (x[i] - static_cast<double>(means[i])) * std::exp(-lv[i % 3]);
    ASSERT_NEAR(doutputs.values()[i], expected, 1e-6);
  }
}

TEST_P(ObservationTest, ASingleChannelIsOneVariance) {
  const int64_t rows = 4, width = 33;
  const FloatTensor outputs(backend(), {rows, width}, random_values(rows * width, 5));
  const FloatTensor x(backend(), {rows, width}, random_values(rows * width, 6, 0.0f));
  const FloatTensor variance(backend(), {1}, {-0.7f});
  std::vector<std::vector<float>> results;
  for (const Variance kind : {Variance::learned, Variance::per_channel}) {
    const FloatTensor log_px(backend(), {rows}), doutputs(backend(), {rows, width});
    const FloatTensor slope(backend(), {1});
    backend().issue(LikelihoodArgs{log_px.view(), doutputs.view(), slope.view(), outputs.view(),
                                   x.view(), variance.view(), 1, Likelihood::gaussian, 0.2f, kind});
    for (const auto& values : {log_px.values(), doutputs.values(), slope.values()}) {
      results.push_back(values);
    }
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(results[i], results[i + 3]);
}

TEST_P(ObservationTest, ExtremeOutputsStayFinite) {
  const std::vector<float> extremes = {-1e4f, -100.0f, -8.0f,  0.0f, 0.5f,
                                       1.0f,  12.0f,   100.0f, 1e4f};
  const std::vector<float> edges = {0.0f, level(1), level(128), level(254), 1.0f};
  for (const Model& model : two_output_models()) {
    std::vector<float> outputs, x;
    for (const float first : extremes) {
      for (const float second : extremes) {
        for (const float own : edges) {
          outputs.insert(outputs.end(), {first, second});
          x.push_back(own);
        }
      }
    }
    const auto count = static_cast<int64_t>(x.size());
    const FloatTensor outputs_(backend(), {count, 2}, outputs), x_(backend(), {count, 1}, x);
    const FloatTensor log_px(backend(), {count}), slopes(backend(), {count, 2});
    const FloatTensor mean(backend(), {count, 1}), drawn(backend(), {count, 1});
    const DeviceState state(backend(), {});
    LikelihoodArgs args;
    args.log_px = log_px;
    args.outputs = outputs_.view();
    args.doutputs = slopes;
    args.x = x_.view();
    args.likelihood = model.observation.likelihood;
    args.variance = model.observation.variance;
    backend().issue(args);
    const auto [likelihood, variance] = model.observation;
    backend().issue(LikelihoodMeanArgs{mean.view(), outputs_.view(), likelihood, variance});
    backend().issue(LikelihoodSampleArgs{drawn.view(),
                                         outputs_.view(),
                                         {},
                                         likelihood,
                                         variance,
                                         {1, Stream::observation, state.get(), 0}});
    const bool is_of_levels = is_of_256_levels(likelihood);
    for (int64_t i = 0; i < count; ++i) {
      const std::string where = std::string(to_string(likelihood)) + " " +
                                std::to_string(outputs[2 * i]) + " " +
                                std::to_string(outputs[2 * i + 1]) + " " + std::to_string(x[i]);
      const double expected = model.log_p(outputs[2 * i], outputs[2 * i + 1], x[i]);
      ASSERT_NEAR(log_px.values()[i], expected, 2e-6 * std::abs(expected) + 1e-5) << where;
      ASSERT_TRUE(std::isfinite(slopes.values()[2 * i])) << where;
      ASSERT_TRUE(std::isfinite(slopes.values()[2 * i + 1])) << where;
      ASSERT_TRUE(std::isfinite(mean.values()[i])) << where;
      if (!is_of_levels) continue;
      ASSERT_LE(log_px.values()[i], 1e-7f) << where;
      ASSERT_TRUE(mean.values()[i] >= 0.0f && mean.values()[i] <= 1.0f) << where;
      ASSERT_EQ(drawn.values()[i], level(std::lround(255.0f * drawn.values()[i]))) << where;
    }
    // Outputs beyond their limits have no gradient, those on them do.
    for (int64_t i = 0; i < count; ++i) {
      const bool held = std::abs(outputs[2 * i + 1]) > 12.0f;
      if (held) {
        ASSERT_EQ(slopes.values()[2 * i + 1], 0.0f);
      }
    }
  }
}

TEST_P(ObservationTest, NotANumberSpoilsItsRowOnly) {
  for (const Model& model : two_output_models()) {
    for (const int64_t bad : {0, 1}) {
      std::vector<float> outputs = random_values(3 * 2 * 7, 7, -1.0f, 1.0f);
      outputs[14 + 2 * 3 + bad] = std::nanf("");
      const FloatTensor outputs_(backend(), {3, 14}, outputs), log_px(backend(), {3});
      const FloatTensor x(backend(), {3, 7}, random_levels(21, 8)), slopes(backend(), {3, 14});
      LikelihoodArgs args;
      args.log_px = log_px;
      args.outputs = outputs_.view();
      args.doutputs = slopes;
      args.x = x.view();
      args.likelihood = model.observation.likelihood;
      args.variance = model.observation.variance;
      backend().issue(args);
      for (int row = 0; row < 3; ++row) EXPECT_EQ(std::isnan(log_px.values()[row]), row == 1);
      EXPECT_TRUE(std::isnan(slopes.values()[14 + 2 * 3 + bad]));
    }
  }
}

/// ln p of each class and its slope by logit j, in float64.
struct Softmax {
  std::vector<double> log_p;
  explicit Softmax(const std::vector<double>& logits) : log_p(logits) {
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0.0;
    for (const double logit : logits) sum += std::exp(logit - largest);
    for (double& value : log_p) value -= largest + std::log(sum);
  }
};

TEST_P(ObservationTest, ClassesMatchFloat64) {
  for (const auto& [width, classes] : {std::pair<int64_t, int64_t>{1, 10}, {37, 21}, {5, 256}}) {
    const int64_t images = 3, samples = 2, rows = images * samples;
    const auto logits = random_values(rows * width * classes, 9, -20.0f, 20.0f);
    std::vector<uint8_t> targets;
    for (int64_t i = 0; i < images * width; ++i) {
      targets.push_back(static_cast<uint8_t>(i * 11 % classes));
    }
    if (classes < 256) targets[0] = 255;  // not observed
    const FloatTensor logits_(backend(), {rows, width * classes}, logits),
        log_px(backend(), {rows});
    const FloatTensor shares(backend(), {rows, width * classes});
    const DeviceTensor<uint8_t> targets_(backend(), {images, width}, targets);
    backend().issue(CategoricalMeanArgs{shares.view(), logits_.view(), classes});
    backend().issue(CategoricalArgs{log_px.view(), logits_.view(), logits_.view(), targets_.view(),
                                    classes, samples, 0.25f});
    const auto slopes = logits_.values(), probabilities = shares.values(), sums = log_px.values();
    for (int64_t row = 0; row < rows; ++row) {
      double expected = 0.0;
      for (int64_t i = 0; i < width; ++i) {
        const int64_t at = (row * width + i) * classes;
        const Softmax softmax({logits.begin() + at, logits.begin() + at + classes});
        const int64_t target = targets[row / samples * width + i];
        if (target < classes) expected += softmax.log_p[target];
        double sum = 0.0;
        for (int64_t j = 0; j < classes; ++j) {
          const double share = std::exp(softmax.log_p[j]);
          ASSERT_NEAR(probabilities[at + j], share, 1e-6);
          sum += probabilities[at + j];
          const double slope = (j == target ? 1.0 : 0.0) - share;
          ASSERT_NEAR(slopes[at + j], target < classes ? -0.25 * slope : 0.0, 1e-6);
        }
        ASSERT_NEAR(sum, 1.0, 1e-6);
      }
      ASSERT_NEAR(sums[row], expected, 1e-5 + 1e-6 * std::abs(expected));
    }
  }
}

TEST_P(ObservationTest, WeightsScaleTheGradientsOfClasses) {
  const int64_t rows = 4, width = 9, classes = 5;
  const FloatTensor logits(backend(), {rows, width * classes},
                           random_values(rows * width * classes, 12, -5.0f, 5.0f));
  const FloatTensor weights(backend(), {rows}, {0.0f, 1.0f, 0.5f, 0.25f});
  const FloatTensor log_px(backend(), {rows}), plain(backend(), {rows, width * classes});
  const FloatTensor weighted(backend(), {rows, width * classes});
  const DeviceTensor<uint8_t> targets(backend(), {rows / 2, width},
                                      std::vector<uint8_t>(rows / 2 * width, 3));
  CategoricalArgs args{log_px.view(), plain.view(), logits.view(), targets.view(), classes, 2,
                       0.5f};
  backend().issue(args);
  const auto sums = log_px.values();
  args.doutputs = weighted;
  args.weights = weights.view();
  backend().issue(args);
  EXPECT_EQ(log_px.values(), sums) << "weights are of the gradients";
  const auto found = weighted.values(), slopes = plain.values(), factors = weights.values();
  for (int64_t i = 0; i < rows * width * classes; ++i) {
    EXPECT_EQ(found[i], factors[i / (width * classes)] * slopes[i]) << "powers of two are exact";
  }
}

TEST_P(ObservationTest, ArgumentsThatDoNotFitAreRefused) {
  const FloatTensor outputs(backend(), {2, 6}), x(backend(), {2, 3}), log_px(backend(), {2});
  const FloatTensor variances(backend(), {2});
  LikelihoodArgs args;
  args.log_px = log_px;
  args.outputs = outputs.view();
  args.x = x.view();
  EXPECT_THROW(backend().issue(args), Error) << "a Bernoulli has one output a value";
  args.likelihood = Likelihood::gaussian;
  args.outputs = x.view();
  args.variance = Variance::per_channel;
  EXPECT_THROW(backend().issue(args), Error) << "no variance";
  args.log_variance = variances.view();
  EXPECT_THROW(backend().issue(args), Error) << "3 values are not of 2 channels";
  EXPECT_THROW(backend().issue(LikelihoodMeanArgs{View(outputs.view().data, {2, 3}), outputs.view(),
                                                  Likelihood::logistic}),
               Error)
      << "in place";
  EXPECT_THROW(backend().issue(CategoricalMeanArgs{outputs.view(), outputs.view(), 4}), Error);
  EXPECT_THROW(backend().issue(CategoricalMeanArgs{outputs.view(), outputs.view(), 257}), Error);
}

VAE_INSTANTIATE_BACKENDS(ObservationTest);

// ---- of the rules alone: the same bits on every device ------------------------------------------

/// The probabilities of all levels under a rule.
template <typename Rule>
std::vector<double> level_probabilities(Rule rule, const float* outputs) {
  std::vector<double> probabilities;
  for (int k = 0; k < 256; ++k) {
    const auto term = rule.term(outputs, level(k), rule.constants(nullptr, 0, 1));
    probabilities.push_back(std::exp(static_cast<double>(term.log_p)));
  }
  return probabilities;
}

/// Calls body with each rule of 256 levels and pairs of outputs, some of them extreme.
template <typename Body>
void for_level_rules(int count, Body body) {
  for (const auto& [likelihood, variance] : all_observations()) {
    visit(likelihood, variance, [&](auto rule) {
      if constexpr (rule.kOf256Levels) {
        auto outputs = random_values(2 * count, 10, -9.0f, 9.0f);
        const auto locations = random_values(count, 11, -0.2f, 1.2f);
        for (int i = 0; i < count; i += 2) outputs[2 * i] = locations[i];
        for (const float first : {-100.0f, 0.0f, 0.5f, 100.0f}) {
          for (const float second : {-100.0f, -7.5f, 0.0f, 100.0f}) {
            outputs.insert(outputs.end(), {first, second});
          }
        }
        for (std::size_t i = 0; i < outputs.size(); i += 2) body(rule, &outputs[i]);
      }
    });
  }
}

TEST(LevelsTest, ProbabilitiesOfAllLevelsSumToOne) {
  for_level_rules(200, [](auto rule, const float* outputs) {
    double sum = 0.0;
    for (const double p : level_probabilities(rule, outputs)) sum += p;
    EXPECT_NEAR(sum, 1.0, 1e-6) << rule.kName << ' ' << outputs[0] << ' ' << outputs[1];
  });
}

TEST(LevelsTest, MeansAreThoseOfTheProbabilities) {
  for_level_rules(40, [](auto rule, const float* outputs) {
    double mean = 0.0;
    const auto probabilities = level_probabilities(rule, outputs);
    for (int k = 0; k < 256; ++k) mean += probabilities[k] * k / 255.0;
    EXPECT_NEAR(rule.mean(outputs), mean, 2e-6)
        << rule.kName << ' ' << outputs[0] << ' ' << outputs[1];
  });
}

// A draw at u is the level whose share of [0, 1] has u in it: every level's share, to the ulp.
TEST(LevelsTest, DrawsAreTheInverseOfTheDistributionFunction) {
  for_level_rules(40, [](auto rule, const float* outputs) {
    const auto probabilities = level_probabilities(rule, outputs);
    const LikelihoodConstants constants = rule.constants(nullptr, 0, 1);
    double below = 0.0;
    for (int k = 0; k < 256; ++k) {
      const double above = below + probabilities[k], margin = 3e-6;
      if (above - below > 3 * margin) {
        for (const double u : {below + margin, 0.5 * (below + above), above - margin}) {
          ASSERT_EQ(rule.draw(outputs, constants, u), level(k))
              << rule.kName << ' ' << outputs[0] << ' ' << outputs[1] << " at " << u;
        }
      }
      below = above;
    }
  });
}

TEST(LevelsTest, ALevelIsTheNearestOne) {
  for (int k = 0; k < 256; ++k) {
    EXPECT_EQ(level_of(level(k)), k);
    EXPECT_EQ(value_of_level(k), level(k));
  }
  EXPECT_EQ(level_of(-3.0), 0.0);
  EXPECT_EQ(level_of(7.0), 255.0);
  EXPECT_EQ(level_of(0.4999 / 255), 0.0);
  EXPECT_EQ(level_of(0.5001 / 255), 1.0);
}

/// The largest distance between the distribution function of draws and `cdf`, times sqrt(n): above
/// 1.95 once in a thousand times.
double kolmogorov(std::vector<float> draws, const std::function<double(double)>& below,
                  const std::function<double(double)>& up_to) {
  std::sort(draws.begin(), draws.end());
  const auto n = static_cast<double>(draws.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < draws.size(); ++i) {
    worst = std::max(worst, static_cast<double>(i + 1) / n - up_to(draws[i]));
    worst = std::max(worst, below(draws[i]) - static_cast<double>(i) / n);
  }
  return worst * std::sqrt(n);
}

/// Draws of one value in many rows, by the words of its Philox stream.
template <typename Rule>
std::vector<float> draws_of(Rule rule, const float* outputs, float log_variance) {
  std::vector<float> draws;
  const LikelihoodConstants constants = rule.constants(&log_variance, 1, 1);
  for (uint32_t row = 0; row < 4096; ++row) {
    const uint32_t word = word_of(philox_row(5, Stream::observation, 0, row), 0);
    draws.push_back(rule.draw(outputs, constants, middle_of_word(word)));
  }
  return draws;
}

TEST(DrawsTest, HaveTheDistributionOfTheirLikelihood) {
  for_level_rules(6, [](auto rule, const float* outputs) {
    std::vector<double> up_to = level_probabilities(rule, outputs);
    for (int k = 1; k < 256; ++k) up_to[k] += up_to[k - 1];
    const auto k_of = [](double x) { return static_cast<int>(std::lround(255.0 * x)); };
    EXPECT_LT(kolmogorov(
                  draws_of(rule, outputs, 0.0f),
                  [&](double x) { return k_of(x) == 0 ? 0.0 : up_to[k_of(x) - 1]; },
                  [&](double x) { return up_to[k_of(x)]; }),
              1.95)
        << rule.kName << ' ' << outputs[0] << ' ' << outputs[1];
  });
  const auto normal = [](double mean, double deviation) {
    return [=](double x) { return 0.5 * std::erfc((mean - x) / deviation / std::numbers::sqrt2); };
  };
  const float outputs[] = {0.3f, -1.2f};
  const auto given = normal(0.3f, std::exp(0.5 * 0.8f)), own = normal(0.3f, std::exp(0.5 * -1.2f));
  EXPECT_LT(kolmogorov(draws_of(rules::Gaussian(), outputs, 0.8f), given, given), 1.95);
  EXPECT_LT(kolmogorov(draws_of(rules::PixelGaussian(), outputs, 0.0f), own, own), 1.95);
  for (const float logit : {-100.0f, -1.0f, 0.0f, 2.5f, 100.0f}) {
    const double white = 1.0 / (1.0 + std::exp(-static_cast<double>(logit)));
    EXPECT_LT(kolmogorov(
                  draws_of(rules::Bernoulli(), &logit, 0.0f),
                  [&](double x) { return x == 0.0 ? 0.0 : 1.0 - white; },
                  [&](double x) { return x == 0.0 ? 1.0 - white : 1.0; }),
              1.95)
        << logit;
  }
}

TEST(DrawsTest, ClassesComeAsOftenAsTheirProbabilities) {
  const std::vector<float> logits = {0.5f, -2.0f, 1.5f, -100.0f, 0.0f};
  const Softmax softmax({logits.begin(), logits.end()});
  std::vector<double> up_to;
  for (const double log_p : softmax.log_p) {
    up_to.push_back((up_to.empty() ? 0.0 : up_to.back()) + std::exp(log_p));
  }
  std::vector<float> draws;
  for (uint32_t row = 0; row < 4096; ++row) {
    const uint32_t word = word_of(philox_row(6, Stream::observation, 0, row), 3);
    draws.push_back(
        static_cast<float>(rules::Categorical::draw(logits.data(), 5, middle_of_word(word))));
  }
  EXPECT_EQ(std::count(draws.begin(), draws.end(), 3.0f), 0);
  EXPECT_LT(kolmogorov(
                draws, [&](double j) { return j == 0.0 ? 0.0 : up_to[static_cast<int>(j) - 1]; },
                [&](double j) { return up_to[static_cast<int>(j)]; }),
            1.95);
}

}  // namespace
}  // namespace vae::testing
