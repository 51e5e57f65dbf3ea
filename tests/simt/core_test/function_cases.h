// SPDX-License-Identifier: MIT
//
// A case like those of instruction_cases.h: a card computes every function of kernels/math.h to the
// bits of the host, over a sample of all inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/math.h"
#include "kernels/special_functions.h"
#include "tests/simt/core_test/instruction_cases.h"

namespace vae::cuda::cases {

constexpr uint32_t kFunctionStride = 262139;  // odd: all exponents, signs and mantissas take part
constexpr uint32_t kFunctionInputs = 16384;
constexpr std::size_t kFunctions = 15;

/// NaN are alike.
VAE_HD static inline uint32_t comparable_bits(float x) {
  return x == x ? bits_from_float(x) : 0x7fffffffu;
}

VAE_HD static inline void all_functions(uint32_t bits, uint32_t* results) {
  const float x = float_from_bits(bits), size = absolute(x);
  const float unit = float_from_bits(0x3f800000u | (bits & 0x7fffffu)) - 1.0f;
  float sine, cosine;
  sincos_turn(bits, sine, cosine);
  const float values[kFunctions] = {exponential(x),
                                    exponential_of_minus(size),
                                    exponential_minus_one(-size),
                                    log_positive(1.0f + unit),
                                    log_positive(size < 0x1p-126f ? 0x1p-126f : size),
                                    log1p_unit(unit),
                                    sigmoid(x),
                                    softplus(x),
                                    hyperbolic_tangent(x),
                                    normal_cdf(x),
                                    log_gamma(size),
                                    digamma(size),
                                    normal_quantile(unit),
                                    sine,
                                    cosine};
  for (std::size_t i = 0; i < kFunctions; ++i) results[i] = comparable_bits(values[i]);
}

static __global__ void functions_kernel(uint32_t* results) {
  const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  all_functions(i * kFunctionStride, results + kFunctions * i);
}

template <typename Device>
std::string functions(Device& device) {
  std::vector<uint32_t> want(kFunctions * kFunctionInputs);
  for (uint32_t i = 0; i < kFunctionInputs; ++i) {
    all_functions(i * kFunctionStride, want.data() + kFunctions * i);
  }
  uint32_t* results = device.upload(std::vector<uint32_t>(want.size()));
  device.launch({kFunctionInputs / 256, 256}, functions_kernel, results);
  return first_difference("functions", device.download(results, want.size()), want);
}

}  // namespace vae::cuda::cases
