// SPDX-License-Identifier: MIT
//
// What a status of the CUDA runtime means to a person.
#include <algorithm>
#include <array>

#include "kernels/check.h"
#include "kernels/cuda/handle.h"

namespace vae::cuda {

namespace {

/// After one of these the process must end: the context is gone, and every later call fails.
bool is_sticky(cudaError_t status) {
  constexpr std::array kSticky = {cudaErrorECCUncorrectable,
                                  cudaErrorNvlinkUncorrectable,
                                  cudaErrorIllegalAddress,
                                  cudaErrorLaunchTimeout,
                                  cudaErrorAssert,
                                  cudaErrorHardwareStackError,
                                  cudaErrorIllegalInstruction,
                                  cudaErrorMisalignedAddress,
                                  cudaErrorInvalidAddressSpace,
                                  cudaErrorInvalidPc,
                                  cudaErrorLaunchFailure};
  return std::find(kSticky.begin(), kSticky.end(), status) != kSticky.end();
}

bool has_no_code_for_the_card(cudaError_t status) {
  return status == cudaErrorNoKernelImageForDevice || status == cudaErrorInvalidDeviceFunction ||
         status == cudaErrorUnsupportedPtxVersion || status == cudaErrorInvalidPtx;
}

}  // namespace

void check(cudaError_t status, const char* call, const char* context) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // so that an error that passes is not seen twice
  const std::string what = concat(call, " failed with ", cudaGetErrorName(status), " (",
                                  static_cast<int>(status), ", ", cudaGetErrorString(status), ")");
  if (status == cudaErrorMemoryAllocation) {
    fail(ErrorCode::out_of_memory, what, "; use a smaller batch_size or model");
  }
  if (has_no_code_for_the_card(status)) {
    fail(ErrorCode::unavailable, what,
         ": this program holds no code for this card; build it with its number in "
         "CMAKE_CUDA_ARCHITECTURES (`vae doctor` shows both)");
  }
  if (is_sticky(status)) {
    fail(ErrorCode::device, what, context,
         "; the GPU can no longer be used by this process. Run again with VAE_CUDA_SYNC=1 to see "
         "which kernel failed, and under compute-sanitizer to see why");
  }
  fail(ErrorCode::device, what, context);
}

}  // namespace vae::cuda
