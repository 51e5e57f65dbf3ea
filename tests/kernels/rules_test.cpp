// SPDX-License-Identifier: MIT
//
// On every device an operation gives the numbers of its rule, kernels/rules, one element at a time,
// and the sums of docs/arithmetic.md: to the bit, for any shape.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <tuple>
#include <type_traits>
#include <vector>

#include "kernels/philox.h"
#include "kernels/rules/adam.h"
#include "kernels/rules/categorical.h"
#include "kernels/rules/importance.h"
#include "kernels/rules/judge.h"
#include "kernels/rules/likelihoods.h"
#include "kernels/rules/objective.h"
#include "kernels/rules/posterior.h"
#include "kernels/rules/running_mean.h"
#include "kernels/rules/schedule.h"
#include "kernels/rules/sums.h"
#include "tests/support/backend_test.h"
#include "tests/support/canonical_sums.h"
#include "tests/support/cases.h"
#include "tests/support/reference.h"

namespace vae::testing {
namespace {

constexpr uint64_t kRuleSeed = 11;
constexpr LogvarRange kRuleRange{-1.0f, 1.5f};

/// Comparisons see the sign of a zero.
template <typename Number>
auto bits(const std::vector<Number>& values) {
  using Bits = std::conditional_t<sizeof(Number) == 4, uint32_t, uint64_t>;
  std::vector<Bits> result;
  for (const Number value : values) result.push_back(std::bit_cast<Bits>(value));
  return result;
}

StepState state_of_rules() {
  StepState state;
  state.step = 3;
  state.first_row = 7;
  state.updates = 5;
  state.apply = 1;
  state.learning_rate = 0.01f;
  state.beta = 0.7f;
  state.clip_scale = 0.3f;
  return state;
}

/// The catalogue, and rows around the width of a group, of a warp's quads and of a block's.
std::vector<RowCase> rule_cases() {
  std::vector<RowCase> cases = row_cases();
  std::erase_if(cases, [](const RowCase& c) { return c.rows > 1000; });
  cases.insert(cases.end(), {{3, 64}, {3, 65}, {9, 127}, {4, 256}, {3, 260}, {2, 1031}, {2, 3080}});
  return cases;
}

class RulesTest : public BackendTest {};

/// Logarithms of variances: one, or one a channel where the width allows some.
std::vector<float> log_variances_of(const Observation& observation, int64_t width) {
  if (observation.variance != Variance::per_channel) return {-0.4f};
  if (width % 3 == 0) return {-0.4f, 0.3f, -1.7f};
  return width % 2 == 0 ? std::vector<float>{-0.4f, 0.8f} : std::vector<float>{-0.4f};
}

/// What a rule computes value `i` of a row with.
template <typename Rule>
LikelihoodConstants constants_of_value(Rule rule, const std::vector<float>& log_variances,
                                       int64_t width, int64_t i) {
  const auto channels = static_cast<int64_t>(log_variances.size());
  LikelihoodConstants constants = rule.constants(log_variances.data(), channels, width);
  if constexpr (Rule::kHasVariance) {
    constants.inverse_variance = rule.inverse_variance(log_variances[i % channels]);
  }
  return constants;
}

TEST_P(RulesTest, LikelihoodsAndTheirRowSums) {
  for (const RowCase& c : rule_cases()) {
    for (const Observation& observation : all_observations()) {
      const auto& [likelihood, variance] = observation;
      const int64_t per_value = outputs_per_value(likelihood, variance);
      const int64_t samples = c.rows % 2 == 0 ? 2 : 1, images = c.rows / samples;
      const int64_t outputs_width = per_value * c.width;
      const auto outputs = random_values(c.rows * outputs_width, 1, -4.0f, 4.0f);
      const auto x = random_values(images * c.width, 2, 0.0f, 1.0f);
      const auto log_variances = log_variances_of(observation, c.width);
      const FloatTensor outputs_(backend(), {c.rows, outputs_width}, outputs),
          log_px(backend(), {c.rows});
      const FloatTensor x_(backend(), {images, c.width}, x),
          doutputs(backend(), {c.rows, outputs_width});
      const FloatTensor log_variance(backend(), {static_cast<int64_t>(log_variances.size())},
                                     log_variances);
      LikelihoodArgs args;
      args.log_px = log_px;
      args.doutputs = doutputs;
      args.outputs = outputs_.view();
      args.x = x_.view();
      args.log_variance = log_variance.view();
      args.samples = samples;
      args.likelihood = likelihood;
      args.scale = 0.125f;
      args.variance = variance;
      backend().issue(args);
      std::vector<float> sums, slopes;
      visit(likelihood, variance, [&](auto rule) {
        float normalizer = 0.0f;
        for (int64_t row = 0; row < c.rows; ++row) {
          std::vector<float> terms;
          for (int64_t i = 0; i < c.width; ++i) {
            const auto constants = constants_of_value(rule, log_variances, c.width, i);
            const auto term = rule.term(&outputs[row * outputs_width + i * per_value],
                                        x[row / samples * c.width + i], constants);
            terms.push_back(term.log_p);
            for (const float slope : term.slope) slopes.push_back(-0.125f * slope);
            normalizer = constants.normalizer;
          }
          sums.push_back(normalizer + canonical_row_sum(terms));
        }
      });
      ASSERT_EQ(bits(log_px.values()), bits(sums)) << c.rows << 'x' << c.width;
      ASSERT_EQ(bits(doutputs.values()), bits(slopes)) << c.rows << 'x' << c.width;
    }
  }
}

TEST_P(RulesTest, MeansAndDrawsOfLikelihoods) {
  for (const RowCase& c : rule_cases()) {
    if (c.rows * c.width > 2000) continue;  // slow: 255 terms each
    for (const Observation& observation : all_observations()) {
      const auto& [likelihood, variance] = observation;
      const int64_t per_value = outputs_per_value(likelihood, variance);
      const auto outputs = random_values(c.rows * c.width * per_value, 18, -4.0f, 4.0f);
      const auto log_variances = log_variances_of(observation, c.width);
      const FloatTensor outputs_(backend(), {c.rows, c.width * per_value}, outputs);
      const FloatTensor log_variance(backend(), {static_cast<int64_t>(log_variances.size())},
                                     log_variances);
      const FloatTensor mean(backend(), {c.rows, c.width}), drawn(backend(), {c.rows, c.width});
      const DeviceState state(backend(), state_of_rules());
      backend().issue(LikelihoodMeanArgs{mean.view(), outputs_.view(), likelihood, variance});
      backend().issue(LikelihoodSampleArgs{drawn.view(),
                                           outputs_.view(),
                                           log_variance.view(),
                                           likelihood,
                                           variance,
                                           {kRuleSeed, Stream::observation, state.get(), 5}});
      std::vector<float> means, draws;
      visit(likelihood, variance, [&](auto rule) {
        for (int64_t at = 0; at < c.rows * c.width; ++at) {
          const auto row = static_cast<uint32_t>(at / c.width);
          const PhiloxRow noise = philox_row(kRuleSeed, Stream::observation, state_of_rules().step,
                                             state_of_rules().first_row + row, 5);
          const uint32_t word = word_of(noise, static_cast<uint32_t>(at % c.width));
          const float* const own = &outputs[at * per_value];
          means.push_back(rule.mean(own));
          draws.push_back(rule.draw(own,
                                    constants_of_value(rule, log_variances, c.width, at % c.width),
                                    middle_of_word(word)));
        }
      });
      ASSERT_EQ(bits(mean.values()), bits(means)) << c.rows << 'x' << c.width;
      ASSERT_EQ(bits(drawn.values()), bits(draws)) << c.rows << 'x' << c.width;
    }
  }
}

TEST_P(RulesTest, ClassesAndTheirRowSums) {
  for (const RowCase& c : rule_cases()) {
    for (const int64_t classes : {1, 2, 10}) {
      if (c.rows * c.width > 5000) continue;
      const int64_t samples = c.rows % 2 == 0 ? 2 : 1, images = c.rows / samples;
      const auto logits = random_values(c.rows * c.width * classes, 19, -9.0f, 9.0f);
      std::vector<uint8_t> targets;
      for (int64_t i = 0; i < images * c.width; ++i) {
        targets.push_back(static_cast<uint8_t>(i * 7 % (classes + 1)));  // some not observed
      }
      const FloatTensor logits_(backend(), {c.rows, c.width * classes}, logits);
      const FloatTensor dlogits(backend(), {c.rows, c.width * classes}),
          log_px(backend(), {c.rows});
      const FloatTensor shares(backend(), {c.rows, c.width * classes});
      const DeviceTensor<uint8_t> targets_(backend(), {images, c.width}, targets),
          drawn(backend(), {c.rows, c.width});
      const DeviceState state(backend(), state_of_rules());
      backend().issue(CategoricalArgs{log_px.view(), dlogits.view(), logits_.view(),
                                      targets_.view(), classes, samples, 0.125f});
      backend().issue(CategoricalMeanArgs{shares.view(), logits_.view(), classes});
      backend().issue(CategoricalSampleArgs{
          drawn.view(), logits_.view(), classes, {kRuleSeed, Stream::observation, state.get(), 5}});
      using rules::Categorical;
      std::vector<float> sums, slopes, probabilities;
      std::vector<uint8_t> draws;
      for (int64_t row = 0; row < c.rows; ++row) {
        const PhiloxRow noise =
            philox_row(kRuleSeed, Stream::observation, state_of_rules().step,
                       state_of_rules().first_row + static_cast<uint32_t>(row), 5);
        std::vector<float> terms;
        for (int64_t i = 0; i < c.width; ++i) {
          const float* const own = &logits[(row * c.width + i) * classes];
          const auto softmax = Categorical::softmax(own, classes);
          const int64_t target = targets[row / samples * c.width + i];
          const bool observed = target < classes;
          terms.push_back(observed ? Categorical::log_p(own[target], softmax) : 0.0f);
          for (int64_t j = 0; j < classes; ++j) {
            probabilities.push_back(Categorical::probability(own[j], softmax));
            const float slope = Categorical::slope(own[j], j == target, softmax);
            slopes.push_back(observed ? -0.125f * slope : 0.0f);
          }
          const uint32_t word = word_of(noise, static_cast<uint32_t>(i));
          draws.push_back(
              static_cast<uint8_t>(Categorical::draw(own, classes, middle_of_word(word))));
        }
        sums.push_back(canonical_row_sum(terms));
      }
      ASSERT_EQ(bits(log_px.values()), bits(sums)) << c.rows << 'x' << c.width << 'x' << classes;
      ASSERT_EQ(bits(dlogits.values()), bits(slopes)) << c.rows << 'x' << c.width;
      ASSERT_EQ(bits(shares.values()), bits(probabilities)) << c.rows << 'x' << c.width;
      ASSERT_EQ(drawn.values(), draws) << c.rows << 'x' << c.width;
    }
  }
}

TEST_P(RulesTest, VarianceGradientIsALongSumOverRows) {
  const int64_t width = 5;
  for (const int64_t rows : {1, 31, 33, 1025, 7100}) {
    const auto means = random_values(rows * width, 3), x = random_values(rows * width, 4, 0.0f);
    const FloatTensor outputs(backend(), {rows, width}, means), x_(backend(), {rows, width}, x);
    const FloatTensor log_px(backend(), {rows}), slope(backend(), {1});
    const FloatTensor log_variance(backend(), {1}, {0.3f});
    LikelihoodArgs args;
    args.log_px = log_px;
    args.dlog_variance = slope;
    args.outputs = outputs.view();
    args.x = x_.view();
    args.log_variance = log_variance.view();
    args.likelihood = Likelihood::gaussian;
    args.scale = 0.5f;
    backend().issue(args);
    std::vector<double> slopes;
    const float log_variance_here = 0.3f;
    const LikelihoodConstants constants = rules::Gaussian::constants(&log_variance_here, 1, width);
    for (const float value : log_px.values()) {
      slopes.push_back(rules::Gaussian::log_variance_slope(value, width, constants));
    }
    EXPECT_EQ(slope.values()[0], static_cast<float>(-0.5f * canonical_long_sum(slopes))) << rows;
  }
}

TEST_P(RulesTest, VarianceGradientOfAChannelIsALongSumOverItsValues) {
  const std::vector<float> log_variances = {0.3f, -0.9f, 0.1f};
  for (const auto& [images, samples, positions] :
       {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1}, {3, 2, 11}, {7, 1, 147}, {37, 3, 20}}) {
    const int64_t rows = images * samples, width = positions * 3;
    const auto means = random_values(rows * width, 20), x = random_values(images * width, 21, 0.0f);
    const FloatTensor outputs(backend(), {rows, width}, means), x_(backend(), {images, width}, x);
    const FloatTensor log_px(backend(), {rows}), slope(backend(), {3});
    const FloatTensor log_variance(backend(), {3}, log_variances);
    LikelihoodArgs args;
    args.log_px = log_px;
    args.doutputs = outputs;  // in place, which the sums must not see
    args.dlog_variance = slope;
    args.outputs = outputs.view();
    args.x = x_.view();
    args.log_variance = log_variance.view();
    args.samples = samples;
    args.likelihood = Likelihood::gaussian;
    args.scale = 0.5f;
    args.variance = Variance::per_channel;
    backend().issue(args);
    for (int64_t channel = 0; channel < 3; ++channel) {
      std::vector<double> slopes;
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t i = channel; i < width; i += 3) {
          slopes.push_back(rules::Gaussian::log_variance_slope(rules::Gaussian::term(
              &means[row * width + i], x[row / samples * width + i],
              constants_of_value(rules::Gaussian(), log_variances, width, i))));
        }
      }
      EXPECT_EQ(slope.values()[channel], static_cast<float>(-0.5f * canonical_long_sum(slopes)))
          << rows << 'x' << width;
    }
  }
}

/// The normals of NoiseKey: row by row, `samples` of each.
std::vector<float> normals_of_rules(const StepState& state, int64_t rows, int64_t samples,
                                    int64_t width) {
  std::vector<float> normals;
  for (int64_t m = 0; m < rows * samples; ++m) {
    const PhiloxRow row = philox_row(kRuleSeed, Stream::posterior, state.step,
                                     state.first_row + static_cast<uint32_t>(m / samples),
                                     static_cast<uint32_t>(m % samples));
    for (int64_t j = 0; j < width; ++j) {
      normals.push_back(normal_element(row, static_cast<uint32_t>(j)));
    }
  }
  return normals;
}

TEST_P(RulesTest, PosteriorItsDivergenceAndItsRatios) {
  for (const RowCase& c : rule_cases()) {
    for (const int64_t samples : {1, 3}) {
      if (samples * c.rows * c.width > 10000) continue;  // slow: one at a time
      const StepState start = state_of_rules();
      const auto heads = random_values(c.rows * 2 * c.width, 5, -2.0f, 2.0f);
      const FloatTensor heads_(backend(), {c.rows, 2 * c.width}, heads);
      const FloatTensor z(backend(), {c.rows * samples, c.width}), kl(backend(), {c.rows});
      const FloatTensor log_ratio(backend(), {c.rows * samples});
      const DeviceState state(backend(), start);
      backend().issue(GaussianForwardArgs{z.view(),
                                          kl.view(),
                                          log_ratio.view(),
                                          heads_.view(),
                                          samples,
                                          kRuleRange.low,
                                          kRuleRange.high,
                                          {kRuleSeed, Stream::posterior, state.get(), 0}});
      const auto eps = normals_of_rules(start, c.rows, samples, c.width);
      std::vector<float> draws, divergences, ratios;
      for (int64_t m = 0; m < c.rows * samples; ++m) {
        const float* const mu = &heads[m / samples * 2 * c.width];
        std::vector<float> kl_terms, ratio_terms;
        for (int64_t j = 0; j < c.width; ++j) {
          const float lv = rules::Posterior::logvar(mu[c.width + j], kRuleRange);
          const float normal = eps[m * c.width + j];
          draws.push_back(rules::Posterior::sample(mu[j], lv, normal));
          kl_terms.push_back(rules::Prior::kl(mu[j], lv));
          ratio_terms.push_back(rules::Prior::log_ratio(normal, lv, draws.back()));
        }
        if (m % samples == 0) divergences.push_back(canonical_row_sum(kl_terms));
        ratios.push_back(canonical_row_sum(ratio_terms));
      }
      ASSERT_EQ(bits(z.values()), bits(draws)) << c.rows << 'x' << c.width;
      ASSERT_EQ(bits(kl.values()), bits(divergences)) << c.rows << 'x' << c.width;
      ASSERT_EQ(bits(log_ratio.values()), bits(ratios)) << c.rows << 'x' << c.width;
    }
  }
}

TEST_P(RulesTest, GradientOfThePosterior) {
  for (const RowCase& c : rule_cases()) {
    const StepState start = state_of_rules();
    const auto heads = random_values(c.rows * 2 * c.width, 6, -2.0f, 2.0f);
    const auto dz = random_values(c.rows * c.width, 7);
    const FloatTensor heads_(backend(), {c.rows, 2 * c.width}, heads);
    const FloatTensor dz_(backend(), {c.rows, c.width}, dz);
    const FloatTensor dheads(backend(), {c.rows, 2 * c.width});
    const DeviceState state(backend(), start);
    GaussianBackwardArgs args{dheads.view(),
                              dz_.view(),
                              heads_.view(),
                              kRuleRange.low,
                              kRuleRange.high,
                              0.25f,
                              {kRuleSeed, Stream::posterior, state.get(), 0}};
    args.free_bits = c.width % 2 == 0 ? 0.0f : 0.5f;
    backend().issue(args);
    const auto eps = normals_of_rules(start, c.rows, 1, c.width);
    std::vector<float> expected(heads.size());
    for (int64_t row = 0; row < c.rows; ++row) {
      for (int64_t j = 0; j < c.width; ++j) {
        const int64_t mu = row * 2 * c.width + j, own = row * c.width + j;
        const HeadGradient gradient = rules::Posterior::gradient(
            rules::Prior(), dz[own], eps[own], heads[mu], heads[mu + c.width], kRuleRange,
            0.25f * start.beta, args.free_bits);
        expected[mu] = gradient.mu;
        expected[mu + c.width] = gradient.logvar;
      }
    }
    ASSERT_EQ(bits(dheads.values()), bits(expected)) << c.rows << 'x' << c.width;
  }
}

TEST_P(RulesTest, StatisticsAreLongSumsOverRows) {
  std::vector<RowCase> cases = {{1, 1}, {31, 3}, {33, 9}, {1024, 5}, {1025, 2}, {7100, 33}};
  for (const RowCase& c : cases) {
    const auto heads = random_values(c.rows * 2 * c.width, 8, -2.0f, 2.0f);
    const FloatTensor heads_(backend(), {c.rows, 2 * c.width}, heads);
    const DeviceTensor<double> sums(backend(), {3, c.width}, std::vector<double>(3 * c.width, 0.1));
    backend().issue(
        PosteriorStatisticsArgs{sums.view(), heads_.view(), kRuleRange.low, kRuleRange.high});
    std::vector<double> expected(3 * c.width, 0.1);
    for (int64_t j = 0; j < c.width; ++j) {
      std::vector<double> kl, mean, square;
      for (int64_t row = 0; row < c.rows; ++row) {
        const float* const mu = &heads[row * 2 * c.width + j];
        const LatentStatistics statistics =
            rules::Posterior::statistics(rules::Prior(), mu[0], mu[c.width], kRuleRange);
        kl.push_back(statistics.kl);
        mean.push_back(statistics.mean);
        square.push_back(statistics.square);
      }
      expected[j] += canonical_long_sum(kl);
      expected[c.width + j] += canonical_long_sum(mean);
      expected[2 * c.width + j] += canonical_long_sum(square);
    }
    EXPECT_EQ(bits(sums.values()), bits(expected)) << c.rows << 'x' << c.width;
  }
}

TEST_P(RulesTest, TotalsOfABatchAreLongSumsOverRows) {
  for (const int64_t rows : {1, 5, 32, 33, 1024, 1025, 7100, 8193, 57500}) {
    const auto log_px = random_values(rows, 9, -150.0f, -50.0f), kl = random_values(rows, 10, 0.0f);
    const FloatTensor log_px_(backend(), {rows}, log_px), kl_(backend(), {rows}, kl);
    StepState state = state_of_rules();
    Totals totals{-3.0, 0.3, 7.0, 2};
    const DeviceState state_(backend(), state);
    auto* const totals_ = static_cast<Totals*>(backend().allocate(sizeof(Totals)));
    backend().copy_to_device(totals_, &totals, sizeof totals);
    backend().issue(AccumulateArgs{totals_, state_.get(), log_px_.view(), kl_.view()});
    std::vector<double> reconstruction, divergence, squares;
    for (int64_t row = 0; row < rows; ++row) {
      const BoundTerms terms = bound_terms(log_px[row], kl[row]);
      reconstruction.push_back(terms.reconstruction);
      divergence.push_back(terms.kl);
      squares.push_back(terms.squared_elbo);
    }
    add_batch(totals, state,
              {canonical_long_sum(reconstruction), canonical_long_sum(divergence),
               canonical_long_sum(squares)},
              rows);
    Totals found;
    backend().copy_to_host(&found, totals_, sizeof found);
    backend().deallocate(totals_);
    EXPECT_EQ(found.reconstruction, totals.reconstruction) << rows;
    EXPECT_EQ(found.kl, totals.kl) << rows;
    EXPECT_EQ(found.squared_elbo, totals.squared_elbo) << rows;
    EXPECT_EQ(found.images, totals.images);
    EXPECT_EQ(state_.value().loss, state.loss);
  }
}

StepState judged(const std::vector<float>& gradients) {
  std::vector<double> squares;
  for (const float value : gradients) squares.push_back(static_cast<double>(value) * value);
  StepState state;
  judge(state, canonical_long_sum(squares), 0.5f, 0.0f);
  return state;
}

/// The largest `value` with which the norm is still rounded to at most `most`.
void bring_to_the_edge(std::vector<float>& gradients, float& value, float most) {
  uint32_t low = 0, high = std::bit_cast<uint32_t>(1.0f);
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    value = std::bit_cast<float>(middle);
    (judged(gradients).gradient_norm <= most ? low : high) = middle;
  }
  value = std::bit_cast<float>(low);
}

// The norm is a float, which hides the last digits of the sum. So two gradients bring the sum to
// the edge between two floats, as close as its own digits are, where another order of addition is
// most often on the same side of the edge for both of two neighbours.
TEST_P(RulesTest, NormIsRoundedFromTheLongSumOfSquares) {
  for (const int64_t count : {40, 1500, 7100}) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      auto gradients = random_values(count, 100 * count + seed);
      float& coarse = gradients[count / 3];
      float& fine = gradients[count / 2];
      coarse = fine = 0.0f;
      const float most = judged(gradients).gradient_norm;
      bring_to_the_edge(gradients, coarse, most);
      bring_to_the_edge(gradients, fine, most);
      for (int side = 0; side < 2; ++side) {
        const StepState expected = judged(gradients);
        const FloatTensor gradients_(backend(), {count}, gradients);
        const DeviceState state(backend(), StepState{});
        backend().issue(JudgeGradientArgs{state.get(), gradients_.view(), 0.5f});
        const StepState found = state.value();
        EXPECT_EQ(found.gradient_norm, expected.gradient_norm) << count << ", side " << side;
        EXPECT_EQ(found.clip_scale, expected.clip_scale);
        EXPECT_EQ(found.updates, 1u);
        fine = std::nextafter(fine, 1.0f);
      }
    }
  }
}

TEST_P(RulesTest, Adam) {
  for (const int64_t count : {1, 5, 33, 3001}) {
    for (const uint32_t updates : {1u, 2u, 1000u, 3000000u}) {
      auto w = random_values(count, 11), m = random_values(count, 12);
      auto v = random_values(count, 13, 0.0f), g = random_values(count, 14);
      const FloatTensor w_(backend(), {count}, w), m_(backend(), {count}, m);
      const FloatTensor v_(backend(), {count}, v), g_(backend(), {count}, g);
      StepState start = state_of_rules();
      start.updates = updates;
      const DeviceState state(backend(), start);
      AdamArgs adam{w_.view(), m_.view(), v_.view(), g_.view(), state.get(), 0.9f, 0.999f, 1e-8f};
      std::vector<uint8_t> lines((count + kDecayLine - 1) / kDecayLine);
      for (std::size_t line = 0; line < lines.size(); line += 2) lines[line] = 1;
      const DeviceTensor<uint8_t> lines_(backend(), {static_cast<int64_t>(lines.size())}, lines);
      if (updates != 2) {
        adam.weight_decay = 0.07f;
        adam.decays = lines_.view();
      }
      backend().issue(adam);
      const AdamStep step = adam_step({0.9f, 0.999f, 1e-8f, adam.weight_decay}, start);
      for (int64_t i = 0; i < count; ++i) {
        if (updates != 2 && lines[i / kDecayLine] != 0) w[i] = decayed(w[i], step.decay);
        adam_update(w[i], m[i], v[i], g[i], step);
      }
      EXPECT_EQ(bits(w_.values()), bits(w)) << updates;
      EXPECT_EQ(bits(m_.values()), bits(m)) << updates;
      EXPECT_EQ(bits(v_.values()), bits(v)) << updates;
    }
  }
}

TEST_P(RulesTest, RunningMeans) {
  for (const int64_t count : {1, 5, 33, 3001}) {
    for (const uint32_t updates : {1u, 2u, 1000u, 3000000u}) {
      auto mean = random_values(count, 15);
      const auto newest = random_values(count, 16);
      const FloatTensor mean_(backend(), {count}, mean), newest_(backend(), {count}, newest);
      StepState step;
      step.updates = updates;
      step.apply = 1;
      const DeviceState state(backend(), step);
      backend().issue(AverageArgs{mean_.view(), newest_.view(), state.get(), 0.9997});
      const auto share = static_cast<float>(newest_share(0.9997, updates));
      for (int64_t i = 0; i < count; ++i) mean[i] = moved_mean(mean[i], newest[i], share);
      EXPECT_EQ(bits(mean_.values()), bits(mean)) << updates;
    }
  }
}

TEST_P(RulesTest, MeanOfTheNorms) {
  StepState expected;
  const DeviceState state(backend(), expected);
  const uint32_t steps = test::kRaceDetector ? 30 : 300;
  for (uint32_t step = 1; step <= steps; ++step) {
    const float norm = step % 7 == 3 ? 9.0f : random_values(1, step, 0.5f, 2.0f)[0];
    const FloatTensor gradient(backend(), {1}, {norm});
    backend().issue(JudgeGradientArgs{state.get(), gradient.view(), 1.0f, 3.0f});
    judge(expected, static_cast<double>(norm) * norm, 1.0f, 3.0f);
    ASSERT_EQ(state.value().mean_norm, expected.mean_norm) << step;
    ASSERT_EQ(state.value().skipped_for_norm, expected.skipped_for_norm) << step;
  }
  EXPECT_GT(expected.skipped_for_norm, steps / 10);
}

TEST_P(RulesTest, Schedules) {
  for (const LearningRateSchedule kind :
       {LearningRateSchedule::constant, LearningRateSchedule::step, LearningRateSchedule::cosine}) {
    Schedule schedule;
    schedule.images = 1000;
    schedule.batch_size = 30;
    schedule.total_steps = 997;
    schedule.learning_rate = 0.7e-3;
    schedule.kind = kind;
    schedule.stage_steps[0] = 3;
    schedule.stage_steps[1] = 17;
    schedule.stage_count = 2;
    schedule.final_factor = 0.03;
    schedule.beta = 1.3;
    schedule.beta_warmup_steps = 41.5;
    schedule.rate_warmup_steps = 53.25;
    StepState expected;
    const DeviceState state(backend(), expected);
    for (uint32_t step = 0; step < schedule.total_steps; step += 31) {
      for (int i = 0; i < 31; ++i) {
        advance(expected, schedule);
        backend().issue(BeginStepArgs{state.get(), schedule});
      }
      const StepState found = state.value();
      ASSERT_EQ(found.learning_rate, expected.learning_rate) << step;
      ASSERT_EQ(found.beta, expected.beta) << step;
      ASSERT_EQ(found.epoch, expected.epoch) << step;
      ASSERT_EQ(found.first_row, expected.first_row) << step;
    }
  }
}

TEST_P(RulesTest, ImportanceWeightsInAnyChunks) {
  const int64_t rows = 37, samples = 90;
  const auto log_px = random_values(rows * samples, 15, -600.0f, -100.0f);
  const auto log_ratio = random_values(rows * samples, 16, -30.0f, 30.0f);
  std::vector<double> max(rows, -std::numeric_limits<double>::infinity()), sum(rows, 0.0);
  for (int64_t row = 0; row < rows; ++row) {
    WeightSum weights{max[row], sum[row]};
    for (int64_t k = 0; k < samples; ++k) {
      const int64_t at = row * samples + k;
      weights = with_weight(weights, log_weight(log_px[at], log_ratio[at]));
    }
    max[row] = weights.max;
    sum[row] = weights.sum;
  }
  for (const int64_t chunk : {int64_t{1}, int64_t{9}, samples}) {
    const std::vector<double> nothing(rows, -std::numeric_limits<double>::infinity());
    const DeviceTensor<double> max_(backend(), {rows}, nothing);
    const DeviceTensor<double> sum_(backend(), {rows}, std::vector<double>(rows, 0.0));
    for (int64_t first = 0; first < samples; first += chunk) {
      std::vector<float> p, r;
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t k = first; k < first + chunk; ++k) {
          p.push_back(log_px[row * samples + k]);
          r.push_back(log_ratio[row * samples + k]);
        }
      }
      const FloatTensor p_(backend(), {rows * chunk}, p), r_(backend(), {rows * chunk}, r);
      backend().issue(ImportanceArgs{max_.view(), sum_.view(), p_.view(), r_.view(), chunk});
    }
    EXPECT_EQ(bits(max_.values()), bits(max)) << chunk;
    EXPECT_EQ(bits(sum_.values()), bits(sum)) << chunk;
  }
}

VAE_INSTANTIATE_BACKENDS(RulesTest);

// ---- of the rules alone
// --------------------------------------------------------------------------

/// The sum of f(x) p(x) over a likelihood's values of x: black and white, 256 levels, or all
/// numbers.
template <typename Rule, typename Function>
double expectation(Rule rule, const float* outputs, float log_variance, Function f) {
  const LikelihoodConstants constants = rule.constants(&log_variance, 1, 1);
  const auto density = [&](float x) {
    const auto term = rule.term(outputs, x, constants);
    return std::exp(static_cast<double>(constants.normalizer) + term.log_p);
  };
  if (!rule.kOfGreyLevels) return f(0.0f) * density(0.0f) + f(1.0f) * density(1.0f);
  double sum = 0.0;
  if (rule.kOf256Levels) {
    for (int k = 0; k < 256; ++k) sum += f(value_of_level(k)) * density(value_of_level(k));
    return sum;
  }
  constexpr float kStep = 0.0078125f;
  for (float x = -20.0f; x <= 20.0f; x += kStep) sum += f(x) * density(x) * kStep;
  return sum;
}

TEST(LikelihoodRulesTest, AreProbabilitiesWithTheirMeanAndSlope) {
  for (const auto& [likelihood, variance] : all_observations()) {
    visit(likelihood, variance, [](auto rule) {
      for (const float output : {-1.75f, -0.25f, 0.0f, 0.5f, 2.0f}) {
        const float outputs[] = {output, 0.4f - 0.5f * output};
        const auto one = [](float) { return 1.0; };
        const auto itself = [](float x) { return static_cast<double>(x); };
        EXPECT_NEAR(expectation(rule, outputs, -0.6f, one), 1.0, rule.kOf256Levels ? 1e-6 : 1e-5);
        EXPECT_NEAR(expectation(rule, outputs, -0.6f, itself), rule.mean(outputs), 1e-5);
        const float log_variance = -0.6f;
        const LikelihoodConstants constants = rule.constants(&log_variance, 1, 1);
        for (const float x : {0.0f, 0.25f, 1.0f}) {
          for (int j = 0; j < rule.kPerValue; ++j) {
            constexpr float kStep = 0.03125f;
            float above[] = {outputs[0], outputs[1]}, below[] = {outputs[0], outputs[1]};
            above[j] += kStep;
            below[j] -= kStep;
            const float difference =
                rule.term(above, x, constants).log_p - rule.term(below, x, constants).log_p;
            const float slope = rule.term(outputs, x, constants).slope[j];
            EXPECT_NEAR(slope, difference / (2 * kStep), 2e-4 + 1e-3 * std::abs(slope));
          }
        }
      }
    });
  }
}

TEST(LikelihoodRulesTest, StartWithTheMeanAskedFor) {
  for (const auto& [likelihood, variance] : all_observations()) {
    visit(likelihood, variance, [](auto rule) {
      for (const double mean : {0.25, 0.5, 0.7}) {
        float outputs[2];
        for (int j = 0; j < rule.kPerValue; ++j) {
          outputs[j] = static_cast<float>(rule.output_of(mean).output[j]);
        }
        // The ends of the levels take a logistic's tails.
        EXPECT_NEAR(rule.mean(outputs), mean, rule.kOf256Levels ? 0.03 : 1e-6);
      }
    });
  }
}

// ---- of the sums alone --------------------------------------------------------------------------

TEST(SumsTest, NumbersOneAfterTheOtherMakeTheBalancedTree) {
  for (int64_t count = 0; count < 70; ++count) {
    std::vector<float> numbers = random_values(count, 17);
    float levels[BalancedSum<float>::kMost];
    BalancedSum<float> sum{levels, 0, 0};
    for (const float number : numbers) add(sum, number);
    EXPECT_EQ(total(sum), balanced_tree(numbers)) << count;
  }
}

}  // namespace
}  // namespace vae::testing
