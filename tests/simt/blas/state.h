// SPDX-License-Identifier: MIT
//
// What the files of the stand-in share. Handles are addresses of objects that it knows; anything
// else is refused.
#pragma once

#include <cublasLt.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>

#include "tests/simt/blas/blas.h"

struct cublasLtContext {
  void* device_memory = nullptr;
};

namespace simt::blas {

struct Layout {
  cudaDataType type = CUDA_R_32F;
  std::int32_t order = CUBLASLT_ORDER_COL;
  std::uint64_t rows = 0, cols = 0;
  std::int64_t ld = 0;
};

struct Operation {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType scale = CUDA_R_32F;
  std::int32_t pointer_mode = CUBLASLT_POINTER_MODE_HOST;
  std::int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;
  std::int32_t bias_type = -1;  // that of D
  void* aux = nullptr;
  std::int64_t aux_ld = 0;
};

struct Preference {
  std::uint64_t workspace_bytes = 0;
  std::uint32_t reduction_schemes = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D
};

// Bits of cublasLtEpilogue_t, named by what they do.
constexpr std::uint32_t kRelu = 2, kBias = 4, kReluSlope = 8, kOutputSum = 16, kAux = 128,
                        kSumOfA = 256, kSumOfB = 512;
constexpr std::uint32_t kVector = kBias | kOutputSum | kSumOfA | kSumOfB;  // have one

/// D = alpha op(A) op(B) + beta C with everything that says what it is. Column-major.
struct Problem {
  Operation operation;
  Layout a, b, c, d;
  std::int64_t m = 0, n = 0, k = 0;
};

/// Its addresses and factors.
struct Operands {
  const float* a = nullptr;
  const float* b = nullptr;
  const float* c = nullptr;
  float* d = nullptr;
  float alpha = 1, beta = 0;
  int algorithm = 0;
  char* workspace = nullptr;
  std::size_t workspace_bytes = 0;  // that the algorithm uses
};

template <typename Handle, typename Content>
struct Object {
  std::unique_ptr<std::remove_pointer_t<Handle>> address;
  Content content;
};
template <typename Handle, typename Content>
using Registry = std::map<Handle, Object<Handle, Content>>;

struct State {
  std::recursive_mutex mutex;
  BlasModel model;
  std::map<std::string, std::int64_t> calls;
  std::string reason;
  std::int64_t fault_in = 0;  // products until one fails; 0: none does
  int last_algorithm = -1;
  std::map<cublasLtHandle_t, std::unique_ptr<cublasLtContext>> handles;
  Registry<cublasLtMatrixLayout_t, Layout> layouts;
  Registry<cublasLtMatmulDesc_t, Operation> operations;
  Registry<cublasLtMatmulPreference_t, Preference> preferences;
};
State& state();

/// Remembers the reason and returns `status`.
cublasStatus_t refuse(cublasStatus_t status, const std::string& reason);

/// The content of a descriptor, or nullptr for an address that is none.
template <typename Handle, typename Content>
Content* find(Registry<Handle, Content>& registry, Handle handle) {
  const auto found = registry.find(handle);
  return found == registry.end() ? nullptr : &found->second.content;
}

/// Whether the library takes the problem; checks.cpp.
cublasStatus_t examine(Problem* problem);
/// Whether these addresses are device memory that fits it, with the alignment it needs.
cublasStatus_t examine(const Problem& problem, const Operands& operands);

/// Computes the product; product.cpp.
void run(const Problem& problem, const Operands& operands);

}  // namespace simt::blas
