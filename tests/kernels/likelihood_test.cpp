// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "kernels/rules/likelihoods.h"
#include "tests/support/backend_test.h"
#include "tests/support/cases.h"
#include "tests/support/reference.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

double bernoulli(double logit, double x) {
  return logit * x - std::max(logit, 0.0) - std::log1p(std::exp(-std::abs(logit)));
}

double gaussian(double mean, double x, double log_variance) {
  const double variance = std::exp(log_variance);
  return -0.5 * ((x - mean) * (x - mean) / variance + std::log(2 * std::numbers::pi * variance));
}

/// The catalogue's rows and some wider ones, whole and with a rest.
std::vector<RowCase> pixel_cases() {
  std::vector<RowCase> cases = row_cases();
  cases.insert(cases.end(), {{3, 256}, {3, 260}, {5, 1023}, {2, 12288}});
  return cases;
}

class LikelihoodTest : public BackendTest {};

TEST_P(LikelihoodTest, BernoulliMatchesFloat64InValueAndSlope) {
  for (const RowCase& c : pixel_cases()) {
    const auto logits = random_values(c.rows * c.width, 1, -8.0f, 8.0f);
    const auto x = random_values(c.rows * c.width, 2, 0.0f, 1.0f);
    const FloatTensor outputs(backend(), {c.rows, c.width}, logits);
    const FloatTensor inputs(backend(), {c.rows, c.width}, x), log_px(backend(), {c.rows});
    LikelihoodArgs args;
    args.log_px = log_px;
    args.outputs = outputs.view();
    args.doutputs = outputs;  // in place
    args.x = inputs.view();
    args.scale = 0.25f;
    backend().issue(args);
    const auto slopes = outputs.values(), sums = log_px.values();
    for (int64_t row = 0; row < c.rows; row += 1 + c.rows / 50) {
      double sum = 0.0;
      for (int64_t i = row * c.width; i < (row + 1) * c.width; ++i) {
        sum += bernoulli(logits[i], x[i]);
        const double sigma = 1.0 / (1.0 + std::exp(-static_cast<double>(logits[i])));
        ASSERT_NEAR(slopes[i], 0.25 * (sigma - x[i]), 1e-6);
      }
      ASSERT_NEAR(sums[row], sum, 1e-5 * (1.0 + std::abs(sum))) << c.rows << 'x' << c.width;
    }
  }
}

TEST_P(LikelihoodTest, GaussianMatchesFloat64AndItsVarianceGradientCentralDifferences) {
  const int64_t rows = 9, width = 37;
  const auto means = random_values(rows * width, 3), x = random_values(rows * width, 4, 0.0f, 1.0f);
  const double log_variance = -1.3, scale = 1.0 / 9.0;
  const FloatTensor outputs(backend(), {rows, width}, means), inputs(backend(), {rows, width}, x);
  const FloatTensor slopes(backend(), {rows, width}), log_px(backend(), {rows});
  const FloatTensor variance(backend(), {1}, {static_cast<float>(log_variance)});
  const FloatTensor dvariance(backend(), {1});
  LikelihoodArgs args{log_px.view(),
                      slopes.view(),
                      dvariance.view(),
                      outputs.view(),
                      inputs.view(),
                      variance.view(),
                      1,
                      Likelihood::gaussian,
                      static_cast<float>(scale)};
  backend().issue(args);
  const auto total = [&](double lv) {
    double sum = 0.0;
    for (std::size_t i = 0; i < means.size(); ++i) sum += gaussian(means[i], x[i], lv);
    return sum;
  };
  const double h = 1e-5;
  const double expected = -scale * (total(log_variance + h) - total(log_variance - h)) / (2 * h);
  EXPECT_NEAR(dvariance.values()[0], expected, 2e-4 * std::abs(expected));
  const auto found = slopes.values(), sums = log_px.values();
  double sum = 0.0;
  for (const float value : sums) sum += value;
  EXPECT_NEAR(sum, total(log_variance), 1e-4 * std::abs(total(log_variance)));
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], -scale * (x[i] - means[i]) * std::exp(-log_variance), 2e-6);
  }
}

TEST_P(LikelihoodTest, GaussianMatchesFloat64ForAnyShape) {
  const double log_variance = 0.3f;
  for (const RowCase& c : pixel_cases()) {
    const auto means = random_values(c.rows * c.width, 21);
    const auto x = random_values(c.rows * c.width, 22, 0.0f, 1.0f);
    const FloatTensor outputs(backend(), {c.rows, c.width}, means);
    const FloatTensor inputs(backend(), {c.rows, c.width}, x), log_px(backend(), {c.rows});
    const FloatTensor variance(backend(), {1}, {0.3f}), dvariance(backend(), {1});
    LikelihoodArgs args;
    args.log_px = log_px;
    args.doutputs = outputs;  // in place
    args.dlog_variance = dvariance;
    args.outputs = outputs.view();
    args.x = inputs.view();
    args.log_variance = variance.view();
    args.likelihood = Likelihood::gaussian;
    args.scale = 0.5f;
    backend().issue(args);
    const auto slopes = outputs.values(), sums = log_px.values();
    double squares = 0.0;
    for (int64_t row = 0; row < c.rows; ++row) {
      double sum = 0.0;
      for (int64_t i = row * c.width; i < (row + 1) * c.width; ++i) {
        const double residual = static_cast<double>(x[i]) - means[i];
        sum += gaussian(means[i], x[i], log_variance);
        squares += residual * residual;
        ASSERT_NEAR(slopes[i], -0.5 * residual * std::exp(-log_variance), 1e-6);
      }
      ASSERT_NEAR(sums[row], sum, 1e-5 * (1.0 + std::abs(sum))) << c.rows << 'x' << c.width;
    }
    const auto values = static_cast<double>(c.rows * c.width);
    const double expected = -0.5 * 0.5 * (squares * std::exp(-log_variance) - values);
    EXPECT_NEAR(dvariance.values()[0], expected, 1e-5 * values) << c.rows << 'x' << c.width;
  }
}

TEST_P(LikelihoodTest, AlignmentDoesNotMatter) {
  for (const int64_t width : {1, 8, 33, 784}) {
    const int64_t rows = 6, samples = 2;
    const auto x = random_values(rows / samples * width, 24, 0.0f, 1.0f);
    for (const auto& [likelihood, variance] : all_observations()) {
      const int64_t outputs_width = width * outputs_per_value(likelihood, variance);
      const auto outputs = random_values(rows * outputs_width, 23, -3.0f, 3.0f);
      LikelihoodArgs args;
      args.samples = samples;
      args.likelihood = likelihood;
      args.variance = variance;
      const auto results = [&]<typename Tensor>() {
        const Tensor outputs_(backend(), {rows, outputs_width}, outputs),
            doutputs(backend(), {rows, outputs_width});
        const Tensor x_(backend(), {rows / samples, width}, x), log_px(backend(), {rows});
        const Tensor log_variance(backend(), {1}, {-0.5f});
        args.log_px = log_px;
        args.doutputs = doutputs;
        args.outputs = outputs_.view();
        args.x = x_.view();
        args.log_variance = log_variance.view();
        backend().issue(args);
        return std::vector{log_px.values(), doutputs.values()};
      };
      EXPECT_EQ(results.template operator()<FloatTensor>(),
                results.template operator()<UnalignedTensor<float>>())
          << width;
    }
    const auto means = [&]<typename Tensor>() {
      const Tensor outputs(backend(), {6, width}, random_values(6 * width, 23, -3.0f, 3.0f));
      const Tensor mean(backend(), {6, width});
      backend().issue(LikelihoodMeanArgs{mean.view(), outputs.view(), Likelihood::bernoulli});
      return mean.values();
    };
    EXPECT_EQ(means.template operator()<FloatTensor>(),
              means.template operator()<UnalignedTensor<float>>());
  }
}

TEST_P(LikelihoodTest, ARowHasTheSameBitsInAnyBatch) {
  const int64_t rows = 40;
  for (const int64_t width : {20, 784}) {
    const auto logits = random_values(rows * width, 25, -3.0f, 3.0f);
    const auto x = random_values(rows * width, 26, 0.0f, 1.0f);
    const FloatTensor outputs(backend(), {rows, width}, logits), x_(backend(), {rows, width}, x);
    const FloatTensor all(backend(), {rows}), one(backend(), {1});
    LikelihoodArgs args;
    args.log_px = all;
    args.outputs = outputs.view();
    args.x = x_.view();
    backend().issue(args);
    args.log_px = one;
    for (const int64_t row : {int64_t{0}, int64_t{17}, rows - 1}) {
      args.outputs = ConstView(outputs.view().data + row * width, {1, width});
      args.x = ConstView(x_.view().data + row * width, {1, width});
      backend().issue(args);
      EXPECT_EQ(one.values()[0], all.values()[row]);
    }
  }
}

TEST_P(LikelihoodTest, NotANumberSpoilsItsRowOnly) {
  const int64_t rows = 3;
  for (const int64_t width : {3, 50, 400}) {
    auto logits = random_values(rows * width, 27);
    logits[2 * width - 1] = std::numeric_limits<float>::quiet_NaN();
    const FloatTensor outputs(backend(), {rows, width}, logits), log_px(backend(), {rows});
    const FloatTensor x(backend(), {rows, width}, random_values(rows * width, 28, 0.0f));
    LikelihoodArgs args;
    args.log_px = log_px;
    args.doutputs = outputs;
    args.outputs = outputs.view();
    args.x = x.view();
    backend().issue(args);
    for (int64_t row = 0; row < rows; ++row) {
      EXPECT_EQ(std::isnan(log_px.values()[row]), row == 1);
    }
    const auto slopes = outputs.values();
    EXPECT_TRUE(std::isnan(slopes[2 * width - 1]));
    EXPECT_EQ(std::count_if(slopes.begin(), slopes.end(), [](float s) { return std::isnan(s); }),
              1);
  }
}

TEST_P(LikelihoodTest, SamplesOfOneImageShareItsPixels) {
  const int64_t rows = 3, samples = 4, width = 19;
  const auto logits = random_values(rows * samples * width, 5, -3.0f, 3.0f);
  const auto x = random_values(rows * width, 6, 0.0f, 1.0f);
  const FloatTensor outputs(backend(), {rows * samples, width}, logits);
  const FloatTensor inputs(backend(), {rows, width}, x), log_px(backend(), {rows * samples});
  LikelihoodArgs args;
  args.log_px = log_px;
  args.outputs = outputs.view();
  args.x = inputs.view();
  args.samples = samples;
  backend().issue(args);
  const auto found = log_px.values();
  for (int64_t m = 0; m < rows * samples; ++m) {
    double sum = 0.0;
    for (int64_t j = 0; j < width; ++j) {
      sum += bernoulli(logits[m * width + j], x[m / samples * width + j]);
    }
    EXPECT_NEAR(found[m], sum, 1e-4);
  }
}

TEST_P(LikelihoodTest, TilingTheImageDoublesTheLoss) {
  const int64_t rows = 4, width = 48;
  const auto logits = random_values(rows * width, 7),
             x = random_values(rows * width, 8, 0.0f, 1.0f);
  const auto sum_of = [&](int64_t copies) {
    std::vector<float> l, p;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t copy = 0; copy < copies; ++copy) {
        l.insert(l.end(), logits.begin() + row * width, logits.begin() + (row + 1) * width);
        p.insert(p.end(), x.begin() + row * width, x.begin() + (row + 1) * width);
      }
    }
    const FloatTensor outputs(backend(), {rows, copies * width}, l);
    const FloatTensor inputs(backend(), {rows, copies * width}, p), log_px(backend(), {rows});
    LikelihoodArgs args;
    args.log_px = log_px;
    args.outputs = outputs.view();
    args.x = inputs.view();
    backend().issue(args);
    double sum = 0.0;
    for (const float value : log_px.values()) sum += value;
    return sum;
  };
  EXPECT_NEAR(sum_of(2), 2.0 * sum_of(1), 1e-3);
}

TEST_P(LikelihoodTest, MeansAreProbabilitiesForTheBernoulli) {
  const auto logits = random_values(5 * 33, 9, -9.0f, 9.0f);
  const FloatTensor outputs(backend(), {5, 33}, logits);
  backend().issue(LikelihoodMeanArgs{outputs.view(), outputs.view(), Likelihood::bernoulli});
  const auto found = outputs.values();
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], 1.0 / (1.0 + std::exp(-static_cast<double>(logits[i]))), 1e-6);
  }
  const FloatTensor means(backend(), {5, 33}, logits), copy(backend(), {5, 33});
  backend().issue(LikelihoodMeanArgs{copy.view(), means.view(), Likelihood::gaussian});
  EXPECT_EQ(copy.values(), logits);
}

TEST_P(LikelihoodTest, WeightsScaleTheGradientsOfRows) {
  const int64_t images = 7, samples = 3, rows = images * samples;
  for (const int64_t width : {5, 33, 784}) {
    const auto outputs = random_values(rows * width, 41, -3.0f, 3.0f);
    const auto x = random_values(images * width, 42, 0.0f, 1.0f);
    const auto weights = random_values(rows, 43, 0.0f, 1.0f);
    const FloatTensor outputs_(backend(), {rows, width}, outputs);
    const FloatTensor x_(backend(), {images, width}, x), weights_(backend(), {rows}, weights);
    const FloatTensor log_px(backend(), {rows}), doutputs(backend(), {rows, width});
    const FloatTensor variance(backend(), {1}, {0.3f}), dvariance(backend(), {1});
    LikelihoodArgs args;
    args.log_px = log_px;
    args.doutputs = doutputs;
    args.dlog_variance = dvariance;
    args.outputs = outputs_.view();
    args.x = x_.view();
    args.log_variance = variance.view();
    args.samples = samples;
    args.likelihood = Likelihood::gaussian;
    args.scale = 0.5f;
    backend().issue(args);
    const auto plain = log_px.values();
    args.weights = weights_.view();
    backend().issue(args);
    EXPECT_EQ(log_px.values(), plain) << "weights are of the gradients";
    const auto found = doutputs.values();
    const double precision = std::exp(-double{0.3f});
    double slope = 0.0;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < width; ++i) {
        const double residual = double{x[row / samples * width + i]} - outputs[row * width + i];
        slope += weights[row] * 0.5 * (residual * residual * precision - 1.0);
        ASSERT_NEAR(found[row * width + i], -0.5 * weights[row] * residual * precision, 1e-6);
      }
    }
    EXPECT_NEAR(dvariance.values()[0], -0.5 * slope, 1e-5 * static_cast<double>(rows * width));
  }
}

TEST_P(LikelihoodTest, WeightsOfOneGiveTheBitsOfNone) {
  const int64_t rows = 9, width = 70;
  for (const Likelihood likelihood : {Likelihood::bernoulli, Likelihood::gaussian}) {
    const FloatTensor outputs(backend(), {rows, width}, random_values(rows * width, 44));
    const FloatTensor x(backend(), {rows, width}, random_values(rows * width, 45, 0.0f));
    const FloatTensor ones(backend(), {rows}, std::vector<float>(rows, 1.0f));
    const FloatTensor variance(backend(), {1}, {-0.5f});
    const auto gradients = [&](ConstView weights) {
      const FloatTensor log_px(backend(), {rows}), doutputs(backend(), {rows, width});
      const FloatTensor dvariance(backend(), {1}, {0.0f});
      LikelihoodArgs args;
      args.log_px = log_px;
      args.doutputs = doutputs;
      args.dlog_variance = dvariance;
      args.outputs = outputs.view();
      args.x = x.view();
      args.log_variance = variance.view();
      args.likelihood = likelihood;
      args.scale = 0.1f;
      args.weights = weights;
      backend().issue(args);
      return std::vector{bits_of(doutputs.values()), bits_of(dvariance.values())};
    };
    EXPECT_EQ(gradients(ones.view()), gradients({}));
  }
}

TEST_P(LikelihoodTest, AccumulateAddsInDoubleAndRefusesNonFiniteLosses) {
  const FloatTensor log_px(backend(), {3}, {-100.0f, -50.0f, -75.5f});
  const FloatTensor kl(backend(), {3}, {10.0f, 20.0f, 30.0f});
  StepState start;
  start.beta = 0.5f;
  const DeviceState state(backend(), start);
  auto* totals = static_cast<Totals*>(backend().allocate(sizeof(Totals)));
  backend().fill_zero(totals, sizeof(Totals));
  const auto read = [&] {
    Totals found;
    backend().copy_to_host(&found, totals, sizeof found);
    return found;
  };
  backend().issue(AccumulateArgs{totals, state.get(), log_px.view(), kl.view()});
  EXPECT_DOUBLE_EQ(read().reconstruction, -225.5);
  EXPECT_DOUBLE_EQ(read().kl, 60.0);
  EXPECT_EQ(read().images, 3);
  EXPECT_FLOAT_EQ(state.value().loss, (225.5f + 0.5f * 60.0f) / 3.0f);
  const FloatTensor bad(backend(), {3}, {-1.0f, std::numeric_limits<float>::quiet_NaN(), -1.0f});
  backend().issue(AccumulateArgs{totals, state.get(), bad.view(), kl.view()});
  EXPECT_EQ(read().images, 3) << "a non-finite batch is not counted";
  EXPECT_FALSE(std::isfinite(state.value().loss));
  backend().deallocate(totals);
}

VAE_INSTANTIATE_BACKENDS(LikelihoodTest);

}  // namespace
}  // namespace vae::testing
