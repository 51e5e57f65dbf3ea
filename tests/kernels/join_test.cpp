// SPDX-License-Identifier: MIT
//
// Sums and concatenations of tensors and their gradients, for equality of bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/backend_test.h"
#include "tests/support/reference.h"

namespace vae::testing {
namespace {

class JoinTest : public BackendTest {};

const std::vector<Shape>& join_shapes() {
  static const std::vector<Shape> shapes = {{1, 1}, {3, 33}, {130, 7}, {7, 1037}};
  return shapes;
}

std::vector<float> slope_of_relu(std::vector<float> gradient, const std::vector<float>& outputs) {
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] *= outputs[i] > 0.0f ? 1.0f : 0.0f;
  return gradient;
}

TEST_P(JoinTest, SumsGoThroughTheActivation) {
  for (const Shape& shape : join_shapes()) {
    const auto a = random_values(shape.count(), 1), b = random_values(shape.count(), 2);
    const FloatTensor of_a(backend(), shape, a), of_b(backend(), shape, b);
    const FloatTensor y(backend(), shape), pre(backend(), shape);
    for (const Activation activation : all_activations()) {
      backend().issue(AddArgs{y, pre, of_a.view(), of_b.view(), activation});
      std::vector<float> sums = a;
      std::vector<double> expected;
      for (std::size_t i = 0; i < sums.size(); ++i) {
        sums[i] += b[i];
        expected.push_back(reference_activation(activation, sums[i]));
      }
      EXPECT_EQ(bits_of(pre.values()), bits_of(sums));
      EXPECT_LT(worst_error(y.values(), expected), 1e-6) << to_string(activation);
    }
  }
}

TEST_P(JoinTest, ASumMayReplaceEitherOfItsTerms) {
  const Shape shape{5, 1003};
  const auto a = random_values(shape.count(), 1), b = random_values(shape.count(), 2);
  std::vector<float> sums = a;
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += b[i];
  for (const bool first : {true, false}) {
    const FloatTensor of_a(backend(), shape, a), of_b(backend(), shape, b);
    const View y = first ? of_a.view() : of_b.view();
    backend().issue(AddArgs{y, {}, of_a.view(), of_b.view(), Activation::none});
    EXPECT_EQ(bits_of((first ? of_a : of_b).values()), bits_of(sums));
    EXPECT_EQ(bits_of((first ? of_b : of_a).values()), bits_of(first ? b : a));
  }
}

TEST_P(JoinTest, TermsOfASumGetItsGradientTimesTheirSlope) {
  for (const Shape& shape : join_shapes()) {
    const auto dy = random_values(shape.count(), 3), x = random_values(shape.count(), 4);
    const auto old = random_values(shape.count(), 5);
    const FloatTensor of_dy(backend(), shape, dy), of_x(backend(), shape, x);
    const FloatTensor dx(backend(), shape, old);
    AddBackwardArgs args{dx, of_dy.view(), of_x.view(), {}, Activation::relu, true};
    std::vector<float> expected = slope_of_relu(dy, x);
    for (std::size_t i = 0; i < old.size(); ++i) expected[i] = old[i] + expected[i];
    backend().issue(args);
    EXPECT_EQ(bits_of(dx.values()), bits_of(expected));
    args.accumulate = false;
    backend().issue(args);
    EXPECT_EQ(bits_of(dx.values()), bits_of(slope_of_relu(dy, x)));
    args.dx = of_dy.view();  // in place
    backend().issue(args);
    EXPECT_EQ(bits_of(of_dy.values()), bits_of(slope_of_relu(dy, x)));
  }
}

/// One tensor and what it becomes a part of.
struct ConcatCase {
  int64_t rows, repeat, positions, channels, all, first;

  Shape part() const { return {rows, positions * channels}; }
  Shape whole() const { return {rows * repeat, positions * all}; }
  std::size_t in_part(int64_t row, int64_t p, int64_t c) const {
    return static_cast<std::size_t>((row * positions + p) * channels + c);
  }
  std::size_t in_whole(int64_t row, int64_t k, int64_t p, int64_t c) const {
    return static_cast<std::size_t>(((row * repeat + k) * positions + p) * all + first + c);
  }
};

const std::vector<ConcatCase>& concat_cases() {
  static const std::vector<ConcatCase> cases = {{1, 1, 1, 1, 1, 0},     {3, 1, 1, 20, 33, 13},
                                                {5, 3, 1, 300, 301, 0}, {2, 1, 49, 5, 12, 4},
                                                {130, 2, 6, 1, 3, 1},   {2, 4, 5, 33, 65, 32}};
  return cases;
}

/// Calls body(index in the part, index in the whole) for every value that is copied, samples in
/// their order.
template <typename Body>
void for_copies(const ConcatCase& c, Body body) {
  for (int64_t row = 0; row < c.rows; ++row) {
    for (int64_t k = 0; k < c.repeat; ++k) {
      for (int64_t p = 0; p < c.positions; ++p) {
        for (int64_t j = 0; j < c.channels; ++j)
          body(c.in_part(row, p, j), c.in_whole(row, k, p, j));
      }
    }
  }
}

TEST_P(JoinTest, ConcatenationWritesItsChannelsOnly) {
  for (const ConcatCase& c : concat_cases()) {
    const auto x = random_values(c.part().count(), 6), old = random_values(c.whole().count(), 7);
    const FloatTensor of_x(backend(), c.part(), x), y(backend(), c.whole(), old);
    backend().issue(ConcatArgs{y, of_x.view(), c.positions, c.first, c.repeat});
    std::vector<float> expected = old;
    for_copies(c, [&](std::size_t part, std::size_t whole) { expected[whole] = x[part]; });
    EXPECT_EQ(bits_of(y.values()), bits_of(expected)) << c.channels << " of " << c.all;
  }
}

TEST_P(JoinTest, GradientsOfAConcatenationAddTheSamplesInTheirOrder) {
  for (const ConcatCase& c : concat_cases()) {
    const auto dy = random_values(c.whole().count(), 8), x = random_values(c.part().count(), 9);
    const auto old = random_values(c.part().count(), 10);
    const FloatTensor of_dy(backend(), c.whole(), dy), of_x(backend(), c.part(), x);
    const FloatTensor dx(backend(), c.part(), old);
    std::vector<float> sums(x.size(), 0.0f);
    for_copies(c, [&](std::size_t part, std::size_t whole) { sums[part] += dy[whole]; });
    ConcatBackwardArgs args{dx,          of_dy.view(), of_x.view(), {},  Activation::relu,
                            c.positions, c.first,      c.repeat,    true};
    std::vector<float> expected = slope_of_relu(sums, x);
    for (std::size_t i = 0; i < old.size(); ++i) expected[i] = old[i] + expected[i];
    backend().issue(args);
    EXPECT_EQ(bits_of(dx.values()), bits_of(expected)) << c.channels << " of " << c.all;
    args.accumulate = false;
    args.activation = Activation::none;
    backend().issue(args);
    EXPECT_EQ(bits_of(dx.values()), bits_of(sums)) << c.channels << " of " << c.all;
  }
}

TEST_P(JoinTest, WhatDoesNotFitIsNamed) {
  const FloatTensor x(backend(), {2, 6}), y(backend(), {4, 16});
  const auto complaint = [&](int64_t positions, int64_t first, int64_t repeat) {
    try {
      backend().issue(ConcatArgs{y, x.view(), positions, first, repeat});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(complaint(2, 5, 2), "");
  EXPECT_EQ(complaint(2, 6, 2), "concat: 3 channels from 6 on do not lie within 8");
  EXPECT_EQ(complaint(2, -1, 2), "concat: 3 channels from -1 on do not lie within 8");
  EXPECT_EQ(complaint(1, 0, 1), "concat: 2 rows times 1 are not 4");
  EXPECT_EQ(complaint(3, 0, 2), "concat: rows of 6 and 16 values are not 3 positions each");
  EXPECT_EQ(complaint(0, 0, 2), "concat: positions must be positive, got 0");
}

VAE_INSTANTIATE_BACKENDS(JoinTest);

}  // namespace
}  // namespace vae::testing
