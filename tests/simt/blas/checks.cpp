// SPDX-License-Identifier: MIT
//
// What the library refuses, and what the stand-in does not know.
#include <simt/location.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/simt/blas/state.h"
#include "tests/simt/runtime/runtime.h"

namespace simt::blas {
namespace {

constexpr std::int64_t kMaskBits =
    128;  // what the leading dimension of a ReLU mask is a multiple of

cublasStatus_t invalid(const std::string& reason) {
  return refuse(CUBLAS_STATUS_INVALID_VALUE, reason);
}

[[noreturn]] void not_modelled(const std::string& what) {
  throw Error("simt: cuBLASLt stand-in: " + what + " is not modelled");
}

bool is_known_epilogue(std::uint32_t epilogue) {
  switch (epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
    case CUBLASLT_EPILOGUE_RELU:
    case CUBLASLT_EPILOGUE_RELU_AUX:
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_RELU_BIAS:
    case CUBLASLT_EPILOGUE_RELU_AUX_BIAS:
    case CUBLASLT_EPILOGUE_DRELU:
    case CUBLASLT_EPILOGUE_DRELU_BGRAD:
    case CUBLASLT_EPILOGUE_BGRADA:
    case CUBLASLT_EPILOGUE_BGRADB:
      return true;
    default:
      return false;
  }
}

void check_modelled(const Operation& operation) {
  switch (operation.compute) {
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC:
    case CUBLAS_COMPUTE_32F_FAST_TF32:
    case CUBLAS_COMPUTE_32F_FAST_16BF:
      break;
    default:
      not_modelled("compute type " + std::to_string(operation.compute));
  }
  if (operation.pointer_mode != CUBLASLT_POINTER_MODE_HOST) not_modelled("this pointer mode");
  if (!is_known_epilogue(operation.epilogue)) {
    not_modelled("epilogue " + std::to_string(operation.epilogue));
  }
  for (const std::int32_t transpose : {operation.transpose_a, operation.transpose_b}) {
    if (transpose != CUBLAS_OP_N && transpose != CUBLAS_OP_T) not_modelled("this transposition");
  }
}

cublasStatus_t examine_operation(const Operation& operation, std::int64_t rows) {
  if (operation.scale != CUDA_R_32F) {
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "fp32 products have fp32 factors");
  }
  const std::uint32_t epilogue = operation.epilogue;
  if ((epilogue & kVector) != 0) {
    if (operation.bias == nullptr) return invalid("the epilogue has a vector, and none is given");
    if (operation.bias_type != -1 && operation.bias_type != CUDA_R_32F) {
      return invalid("the vector of the epilogue must have the type of D");
    }
  }
  if ((epilogue & kAux) != 0) {
    if (operation.aux == nullptr) return invalid("the epilogue has a mask, and none is given");
    if (operation.aux_ld < rows || operation.aux_ld % kMaskBits != 0) {
      return invalid(
          "the leading dimension of a ReLU mask counts bits: a multiple of 128, and not "
          "less than the rows of D; it is " +
          std::to_string(operation.aux_ld));
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t examine_layout(const Layout& layout, const std::string& name) {
  if (layout.type != CUDA_R_32F) not_modelled("element type " + std::to_string(layout.type));
  if (layout.order != CUBLASLT_ORDER_COL) not_modelled("an order other than column-major");
  constexpr std::uint64_t kMost = std::numeric_limits<std::int32_t>::max();
  if (layout.rows == 0 || layout.cols == 0 || layout.rows > kMost || layout.cols > kMost) {
    return invalid(name + ": " + std::to_string(layout.rows) + " rows, " +
                   std::to_string(layout.cols) + " columns");
  }
  if (layout.ld < static_cast<std::int64_t>(layout.rows)) {
    return invalid(name + ": the leading dimension " + std::to_string(layout.ld) +
                   " is less than its " + std::to_string(layout.rows) + " rows");
  }
  return CUBLAS_STATUS_SUCCESS;
}

std::size_t bytes_of(const Layout& layout) {
  const auto columns = static_cast<std::int64_t>(layout.cols);
  return sizeof(float) * static_cast<std::size_t>((columns - 1) * layout.ld +
                                                  static_cast<std::int64_t>(layout.rows));
}

cublasStatus_t examine_memory(const void* memory, std::size_t bytes, const char* name) {
  if (is_device_memory(memory, bytes)) return CUBLAS_STATUS_SUCCESS;
  return refuse(CUBLAS_STATUS_EXECUTION_FAILED,
                std::string(name) + ": " + std::to_string(bytes) +
                    " bytes, not all in one piece of device memory");
}

// The length of the epilogue's vector: the columns of D for a sum of B, otherwise its rows.
std::size_t vector_bytes(const Problem& problem) {
  const bool along_columns = (problem.operation.epilogue & kSumOfB) != 0;
  return sizeof(float) * static_cast<std::size_t>(along_columns ? problem.n : problem.m);
}

}  // namespace

cublasStatus_t examine(Problem* problem) {
  check_modelled(problem->operation);
  const Layout* const layouts[] = {&problem->a, &problem->b, &problem->c, &problem->d};
  const char* const names[] = {"A", "B", "C", "D"};
  for (int i = 0; i < 4; ++i) {
    if (const cublasStatus_t status = examine_layout(*layouts[i], names[i])) return status;
  }
  const auto extent = [](const Layout& layout, bool rows) {
    return static_cast<std::int64_t>(rows ? layout.rows : layout.cols);
  };
  const bool plain_a = problem->operation.transpose_a == CUBLAS_OP_N;
  const bool plain_b = problem->operation.transpose_b == CUBLAS_OP_N;
  problem->m = extent(problem->a, plain_a);
  problem->k = extent(problem->a, !plain_a);
  problem->n = extent(problem->b, !plain_b);
  if (extent(problem->b, plain_b) != problem->k) {
    return invalid("op(A) has " + std::to_string(problem->k) + " columns, op(B) has " +
                   std::to_string(extent(problem->b, plain_b)) + " rows");
  }
  for (const Layout* output : {&problem->c, &problem->d}) {
    if (extent(*output, true) != problem->m || extent(*output, false) != problem->n) {
      return invalid("C and D must have " + std::to_string(problem->m) + " rows and " +
                     std::to_string(problem->n) + " columns");
    }
  }
  return examine_operation(problem->operation, problem->m);
}

cublasStatus_t examine(const Problem& problem, const Operands& operands) {
  const std::size_t d_bytes = bytes_of(problem.d);
  const auto overlaps = [&](const void* memory, std::size_t bytes) {
    const char *x = static_cast<const char*>(memory), *d = reinterpret_cast<char*>(operands.d);
    return x < d + d_bytes && d < x + bytes;
  };
  if (overlaps(operands.a, bytes_of(problem.a)) || overlaps(operands.b, bytes_of(problem.b))) {
    return invalid("D overlaps A or B");
  }
  if (operands.c == operands.d && problem.c.ld != problem.d.ld) {
    return invalid("C and D are the same memory in two layouts");
  }
  struct Piece {
    const void* memory;
    std::size_t bytes;
    const char* name;
  };
  std::vector<Piece> pieces = {{operands.d, d_bytes, "D"},
                               {operands.a, bytes_of(problem.a), "A"},
                               {operands.b, bytes_of(problem.b), "B"},
                               {operands.c, bytes_of(problem.c), "C"}};
  const Operation& operation = problem.operation;
  if ((operation.epilogue & kVector) != 0) {
    pieces.push_back({operation.bias, vector_bytes(problem), "the epilogue's vector"});
  }
  if ((operation.epilogue & kAux) != 0) {
    const auto bits = static_cast<std::size_t>(operation.aux_ld * problem.n);
    pieces.push_back({operation.aux, bits / 8, "the mask"});
  }
  if (operands.workspace_bytes > 0) {
    pieces.push_back({operands.workspace, operands.workspace_bytes, "the workspace"});
  }
  for (const Piece& piece : pieces) {
    const cublasStatus_t status = examine_memory(piece.memory, piece.bytes, piece.name);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace simt::blas
