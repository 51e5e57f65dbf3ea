// SPDX-License-Identifier: MIT
//
// Compiled against the stand-in's header and, where there is one, against the toolkit's: names,
// values and types must be the same in both.
#include <cublasLt.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#define VAE_SAME_VALUE(name, value) static_assert(name == (value))
#define VAE_SAME_TYPE(name, ...) static_assert(std::is_same_v<decltype(name), __VA_ARGS__>)

// ---- enumerations
VAE_SAME_VALUE(CUBLAS_STATUS_SUCCESS, 0);
VAE_SAME_VALUE(CUBLAS_STATUS_NOT_INITIALIZED, 1);
VAE_SAME_VALUE(CUBLAS_STATUS_ALLOC_FAILED, 3);
VAE_SAME_VALUE(CUBLAS_STATUS_INVALID_VALUE, 7);
VAE_SAME_VALUE(CUBLAS_STATUS_ARCH_MISMATCH, 8);
VAE_SAME_VALUE(CUBLAS_STATUS_MAPPING_ERROR, 11);
VAE_SAME_VALUE(CUBLAS_STATUS_EXECUTION_FAILED, 13);
VAE_SAME_VALUE(CUBLAS_STATUS_INTERNAL_ERROR, 14);
VAE_SAME_VALUE(CUBLAS_STATUS_NOT_SUPPORTED, 15);
VAE_SAME_VALUE(CUBLAS_STATUS_LICENSE_ERROR, 16);
VAE_SAME_VALUE(CUBLAS_OP_N, 0);
VAE_SAME_VALUE(CUBLAS_OP_T, 1);
VAE_SAME_VALUE(CUBLAS_OP_C, 2);
VAE_SAME_VALUE(CUBLAS_COMPUTE_16F, 64);
VAE_SAME_VALUE(CUBLAS_COMPUTE_32F, 68);
VAE_SAME_VALUE(CUBLAS_COMPUTE_32F_PEDANTIC, 69);
VAE_SAME_VALUE(CUBLAS_COMPUTE_64F, 70);
VAE_SAME_VALUE(CUBLAS_COMPUTE_32I, 72);
VAE_SAME_VALUE(CUBLAS_COMPUTE_32F_FAST_16F, 74);
VAE_SAME_VALUE(CUBLAS_COMPUTE_32F_FAST_16BF, 75);
VAE_SAME_VALUE(CUBLAS_COMPUTE_32F_FAST_TF32, 77);
VAE_SAME_VALUE(CUBLASLT_POINTER_MODE_HOST, 0);
VAE_SAME_VALUE(CUBLASLT_POINTER_MODE_DEVICE, 1);
VAE_SAME_VALUE(CUBLASLT_POINTER_MODE_DEVICE_VECTOR, 2);
VAE_SAME_VALUE(CUBLASLT_ORDER_COL, 0);
VAE_SAME_VALUE(CUBLASLT_ORDER_ROW, 1);
VAE_SAME_VALUE(CUBLASLT_ORDER_COL32, 2);
VAE_SAME_VALUE(CUBLASLT_MATRIX_LAYOUT_TYPE, 0);
VAE_SAME_VALUE(CUBLASLT_MATRIX_LAYOUT_ORDER, 1);
VAE_SAME_VALUE(CUBLASLT_MATRIX_LAYOUT_ROWS, 2);
VAE_SAME_VALUE(CUBLASLT_MATRIX_LAYOUT_COLS, 3);
VAE_SAME_VALUE(CUBLASLT_MATRIX_LAYOUT_LD, 4);
VAE_SAME_VALUE(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, 5);
VAE_SAME_VALUE(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, 6);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, 0);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_SCALE_TYPE, 1);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_POINTER_MODE, 2);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_TRANSA, 3);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_TRANSB, 4);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_TRANSC, 5);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_FILL_MODE, 6);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_EPILOGUE, 7);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_BIAS_POINTER, 8);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, 11);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, 12);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, 15);
VAE_SAME_VALUE(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, 26);
VAE_SAME_VALUE(CUBLASLT_REDUCTION_SCHEME_NONE, 0);
VAE_SAME_VALUE(CUBLASLT_REDUCTION_SCHEME_INPLACE, 1);
VAE_SAME_VALUE(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, 2);
VAE_SAME_VALUE(CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE, 4);
VAE_SAME_VALUE(CUBLASLT_REDUCTION_SCHEME_MASK, 7);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_DEFAULT, 1);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_RELU, 2);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_RELU_AUX, 130);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_BIAS, 4);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_RELU_BIAS, 6);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_RELU_AUX_BIAS, 134);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_DRELU, 136);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_DRELU_BGRAD, 152);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_GELU, 32);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_GELU_BIAS, 36);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_BGRADA, 256);
VAE_SAME_VALUE(CUBLASLT_EPILOGUE_BGRADB, 512);
VAE_SAME_VALUE(CUBLASLT_MATMUL_PREF_SEARCH_MODE, 0);
VAE_SAME_VALUE(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 1);
VAE_SAME_VALUE(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, 3);
VAE_SAME_VALUE(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, 5);
VAE_SAME_VALUE(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, 6);
VAE_SAME_VALUE(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, 7);
VAE_SAME_VALUE(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, 8);
VAE_SAME_VALUE(CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT, 9);
VAE_SAME_VALUE(CUBLASLT_MATMUL_PREF_IMPL_MASK, 12);
VAE_SAME_VALUE(CUDA_R_32F, 0);
VAE_SAME_VALUE(CUDA_R_64F, 1);
VAE_SAME_VALUE(CUDA_R_16F, 2);
VAE_SAME_VALUE(CUDA_R_8I, 3);
VAE_SAME_VALUE(CUDA_R_32I, 10);
VAE_SAME_VALUE(CUDA_R_16BF, 14);

// ---- structures
VAE_SAME_TYPE(cublasLtMatrixLayoutOpaque_t::data, std::uint64_t[8]);
VAE_SAME_TYPE(cublasLtMatmulAlgo_t::data, std::uint64_t[8]);
VAE_SAME_TYPE(cublasLtMatmulDescOpaque_t::data, std::uint64_t[32]);
VAE_SAME_TYPE(cublasLtMatmulPreferenceOpaque_t::data, std::uint64_t[8]);
VAE_SAME_TYPE(cublasLtMatmulHeuristicResult_t::algo, cublasLtMatmulAlgo_t);
VAE_SAME_TYPE(cublasLtMatmulHeuristicResult_t::workspaceSize, std::size_t);
VAE_SAME_TYPE(cublasLtMatmulHeuristicResult_t::state, cublasStatus_t);
VAE_SAME_TYPE(cublasLtMatmulHeuristicResult_t::wavesCount, float);
static_assert(sizeof(cublasLtMatmulHeuristicResult_t) == 96);
static_assert(std::is_same_v<cublasLtHandle_t, cublasLtContext*>);

// ---- functions
VAE_SAME_TYPE(cublasLtCreate, cublasStatus_t(cublasLtHandle_t*));
VAE_SAME_TYPE(cublasLtDestroy, cublasStatus_t(cublasLtHandle_t));
VAE_SAME_TYPE(cublasLtGetStatusName, const char*(cublasStatus_t));
VAE_SAME_TYPE(cublasLtGetStatusString, const char*(cublasStatus_t));
VAE_SAME_TYPE(cublasLtGetVersion, size_t());
VAE_SAME_TYPE(cublasLtMatmulDescCreate,
              cublasStatus_t(cublasLtMatmulDesc_t*, cublasComputeType_t, cudaDataType_t));
VAE_SAME_TYPE(cublasLtMatmulDescDestroy, cublasStatus_t(cublasLtMatmulDesc_t));
VAE_SAME_TYPE(cublasLtMatmulDescSetAttribute,
              cublasStatus_t(cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t, const void*,
                             size_t));
VAE_SAME_TYPE(cublasLtMatmulDescGetAttribute,
              cublasStatus_t(cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t, void*, size_t,
                             size_t*));
VAE_SAME_TYPE(cublasLtMatrixLayoutCreate,
              cublasStatus_t(cublasLtMatrixLayout_t*, cudaDataType, uint64_t, uint64_t, int64_t));
VAE_SAME_TYPE(cublasLtMatrixLayoutDestroy, cublasStatus_t(cublasLtMatrixLayout_t));
VAE_SAME_TYPE(cublasLtMatrixLayoutSetAttribute,
              cublasStatus_t(cublasLtMatrixLayout_t, cublasLtMatrixLayoutAttribute_t, const void*,
                             size_t));
VAE_SAME_TYPE(cublasLtMatmulPreferenceCreate, cublasStatus_t(cublasLtMatmulPreference_t*));
VAE_SAME_TYPE(cublasLtMatmulPreferenceDestroy, cublasStatus_t(cublasLtMatmulPreference_t));
VAE_SAME_TYPE(cublasLtMatmulPreferenceSetAttribute,
              cublasStatus_t(cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t,
                             const void*, size_t));
VAE_SAME_TYPE(cublasLtMatmulAlgoGetHeuristic,
              cublasStatus_t(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                             cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                             cublasLtMatmulPreference_t, int, cublasLtMatmulHeuristicResult_t*,
                             int*));
VAE_SAME_TYPE(cublasLtMatmulAlgoCheck,
              cublasStatus_t(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                             cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                             const cublasLtMatmulAlgo_t*, cublasLtMatmulHeuristicResult_t*));
VAE_SAME_TYPE(cublasLtMatmul,
              cublasStatus_t(cublasLtHandle_t, cublasLtMatmulDesc_t, const void*, const void*,
                             cublasLtMatrixLayout_t, const void*, cublasLtMatrixLayout_t,
                             const void*, const void*, cublasLtMatrixLayout_t, void*,
                             cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t*, void*, size_t,
                             cudaStream_t));
