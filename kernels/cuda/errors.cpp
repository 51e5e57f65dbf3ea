// SPDX-License-Identifier: MIT
//
// What a status of the CUDA runtime means to a person.
#include <algorithm>
#include <array>

#include "kernels/check.h"
#include "kernels/cuda/handle.h"

namespace vae::cuda {

namespace {

// By number, since older toolkits lack some of the names.
constexpr std::array kEndingTheProcess = {
    214,  // ECCUncorrectable
    220,  // NvlinkUncorrectable
    226,  // Contained
    700,  // IllegalAddress
    702,  // LaunchTimeout
    709,  // ContextIsDestroyed
    710,  // Assert
    714,  // HardwareStackError
    715,  // IllegalInstruction
    716,  // MisalignedAddress
    717,  // InvalidAddressSpace
    718,  // InvalidPc
    719,  // LaunchFailure
    721,  // TensorMemoryLeak
    810,  // MpsClientTerminated
    911,  // ExternalDevice
};

bool has_no_code_for_the_card(cudaError_t status) {
  return status == cudaErrorNoKernelImageForDevice || status == cudaErrorInvalidDeviceFunction ||
         status == cudaErrorUnsupportedPtxVersion || status == cudaErrorInvalidPtx;
}

}  // namespace

bool ends_the_process(cudaError_t status) {
  return std::find(kEndingTheProcess.begin(), kEndingTheProcess.end(), static_cast<int>(status)) !=
         kEndingTheProcess.end();
}

std::string status_text(cudaError_t status) {
  return concat(cudaGetErrorName(status), " (", static_cast<int>(status), ", ",
                cudaGetErrorString(status), ")");
}

std::string advice_for(cudaError_t status) {
  switch (static_cast<int>(status)) {
    case 2:  // MemoryAllocation, when all that was asked for is a place on the card
      return "other programs take all of its memory; `nvidia-smi` lists them";
    case 46:  // DevicesUnavailable
      return "another process has the card for itself, or its compute mode keeps this one out; "
             "`nvidia-smi` lists the processes, `nvidia-smi -q -d COMPUTE` shows the mode";
    case 802:  // SystemNotReady
      return "a service of the driver does not run yet; on machines with NVSwitch start "
             "nvidia-fabricmanager";
    case 805:  // MpsConnectionFailed
    case 806:  // MpsRpcFailure
    case 807:  // MpsServerNotReady
    case 808:  // MpsMaxClientsReached
    case 809:  // MpsMaxConnectionsReached
      return "the card is shared through NVIDIA's multi-process service, which does not take this "
             "program now; look at nvidia-cuda-mps-control, or stop it";
    default:
      return {};
  }
}

void check(cudaError_t status, const char* call, const std::string& context) {
  if (status == cudaSuccess) return;
  const std::string what = concat(call, " failed with ", status_text(status));
  if (ends_the_process(status)) {
    fail(ErrorCode::device, what, context,
         "; this process can no longer use the GPU. Run again with VAE_CUDA_SYNC=1 to see which "
         "kernel failed, and under compute-sanitizer to see why");
  }
  static_cast<void>(cudaGetLastError());  // so that an error that passes is not seen twice
  if (status == cudaErrorMemoryAllocation) {
    fail(ErrorCode::out_of_memory, what, "; use a smaller batch_size or model");
  }
  if (const std::string advice = advice_for(status); !advice.empty()) {
    fail(ErrorCode::unavailable, what, ": ", advice);
  }
  if (has_no_code_for_the_card(status)) {
    fail(ErrorCode::unavailable, what,
         ": this program holds no code for this card; build it with the card's number in "
         "CMAKE_CUDA_ARCHITECTURES (`vae doctor` shows both)");
  }
  fail(ErrorCode::device, what, context);
}

}  // namespace vae::cuda
