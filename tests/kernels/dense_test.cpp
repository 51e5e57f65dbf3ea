// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/backend_test.h"
#include "tests/support/cases.h"
#include "tests/support/reference.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

constexpr double kTolerance = 2e-5;  // float sums of up to 784 terms against float64

class DenseTest : public BackendTest {
 protected:
  /// Of a sum of `depth` products of random factors up to `a` and `b` in size: what float sums add
  /// to it, and what rounded factors do, whose errors are random too (5 is 8 deviations or more).
  double tolerance(int64_t depth, double a, double b) const {
    const double rounding = factor_rounding(GetParam().device.precision);
    return kTolerance + 5.0 * rounding * std::sqrt(static_cast<double>(depth)) * a * b / 3.0;
  }
};

/// Beside the catalogue: shapes for which a card of four multiprocessors, as the simulated one,
/// takes its middle and its large tiles, and splits the depth with each.
std::vector<DenseCase> dense_and_tile_cases() {
  std::vector<DenseCase> cases = dense_cases();
  for (const DenseCase& c :
       {DenseCase{100, 50, 100}, DenseCase{61, 701, 99}, DenseCase{60, 64, 132},
        DenseCase{33, 1030, 101}, DenseCase{129, 260, 131}}) {
    cases.push_back(c);
  }
  return cases;
}

/// All of them on small tensors, else `some`.
std::vector<Activation> activations(bool small, Activation some) {
  return small && !test::kRaceDetector ? all_activations() : std::vector<Activation>{some};
}

/// Integers from -3 to 3: products and sums of them are exact in every precision.
std::vector<float> small_integers(int64_t count, uint64_t seed) {
  std::vector<float> values = random_values(count, seed, -3.5f, 3.5f);
  for (float& value : values) value = std::round(value);
  return values;
}

std::vector<float> as_floats(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

TEST_P(DenseTest, ForwardMatchesFloat64) {
  for (const DenseCase& c : dense_and_tile_cases()) {
    const auto x = random_values(c.rows * c.in, 1), w = random_values(c.out * c.in, 2, -0.2f, 0.2f);
    const auto b = random_values(c.out, 3);
    const auto product = reference_product(x, c.in, 1, w, 1, c.in, c.rows, c.out, c.in);
    for (const Activation activation : activations(c.rows * c.out < 5000, Activation::relu)) {
      const FloatTensor dx(backend(), {c.rows, c.in}, x), dw(backend(), {c.out, c.in}, w);
      const FloatTensor db(backend(), {c.out}, b), y(backend(), {c.rows, c.out});
      const FloatTensor pre(backend(), {c.rows, c.out});
      backend().issue(
          DenseForwardArgs{y.view(), pre.view(), dx.view(), dw.view(), db.view(), activation});
      std::vector<double> expected_pre = product, expected = product;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        expected_pre[i] += b[i % c.out];
        expected[i] = reference_activation(activation, expected_pre[i]);
      }
      const double limit = tolerance(c.in, 1.0, 0.2);
      EXPECT_LT(worst_error(pre.values(), expected_pre), limit) << c.rows << 'x' << c.in;
      EXPECT_LT(worst_error(y.values(), expected), limit)
          << to_string(activation) << ' ' << c.rows << 'x' << c.in << 'x' << c.out;
    }
  }
}

TEST_P(DenseTest, InputGradientMatchesFloat64TimesTheSlope) {
  for (const DenseCase& c : dense_and_tile_cases()) {
    const auto dy = random_values(c.rows * c.out, 4),
               w = random_values(c.out * c.in, 5, -0.3f, 0.3f);
    const auto product = reference_product(dy, c.out, 1, w, c.in, 1, c.rows, c.in, c.out);
    const auto below = random_values(c.rows * c.in, 6, -2.0f, 2.0f);  // pre-activation below
    for (const Activation activation : activations(c.rows * c.in < 5000, Activation::tanh)) {
      std::vector<float> x(below.size());
      std::vector<double> expected = product;
      for (std::size_t i = 0; i < x.size(); ++i) {
        x[i] = static_cast<float>(reference_activation(activation, below[i]));
        if (std::abs(below[i]) > 1e-3) expected[i] *= reference_slope(activation, below[i]);
      }
      const FloatTensor ddy(backend(), {c.rows, c.out}, dy), dw(backend(), {c.out, c.in}, w);
      const FloatTensor dbelow(backend(), {c.rows, c.in}, below), dx_(backend(), {c.rows, c.in}, x);
      const FloatTensor dx(backend(), {c.rows, c.in});
      backend().issue(DenseBackwardInputArgs{dx.view(), ddy.view(), dw.view(), dx_.view(),
                                             dbelow.view(), activation});
      const auto found = dx.values();
      const double limit = 3e-5 + tolerance(c.out, 1.0, 0.3);
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (std::abs(below[i]) <= 1e-3) continue;  // at the kink either slope is right
        ASSERT_NEAR(found[i], expected[i], limit * std::max(1.0, std::abs(expected[i])))
            << to_string(activation) << " at " << below[i];
      }
    }
  }
}

TEST_P(DenseTest, WeightAndBiasGradientsMatchFloat64) {
  for (const DenseCase& c : dense_and_tile_cases()) {
    const auto dy = random_values(c.rows * c.out, 7), x = random_values(c.rows * c.in, 8);
    const FloatTensor ddy(backend(), {c.rows, c.out}, dy), dx(backend(), {c.rows, c.in}, x);
    const FloatTensor dw(backend(), {c.out, c.in}), db(backend(), {c.out});
    backend().issue(DenseBackwardWeightsArgs{dw.view(), db.view(), ddy.view(), dx.view()});
    const double scale = std::sqrt(static_cast<double>(c.rows));
    EXPECT_LT(worst_error(dw.values(),
                          reference_product(dy, 1, c.out, x, c.in, 1, c.out, c.in, c.rows), scale),
              tolerance(1, 1.0, 1.0))
        << c.rows << 'x' << c.in << 'x' << c.out;
    std::vector<double> sums(c.out, 0.0);
    for (std::size_t i = 0; i < dy.size(); ++i) sums[i % c.out] += dy[i];
    EXPECT_LT(worst_error(db.values(), sums, scale), kTolerance);
  }
}

TEST_P(DenseTest, GemmMultipliesEveryTransposition) {
  for (const DenseCase& c :
       {DenseCase{37, 29, 53}, DenseCase{61, 701, 99}, DenseCase{129, 36, 260}}) {
    const int64_t m = c.rows, n = c.out, k = c.in;
    const auto a = random_values(m * k, 9), b = random_values(k * n, 10);
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        const FloatTensor da(backend(), ta ? Shape{k, m} : Shape{m, k}, a);
        const FloatTensor db(backend(), tb ? Shape{n, k} : Shape{k, n}, b);
        const FloatTensor product(backend(), {m, n});
        backend().issue(GemmArgs{product.view(), da.view(), db.view(), ta, tb});
        const auto expected =
            reference_product(a, ta ? 1 : k, ta ? m : 1, b, tb ? 1 : n, tb ? k : 1, m, n, k);
        EXPECT_LT(worst_error(product.values(), expected), tolerance(k, 1.0, 1.0)) << ta << tb;
      }
    }
  }
}

TEST_P(DenseTest, ProductsOfSmallIntegersAreExact) {
  for (const DenseCase& c : dense_and_tile_cases()) {
    if (c.rows > 65535) continue;  // seconds on the simulated card, and nothing new
    SCOPED_TRACE(::testing::Message() << c.rows << 'x' << c.in << 'x' << c.out);
    const auto x = small_integers(c.rows * c.in, 1), w = small_integers(c.out * c.in, 2);
    const auto dy = small_integers(c.rows * c.out, 3), b = small_integers(c.out, 4);
    const FloatTensor dx(backend(), {c.rows, c.in}, x), dw(backend(), {c.out, c.in}, w);
    const FloatTensor ddy(backend(), {c.rows, c.out}, dy), db(backend(), {c.out}, b);
    const FloatTensor y(backend(), {c.rows, c.out}), x_gradient(backend(), {c.rows, c.in});
    const FloatTensor w_gradient(backend(), {c.out, c.in}), b_gradient(backend(), {c.out});
    backend().issue(
        DenseForwardArgs{y.view(), {}, dx.view(), dw.view(), db.view(), Activation::none});
    backend().issue(
        DenseBackwardInputArgs{x_gradient.view(), ddy.view(), dw.view(), {}, {}, Activation::none});
    backend().issue(
        DenseBackwardWeightsArgs{w_gradient.view(), b_gradient.view(), ddy.view(), dx.view()});
    auto outputs = reference_product(x, c.in, 1, w, 1, c.in, c.rows, c.out, c.in);
    for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i] += b[i % c.out];
    std::vector<double> sums(c.out, 0.0);
    for (std::size_t i = 0; i < dy.size(); ++i) sums[i % c.out] += dy[i];
    EXPECT_EQ(y.values(), as_floats(outputs));
    EXPECT_EQ(x_gradient.values(),
              as_floats(reference_product(dy, c.out, 1, w, c.in, 1, c.rows, c.in, c.out)));
    EXPECT_EQ(w_gradient.values(),
              as_floats(reference_product(dy, 1, c.out, x, c.in, 1, c.out, c.in, c.rows)));
    EXPECT_EQ(b_gradient.values(), as_floats(sums));
  }
}

TEST_P(DenseTest, UnalignedTensorsGiveTheSameProducts) {
  const int64_t rows = 40, in = 36, out = 68;
  const auto x = small_integers(rows * in, 1), w = small_integers(out * in, 2);
  const auto dy = small_integers(rows * out, 3), b = small_integers(out, 4);
  const UnalignedTensor<float> dx(backend(), {rows, in}, x), dw(backend(), {out, in}, w);
  const UnalignedTensor<float> ddy(backend(), {rows, out}, dy), db(backend(), {out}, b);
  const UnalignedTensor<float> y(backend(), {rows, out}), pre(backend(), {rows, out});
  const UnalignedTensor<float> x_gradient(backend(), {rows, in});
  const UnalignedTensor<float> w_gradient(backend(), {out, in}), b_gradient(backend(), {out});
  backend().issue(
      DenseForwardArgs{y.view(), pre.view(), dx.view(), dw.view(), db.view(), Activation::relu});
  backend().issue(DenseBackwardInputArgs{
      x_gradient.view(), ddy.view(), dw.view(), dx.view(), {}, Activation::relu});
  backend().issue(
      DenseBackwardWeightsArgs{w_gradient.view(), b_gradient.view(), ddy.view(), dx.view()});
  auto outputs = reference_product(x, in, 1, w, 1, in, rows, out, in);
  for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i] += b[i % out];
  EXPECT_EQ(pre.values(), as_floats(outputs));
  for (double& output : outputs) output = std::max(output, 0.0);
  EXPECT_EQ(y.values(), as_floats(outputs));
  auto slopes = reference_product(dy, out, 1, w, in, 1, rows, in, out);
  for (std::size_t i = 0; i < slopes.size(); ++i) slopes[i] *= x[i] > 0.0f ? 1.0 : 0.0;
  EXPECT_EQ(x_gradient.values(), as_floats(slopes));
  EXPECT_EQ(w_gradient.values(), as_floats(reference_product(dy, 1, out, x, in, 1, out, in, rows)));
}

TEST_P(DenseTest, SplitProductsRepeatBitForBit) {
  const int64_t rows = 61, in = 701, out = 99;
  const auto x = random_values(rows * in, 11), w = random_values(out * in, 12);
  const auto b = random_values(out, 13);
  const FloatTensor dx(backend(), {rows, in}, x), dw(backend(), {out, in}, w);
  const FloatTensor db(backend(), {out}, b), y(backend(), {rows, out});
  std::vector<float> first;
  for (int run = 0; run < 3; ++run) {
    backend().issue(
        DenseForwardArgs{y.view(), {}, dx.view(), dw.view(), db.view(), Activation::none});
    if (run == 0) first = y.values();
    EXPECT_EQ(y.values(), first) << "run " << run;
  }
}

TEST_P(DenseTest, WideLayersMatchFloat64) {
  if (backend().name() == "cuda-sim") GTEST_SKIP() << "takes the simulated card minutes";
  const int64_t rows = 1100, in = 1500, out = 1302;
  const auto x = random_values(rows * in, 14), w = random_values(out * in, 15, -0.2f, 0.2f);
  const FloatTensor dx(backend(), {rows, in}, x), dw(backend(), {out, in}, w);
  const FloatTensor db(backend(), {out}, std::vector<float>(out)), y(backend(), {rows, out});
  backend().issue(
      DenseForwardArgs{y.view(), {}, dx.view(), dw.view(), db.view(), Activation::none});
  const auto found = y.values();
  for (const int64_t row : {0, 31, 127, 128, 640, 1023, 1024, 1099}) {
    const std::vector<float> one_row(x.begin() + row * in, x.begin() + (row + 1) * in);
    const auto expected = reference_product(one_row, in, 1, w, 1, in, 1, out, in);
    const std::vector<float> of_row(found.begin() + row * out, found.begin() + (row + 1) * out);
    EXPECT_LT(worst_error(of_row, expected), tolerance(in, 1.0, 0.2)) << "row " << row;
  }
}

TEST_P(DenseTest, WrongShapesAreNamed) {
  const FloatTensor x(backend(), {2, 3}), w(backend(), {4, 5}), b(backend(), {4});
  const FloatTensor y(backend(), {2, 4});
  try {
    backend().issue(DenseForwardArgs{y.view(), {}, x.view(), w.view(), b.view(), Activation::relu});
    FAIL() << "a 2x3 input does not fit 4x5 weights";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("w is [4, 5], expected [4, 3]"), std::string::npos)
        << error.what();
  }
}

VAE_INSTANTIATE_BACKENDS_AND_PRECISIONS(DenseTest);

}  // namespace
}  // namespace vae::testing
