// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/gemm_choice.h"

struct cublasLtContext;

namespace vae::cuda {

/// d = op(a) op(b) with its epilogue, in row-major fp32 matrices.
struct BlasProduct {
  GemmOperation operation = GemmOperation::gemm;
  float* d = nullptr;        // [M, N] out
  const float* a = nullptr;  // [M, K], or [K, M] when transpose_a
  const float* b = nullptr;  // [K, N], or [N, K] when transpose_b
  int64_t rows = 0;          // M
  int64_t columns = 0;       // N
  int64_t depth = 0;         // K
  bool transpose_a = false;
  bool transpose_b = false;
  GemmEpilogue epilogue = GemmEpilogue::none;
  const float* bias = nullptr;     // [N]
  float* bias_gradient = nullptr;  // [M] out
};

/// The operation as a product that cuBLASLt covers, or nothing: it has no epilogue for the other
/// activations, for slopes and for a bias gradient that is accumulated, and every address and row
/// must be aligned to 16 bytes. Gradients that are accumulated are never its: a product that is
/// timed runs more than once.
std::optional<BlasProduct> blas_product(const DenseForwardArgs& args);
std::optional<BlasProduct> blas_product(const DenseBackwardInputArgs& args);
std::optional<BlasProduct> blas_product(const DenseBackwardWeightsArgs& args);
std::optional<BlasProduct> blas_product(const GemmArgs& args);

/// Matrix products by cuBLASLt on one stream, in a workspace of the caller. Factors are rounded as
/// the precision says (under bf16 the library may take tf32), sums are fp32. Of a thread that
/// captures a stream only run() may be called; the others wait for captures of other threads.
class BlasGemm {
 public:
  /// `workspace` is device memory of `bytes`, aligned to 256 bytes, that no other operation of the
  /// device uses at the same time.
  BlasGemm(cudaStream_t stream, Precision precision, void* workspace, std::size_t bytes);

  /// Of the library that is loaded: 130100 is 13.1.0.
  static int64_t version();

  /// At most `most` algorithms for the product, the best estimated first; none where the library
  /// has none. The answer is a function of shapes, precision, card and version.
  std::vector<BlasAlgorithm> algorithms(const BlasProduct& product, int most) const;
  /// Whether an algorithm that was kept somewhere is one for this product.
  bool accepts(const BlasProduct& product, const BlasAlgorithm& algorithm) const;
  void run(const BlasProduct& product, const BlasAlgorithm& algorithm) const;

  /// Gives the library's handle up without destroying it, as one must when the context is gone.
  void abandon() { static_cast<void>(context_.release()); }

 private:
  struct DestroyContext {
    void operator()(cublasLtContext* context) const;
  };

  cudaStream_t stream_;
  Precision precision_;
  char* workspace_;
  std::size_t workspace_bytes_;
  std::unique_ptr<cublasLtContext, DestroyContext> context_;
};

}  // namespace vae::cuda
