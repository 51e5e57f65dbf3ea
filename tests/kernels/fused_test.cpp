// SPDX-License-Identifier: MIT
//
// Pairs of operations that a device may run as one kernel, against the two operations one after the
// other on the same device. In fp32 they have the same bits. In tf32 and bf16 both round the same
// factors, so one tolerance, that of sums in another order, serves both.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/backend_test.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

constexpr double kPairTolerance = 3e-5;

/// The tolerance is of |a - b| / max(scale, |b|).
void expect_same(const Backend& backend, const std::vector<float>& found,
                 const std::vector<float>& expected, double tolerance = kPairTolerance,
                 double scale = 1.0) {
  if (backend.precision() == Precision::fp32) {
    EXPECT_EQ(bits_of(found), bits_of(expected));
  } else {
    const std::vector<double> wide(expected.begin(), expected.end());
    EXPECT_LT(worst_error(found, wide, scale), tolerance);
  }
}

/// The operations a backend is asked for.
class Names : public OperationObserver {
 public:
  void begin(std::string_view operation) override { names_ += std::string(operation) + ' '; }
  void end(std::string_view) override {}
  std::string take() { return std::exchange(names_, {}); }

 private:
  std::string names_;
};

class FusedTest : public BackendTest {
 protected:
  bool is_cuda() const { return GetParam().device.kind == DeviceKind::cuda; }

  /// Runs `pair` and says which operations that was.
  template <typename Pair>
  std::string names_of(const Pair& pair) {
    Names names;
    backend().set_observer(&names);
    pair();
    backend().set_observer(nullptr);
    return names.take();
  }
};

// ---- load_batch and dense_forward ---------------------------------------------------------------

struct LoadCase {
  int64_t rows, width, out, images;
};

std::vector<uint8_t> random_pixels(int64_t count) {
  std::vector<uint8_t> pixels;
  for (const float value : random_values(count, 1, 0.0f, 255.99f)) {
    pixels.push_back(static_cast<uint8_t>(value < 64.0f ? 0.0f : value));
  }
  return pixels;
}

template <typename Floats, typename Pixels>
void compare_load(Backend& backend, const LoadCase& c, Binarization binarization, bool shuffle,
                  Activation activation) {
  SCOPED_TRACE(::testing::Message() << c.rows << 'x' << c.width << " to " << c.out << ", "
                                    << to_string(binarization) << ' ' << to_string(activation));
  const Pixels pixels(backend, {c.images, c.width}, random_pixels(c.images * c.width));
  const Floats w(backend, {c.out, c.width}, random_values(c.out * c.width, 2, -0.2f, 0.2f));
  const Floats b(backend, {c.out}, random_values(c.out, 3));
  StepState start;
  start.step = 11;
  start.epoch = 3;
  start.first_row = static_cast<uint32_t>(c.images - c.rows);
  const DeviceState state(backend, start);
  const auto run = [&](const Floats& x, const Floats& y, const Floats& pre, bool fused) {
    const LoadBatchArgs load{x.view(), pixels.view(), state.get(), binarization, shuffle, 99, 5};
    const DenseForwardArgs dense{y.view(), pre.view(), x.view(), w.view(), b.view(), activation};
    if (fused) {
      backend.issue(load, dense);
    } else {
      backend.issue(load);
      backend.issue(dense);
    }
  };
  const Floats x(backend, {c.rows, c.width}), expected_x(backend, {c.rows, c.width});
  const Floats y(backend, {c.rows, c.out}), expected_y(backend, {c.rows, c.out});
  const Floats pre(backend, {c.rows, c.out}), expected_pre(backend, {c.rows, c.out});
  run(x, y, pre, true);
  run(expected_x, expected_y, expected_pre, false);
  EXPECT_EQ(x.values(), expected_x.values());
  expect_same(backend, pre.values(), expected_pre.values());
  expect_same(backend, y.values(), expected_y.values());
}

constexpr Binarization kBinarizations[] = {Binarization::none, Binarization::threshold,
                                           Binarization::fixed, Binarization::dynamic};

std::vector<LoadCase> load_cases() {
  if (test::kRaceDetector) return {{5, 7, 3, 9}, {65, 257, 9, 80}, {70, 132, 130, 100}};
  return {{1, 1, 1, 1},     {5, 7, 3, 9},      {33, 50, 20, 70},   {31, 36, 100, 31},
          {65, 257, 9, 80}, {20, 784, 40, 30}, {70, 132, 130, 100}};
}

TEST_P(FusedTest, LoadAndDenseMatchTheTwoOperations) {
  for (const LoadCase& c : load_cases()) {
    for (const Binarization binarization : kBinarizations) {
      const bool shuffle = binarization != Binarization::fixed;
      compare_load<FloatTensor, DeviceTensor<uint8_t>>(backend(), c, binarization, shuffle,
                                                       Activation::relu);
    }
  }
  compare_load<FloatTensor, DeviceTensor<uint8_t>>(backend(), {33, 50, 20, 70},
                                                   Binarization::dynamic, true, Activation::gelu);
}

TEST_P(FusedTest, LoadAndDenseMatchOnUnalignedTensors) {
  for (const Binarization binarization : kBinarizations) {
    compare_load<UnalignedTensor<float>, UnalignedTensor<uint8_t>>(
        backend(), {20, 132, 36, 50}, binarization, true, Activation::tanh);
  }
}

// ---- dense_forward and gaussian_forward ---------------------------------------------------------

struct PosteriorCase {
  int64_t rows, in, latent;
};

template <typename Floats>
void compare_posterior(Backend& backend, const PosteriorCase& c, float weight, bool with_sums) {
  SCOPED_TRACE(::testing::Message()
               << c.rows << 'x' << c.in << " to " << c.latent << ", weights " << weight);
  const int64_t heads = 2 * c.latent;
  const Floats x(backend, {c.rows, c.in}, random_values(c.rows * c.in, 1));
  const Floats w(backend, {heads, c.in}, random_values(heads * c.in, 2, -weight, weight));
  const Floats b(backend, {heads}, random_values(heads, 3));
  StepState start;
  start.step = 5;
  start.first_row = 1000;
  const DeviceState state(backend, start);
  struct Outputs {
    Floats heads, z, kl, log_ratio;
    Outputs(Backend& backend, int64_t rows, int64_t latent)
        : heads(backend, {rows, 2 * latent}),
          z(backend, {rows, latent}),
          kl(backend, {rows}),
          log_ratio(backend, {rows}) {}
  };
  const Outputs found(backend, c.rows, c.latent), expected(backend, c.rows, c.latent);
  const auto dense = [&](const Outputs& to) {
    return DenseForwardArgs{to.heads.view(), {}, x.view(), w.view(), b.view(), Activation::none};
  };
  const auto gaussian = [&](const Outputs& to, bool sums) {
    GaussianForwardArgs args;
    args.z = to.z.view();
    args.heads = to.heads.view();
    if (sums) args.kl = to.kl.view();
    if (sums) args.log_ratio = to.log_ratio.view();
    args.logvar_min = -6.0f;
    args.logvar_max = 3.0f;
    args.noise = {77, Stream::posterior, state.get(), 4};
    return args;
  };
  backend.issue(dense(found), gaussian(found, with_sums));
  backend.issue(dense(expected));
  // From the same heads, so that the draws are compared, not e^logvar of two roundings.
  expect_same(backend, found.heads.values(), expected.heads.values());
  auto of_found = gaussian(expected, true);
  of_found.heads = found.heads.view();
  backend.issue(of_found);
  EXPECT_EQ(found.z.values(), expected.z.values());
  if (!with_sums) return;
  expect_same(backend, found.kl.values(), expected.kl.values(), 1e-6);
  expect_same(backend, found.log_ratio.values(), expected.log_ratio.values(), 1e-6);
}

std::vector<PosteriorCase> posterior_cases() {
  if (test::kRaceDetector)
    return {{3, 7, 2}, {33, 50, 16}, {65, 40, 33}, {9, 270, 64}, {2, 5, 150}};
  return {{1, 1, 1},    {3, 7, 2},    {31, 33, 5},  {33, 50, 16}, {20, 400, 20}, {7, 301, 32},
          {65, 40, 33}, {34, 64, 50}, {9, 270, 64}, {4, 20, 65},  {2, 5, 150}};
}

TEST_P(FusedTest, HeadsAndPosteriorMatchTheTwoOperations) {
  for (const PosteriorCase& c : posterior_cases()) {
    compare_posterior<FloatTensor>(backend(), c, 0.2f, true);
  }
  compare_posterior<FloatTensor>(backend(), {20, 30, 20}, 10.0f, true);  // clamped on both sides
  compare_posterior<FloatTensor>(backend(), {20, 30, 20}, 0.2f, false);
}

TEST_P(FusedTest, HeadsAndPosteriorMatchOnUnalignedTensors) {
  compare_posterior<UnalignedTensor<float>>(backend(), {20, 36, 20}, 0.2f, true);
}

TEST_P(FusedTest, PosteriorPassesNaNOn) {
  const int64_t rows = 3, in = 8, latent = 4;
  auto values = random_values(rows * in, 1);
  values[in] = std::numeric_limits<float>::quiet_NaN();
  const FloatTensor x(backend(), {rows, in}, values);
  const FloatTensor w(backend(), {2 * latent, in}, random_values(2 * latent * in, 2));
  const FloatTensor b(backend(), {2 * latent}, random_values(2 * latent, 3));
  const FloatTensor heads(backend(), {rows, 2 * latent}), z(backend(), {rows, latent});
  const FloatTensor kl(backend(), {rows});
  const DeviceState state(backend(), {});
  GaussianForwardArgs gaussian;
  gaussian.z = z.view();
  gaussian.kl = kl.view();
  gaussian.heads = heads.view();
  gaussian.noise.state = state.get();
  backend().issue(
      DenseForwardArgs{heads.view(), {}, x.view(), w.view(), b.view(), Activation::none}, gaussian);
  const auto found = kl.values();
  EXPECT_TRUE(std::isfinite(found[0]));
  EXPECT_TRUE(std::isnan(found[1]));
  EXPECT_TRUE(std::isfinite(found[2]));
}

// ---- dense_forward and likelihood ---------------------------------------------------------------

struct LikelihoodCase {
  int64_t images, samples, in, width;
};

enum class Gradient { none, separate, in_place };

template <typename Floats>
void compare_likelihood(Backend& backend, const LikelihoodCase& c, Likelihood likelihood,
                        Gradient gradient, bool with_variance_slope = true) {
  SCOPED_TRACE(::testing::Message() << c.images << " images, " << c.samples << " samples, " << c.in
                                    << " to " << c.width << ' ' << to_string(likelihood));
  const int64_t rows = c.images * c.samples;
  const Floats h(backend, {rows, c.in}, random_values(rows * c.in, 1));
  const Floats w(backend, {c.width, c.in}, random_values(c.width * c.in, 2, -0.3f, 0.3f));
  const Floats b(backend, {c.width}, random_values(c.width, 3));
  const Floats x(backend, {c.images, c.width}, random_values(c.images * c.width, 4, 0.0f, 1.0f));
  const Floats log_variance(backend, {1}, {-0.7f});
  struct Outputs {
    Floats outputs, doutputs, log_px, slope;
    Outputs(Backend& backend, int64_t rows, int64_t width)
        : outputs(backend, {rows, width}),
          doutputs(backend, {rows, width}),
          log_px(backend, {rows}),
          slope(backend, {1}, {0.0f}) {}
  };
  const auto run = [&](const Outputs& to, bool fused) {
    const DenseForwardArgs dense{to.outputs.view(), {},       h.view(),
                                 w.view(),          b.view(), Activation::none};
    LikelihoodArgs args;
    args.log_px = to.log_px.view();
    if (gradient == Gradient::separate) args.doutputs = to.doutputs.view();
    if (gradient == Gradient::in_place) args.doutputs = to.outputs.view();
    if (likelihood == Likelihood::gaussian) args.log_variance = log_variance.view();
    if (likelihood == Likelihood::gaussian && with_variance_slope) {
      args.dlog_variance = to.slope.view();
    }
    args.outputs = to.outputs.view();
    args.x = x.view();
    args.samples = c.samples;
    args.likelihood = likelihood;
    args.scale = 0.25f;
    if (fused) {
      backend.issue(dense, args);
    } else {
      backend.issue(dense);
      backend.issue(args);
    }
  };
  const Outputs found(backend, rows, c.width), expected(backend, rows, c.width);
  run(found, true);
  run(expected, false);
  const double size = std::sqrt(static_cast<double>(c.width));
  expect_same(backend, found.log_px.values(), expected.log_px.values(), kPairTolerance, size);
  expect_same(backend, found.slope.values(), expected.slope.values(), 10 * kPairTolerance, size);
  if (gradient == Gradient::separate) {
    expect_same(backend, found.doutputs.values(), expected.doutputs.values());
  } else if (gradient == Gradient::in_place) {
    expect_same(backend, found.outputs.values(), expected.outputs.values());
  }
}

std::vector<LikelihoodCase> likelihood_cases() {
  constexpr LikelihoodCase kSplit{30, 1, 530, 70};
  constexpr LikelihoodCase kMoreThan16TilesInARow{3, 1, 8, 2200};
  if (test::kRaceDetector) {
    return {{5, 1, 7, 3}, {3, 5, 20, 50}, {64, 2, 50, 100}, kSplit, kMoreThan16TilesInARow};
  }
  return {{1, 1, 1, 1},       {5, 1, 7, 3},          {31, 1, 33, 65},  {3, 5, 20, 50},
          {33, 1, 8, 40},     {20, 1, 400, 784},     {64, 2, 50, 100}, kSplit,
          {61, 1, 1031, 100}, kMoreThan16TilesInARow};
}

TEST_P(FusedTest, OutputsAndLikelihoodMatchTheTwoOperations) {
  for (const Likelihood likelihood : {Likelihood::bernoulli, Likelihood::gaussian}) {
    for (const LikelihoodCase& c : likelihood_cases()) {
      compare_likelihood<FloatTensor>(backend(), c, likelihood, Gradient::in_place);
    }
    compare_likelihood<FloatTensor>(backend(), {3, 2, 20, 50}, likelihood, Gradient::separate);
    compare_likelihood<FloatTensor>(backend(), {3, 2, 20, 50}, likelihood, Gradient::none);
    compare_likelihood<FloatTensor>(backend(), {3, 2, 20, 50}, likelihood, Gradient::separate,
                                    /*with_variance_slope=*/false);
  }
}

TEST_P(FusedTest, OutputsAndLikelihoodMatchOnUnalignedTensors) {
  for (const Likelihood likelihood : {Likelihood::bernoulli, Likelihood::gaussian}) {
    compare_likelihood<UnalignedTensor<float>>(backend(), {20, 1, 36, 68}, likelihood,
                                               Gradient::separate);
  }
}

TEST_P(FusedTest, LikelihoodsWithMoreThanOneOutputOrVarianceRunAsTwoOperations) {
  const int64_t rows = 20, width = 36, latent = 4;
  const FloatTensor z(backend(), {rows, latent}, random_values(rows * latent, 1));
  const FloatTensor x(backend(), {rows, width}, random_values(rows * width, 2, 0.0f));
  const FloatTensor log_px(backend(), {rows}), variances(backend(), {3}, {0.1f, -0.4f, 0.2f});
  for (const auto& [likelihood, variance] : {std::pair{Likelihood::logistic, Variance::fixed},
                                             {Likelihood::gaussian, Variance::per_pixel},
                                             {Likelihood::gaussian, Variance::per_channel}}) {
    const int64_t out = variance == Variance::per_channel ? width : 2 * width;
    const FloatTensor w(backend(), {out, latent}, random_values(out * latent, 3));
    const FloatTensor b(backend(), {out}, random_values(out, 4)), outputs(backend(), {rows, out});
    LikelihoodArgs args;
    args.log_px = log_px.view();
    args.outputs = outputs.view();
    args.doutputs = outputs.view();
    args.x = x.view();
    args.log_variance = variances.view();
    args.likelihood = likelihood;
    args.variance = variance;
    const DenseForwardArgs dense{outputs.view(), {},       z.view(),
                                 w.view(),       b.view(), Activation::none};
    EXPECT_EQ(names_of([&] { backend().issue(dense, args); }), "dense_forward likelihood ");
  }
}

// ---- which kernel it was ------------------------------------------------------------------------

TEST_P(FusedTest, CudaRunsStandardShapesAsOneKernel) {
  const int64_t rows = 20, width = 36, hidden = 40, latent = 4;
  const DeviceTensor<uint8_t> pixels(backend(), {rows, width}, random_pixels(rows * width));
  const FloatTensor x(backend(), {rows, width}), h(backend(), {rows, hidden});
  const FloatTensor w(backend(), {hidden, width}, random_values(hidden * width, 1));
  const FloatTensor b(backend(), {hidden}, random_values(hidden, 2));
  const FloatTensor heads_w(backend(), {2 * latent, hidden}, random_values(2 * latent * hidden, 3));
  const FloatTensor heads_b(backend(), {2 * latent}, random_values(2 * latent, 4));
  const FloatTensor heads(backend(), {rows, 2 * latent}), z(backend(), {rows, latent});
  const FloatTensor outputs_w(backend(), {width, latent}, random_values(width * latent, 5));
  const FloatTensor outputs_b(backend(), {width}, random_values(width, 6));
  const FloatTensor outputs(backend(), {rows, width}), log_px(backend(), {rows});
  const DeviceState state(backend(), {});
  const auto loaded = names_of([&] {
    backend().issue(
        LoadBatchArgs{x.view(), pixels.view(), state.get(), Binarization::dynamic, true, 1},
        DenseForwardArgs{h.view(), {}, x.view(), w.view(), b.view(), Activation::relu});
  });
  GaussianForwardArgs gaussian;
  gaussian.z = z.view();
  gaussian.heads = heads.view();
  gaussian.noise.state = state.get();
  const auto drawn = names_of([&] {
    backend().issue(
        DenseForwardArgs{
            heads.view(), {}, h.view(), heads_w.view(), heads_b.view(), Activation::none},
        gaussian);
  });
  LikelihoodArgs likelihood;
  likelihood.log_px = log_px.view();
  likelihood.doutputs = outputs.view();
  likelihood.outputs = outputs.view();
  likelihood.x = x.view();
  const auto judged = names_of([&] {
    backend().issue(
        DenseForwardArgs{
            outputs.view(), {}, z.view(), outputs_w.view(), outputs_b.view(), Activation::none},
        likelihood);
  });
  if (is_cuda()) {
    EXPECT_EQ(loaded, "load_dense_forward ");
    EXPECT_EQ(drawn, "dense_gaussian_forward ");
    EXPECT_EQ(judged, "dense_likelihood ");
  } else {
    EXPECT_EQ(loaded, "load_batch dense_forward ");
    EXPECT_EQ(drawn, "dense_forward gaussian_forward ");
    EXPECT_EQ(judged, "dense_forward likelihood ");
  }
}

VAE_INSTANTIATE_BACKENDS_AND_PRECISIONS(FusedTest);

}  // namespace
}  // namespace vae::testing
