// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/math.h"
#include "kernels/rules/gate.h"
#include "tests/support/backend_test.h"
#include "tests/support/reference.h"

namespace vae::testing {
namespace {

class GateTest : public BackendTest {};

const std::vector<Shape>& gate_shapes() {
  static const std::vector<Shape> shapes = {{1, 1}, {3, 4}, {9, 33}, {2, 260}, {130, 7}, {3, 1037}};
  return shapes;
}

/// Values of both signs, some of whose gates are shut and some open.
std::vector<float> gate_heads(const Shape& shape) {
  std::vector<float> heads = random_values(2 * shape.count(), 1);
  for (std::size_t i = 0; i < heads.size(); i += 5) heads[i] *= 30.0f;
  return heads;
}

double reference_sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

TEST_P(GateTest, IsTheValueTimesTheSigmoidOfTheGate) {
  for (const Shape& shape : gate_shapes()) {
    const int64_t width = shape[1];
    const std::vector<float> heads = gate_heads(shape);
    const FloatTensor of_heads(backend(), {shape[0], 2 * width}, heads), y(backend(), shape);
    backend().issue(GateArgs{y, of_heads.view()});
    std::vector<double> expected;
    std::vector<float> exact;
    for (int64_t i = 0; i < shape.count(); ++i) {
      const float* const row = heads.data() + i / width * 2 * width + i % width;
      expected.push_back(row[0] * reference_sigmoid(row[width]));
      exact.push_back(gated(row[0], sigmoid(row[width])));
    }
    EXPECT_LT(worst_error(y.values(), expected), 1e-6);
    EXPECT_EQ(bits_of(y.values()), bits_of(exact));
  }
}

TEST_P(GateTest, GradientsAreTheDerivatives) {
  for (const Shape& shape : gate_shapes()) {
    const int64_t width = shape[1];
    const std::vector<float> heads = gate_heads(shape), dy = random_values(shape.count(), 2);
    const FloatTensor of_heads(backend(), {shape[0], 2 * width}, heads);
    const FloatTensor of_dy(backend(), shape, dy), dheads(backend(), {shape[0], 2 * width});
    backend().issue(GateBackwardArgs{dheads, of_dy.view(), of_heads.view()});
    std::vector<double> expected(heads.size());
    for (int64_t i = 0; i < shape.count(); ++i) {
      const std::size_t at = i / width * 2 * width + i % width;
      const double a = heads[at], s = reference_sigmoid(heads[at + width]);
      expected[at] = dy[i] * s;
      expected[at + width] = dy[i] * a * s * (1.0 - s);
    }
    EXPECT_LT(worst_error(dheads.values(), expected), 2e-6);
  }
}

TEST_P(GateTest, RefusesShapesThatDoNotFit) {
  const FloatTensor y(backend(), {2, 3}), heads(backend(), {2, 5});
  EXPECT_THROW(backend().issue(GateArgs{y, heads.view()}), Error);
  EXPECT_THROW(backend().issue(GateBackwardArgs{heads, y.view(), heads.view()}), Error);
}

VAE_INSTANTIATE_BACKENDS(GateTest);

}  // namespace
}  // namespace vae::testing
