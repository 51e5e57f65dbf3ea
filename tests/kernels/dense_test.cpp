// SPDX-License-Identifier: MIT
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/backend_test.h"
#include "tests/support/cases.h"
#include "tests/support/reference.h"

namespace vae::testing {
namespace {

class DenseTest : public BackendTest {};

constexpr double kTolerance = 2e-5;  // float sums of up to 784 terms against float64

TEST_P(DenseTest, ForwardMatchesFloat64) {
  for (const DenseCase& c : dense_cases()) {
    const auto x = random_values(c.rows * c.in, 1), w = random_values(c.out * c.in, 2, -0.2f, 0.2f);
    const auto b = random_values(c.out, 3);
    const auto product = reference_product(x, c.in, 1, w, 1, c.in, c.rows, c.out, c.in);
    const bool all = c.rows * c.out < 5000;
    for (const Activation activation :
         all ? all_activations() : std::vector<Activation>{Activation::relu}) {
      const FloatTensor dx(backend(), {c.rows, c.in}, x), dw(backend(), {c.out, c.in}, w);
      const FloatTensor db(backend(), {c.out}, b), y(backend(), {c.rows, c.out});
      const FloatTensor pre(backend(), {c.rows, c.out});
      backend().dense_forward({y.view(), pre.view(), dx.view(), dw.view(), db.view(), activation});
      std::vector<double> expected_pre = product, expected = product;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        expected_pre[i] += b[i % c.out];
        expected[i] = reference_activation(activation, expected_pre[i]);
      }
      EXPECT_LT(worst_error(pre.values(), expected_pre), kTolerance) << c.rows << 'x' << c.in;
      EXPECT_LT(worst_error(y.values(), expected), kTolerance)
          << to_string(activation) << ' ' << c.rows << 'x' << c.in << 'x' << c.out;
    }
  }
}

TEST_P(DenseTest, InputGradientMatchesFloat64TimesTheSlope) {
  for (const DenseCase& c : dense_cases()) {
    const auto dy = random_values(c.rows * c.out, 4),
               w = random_values(c.out * c.in, 5, -0.3f, 0.3f);
    const auto product = reference_product(dy, c.out, 1, w, c.in, 1, c.rows, c.in, c.out);
    const auto below = random_values(c.rows * c.in, 6, -2.0f, 2.0f);  // pre-activation below
    const bool all = c.rows * c.in < 5000;
    for (const Activation activation :
         all ? all_activations() : std::vector<Activation>{Activation::tanh}) {
      std::vector<float> x(below.size());
      std::vector<double> expected = product;
      for (std::size_t i = 0; i < x.size(); ++i) {
        x[i] = static_cast<float>(reference_activation(activation, below[i]));
        if (std::abs(below[i]) > 1e-3) expected[i] *= reference_slope(activation, below[i]);
      }
      const FloatTensor ddy(backend(), {c.rows, c.out}, dy), dw(backend(), {c.out, c.in}, w);
      const FloatTensor dbelow(backend(), {c.rows, c.in}, below), dx_(backend(), {c.rows, c.in}, x);
      const FloatTensor dx(backend(), {c.rows, c.in});
      backend().dense_backward_input(
          {dx.view(), ddy.view(), dw.view(), dx_.view(), dbelow.view(), activation});
      const auto found = dx.values();
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (std::abs(below[i]) <= 1e-3) continue;  // at the kink either slope is right
        ASSERT_NEAR(found[i], expected[i], 5e-5 * std::max(1.0, std::abs(expected[i])))
            << to_string(activation) << " at " << below[i];
      }
    }
  }
}

TEST_P(DenseTest, WeightAndBiasGradientsMatchFloat64) {
  for (const DenseCase& c : dense_cases()) {
    const auto dy = random_values(c.rows * c.out, 7), x = random_values(c.rows * c.in, 8);
    const FloatTensor ddy(backend(), {c.rows, c.out}, dy), dx(backend(), {c.rows, c.in}, x);
    const FloatTensor dw(backend(), {c.out, c.in}), db(backend(), {c.out});
    backend().dense_backward_weights({dw.view(), db.view(), ddy.view(), dx.view()});
    const double scale = std::sqrt(static_cast<double>(c.rows));
    EXPECT_LT(worst_error(dw.values(),
                          reference_product(dy, 1, c.out, x, c.in, 1, c.out, c.in, c.rows), scale),
              kTolerance)
        << c.rows << 'x' << c.in << 'x' << c.out;
    std::vector<double> sums(c.out, 0.0);
    for (std::size_t i = 0; i < dy.size(); ++i) sums[i % c.out] += dy[i];
    EXPECT_LT(worst_error(db.values(), sums, scale), kTolerance);
  }
}

TEST_P(DenseTest, GemmMultipliesEveryTransposition) {
  const int64_t m = 37, n = 53, k = 29;
  const auto a = random_values(m * k, 9), b = random_values(k * n, 10);
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      const FloatTensor da(backend(), ta ? Shape{k, m} : Shape{m, k}, a);
      const FloatTensor db(backend(), tb ? Shape{n, k} : Shape{k, n}, b);
      const FloatTensor c(backend(), {m, n});
      backend().gemm({c.view(), da.view(), db.view(), ta, tb});
      const auto expected =
          reference_product(a, ta ? 1 : k, ta ? m : 1, b, tb ? 1 : n, tb ? k : 1, m, n, k);
      EXPECT_LT(worst_error(c.values(), expected), kTolerance) << ta << tb;
    }
  }
}

TEST_P(DenseTest, WrongShapesAreNamed) {
  const FloatTensor x(backend(), {2, 3}), w(backend(), {4, 5}), b(backend(), {4});
  const FloatTensor y(backend(), {2, 4});
  try {
    backend().dense_forward({y.view(), {}, x.view(), w.view(), b.view(), Activation::relu});
    FAIL() << "a 2x3 input does not fit 4x5 weights";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("w is [4, 5], expected [4, 3]"), std::string::npos)
        << error.what();
  }
}

VAE_INSTANTIATE_BACKENDS(DenseTest);

TEST(GemmTest, LeavesTheCallersOpenMpThreadsAsTheyWere) {
  const auto max_threads = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
  const auto set_threads =
      reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  if (max_threads == nullptr || set_threads == nullptr) GTEST_SKIP() << "no OpenMP runtime here";
  const int before = max_threads();
  set_threads(7);
  const auto backend = make_backend(Device::cpu(1));
  const FloatTensor a(*backend, {8, 8}), b(*backend, {8, 8}), c(*backend, {8, 8});
  backend->gemm({c.view(), a.view(), b.view(), false, false});
  EXPECT_EQ(max_threads(), 7);
  set_threads(before);
}

}  // namespace
}  // namespace vae::testing
