// SPDX-License-Identifier: MIT
#pragma once

#include <cublasLt.h>

namespace vae::cuda {

// The functions of cuBLASLt that blas_gemm.cpp calls.
#define VAE_BLAS_FUNCTIONS(apply)                                                              \
  apply(cublasLtCreate) apply(cublasLtDestroy) apply(cublasLtGetStatusString)                  \
      apply(cublasLtGetVersion) apply(cublasLtMatmul) apply(cublasLtMatmulAlgoCheck)           \
          apply(cublasLtMatmulAlgoGetHeuristic) apply(cublasLtMatmulDescCreate)                \
              apply(cublasLtMatmulDescDestroy) apply(cublasLtMatmulDescSetAttribute)           \
                  apply(cublasLtMatmulPreferenceCreate) apply(cublasLtMatmulPreferenceDestroy) \
                      apply(cublasLtMatmulPreferenceSetAttribute)                              \
                          apply(cublasLtMatrixLayoutCreate) apply(cublasLtMatrixLayoutDestroy)

/// cuBLASLt by the addresses of its functions.
struct BlasLibrary {
#define VAE_BLAS_MEMBER(name) decltype(&::name) name = nullptr;
  VAE_BLAS_FUNCTIONS(VAE_BLAS_MEMBER)
#undef VAE_BLAS_MEMBER
};

/// Opens the library when it is first called: it is half a gigabyte, and a program that links to it
/// would take 150 MB and a tenth of a second at every start, on the CPU too.
/// Throws Error(unavailable) where it cannot be opened.
const BlasLibrary& blas_library();

}  // namespace vae::cuda
