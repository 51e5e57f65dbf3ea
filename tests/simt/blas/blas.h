// SPDX-License-Identifier: MIT
//
// The stand-in for cuBLASLt as a test sees it. The functions of the library itself are in
// <cublasLt.h>; they check what they are given, and products run in the order of their stream on
// the simulated device. It models products of fp32 matrices; what it does not model throws
// simt::Error instead of being wrong.
//
// Where the library's header leaves open what happens, the stand-in takes what hurts most: ReLU
// turns NaN into 0, bias gradients are sums of rounded operands, workspaces are overwritten,
// creating a handle allocates, and nothing is answered while a stream is being captured. A card can
// show what the library really does.
#pragma once

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace simt {

struct BlasModel {
  std::size_t version = 130100;
  int algorithms = 8;     // the heuristics know; each adds the terms of a sum in another order
  int quick = -1;         // the number of the algorithm that does not take delay_ms longer
  double delay_ms = 0;    // of every other product
  bool supported = true;  // false: the heuristics know nothing for any product
  bool available = true;  // false: no handle can be created
};
BlasModel& blas_model();

/// How often the library's function `name` was called since the last reset.
std::int64_t blas_calls_of(const std::string& name);
/// Number of the algorithm of the last product, as BlasModel::quick counts; -1 before the first.
int last_blas_algorithm();
/// The k-th product from now fails with CUBLAS_STATUS_EXECUTION_FAILED.
void fail_blas_product(std::int64_t k);

/// Why the last call that failed did so, in a sentence.
std::string blas_failure_reason();
/// What was created and not destroyed, one item a line; empty when all is well.
std::string blas_leaks();
/// The state at the start of a program.
void reset_blas();

}  // namespace simt
