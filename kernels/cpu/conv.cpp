// SPDX-License-Identifier: MIT
//
// Convolutions and transposed ones in three directions. Of the two products between a small and a
// large image each is a forward pass of one kind and an input gradient of the other; bias,
// activation and slope are applied where the sums are in the cache of the thread that made them.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/input_gradient.h"

namespace vae::cpu {

namespace {

constexpr int64_t kBiases = 512;  // in a row, so that few calls cover many narrow positions

}  // namespace

void CpuBackend::run(const ConvForwardArgs& args) {
  const ConvGeometry& g = args.geometry;
  const int64_t width = args.b.count(), images = args.x.rows();
  const int64_t repeated = (kBiases + width - 1) / width * width;
  biases_.reserve(repeated);
  for (int64_t i = 0; i < repeated; ++i) biases_.data()[i] = args.b.data[i % width];
  const auto bias_and_activation = [&](float* sums, Range range) {
    for (int64_t i = 0; i < range.count; i += repeated) {
      ops_.bias_activate(sums + i, args.pre ? args.pre.data + range.first + i : nullptr,
                         biases_.data(), std::min(repeated, range.count - i), args.activation);
    }
  };
  float* const y = args.y.data;
  if (args.transposed) {
    convolutions_.to_large(y, args.x.data, args.w.data, g, images, bias_and_activation);
  } else {
    convolutions_.to_small(y, args.x.data, args.w.data, g, images, bias_and_activation);
  }
}

void CpuBackend::run(const ConvBackwardInputArgs& args) {
  const ConvGeometry& g = args.geometry;
  const InputGradient gradient(ops_, args);
  const auto finish = [&](float* sums, Range range) {
    gradient.finish(sums, range.first, range.count);
  };
  float* const dx = args.accumulate ? nullptr : args.dx.data;
  if (args.transposed) {
    convolutions_.to_small(dx, args.dy.data, args.w.data, g, args.dy.rows(), finish);
  } else {
    convolutions_.to_large(dx, args.dy.data, args.w.data, g, args.dy.rows(), finish);
  }
}

void CpuBackend::run(const ConvBackwardWeightsArgs& args) {
  const ConvGeometry& g = args.geometry;
  const int64_t images = args.dy.rows() / args.samples, columns = args.db.count();
  const float* const small = args.transposed ? args.x.data : args.dy.data;
  const float* const large = args.transposed ? args.dy.data : args.x.data;
  convolutions_.weight_gradient(args.dw.data, small, large, g, images, args.samples,
                                args.accumulate);
  convolutions_.bias_gradient(args.db.data, args.dy.data, args.samples * args.dy.cols() / columns,
                              columns, images, args.accumulate);
}

}  // namespace vae::cpu
