// SPDX-License-Identifier: MIT
//
// Algorithms and products. An algorithm holds what it was made for: the problem, the alignments
// that were promised and the workspace it needs; a product that differs is refused.
#include <algorithm>
#include <cstdint>
#include <string>

#include "tests/simt/blas/state.h"
#include "tests/simt/runtime/runtime.h"

namespace simt::blas {
namespace {

constexpr std::uint64_t kMagic = 0x6f6c67615f746c62;  // an algorithm of this stand-in
constexpr std::uint64_t kWorkspaceStep = std::uint64_t{1} << 18;
constexpr std::uint64_t kWorkspaceAlignment = 256;  // as the library documents
enum Word { kMagicWord, kNumber, kProblem, kWorkspace, kAlignments, kVectorAlignment };

cublasStatus_t invalid(const std::string& reason) {
  return refuse(CUBLAS_STATUS_INVALID_VALUE, reason);
}

std::uint64_t hash_of(const Problem& problem) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](auto value) {
    hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x100000001b3;
  };
  for (const Layout* layout : {&problem.a, &problem.b, &problem.c, &problem.d}) {
    add(layout->rows);
    add(layout->cols);
    add(layout->ld);
  }
  add(problem.operation.compute);
  add(problem.operation.transpose_a);
  add(problem.operation.transpose_b);
  add(problem.operation.epilogue);
  return hash;
}

// The largest power of two, up to 256, that divides an address.
std::uint64_t alignment_of(const void* memory) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory) | 256u;
  return address & (~address + 1);
}

// Leading dimensions must keep the promised alignment from column to column. The library has
// algorithms without this condition; here they do not exist.
bool keeps_alignment(const Layout& layout, std::uint32_t alignment) {
  const auto step = static_cast<std::uint64_t>(layout.ld) * sizeof(float);
  return step % std::min<std::uint64_t>(alignment, 16) == 0;
}

// Since 13.3 for the heuristics, as was seen on a card; the check is taken to be no better.
cublasStatus_t refuse_during_capture() {
  if (!is_capturing()) return CUBLAS_STATUS_SUCCESS;
  return refuse(CUBLAS_STATUS_INTERNAL_ERROR,
                "could not obtain green context information: a stream is being captured");
}

cublasStatus_t problem_of(State& s, cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                          cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                          cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, Problem* problem) {
  if (s.handles.count(handle) == 0) {
    return refuse(CUBLAS_STATUS_NOT_INITIALIZED, "no such handle, or destroyed before");
  }
  const Operation* const found = find(s.operations, operation);
  const Layout* const layouts[] = {find(s.layouts, a), find(s.layouts, b), find(s.layouts, c),
                                   find(s.layouts, d)};
  if (found == nullptr || std::count(layouts, layouts + 4, nullptr) > 0) {
    return invalid("no such descriptor, or destroyed before");
  }
  *problem = {*found, *layouts[0], *layouts[1], *layouts[2], *layouts[3]};
  return examine(problem);
}

cublasLtMatmulAlgo_t algorithm_for(const Problem& problem, const Preference& preference,
                                   int number) {
  cublasLtMatmulAlgo_t algorithm = {};
  algorithm.data[kMagicWord] = kMagic;
  algorithm.data[kNumber] = static_cast<std::uint64_t>(number);
  algorithm.data[kProblem] = hash_of(problem);
  algorithm.data[kWorkspace] = static_cast<std::uint64_t>(number) * kWorkspaceStep;
  for (int i = 0; i < 4; ++i) {
    algorithm.data[kAlignments] |= std::uint64_t{preference.alignment[i]} << 16 * i;
  }
  algorithm.data[kVectorAlignment] = alignment_of(problem.operation.bias);
  return algorithm;
}

cublasStatus_t heuristics(State& s, const Problem& problem, const Preference& preference, int most,
                          cublasLtMatmulHeuristicResult_t* results, int* count) {
  if (most <= 0 || results == nullptr || count == nullptr) return invalid("room for no result");
  *count = 0;
  const Layout* const layouts[] = {&problem.a, &problem.b, &problem.c, &problem.d};
  for (int i = 0; i < 4; ++i) {
    if (!s.model.supported || !keeps_alignment(*layouts[i], preference.alignment[i])) {
      return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "no algorithm for this alignment");
    }
  }
  const bool splits = (preference.reduction_schemes & CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) != 0;
  for (int number = 0; number < s.model.algorithms && *count < most; ++number) {
    cublasLtMatmulHeuristicResult_t result = {};
    result.algo = algorithm_for(problem, preference, number);
    result.workspaceSize = result.algo.data[kWorkspace];
    result.state = CUBLAS_STATUS_SUCCESS;
    result.wavesCount = 1;
    if (number > 0 && (!splits || result.workspaceSize > preference.workspace_bytes)) break;
    results[(*count)++] = result;
  }
  if (*count > 0) return CUBLAS_STATUS_SUCCESS;
  return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "no algorithm fits the preferences");
}

cublasStatus_t examine_algorithm(const Problem& problem, const cublasLtMatmulAlgo_t* algorithm) {
  if (algorithm == nullptr) return invalid("the algorithm is null; ask the heuristics for one");
  if (algorithm->data[kMagicWord] != kMagic) return invalid("this is no algorithm of the library");
  if (algorithm->data[kProblem] != hash_of(problem)) {
    return invalid("the algorithm was made for another product");
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t examine_alignments(const Problem& problem, const Operands& operands,
                                  const cublasLtMatmulAlgo_t& algorithm) {
  const void* const memory[] = {operands.a, operands.b, operands.c, operands.d};
  const char* const names[] = {"A", "B", "C", "D"};
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t promised = algorithm.data[kAlignments] >> 16 * i & 0xffff;
    if (alignment_of(memory[i]) < promised) {
      return invalid(std::string(names[i]) + " is not aligned to the promised " +
                     std::to_string(promised) + " bytes");
    }
  }
  if (problem.operation.bias != nullptr &&
      alignment_of(problem.operation.bias) < algorithm.data[kVectorAlignment]) {
    return invalid("the epilogue's vector is less aligned than the one the heuristics saw");
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t examine_workspace(const Operands& operands, std::size_t given) {
  if (operands.workspace_bytes > given) {
    return invalid("the algorithm needs a workspace of " +
                   std::to_string(operands.workspace_bytes) + " bytes, and has " +
                   std::to_string(given));
  }
  if (given > 0 && alignment_of(operands.workspace) < kWorkspaceAlignment) {
    return invalid("the workspace must be aligned to 256 bytes");
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t enqueue(State& s, const Problem& problem, const Operands& operands,
                       cudaStream_t stream) {
  if (s.fault_in > 0 && --s.fault_in == 0) {
    return refuse(CUBLAS_STATUS_EXECUTION_FAILED, "the fault a test asked for");
  }
  const cudaError_t error = enqueue_work(stream, "cublasLtMatmul", [problem, operands] {
    run(problem, operands);
    state().last_algorithm = operands.algorithm;
  });
  if (error == cudaSuccess) return CUBLAS_STATUS_SUCCESS;
  return refuse(CUBLAS_STATUS_EXECUTION_FAILED, failure_reason());
}

}  // namespace
}  // namespace simt::blas

namespace blas = simt::blas;

extern "C" {

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t operationDesc, cublasLtMatrixLayout_t Adesc,
    cublasLtMatrixLayout_t Bdesc, cublasLtMatrixLayout_t Cdesc, cublasLtMatrixLayout_t Ddesc,
    cublasLtMatmulPreference_t preference, int requestedAlgoCount,
    cublasLtMatmulHeuristicResult_t heuristicResultsArray[], int* returnAlgoCount) {
  blas::State& s = blas::state();
  const std::lock_guard lock(s.mutex);
  ++s.calls["cublasLtMatmulAlgoGetHeuristic"];
  blas::Problem problem;
  cublasStatus_t status =
      blas::problem_of(s, lightHandle, operationDesc, Adesc, Bdesc, Cdesc, Ddesc, &problem);
  if (status == CUBLAS_STATUS_SUCCESS) status = blas::refuse_during_capture();
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  const blas::Preference* const wanted = blas::find(s.preferences, preference);
  if (wanted == nullptr) return blas::invalid("no such preference, or destroyed before");
  return blas::heuristics(s, problem, *wanted, requestedAlgoCount, heuristicResultsArray,
                          returnAlgoCount);
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t lightHandle,
                                       cublasLtMatmulDesc_t operationDesc,
                                       cublasLtMatrixLayout_t Adesc, cublasLtMatrixLayout_t Bdesc,
                                       cublasLtMatrixLayout_t Cdesc, cublasLtMatrixLayout_t Ddesc,
                                       const cublasLtMatmulAlgo_t* algo,
                                       cublasLtMatmulHeuristicResult_t* result) {
  blas::State& s = blas::state();
  const std::lock_guard lock(s.mutex);
  ++s.calls["cublasLtMatmulAlgoCheck"];
  blas::Problem problem;
  cublasStatus_t status =
      blas::problem_of(s, lightHandle, operationDesc, Adesc, Bdesc, Cdesc, Ddesc, &problem);
  if (status == CUBLAS_STATUS_SUCCESS) status = blas::refuse_during_capture();
  if (status == CUBLAS_STATUS_SUCCESS) status = blas::examine_algorithm(problem, algo);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  if (result == nullptr) return blas::invalid("null result pointer");
  result->workspaceSize = algo->data[blas::kWorkspace];
  result->state = CUBLAS_STATUS_SUCCESS;
  result->wavesCount = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t computeDesc,
                              const void* alpha, const void* A, cublasLtMatrixLayout_t Adesc,
                              const void* B, cublasLtMatrixLayout_t Bdesc, const void* beta,
                              const void* C, cublasLtMatrixLayout_t Cdesc, void* D,
                              cublasLtMatrixLayout_t Ddesc, const cublasLtMatmulAlgo_t* algo,
                              void* workspace, size_t workspaceSizeInBytes, cudaStream_t stream) {
  blas::State& s = blas::state();
  const std::lock_guard lock(s.mutex);
  ++s.calls["cublasLtMatmul"];
  blas::Problem problem;
  cublasStatus_t status =
      blas::problem_of(s, lightHandle, computeDesc, Adesc, Bdesc, Cdesc, Ddesc, &problem);
  if (status == CUBLAS_STATUS_SUCCESS) status = blas::examine_algorithm(problem, algo);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  if (alpha == nullptr || beta == nullptr) return blas::invalid("alpha or beta is null");
  blas::Operands operands;
  operands.a = static_cast<const float*>(A);
  operands.b = static_cast<const float*>(B);
  operands.c = static_cast<const float*>(C);
  operands.d = static_cast<float*>(D);
  operands.alpha = *static_cast<const float*>(alpha);
  operands.beta = *static_cast<const float*>(beta);
  operands.algorithm = static_cast<int>(algo->data[blas::kNumber]);
  operands.workspace = static_cast<char*>(workspace);
  operands.workspace_bytes = algo->data[blas::kWorkspace];
  status = blas::examine_workspace(operands, workspaceSizeInBytes);
  if (status == CUBLAS_STATUS_SUCCESS) status = blas::examine_alignments(problem, operands, *algo);
  if (status == CUBLAS_STATUS_SUCCESS) status = blas::examine(problem, operands);
  return status == CUBLAS_STATUS_SUCCESS ? blas::enqueue(s, problem, operands, stream) : status;
}

}  // extern "C"
