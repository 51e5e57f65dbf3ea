// SPDX-License-Identifier: MIT
//
// Convolutions on cards of different sizes, which cut the same work differently: the CPU's bits.
#include <gtest/gtest.h>
#include <simt/simt.h>

#include <memory>
#include <vector>

#include "kernels/backend.h"
#include "tests/simt/runtime/runtime.h"
#include "tests/simt/training_test/device.h"
#include "tests/support/backend_test.h"
#include "tests/support/conv_cases.h"

namespace vae::test {
namespace {

using testing::bits_of;
using testing::ConvCase;
using testing::FloatTensor;
using testing::random_values;

/// What a convolution computes in all directions, one after the other.
std::vector<std::vector<uint32_t>> all_of(Backend& backend, const ConvCase& c, bool transposed,
                                          int64_t samples) {
  const ConvGeometry& g = c.geometry;
  const int64_t rows = c.images * samples;
  const Shape large{rows, g.large()}, small{rows, g.small()}, weights{g.filters, g.row_weights()};
  const Shape in = transposed ? small : large, out = transposed ? large : small;
  const Shape biases{transposed ? g.channels : g.filters};
  const FloatTensor x(backend, in, random_values(in.count(), 1));
  const FloatTensor w(backend, weights, random_values(weights.count(), 2));
  const FloatTensor b(backend, biases, random_values(biases.count(), 3));
  const FloatTensor dy(backend, out, random_values(out.count(), 4));
  const FloatTensor y(backend, out), dx(backend, in), dw(backend, weights), db(backend, biases);
  backend.issue(
      ConvForwardArgs{y, {}, x.view(), w.view(), b.view(), Activation::elu, g, transposed});
  backend.issue(ConvBackwardInputArgs{
      dx, dy.view(), w.view(), x.view(), {}, Activation::tanh, g, transposed});
  backend.issue(ConvBackwardWeightsArgs{dw, db, dy.view(), x.view(), g, transposed, samples});
  return {bits_of(y.values()), bits_of(dx.values()), bits_of(dw.values()), bits_of(db.values())};
}

TEST(ConvPlan, CardsOfAllSizesHaveTheBitsOfTheCpu) {
  const simt::DeviceModel before = simt::device_model();
  const auto cpu = make_backend({DeviceKind::cpu, 0, 2, ""});
  std::vector<ConvCase> cases = testing::conv_cases_of_wide_tiles();
  cases.push_back({testing::conv_geometry({10, 9}, 3, {4, 4}, {2, 2}, {1, 1}, {1, 1}, 33), 7});
  // Two slices in a sum over features, and more images than there are multiprocessors.
  cases.push_back({testing::conv_geometry({3, 3}, 20, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 5), 70});
  for (const ConvCase& c : cases) {
    for (const bool transposed : {false, true}) {
      SCOPED_TRACE(::testing::PrintToString(c) + (transposed ? ", transposed" : ""));
      const int64_t samples = c.images == 7 ? 3 : 1;
      const auto expected = all_of(*cpu, c, transposed, samples);
      for (const int multiprocessors : {4, 56, 132}) {
        simt::device_model().multiprocessors = multiprocessors;
        const auto card = make_backend(cuda(Precision::fp32));
        EXPECT_EQ(all_of(*card, c, transposed, samples), expected) << multiprocessors;
      }
    }
  }
  simt::device_model() = before;
}

}  // namespace
}  // namespace vae::test
