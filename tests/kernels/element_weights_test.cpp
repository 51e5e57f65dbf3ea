// SPDX-License-Identifier: MIT
//
// Likelihoods whose values have weights of their own.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "kernels/rules/likelihoods.h"
#include "tests/support/backend_test.h"
#include "tests/support/canonical_sums.h"
#include "tests/support/cases.h"
#include "tests/support/reference.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

class ElementWeightsTest : public BackendTest {};

/// Some zero, as those of pixels that do not count, and the others anything.
std::vector<float> some_weights(int64_t count) {
  std::vector<float> weights = random_values(count, 51, 0.0f, 3.0f);
  for (std::size_t i = 0; i < weights.size(); i += 3) weights[i] = i % 2 == 0 ? 0.0f : 1.0f;
  return weights;
}

/// What a likelihood leaves.
struct Scores {
  std::vector<float> log_px, doutputs, dlog_variance;
};

/// One likelihood on a backend; its weights may be empty.
struct WeightedCase {
  Likelihood likelihood = Likelihood::bernoulli;
  Variance variance = Variance::fixed;
  int64_t images, width, samples = 1;
  std::vector<float> outputs, x, log_variances = {-0.4f};
  std::vector<float> element_weights = {}, row_weights = {};
  float scale = 0.125f;

  int64_t rows() const { return images * samples; }

  /// With tensors of these kinds; those of the weights of values may be of another.
  template <template <typename> typename Tensor = DeviceTensor,
            template <typename> typename Weights = Tensor>
  Scores scores(Backend& backend) const {
    const int64_t wide = width * outputs_per_value(likelihood, variance);
    const Tensor<float> outputs_(backend, {rows(), wide}, outputs), log_px(backend, {rows()});
    const Tensor<float> x_(backend, {images, width}, x);
    const Tensor<float> doutputs(backend, {rows(), wide});
    const auto channels = static_cast<int64_t>(log_variances.size());
    const Tensor<float> variances(backend, {channels}, log_variances);
    const Tensor<float> dvariances(backend, {channels});
    const auto filled = [](std::vector<float> values, int64_t count) {
      values.resize(static_cast<std::size_t>(count));
      return values;
    };
    const Weights<float> elements(backend, {images, width},
                                  filled(element_weights, images * width));
    const Tensor<float> of_rows(backend, {rows()}, filled(row_weights, rows()));
    LikelihoodArgs args;
    args.log_px = log_px;
    args.doutputs = doutputs;
    args.dlog_variance = dvariances;
    args.outputs = outputs_.view();
    args.x = x_.view();
    args.log_variance = variances.view();
    args.samples = samples;
    args.likelihood = likelihood;
    args.scale = scale;
    args.variance = variance;
    if (!row_weights.empty()) args.weights = of_rows.view();
    if (!element_weights.empty()) args.element_weights = elements.view();
    backend.issue(args);
    Scores found{log_px.values(), doutputs.values(), {}};
    if (likelihood == Likelihood::gaussian && variance != Variance::per_pixel) {
      found.dlog_variance = dvariances.values();
    }
    return found;
  }
};

WeightedCase make_case(const Observation& observation, int64_t images, int64_t width,
                       int64_t samples) {
  WeightedCase made{observation.likelihood, observation.variance, images, width, samples, {}, {}};
  const int64_t per_value = outputs_per_value(made.likelihood, made.variance);
  made.outputs = random_values(images * samples * width * per_value, 52, -3.0f, 3.0f);
  made.x = random_values(images * width, 53, 0.0f, 1.0f);
  if (made.variance == Variance::per_channel && width % 3 == 0) {
    made.log_variances = {-0.4f, 0.3f, -1.7f};
  }
  made.element_weights = some_weights(images * width);
  return made;
}

std::string text_of(const Observation& observation, const RowCase& c) {
  return std::string(to_string(observation.likelihood)) + ' ' +
         std::string(to_string(observation.variance)) + ' ' + std::to_string(c.rows) + 'x' +
         std::to_string(c.width);
}

/// Rule 15, term by term, to the bit.
TEST_P(ElementWeightsTest, EveryTermIsWeightedWithItsNormalizer) {
  std::vector<RowCase> cases = row_cases();
  std::erase_if(cases, [](const RowCase& c) { return c.rows > 1000; });
  cases.insert(cases.end(), {{9, 127}, {4, 256}, {3, 260}, {2, 1031}, {2, 3081}});
  for (const RowCase& c : cases) {
    for (const Observation& observation : all_observations()) {
      const int64_t samples = c.rows % 2 == 0 ? 2 : 1;
      const WeightedCase test = make_case(observation, c.rows / samples, c.width, samples);
      std::vector<float> sums, slopes;
      visit(test.likelihood, test.variance, [&](auto rule) {
        constexpr int64_t per_value = rule.kPerValue;
        const auto channels = static_cast<int64_t>(test.log_variances.size());
        for (int64_t row = 0; row < c.rows; ++row) {
          std::vector<float> terms;
          for (int64_t i = 0; i < c.width; ++i) {
            const int64_t at = row / samples * c.width + i;
            const float weight = test.element_weights[at];
            const auto constants = rule.constants(test.log_variances.data() + i % channels, 1, 1);
            const auto term =
                rule.term(&test.outputs[(row * c.width + i) * per_value], test.x[at], constants);
            terms.push_back(weight * (term.log_p + constants.normalizer));
            for (const float slope : term.slope) slopes.push_back(-(0.125f * weight) * slope);
          }
          sums.push_back(canonical_row_sum(terms));
        }
      });
      const Scores found = test.scores(backend());
      ASSERT_EQ(bits_of(found.log_px), bits_of(sums)) << text_of(observation, c);
      ASSERT_EQ(bits_of(found.doutputs), bits_of(slopes)) << text_of(observation, c);
    }
  }
}

/// Against the likelihood without weights of each value as a row of its own, whose log p is known
/// to be that of float64.
TEST_P(ElementWeightsTest, AreThoseOfTheValuesAlone) {
  for (const RowCase& c : {RowCase{4, 33}, RowCase{3, 784}}) {
    for (const Observation& observation : all_observations()) {
      WeightedCase test = make_case(observation, c.rows, c.width, 1);
      test.log_variances = {-0.4f};
      WeightedCase alone = test;
      alone.images = c.rows * c.width;
      alone.width = 1;
      alone.element_weights.clear();
      const Scores found = test.scores(backend()), values = alone.scores(backend());
      const auto per_value = static_cast<int64_t>(found.doutputs.size()) / alone.images;
      for (int64_t row = 0; row < c.rows; ++row) {
        double sum = 0.0, size = 1.0;
        for (int64_t at = row * c.width; at < (row + 1) * c.width; ++at) {
          const double weight = test.element_weights[at];
          sum += weight * values.log_px[at];
          size += weight * std::abs(values.log_px[at]);
          for (int64_t j = at * per_value; j < (at + 1) * per_value; ++j) {
            const double slope = weight * values.doutputs[j];
            ASSERT_NEAR(found.doutputs[j], slope, 1e-6 * (1.0 + std::abs(slope)));
          }
        }
        ASSERT_NEAR(found.log_px[row], sum, 1e-5 * size) << text_of(observation, c);
      }
    }
  }
}

/// log p of a Gaussian's rows, each value and row with its weight, in float64.
double weighted_gaussian(const WeightedCase& c, const std::vector<double>& log_variances) {
  double sum = 0.0;
  for (int64_t row = 0; row < c.rows(); ++row) {
    for (int64_t i = 0; i < c.width; ++i) {
      const int64_t at = row / c.samples * c.width + i;
      const double log_variance = log_variances[i % log_variances.size()];
      const double residual = double{c.x[at]} - c.outputs[row * c.width + i];
      const double log_p = -0.5 * (residual * residual * std::exp(-log_variance) + log_variance +
                                   std::log(2.0 * std::numbers::pi));
      sum += c.row_weights[row] * double{c.element_weights[at]} * log_p;
    }
  }
  return sum;
}

TEST_P(ElementWeightsTest, GradientsByVariancesAreCentralDifferences) {
  for (const Variance variance : {Variance::learned, Variance::per_channel}) {
    for (const int64_t width : {3, 39, 786}) {
      WeightedCase test = make_case({Likelihood::gaussian, variance}, 5, width, 2);
      test.row_weights = random_values(test.rows(), 54, 0.1f, 1.0f);
      const Scores found = test.scores(backend());
      const std::vector<double> at(test.log_variances.begin(), test.log_variances.end());
      ASSERT_EQ(found.dlog_variance.size(), at.size());
      for (std::size_t c = 0; c < at.size(); ++c) {
        const double h = 1e-5;
        std::vector<double> up = at, down = at;
        up[c] += h;
        down[c] -= h;
        const double slope =
            (weighted_gaussian(test, up) - weighted_gaussian(test, down)) / (2.0 * h);
        EXPECT_NEAR(found.dlog_variance[c], -test.scale * slope, 1e-5 * (1.0 + std::abs(slope)))
            << width;
      }
    }
  }
}

TEST_P(ElementWeightsTest, GradientsByOutputsAreCentralDifferences) {
  for (const Observation& observation : all_observations()) {
    WeightedCase test = make_case(observation, 2, 6, 1);
    const Scores found = test.scores(backend());
    const auto total = [&](const std::vector<float>& outputs) {
      WeightedCase moved = test;
      moved.outputs = outputs;
      const Scores scores = moved.scores(backend());
      return double{scores.log_px[0]} + scores.log_px[1];
    };
    for (std::size_t i = 0; i < test.outputs.size(); ++i) {
      constexpr float h = 0x1p-6f;
      std::vector<float> up = test.outputs, down = test.outputs;
      up[i] += h;
      down[i] -= h;
      const double slope = (total(up) - total(down)) / (2.0 * h);
      EXPECT_NEAR(found.doutputs[i], -test.scale * slope, 2e-3 * (1.0 + std::abs(slope)))
          << to_string(observation.likelihood) << ' ' << i;
    }
  }
}

TEST_P(ElementWeightsTest, AlignmentDoesNotMatter) {
  for (const int64_t width : {8, 33, 784}) {
    for (const Observation& observation : all_observations()) {
      const WeightedCase test = make_case(observation, 3, width, 2);
      const Scores aligned = test.scores(backend());
      for (const Scores& unaligned : {test.scores<UnalignedTensor>(backend()),
                                      test.scores<DeviceTensor, UnalignedTensor>(backend())}) {
        EXPECT_EQ(aligned.log_px, unaligned.log_px) << width;
        EXPECT_EQ(aligned.doutputs, unaligned.doutputs) << width;
        EXPECT_EQ(aligned.dlog_variance, unaligned.dlog_variance) << width;
      }
    }
  }
}

TEST_P(ElementWeightsTest, ARowOfWeightsOneHasTheGradientsOfNone) {
  for (const Observation& observation : all_observations()) {
    WeightedCase test = make_case(observation, 4, 70, 1);
    test.element_weights.assign(test.element_weights.size(), 1.0f);
    WeightedCase without = test;
    without.element_weights.clear();
    const Scores found = test.scores(backend()), plain = without.scores(backend());
    EXPECT_EQ(bits_of(found.doutputs), bits_of(plain.doutputs));
    for (std::size_t row = 0; row < found.log_px.size(); ++row) {
      EXPECT_NEAR(found.log_px[row], plain.log_px[row], 1e-5 * (1 + std::abs(plain.log_px[row])));
    }
  }
}

TEST_P(ElementWeightsTest, TheyAreOfEveryValueAndKeepAProductFromBeingJoined) {
  const FloatTensor x(backend(), {2, 4}), w(backend(), {6, 4}), b(backend(), {6});
  const FloatTensor y(backend(), {2, 6}), target(backend(), {2, 6}), log_px(backend(), {2});
  const FloatTensor few(backend(), {2, 5});
  DenseForwardArgs dense;
  dense.y = y;
  dense.x = x.view();
  dense.w = w.view();
  dense.b = b.view();
  LikelihoodArgs args;
  args.log_px = log_px;
  args.outputs = y.view();
  args.x = target.view();
  EXPECT_TRUE(is_pair(dense, args));
  args.element_weights = target.view();
  EXPECT_FALSE(is_pair(dense, args));
  args.element_weights = few.view();
  EXPECT_THROW(backend().issue(args), Error);
}

VAE_INSTANTIATE_BACKENDS(ElementWeightsTest);

}  // namespace
}  // namespace vae::testing
