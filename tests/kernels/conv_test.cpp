// SPDX-License-Identifier: MIT
//
// Convolutions and transposed ones: against a scalar reading of docs/arithmetic.md for equality of
// bits, and against float64 loops that know nothing of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/backend_test.h"
#include "tests/support/canonical_conv.h"
#include "tests/support/conv_cases.h"
#include "tests/support/reference.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

/// A convolution's tensors as one direction of it names them.
struct ConvShapes {
  ConvGeometry g;
  bool transposed;
  int64_t images;

  ConvShapes(const ConvCase& c, bool transposed_)
      : g(c.geometry), transposed(transposed_), images(c.images) {}

  Shape x() const { return {images, transposed ? g.small() : g.large()}; }
  Shape y() const { return {images, transposed ? g.large() : g.small()}; }
  Shape w() const { return {g.filters, g.row_weights()}; }
  Shape b() const { return {transposed ? g.channels : g.filters}; }
};

/// Some of a convolution's factors, and its results by the canonical order, without bias and slope.
struct Canonical {
  std::vector<float> x, w, b, dy, y, dx, dw, db;
};

const Canonical& canonical(std::size_t number, bool transposed) {
  static std::map<std::pair<std::size_t, bool>, Canonical> known;
  Canonical& e = known[{number, transposed}];
  if (!e.x.empty()) return e;
  const ConvShapes s(conv_cases()[number], transposed);
  e.x = random_values(s.x().count(), 1);
  e.w = random_values(s.w().count(), 2);
  e.b = random_values(s.b().count(), 3);
  e.dy = random_values(s.y().count(), 4);
  const auto& large = transposed ? e.dy : e.x;
  const auto& small = transposed ? e.x : e.dy;
  auto to_small = canonical_to_small(s.g, large, e.w, s.images);
  auto to_large = canonical_to_large(s.g, small, e.w, s.images);
  e.y = transposed ? std::move(to_large) : std::move(to_small);
  e.dx = transposed ? std::move(to_small) : std::move(to_large);
  e.dw = canonical_weight_gradient(s.g, small, large, s.images, 1);
  e.db = canonical_bias_gradient(e.dy, s.images, s.b().count());
  return e;
}

std::vector<float> relu_of_sums(std::vector<float> sums, const std::vector<float>& biases) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const float pre = sums[i] + biases[i % biases.size()];
    sums[i] = pre < 0.0f ? 0.0f : pre;
  }
  return sums;
}

std::vector<float> times_slope_of_relu(std::vector<float> sums, const std::vector<float>& outputs) {
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] *= outputs[i] > 0.0f ? 1.0f : 0.0f;
  return sums;
}

std::vector<float> added(std::vector<float> old, const std::vector<float>& gradient) {
  for (std::size_t i = 0; i < old.size(); ++i) old[i] += gradient[i];
  return old;
}

class ConvTest : public BackendTest {
 protected:
  /// Calls body(shapes, canonical results) for every case, as it is and transposed.
  template <typename Body>
  void for_cases(Body body) {
    for (const std::size_t i : conv_case_numbers()) {
      for (const bool transposed : {false, true}) {
        SCOPED_TRACE(::testing::PrintToString(conv_cases()[i]) +
                     (transposed ? ", transposed" : ""));
        body(ConvShapes(conv_cases()[i], transposed), canonical(i, transposed));
      }
    }
  }
};

TEST_P(ConvTest, ForwardHasTheCanonicalBits) {
  for_cases([&](const ConvShapes& s, const Canonical& e) {
    const FloatTensor x(backend(), s.x(), e.x), w(backend(), s.w(), e.w), b(backend(), s.b(), e.b);
    const FloatTensor y(backend(), s.y()), pre(backend(), s.y());
    backend().issue(
        ConvForwardArgs{y, pre, x.view(), w.view(), b.view(), Activation::relu, s.g, s.transposed});
    EXPECT_EQ(bits_of(y.values()), bits_of(relu_of_sums(e.y, e.b)));
    std::vector<float> sums = e.y;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += e.b[i % e.b.size()];
    EXPECT_EQ(bits_of(pre.values()), bits_of(sums));
  });
}

TEST_P(ConvTest, InputGradientHasTheCanonicalBits) {
  for_cases([&](const ConvShapes& s, const Canonical& e) {
    const FloatTensor dy(backend(), s.y(), e.dy), w(backend(), s.w(), e.w),
        x(backend(), s.x(), e.x);
    const FloatTensor dx(backend(), s.x());
    ConvBackwardInputArgs args{dx, dy.view(),        w.view(), x.view(),
                               {}, Activation::relu, s.g,      s.transposed};
    const auto gradient = times_slope_of_relu(e.dx, e.x);
    backend().issue(args);
    EXPECT_EQ(bits_of(dx.values()), bits_of(gradient));
    args.accumulate = true;
    backend().issue(args);
    EXPECT_EQ(bits_of(dx.values()), bits_of(added(gradient, gradient)));
    args.accumulate = false;
    args.activation = Activation::none;
    args.x = {};
    backend().issue(args);
    EXPECT_EQ(bits_of(dx.values()), bits_of(e.dx));
  });
}

TEST_P(ConvTest, WeightGradientsHaveTheCanonicalBits) {
  for_cases([&](const ConvShapes& s, const Canonical& e) {
    const FloatTensor dy(backend(), s.y(), e.dy), x(backend(), s.x(), e.x);
    const FloatTensor dw(backend(), s.w()), db(backend(), s.b());
    ConvBackwardWeightsArgs args{dw, db, dy.view(), x.view(), s.g, s.transposed};
    backend().issue(args);
    EXPECT_EQ(bits_of(dw.values()), bits_of(e.dw));
    EXPECT_EQ(bits_of(db.values()), bits_of(e.db));
    args.accumulate = true;
    backend().issue(args);
    EXPECT_EQ(bits_of(dw.values()), bits_of(added(e.dw, e.dw)));
    EXPECT_EQ(bits_of(db.values()), bits_of(added(e.db, e.db)));
  });
}

TEST_P(ConvTest, SamplesOfAnImageAreOnePartOfTheSums) {
  const ConvCase c = {conv_geometry({9, 8}, 2, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 5), 3};
  constexpr int64_t kSamples = 10;  // 160 and 720 positions
  for (const bool transposed : {false, true}) {
    const ConvShapes s({c.geometry, c.images * kSamples}, transposed);
    const auto x = random_values(s.x().count(), 5), dy = random_values(s.y().count(), 6);
    const FloatTensor of_x(backend(), s.x(), x), of_dy(backend(), s.y(), dy);
    const FloatTensor dw(backend(), s.w()), db(backend(), s.b());
    backend().issue(
        ConvBackwardWeightsArgs{dw, db, of_dy.view(), of_x.view(), s.g, transposed, kSamples});
    EXPECT_EQ(bits_of(dw.values()),
              bits_of(canonical_weight_gradient(s.g, transposed ? x : dy, transposed ? dy : x,
                                                c.images, kSamples)));
    EXPECT_EQ(bits_of(db.values()), bits_of(canonical_bias_gradient(dy, c.images, s.b().count())));
  }
}

// ---- float64 ------------------------------------------------------------------------------------

/// y without the activation, by going to where each value of x leads.
std::vector<double> reference_conv(const ConvShapes& s, const std::vector<double>& x,
                                   const std::vector<double>& w, const std::vector<double>& b) {
  const ConvGeometry& g = s.g;
  std::vector<double> y(s.y().count());
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = b[i % b.size()];
  const auto link = [&](int64_t image, int64_t oy, int64_t ox, int64_t ky, int64_t kx) {
    const int64_t iy = oy * g.stride_y - g.top + ky, ix = ox * g.stride_x - g.left + kx;
    if (iy < 0 || iy >= g.height || ix < 0 || ix >= g.width) return;
    const int64_t large = ((image * g.height + iy) * g.width + ix) * g.channels;
    const int64_t small = ((image * g.out_height + oy) * g.out_width + ox) * g.filters;
    for (int64_t f = 0; f < g.filters; ++f) {
      const int64_t weight = ((f * g.kernel_height + ky) * g.kernel_width + kx) * g.channels;
      for (int64_t c = 0; c < g.channels; ++c) {
        double& to = s.transposed ? y[large + c] : y[small + f];
        to += (s.transposed ? x[small + f] : x[large + c]) * w[weight + c];
      }
    }
  };
  for (int64_t image = 0; image < s.images; ++image) {
    for (int64_t o = 0; o < g.out_positions(); ++o) {
      for (int64_t k = 0; k < g.taps(); ++k) {
        link(image, o / g.out_width, o % g.out_width, k / g.kernel_width, k % g.kernel_width);
      }
    }
  }
  return y;
}

std::vector<double> doubles(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

TEST_P(ConvTest, ForwardMatchesFloat64WithEveryActivation) {
  for_cases([&](const ConvShapes& s, const Canonical& e) {
    const FloatTensor x(backend(), s.x(), e.x), w(backend(), s.w(), e.w), b(backend(), s.b(), e.b);
    const FloatTensor y(backend(), s.y()), pre(backend(), s.y());
    const auto sums = reference_conv(s, doubles(e.x), doubles(e.w), doubles(e.b));
    const bool all = s.x().count() < 1000;
    for (const Activation activation :
         all ? all_activations() : std::vector<Activation>{Activation::silu}) {
      backend().issue(
          ConvForwardArgs{y, pre, x.view(), w.view(), b.view(), activation, s.g, s.transposed});
      std::vector<double> expected = sums;
      for (double& value : expected) value = reference_activation(activation, value);
      EXPECT_LT(worst_error(pre.values(), sums, 10.0), 2e-6);
      EXPECT_LT(worst_error(y.values(), expected, 10.0), 3e-6) << to_string(activation);
    }
  });
}

/// The gradients of L = sum r y, where y is a convolution of tanh(p), against central differences
/// of the float64 loop along random directions of p, of the weights and of the biases.
TEST_P(ConvTest, GradientsAreSlopesOfTheFloat64Loop) {
  constexpr double kStep = 1e-4;
  for_cases([&](const ConvShapes& s, const Canonical& e) {
    if (s.images * s.g.out_positions() * s.w().count() > 300000) return;  // seconds of loops
    std::vector<float> x(e.x.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::tanh(e.x[i]);
    const FloatTensor dy(backend(), s.y(), e.dy), w(backend(), s.w(), e.w),
        of_x(backend(), s.x(), x);
    const FloatTensor dx(backend(), s.x()), dw(backend(), s.w()), db(backend(), s.b());
    backend().issue(ConvBackwardInputArgs{
        dx, dy.view(), w.view(), of_x.view(), {}, Activation::tanh, s.g, s.transposed});
    backend().issue(ConvBackwardWeightsArgs{dw, db, dy.view(), of_x.view(), s.g, s.transposed});
    const auto loss = [&](const std::vector<double>& p, const std::vector<double>& weights,
                          const std::vector<double>& biases) {
      std::vector<double> input = p;
      for (double& value : input) value = std::tanh(value);
      const auto y = reference_conv(s, input, weights, biases);
      double sum = 0.0;
      for (std::size_t i = 0; i < y.size(); ++i) sum += e.dy[i] * y[i];
      return sum;
    };
    std::vector<double> at[] = {doubles(e.x), doubles(e.w), doubles(e.b)};
    const std::vector<float> gradients[] = {dx.values(), dw.values(), db.values()};
    for (int i = 0; i < 3; ++i) {
      const auto direction = random_values(static_cast<int64_t>(at[i].size()), 7 + i);
      const std::vector<double> center = at[i];
      double slope = 0.0, size = 0.0;
      const auto move = [&](double step) {
        for (std::size_t j = 0; j < center.size(); ++j) at[i][j] = center[j] + step * direction[j];
      };
      move(kStep);
      slope += loss(at[0], at[1], at[2]);
      move(-kStep);
      slope = (slope - loss(at[0], at[1], at[2])) / (2.0 * kStep);
      move(0.0);
      double found = 0.0;
      for (std::size_t j = 0; j < center.size(); ++j) {
        found += static_cast<double>(gradients[i][j]) * direction[j];
        size += std::abs(static_cast<double>(gradients[i][j]) * direction[j]);
      }
      EXPECT_NEAR(found, slope, 1e-5 * (1.0 + size)) << "of argument " << i;
    }
  });
}

// ---- checks -------------------------------------------------------------------------------------

TEST(ConvGeometry, NamesTheFieldThatDoesNotFit) {
  const ConvGeometry good = conv_geometry({6, 8}, 3, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 5);
  EXPECT_NO_THROW(good.check("op"));
  const auto complaint = [&](int64_t ConvGeometry::*field, int64_t value) {
    ConvGeometry g = good;
    g.*field = value;
    try {
      g.check("op");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(complaint(&ConvGeometry::height, 0), "op: height must be positive, got 0");
  EXPECT_EQ(complaint(&ConvGeometry::stride_x, -2), "op: stride_x must be positive, got -2");
  EXPECT_EQ(complaint(&ConvGeometry::filters, 0), "op: filters must be positive, got 0");
  EXPECT_EQ(complaint(&ConvGeometry::top, -1),
            "op: top must be at least 0 and less than kernel_height, which is 4, got -1");
  EXPECT_EQ(complaint(&ConvGeometry::left, 4),
            "op: left must be at least 0 and less than kernel_width, which is 4, got 4");
  EXPECT_EQ(complaint(&ConvGeometry::out_height, 6),
            "op: out_height is 6, but the last kernel would lie beyond height, which is 6");
  EXPECT_EQ(complaint(&ConvGeometry::out_width, 2),
            "op: out_width is 2, but there is room for more kernels in width, which is 8");
  EXPECT_EQ(complaint(&ConvGeometry::out_width, int64_t{1} << 62),
            "op: out_width is too large: 4611686018427387904");
  EXPECT_EQ(complaint(&ConvGeometry::channels, int64_t{1} << 58),
            "op: channels is too large: 288230376151711744");
  EXPECT_EQ(complaint(&ConvGeometry::filters, int64_t{1} << 60),
            "op: filters is too large: 1152921504606846976");
}

TEST_P(ConvTest, WrongShapesAreNamed) {
  const ConvShapes s(conv_cases()[4], false);
  const FloatTensor x(backend(), s.x()), w(backend(), {31, s.g.row_weights()}), b(backend(), s.b());
  const FloatTensor y(backend(), s.y());
  try {
    backend().issue(ConvForwardArgs{y, {}, x.view(), w.view(), b.view(), Activation::none, s.g});
    FAIL() << "31 rows of weights are not 32 filters";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_EQ(std::string(error.what()), "conv_forward: w is [31, 48], expected [32, 48]");
  }
  const FloatTensor dw(backend(), s.w());
  EXPECT_THROW(
      backend().issue(ConvBackwardWeightsArgs{dw, b.view(), y.view(), x.view(), s.g, false, 2}),
      Error)
      << "three rows are not whole images of two samples";
}

VAE_INSTANTIATE_BACKENDS(ConvTest);

// ---- the precisions of a card -------------------------------------------------------------------

class ConvPrecisionTest : public BackendTest {};

/// From -3 to 3: their products and sums are exact in every precision and order.
std::vector<float> whole_values(const Shape& shape, uint64_t seed) {
  std::vector<float> values = random_values(shape.count(), seed, -3.5f, 3.5f);
  for (float& value : values) value = std::round(value);
  return values;
}

template <typename Floats>
void expect_exact(Backend& backend, const ConvShapes& s) {
  const auto x = whole_values(s.x(), 1), w = whole_values(s.w(), 2), b = whole_values(s.b(), 3);
  const auto dy = whole_values(s.y(), 4);
  const Floats of_x(backend, s.x(), x), of_w(backend, s.w(), w), of_b(backend, s.b(), b);
  const Floats of_dy(backend, s.y(), dy), y(backend, s.y()), dx(backend, s.x());
  const Floats dw(backend, s.w(), w), db(backend, s.b(), b);
  backend.issue(ConvForwardArgs{
      y, {}, of_x.view(), of_w.view(), of_b.view(), Activation::relu, s.g, s.transposed});
  backend.issue(ConvBackwardInputArgs{
      dx, of_dy.view(), of_w.view(), of_x.view(), {}, Activation::relu, s.g, s.transposed});
  backend.issue(
      ConvBackwardWeightsArgs{dw, db, of_dy.view(), of_x.view(), s.g, s.transposed, 1, true});
  const auto& large = s.transposed ? dy : x;
  const auto& small = s.transposed ? x : dy;
  const auto forward = s.transposed ? canonical_to_large(s.g, small, w, s.images)
                                    : canonical_to_small(s.g, large, w, s.images);
  const auto backward = s.transposed ? canonical_to_small(s.g, large, w, s.images)
                                     : canonical_to_large(s.g, small, w, s.images);
  EXPECT_EQ(y.values(), relu_of_sums(forward, b));
  EXPECT_EQ(dx.values(), times_slope_of_relu(backward, x));
  EXPECT_EQ(dw.values(), added(w, canonical_weight_gradient(s.g, small, large, s.images, 1)));
  EXPECT_EQ(db.values(), added(b, canonical_bias_gradient(dy, s.images, s.b().count())));
}

TEST_P(ConvPrecisionTest, ConvolutionsOfSmallIntegersAreExact) {
  std::vector<ConvCase> cases = conv_cases_of_wide_tiles();
  if (test::kRaceDetector) {  // ConvTest has the other paths, which are those of every precision
    cases.push_back(conv_cases()[4]);
  } else {
    cases.insert(cases.end(), conv_cases().begin(), conv_cases().end());
  }
  for (const ConvCase& c : cases) {
    for (const bool transposed : {false, true}) {
      SCOPED_TRACE(::testing::PrintToString(c) + (transposed ? ", transposed" : ""));
      expect_exact<FloatTensor>(backend(), ConvShapes(c, transposed));
    }
  }
}

TEST_P(ConvPrecisionTest, UnalignedTensorsGiveTheSame) {
  for (const ConvCase& c : {conv_cases()[5], conv_cases()[7]}) {
    for (const bool transposed : {false, true}) {
      expect_exact<UnalignedTensor<float>>(backend(), ConvShapes(c, transposed));
    }
  }
}

TEST_P(ConvPrecisionTest, RandomFactorsMatchFloat64) {
  for (const ConvCase& c : {conv_cases()[4], conv_cases()[5], conv_cases_of_wide_tiles()[0]}) {
    for (const bool transposed : {false, true}) {
      SCOPED_TRACE(::testing::PrintToString(c) + (transposed ? ", transposed" : ""));
      const ConvShapes s(c, transposed);
      const auto x = random_values(s.x().count(), 1), w = random_values(s.w().count(), 2);
      const std::vector<float> b(static_cast<std::size_t>(s.b().count()));
      const FloatTensor of_x(backend(), s.x(), x), of_w(backend(), s.w(), w);
      const FloatTensor of_b(backend(), s.b(), b), y(backend(), s.y());
      backend().issue(ConvForwardArgs{
          y, {}, of_x.view(), of_w.view(), of_b.view(), Activation::none, s.g, transposed});
      // As in DenseTest: errors of rounded factors are random, 5 is 8 deviations or more.
      const double terms = static_cast<double>(s.g.taps() * std::max(s.g.channels, s.g.filters));
      const double rounding = factor_rounding(GetParam().device.precision);
      EXPECT_LT(worst_error(y.values(), reference_conv(s, doubles(x), doubles(w), doubles(b))),
                2e-5 + 5.0 * rounding * std::sqrt(terms) / 3.0);
    }
  }
}

VAE_INSTANTIATE_BACKENDS_AND_PRECISIONS(ConvPrecisionTest);

}  // namespace
}  // namespace vae::testing
