// SPDX-License-Identifier: MIT
//
// The product in column-major semantics:
//   D = epilogue(alpha op(A) op(B) + beta C), and the sums of an operand or of D that go with it.
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/simt/blas/state.h"

namespace simt::blas {
namespace {

// Rounds to the nearest number with `kept` bits behind the leading one, ties to even.
float round_to(float x, int kept) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return x;
  const int dropped = 23 - kept;
  const std::uint32_t half = (1u << (dropped - 1)) - 1u + (bits >> dropped & 1u);
  bits = (bits + half) & ~((1u << dropped) - 1u);
  return std::bit_cast<float>(bits);
}

float operand_of(float x, cublasComputeType_t compute) {
  if (compute == CUBLAS_COMPUTE_32F_FAST_TF32) return round_to(x, 10);
  if (compute == CUBLAS_COMPUTE_32F_FAST_16BF) return round_to(x, 7);
  return x;
}

// op(X) with its rows one after the other, or its columns: what runs along the sum is contiguous.
std::vector<float> along_depth(const float* x, const Layout& layout, bool depth_is_row,
                               std::int64_t extent, std::int64_t depth,
                               cublasComputeType_t compute) {
  std::vector<float> packed(static_cast<std::size_t>(extent * depth));
  for (std::int64_t e = 0; e < extent; ++e) {
    for (std::int64_t i = 0; i < depth; ++i) {
      const std::int64_t at = depth_is_row ? i + e * layout.ld : e + i * layout.ld;
      packed[static_cast<std::size_t>(e * depth + i)] = operand_of(x[at], compute);
    }
  }
  return packed;
}

// Algorithm 0 rounds once; number p adds p + 1 partial sums in fp32, so that the last bits tell the
// algorithms apart.
float sum_of_products(const float* a, const float* b, std::int64_t depth, int algorithm) {
  const std::int64_t parts = algorithm + 1;
  float total = 0;
  for (std::int64_t part = 0; part < parts; ++part) {
    double sum = 0;
    const std::int64_t end = depth * (part + 1) / parts;
    for (std::int64_t i = depth * part / parts; i < end; ++i) sum += double{a[i]} * double{b[i]};
    total += static_cast<float>(sum);
  }
  return total;
}

// Sums over the depth, one for each of `count` rows.
void sum_rows(float* sums, const std::vector<float>& packed, std::int64_t count,
              std::int64_t depth) {
  for (std::int64_t row = 0; row < count; ++row) {
    double sum = 0;
    for (std::int64_t i = 0; i < depth; ++i)
      sum += packed[static_cast<std::size_t>(row * depth + i)];
    sums[row] = static_cast<float>(sum);
  }
}

// A bit a row, `aux_ld` bits a column.
class Mask {
 public:
  explicit Mask(const Operation& operation)
      : bytes_(static_cast<std::uint8_t*>(operation.aux)), ld_(operation.aux_ld) {}
  bool get(std::int64_t row, std::int64_t column) const {
    const std::int64_t at = column * ld_ + row;
    return (bytes_[at / 8] >> (at % 8) & 1) != 0;
  }
  void set(std::int64_t row, std::int64_t column, bool value) {
    const std::int64_t at = column * ld_ + row;
    const auto bit = static_cast<std::uint8_t>(1u << at % 8);
    bytes_[at / 8] =
        static_cast<std::uint8_t>(value ? bytes_[at / 8] | bit : bytes_[at / 8] & ~bit);
  }

 private:
  std::uint8_t* bytes_;
  std::int64_t ld_;
};

void write_output(const Problem& problem, const Operands& operands, const std::vector<float>& a,
                  const std::vector<float>& b) {
  const Operation& operation = problem.operation;
  const std::uint32_t epilogue = operation.epilogue;
  const auto* const bias = static_cast<const float*>(operation.bias);
  Mask mask(operation);
  std::vector<double> sums(static_cast<std::size_t>(problem.m));
  for (std::int64_t n = 0; n < problem.n; ++n) {
    for (std::int64_t m = 0; m < problem.m; ++m) {
      float x = operands.alpha * sum_of_products(a.data() + m * problem.k, b.data() + n * problem.k,
                                                 problem.k, operands.algorithm);
      if (operands.beta != 0) x += operands.beta * operands.c[m + n * problem.c.ld];
      if ((epilogue & kBias) != 0) x += bias[m];
      if ((epilogue & kReluSlope) != 0 && !mask.get(m, n)) x = 0;
      const bool positive = x > 0;  // false for NaN
      if ((epilogue & kRelu) != 0) {
        if ((epilogue & kAux) != 0) mask.set(m, n, positive);
        x = positive ? x : 0;
      }
      sums[static_cast<std::size_t>(m)] += x;
      operands.d[m + n * problem.d.ld] = x;
    }
  }
  if ((epilogue & kOutputSum) == 0) return;
  for (std::int64_t m = 0; m < problem.m; ++m) {
    static_cast<float*>(operation.bias)[m] = static_cast<float>(sums[static_cast<std::size_t>(m)]);
  }
}

}  // namespace

void run(const Problem& problem, const Operands& operands) {
  const Operation& operation = problem.operation;
  const std::vector<float> a =
      along_depth(operands.a, problem.a, operation.transpose_a == CUBLAS_OP_T, problem.m, problem.k,
                  operation.compute);
  const std::vector<float> b =
      along_depth(operands.b, problem.b, operation.transpose_b == CUBLAS_OP_N, problem.n, problem.k,
                  operation.compute);
  if (operands.workspace_bytes > 0) std::memset(operands.workspace, 0xFF, operands.workspace_bytes);
  write_output(problem, operands, a, b);
  auto* const sums = static_cast<float*>(operation.bias);
  if ((operation.epilogue & kSumOfA) != 0) sum_rows(sums, a, problem.m, problem.k);
  if ((operation.epilogue & kSumOfB) != 0) sum_rows(sums, b, problem.n, problem.k);
  const BlasModel& model = blas_model();
  if (model.delay_ms > 0 && operands.algorithm != model.quick) {
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(model.delay_ms));
  }
}

}  // namespace simt::blas
