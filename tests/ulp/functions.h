// SPDX-License-Identifier: MIT
//
// The functions of kernels/math.h beside their references, as compiled for one instruction set.
#pragma once

#include <cstdint>

namespace vae::ulp {

/// Errors of some inputs, in units of the last place that floats as large as the exact result have.
struct Errors {
  double worst = 0.0;
  uint32_t worst_at = 0;  // the bits of that input
  double sum = 0.0;
};

struct Function {
  const char* name;
  const char* domain;
  uint32_t first, last;  // the bits of its inputs
  double bound;          // of `worst`
  /// Inputs first, first + stride, ..: `count` of them.
  void (*measure)(Errors* errors, uint32_t first, uint32_t stride, int64_t count);
  /// The results alone.
  void (*evaluate)(float* results, uint32_t first, uint32_t stride, int64_t count);
};

constexpr int64_t kBlock = 1024;  // of inputs that are computed together

struct Table {
  const char* isa;
  const Function* functions;
  int count;
};

}  // namespace vae::ulp
