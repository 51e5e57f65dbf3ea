// SPDX-License-Identifier: MIT
//
// Activations and slopes of quads, and what every operation with a `dx` does to its sums.
//
// The activation is chosen at run time: all threads of a launch take the same branch, once per
// quad, which is little beside the memory the quad moves; and kernels are fewer by a factor of 9.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/quads.h"
#include "kernels/rules/activations.h"

namespace vae::cuda {

__device__ inline void activate_quad(Quad& quad, Activation activation) {
  visit(activation, [&](auto rule) {
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) quad.value[i] = rule.value(quad.value[i]);
  });
}

__device__ inline void multiply_slope(Quad& quad, const Quad& source, Activation activation) {
  visit(activation, [&](auto rule) {
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) quad.value[i] *= rule.slope(source.value[i]);
  });
}

/// memory = memory + quad, or memory = quad.
__device__ inline void accumulate_quad(float* memory, Quad quad, bool accumulate, std::size_t rest,
                                       bool aligned) {
  if (accumulate) {
    const Quad old = load_quad(memory, rest, aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) quad.value[i] = old.value[i] + quad.value[i];
  }
  store_quad(memory, quad, rest, aligned);
}

/// Sums become gradients: multiplied by the slope of the activation below, whose output or
/// pre-activation is `source`, and written to dx or added to it.
struct InputGradient {
  float* dx;            // out
  const float* source;  // as dx; not read by `none`
  Activation activation;
  bool accumulate;
  bool aligned;  // to quads, rows too

  __device__ void finish(std::size_t offset, std::size_t rest, Quad sums) const {
    if (activation != Activation::none) {
      multiply_slope(sums, load_quad(source + offset, rest, aligned), activation);
    }
    accumulate_quad(dx + offset, sums, accumulate, rest, aligned);
  }
};

/// That of an operation, in whose dx so many values lie side by side.
template <typename Args>
InputGradient input_gradient(const Args& args, int64_t width) {
  const float* const source = needs_pre_activation(args.activation) ? args.pre.data : args.x.data;
  return {args.dx.data, source, args.activation, args.accumulate,
          width % 4 == 0 && aligned_to_quads(args.dx.data, source)};
}

/// Values as they are.
inline InputGradient unchanged(float* values, int64_t width) {
  return {values, nullptr, Activation::none, false, width % 4 == 0 && aligned_to_quads(values)};
}

/// Calls visit(pixel, first channel, channels from there on) for the quads of all pixels, of which
/// a block has its part. Up to 32 neighbouring threads, `lanes`, share a pixel.
template <typename Visit>
__device__ inline void for_pixels(unsigned pixels, unsigned channels, unsigned lanes, Visit visit) {
  const unsigned in_block = blockDim.x / lanes;
  for (unsigned pixel = in_block * blockIdx.x + threadIdx.x / lanes; pixel < pixels;
       pixel += in_block * gridDim.x) {
    for (unsigned at = threadIdx.x % lanes * 4; at < channels; at += 4 * lanes) {
      visit(pixel, at, channels - at);
    }
  }
}

}  // namespace vae::cuda
