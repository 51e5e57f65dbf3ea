// SPDX-License-Identifier: MIT
//
// Every direction and epilogue against float64, at sizes whose rows are multiples of 16 bytes and
// of nothing more.
#include <cmath>
#include <limits>

#include "kernels/check.h"
#include "tests/simt/blas_test/blas_test.h"

namespace vae::cuda {
namespace {

struct Sizes {
  int64_t batch, in, out;
};
constexpr Sizes kSizes[] = {{4, 4, 4}, {12, 20, 28}, {3, 36, 8}, {68, 4, 12}, {1, 100, 52}};

struct PrecisionCase {
  Precision precision;
  double
      tolerance;  // of a sum of products of numbers in [-1, 1), relative to the root of its length
};
constexpr PrecisionCase kPrecisions[] = {
    {Precision::fp32, 1e-6}, {Precision::tf32, 1e-3}, {Precision::bf16, 1e-2}};

class BlasGemmTest : public BlasTest {
 protected:
  // Runs a product by each of the algorithms offered, and calls check() after each.
  template <typename Check>
  void run(const BlasProduct& product, Precision precision, const Check& check) {
    const BlasGemm blas(device_.stream.get(), precision, device_.workspace.data(),
                        Device32MiB::kBytes);
    const std::vector<BlasAlgorithm> algorithms = blas.algorithms(product, 8);
    ASSERT_EQ(algorithms.size(), 8u) << simt::blas_failure_reason();
    for (std::size_t i = 0; i < algorithms.size(); ++i) {
      EXPECT_TRUE(blas.accepts(product, algorithms[i])) << simt::blas_failure_reason();
      blas.run(product, algorithms[i]);
      device_.stream.synchronize();
      EXPECT_EQ(simt::last_blas_algorithm(), static_cast<int>(i));
      check();
    }
  }

  // For each precision and each of the sizes.
  template <typename Body>
  void for_cases(const Body& body) {
    for (const auto& [precision, tolerance] : kPrecisions) {
      for (const Sizes& sizes : kSizes) {
        SCOPED_TRACE(concat("precision ", static_cast<int>(precision), ", ", sizes.batch, " x ",
                            sizes.in, " -> ", sizes.out));
        body(precision, tolerance, sizes);
      }
    }
  }

  Device32MiB device_;
};

TEST_F(BlasGemmTest, Forward) {
  for (const Activation activation : {Activation::none, Activation::relu}) {
    for_cases([&](Precision precision, double tolerance, const Sizes& s) {
      const std::vector<float> x = numbers(static_cast<std::size_t>(s.batch * s.in), 1);
      const std::vector<float> w = numbers(static_cast<std::size_t>(s.out * s.in), 2);
      const std::vector<float> b = numbers(static_cast<std::size_t>(s.out), 3);
      const DeviceFloats dx(x), dw(w), db(b), dy(static_cast<std::size_t>(s.batch * s.out));
      std::vector<double> expected = product_of({x, s.in}, {w, s.in, true}, s.batch, s.out, s.in);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        expected[i] += double{b[i % static_cast<std::size_t>(s.out)]};
        if (activation == Activation::relu) expected[i] = std::max(expected[i], 0.0);
      }
      DenseForwardArgs args{view(dy, s.batch, s.out), {},
                            view(dx, s.batch, s.in),  view(dw, s.out, s.in),
                            view(db, s.out),          activation};
      const auto product = blas_product(args);
      ASSERT_TRUE(product);
      run(*product, precision,
          [&] { expect_near(dy.read(), expected, tolerance * std::sqrt(double(s.in))); });
    });
  }
}

TEST_F(BlasGemmTest, BackwardInput) {
  for_cases([&](Precision precision, double tolerance, const Sizes& s) {
    const std::vector<float> dy = numbers(static_cast<std::size_t>(s.batch * s.out), 4);
    const std::vector<float> w = numbers(static_cast<std::size_t>(s.out * s.in), 5);
    const DeviceFloats d_dy(dy), d_w(w), d_dx(static_cast<std::size_t>(s.batch * s.in));
    const auto product = blas_product(DenseBackwardInputArgs{view(d_dx, s.batch, s.in),
                                                             view(d_dy, s.batch, s.out),
                                                             view(d_w, s.out, s.in),
                                                             {},
                                                             {},
                                                             Activation::none});
    ASSERT_TRUE(product);
    const auto expected = product_of({dy, s.out}, {w, s.in}, s.batch, s.in, s.out);
    run(*product, precision,
        [&] { expect_near(d_dx.read(), expected, tolerance * std::sqrt(double(s.out))); });
  });
}

TEST_F(BlasGemmTest, BackwardWeightsWithTheBiasGradient) {
  for_cases([&](Precision precision, double tolerance, const Sizes& s) {
    const std::vector<float> dy = numbers(static_cast<std::size_t>(s.batch * s.out), 6);
    const std::vector<float> x = numbers(static_cast<std::size_t>(s.batch * s.in), 7);
    const DeviceFloats d_dy(dy), d_x(x), d_dw(static_cast<std::size_t>(s.out * s.in)),
        d_db(static_cast<std::size_t>(s.out));
    const auto product = blas_product(
        DenseBackwardWeightsArgs{view(d_dw, s.out, s.in), view(d_db, s.out),
                                 view(d_dy, s.batch, s.out), view(d_x, s.batch, s.in)});
    ASSERT_TRUE(product);
    const auto expected = product_of({dy, s.out, true}, {x, s.in}, s.out, s.in, s.batch);
    std::vector<double> sums(static_cast<std::size_t>(s.out));
    for (std::size_t i = 0; i < dy.size(); ++i) sums[i % sums.size()] += double{dy[i]};
    const double allowed = tolerance * std::sqrt(double(s.batch));
    run(*product, precision, [&] {
      expect_near(d_dw.read(), expected, allowed);
      expect_near(d_db.read(), sums, allowed);
    });
  });
}

TEST_F(BlasGemmTest, PlainProductsInEveryTransposition) {
  constexpr int64_t kM = 12, kN = 20, kK = 28;
  const std::vector<float> a = numbers(kM * kK, 8), b = numbers(kK * kN, 9);
  const DeviceFloats d_a(a), d_b(b), d_c(kM * kN);
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      GemmArgs args;
      args.c = view(d_c, kM, kN);
      args.a = transpose_a ? view(d_a, kK, kM) : view(d_a, kM, kK);
      args.b = transpose_b ? view(d_b, kN, kK) : view(d_b, kK, kN);
      args.transpose_a = transpose_a;
      args.transpose_b = transpose_b;
      const auto product = blas_product(args);
      ASSERT_TRUE(product);
      const auto expected =
          product_of({a, args.a.cols(), transpose_a}, {b, args.b.cols(), transpose_b}, kM, kN, kK);
      run(*product, Precision::fp32, [&] { expect_near(d_c.read(), expected, 1e-5); });
    }
  }
}

// The algorithms must do with the alignment that is asked of tensors.
TEST_F(BlasGemmTest, MemoryAlignedTo16BytesAndNoMore) {
  const std::vector<float> x = numbers(4 + 8 * 12, 1), w = numbers(4 + 20 * 12, 2),
                           b = numbers(4 + 20, 3);
  const DeviceFloats dx(x), dw(w), db(b), dy(4 + 8 * 20);
  const DenseForwardArgs args{{dy.data() + 4, {8, 20}}, {},
                              {dx.data() + 4, {8, 12}}, {dw.data() + 4, {20, 12}},
                              {db.data() + 4, {20}},    Activation::none};
  const std::vector<float> x_part(x.begin() + 4, x.end()), w_part(w.begin() + 4, w.end());
  std::vector<double> expected = product_of({x_part, 12}, {w_part, 12, true}, 8, 20, 12);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += double{b[4 + i % 20]};
  run(*blas_product(args), Precision::fp32, [&] {
    const std::vector<float> y = dy.read();
    expect_near({y.begin() + 4, y.end()}, expected, 1e-5);
  });
}

// The precisions round: an error of fp32's size would mean that they are not passed on.
TEST_F(BlasGemmTest, FactorsAreRoundedAsThePrecisionSays) {
  const float value = 1.0f + 1.0f / 4096;  // 12 bits behind the point: neither tf32 nor bf16
  const float coarse = 1.0f + 1.0f / 512;  // 9 bits: tf32, not bf16
  const DeviceFloats a(std::vector<float>{value, coarse, 0, 0}), c(4);
  const DeviceFloats b(std::vector<float>{1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  GemmArgs args;
  args.c = view(c, 1, 4);
  args.a = view(a, 1, 4);
  args.b = view(b, 4, 4);
  const auto first = [&](Precision precision) {
    const BlasGemm blas(device_.stream.get(), precision, device_.workspace.data(), 0);
    blas.run(*blas_product(args), blas.algorithms(*blas_product(args), 1).front());
    return c.read()[0];
  };
  EXPECT_EQ(first(Precision::fp32), value + coarse);
  EXPECT_EQ(first(Precision::tf32), 1.0f + coarse);
  EXPECT_EQ(first(Precision::bf16), 2.0f);
}

// ---- what is not covered

class CoverageTest : public BlasTest {
 protected:
  // [8, 16] -> [8, 12], and the address that is to be moved.
  DenseForwardArgs forward(Activation activation = Activation::none) const {
    return {{at(0), {8, 12}}, {}, {at(1), {8, 16}}, {at(2), {12, 16}}, {at(3), {12}}, activation};
  }
  // Addresses only; nothing is read.
  static float* at(int tensor, int offset = 0) {
    return reinterpret_cast<float*>(uintptr_t{0x10000} * static_cast<unsigned>(tensor + 1) +
                                    uintptr_t{4} * static_cast<unsigned>(offset));
  }
};

TEST_F(CoverageTest, ActivationsTheLibraryDoesNotHave) {
  EXPECT_TRUE(blas_product(forward(Activation::none)));
  EXPECT_TRUE(blas_product(forward(Activation::relu)));
  for (const Activation activation :
       {Activation::leaky_relu, Activation::tanh, Activation::sigmoid, Activation::softplus,
        Activation::elu, Activation::gelu, Activation::silu}) {
    EXPECT_FALSE(blas_product(forward(activation)));
  }
  DenseForwardArgs with_pre = forward(Activation::relu);
  with_pre.pre = {at(5), {8, 12}};
  EXPECT_FALSE(blas_product(with_pre));
  DenseBackwardInputArgs slope{
      {at(0), {8, 16}}, {at(1), {8, 12}}, {at(2), {12, 16}}, {at(3), {8, 16}}, {},
      Activation::none};
  EXPECT_TRUE(blas_product(slope));
  slope.activation = Activation::relu;
  EXPECT_FALSE(blas_product(slope));
}

TEST_F(CoverageTest, AddressesThatAreNotAligned) {
  for (const int offset : {1, 2, 3}) {
    DenseForwardArgs args = forward();
    args.y.data = at(0, offset);
    EXPECT_FALSE(blas_product(args));
    args = forward();
    args.x.data = at(1, offset);
    EXPECT_FALSE(blas_product(args));
    args = forward();
    args.w.data = at(2, offset);
    EXPECT_FALSE(blas_product(args));
    args = forward();
    args.b.data = at(3, offset);
    EXPECT_FALSE(blas_product(args));
    DenseBackwardWeightsArgs weights{
        {at(0), {12, 16}}, {at(1, offset), {12}}, {at(2), {8, 12}}, {at(3), {8, 16}}};
    EXPECT_FALSE(blas_product(weights));
  }
}

TEST_F(CoverageTest, RowsThatAreNotMultiplesOf16Bytes) {
  for (const int64_t width : {1, 2, 3, 5, 17, 50, 102}) {
    DenseForwardArgs narrow = forward();
    narrow.x.shape = {8, width};
    narrow.w.shape = {12, width};
    EXPECT_FALSE(blas_product(narrow)) << width;
    DenseForwardArgs out = forward();
    out.y.shape = {8, width};
    out.w.shape = {width, 16};
    out.b.shape = {width};
    EXPECT_FALSE(blas_product(out)) << width;
  }
  // Where transposed, the width of the operand in memory is another one.
  GemmArgs args;
  args.c = {at(0), {5, 8}};
  args.a = {at(1), {5, 16}};
  args.b = {at(2), {16, 8}};
  EXPECT_TRUE(blas_product(args));
  args.a.shape = {16, 5};
  args.transpose_a = true;
  EXPECT_FALSE(blas_product(args));
  args = {{at(0), {4, 8}}, {at(1), {4, 16}}, {at(2), {8, 16}}, false, true};
  EXPECT_TRUE(blas_product(args));
  args.a.shape = {4, 6};
  args.b.shape = {8, 6};
  EXPECT_FALSE(blas_product(args));
  args.a = {at(1), {6, 4}};
  args.transpose_a = true;
  EXPECT_FALSE(blas_product(args));
}

TEST_F(CoverageTest, SizesBeyond31Bits) {
  GemmArgs args;
  args.c = {at(0), {int64_t{1} << 31, 8}};
  args.a = {at(1), {int64_t{1} << 31, 16}};
  args.b = {at(2), {16, 8}};
  EXPECT_FALSE(blas_product(args));
}

// ---- errors

TEST_F(BlasGemmTest, ALibraryThatDoesNotStartSaysHowToDoWithout) {
  simt::blas_model().available = false;
  const std::string text = error_of(
      [&] { BlasGemm(device_.stream.get(), Precision::fp32, device_.workspace.data(), 0); });
  EXPECT_CONTAINS(text, "CUBLAS_STATUS_NOT_INITIALIZED");
  EXPECT_CONTAINS(text, "VAE_GEMM=own");
}

TEST_F(BlasGemmTest, AFailedProductIsAnErrorOfTheDevice) {
  const DeviceFloats x(numbers(16, 1)), y(16);
  GemmArgs args;
  args.c = view(y, 4, 4);
  args.a = view(x, 4, 4);
  args.b = view(x, 4, 4);
  const BlasGemm blas(device_.stream.get(), Precision::fp32, device_.workspace.data(), 0);
  const BlasProduct product = *blas_product(args);
  const BlasAlgorithm algorithm = blas.algorithms(product, 1).front();
  simt::fail_blas_product(1);
  try {
    blas.run(product, algorithm);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::device);
    EXPECT_CONTAINS(error.what(), "cublasLtMatmul failed with CUBLAS_STATUS_EXECUTION_FAILED");
  }
}

TEST_F(BlasGemmTest, AlgorithmsOfOtherProductsOrWorkspacesAreNotAccepted) {
  const DeviceFloats x(numbers(64, 1)), y(64);
  GemmArgs args;
  args.c = view(y, 4, 4);
  args.a = view(x, 4, 8);
  args.b = view(x, 8, 4);
  const BlasProduct product = *blas_product(args);
  const BlasGemm blas(device_.stream.get(), Precision::fp32, device_.workspace.data(),
                      Device32MiB::kBytes);
  const std::vector<BlasAlgorithm> algorithms = blas.algorithms(product, 8);
  BlasProduct other = product;
  other.depth = 4;
  EXPECT_FALSE(blas.accepts(other, algorithms[0]));
  EXPECT_FALSE(blas.accepts(product, BlasAlgorithm{}));
  const BlasGemm small(device_.stream.get(), Precision::fp32, device_.workspace.data(), 1024);
  EXPECT_TRUE(small.accepts(product, algorithms[0]));
  EXPECT_FALSE(small.accepts(product, algorithms[7]));
  EXPECT_EQ(small.algorithms(product, 8).size(), 1u);
}

TEST_F(BlasGemmTest, ProductsOfAReplayedGraph) {
  const std::vector<float> a = numbers(16, 1), b = numbers(16, 2);
  const DeviceFloats d_a(a), d_b(b), d_c(16);
  GemmArgs args;
  args.c = view(d_c, 4, 4);
  args.a = view(d_a, 4, 4);
  args.b = view(d_b, 4, 4);
  const BlasGemm blas(device_.stream.get(), Precision::fp32, device_.workspace.data(), 0);
  const BlasProduct product = *blas_product(args);
  const BlasAlgorithm algorithm = blas.algorithms(product, 1).front();
  UniqueGraph graph;
  UniqueGraphExec executable;
  VAE_CUDA(cudaStreamBeginCapture(device_.stream.get(), cudaStreamCaptureModeThreadLocal));
  blas.run(product, algorithm);
  VAE_CUDA(cudaStreamEndCapture(device_.stream.get(), graph.out()));
  EXPECT_TRUE(std::isnan(d_c.read()[0]));
  VAE_CUDA(cudaGraphInstantiate(executable.out(), graph.get(), 0));
  VAE_CUDA(cudaGraphLaunch(executable.get(), device_.stream.get()));
  expect_near(d_c.read(), product_of({a, 4}, {b, 4}, 4, 4, 4), 1e-6);
}

}  // namespace
}  // namespace vae::cuda
