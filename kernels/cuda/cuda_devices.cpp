// SPDX-License-Identifier: MIT
//
// Which cards this machine has, and why one cannot be used. Only try_cuda_card() creates a context.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <string_view>

#include "kernels/backend.h"
#include "kernels/check.h"
#include "kernels/cuda/architectures.h"
#include "kernels/cuda/card.h"
#include "kernels/cuda/handle.h"
#include "kernels/cuda/make_cuda_backend.h"

#ifndef VAE_CUDA_ARCHITECTURES
#define VAE_CUDA_ARCHITECTURES ""  // unknown; the simulated card takes everything
#endif

namespace vae {

namespace cuda {

namespace {

constexpr int kOldestCapability = 75;  // the kernels' oldest, and the oldest of CUDA 13

std::string capability_text(int capability) {
  return concat(capability / 10, ".", capability % 10);
}

/// Why there is no card, from what cudaGetDeviceCount() returned.
std::string reason_without_cards(cudaError_t status) {
  const CudaInfo info = cuda_info();
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (status == cudaErrorInsufficientDriver && info.driver.empty()) {
    return "no NVIDIA driver is installed; libcuda.so.1 was not found or does not start: install "
           "one, or give the container access to the GPU (docker run --gpus all)";
  }
  if (status == cudaErrorInsufficientDriver) {
    return concat("the NVIDIA driver supports CUDA ", info.driver, " but this program needs ",
                  info.runtime, "; update the driver, or build with an older CUDA toolkit");
  }
  if (status == cudaErrorStubLibrary) {
    return "the program found the toolkit's stub of libcuda.so in place of the driver's; take the "
           "folder `stubs` out of LD_LIBRARY_PATH";
  }
  const bool no_card = status == cudaErrorNoDevice || status == cudaSuccess;
  if (no_card && visible != nullptr) {
    return concat("CUDA_VISIBLE_DEVICES='", visible,
                  "' leaves no card visible; unset it or name a card, as in 0");
  }
  if (no_card) {
    return "the NVIDIA driver sees no card; check that `nvidia-smi` lists it and that this machine "
           "or container was given it; a card in MIG mode needs an instance, which `nvidia-smi -L` "
           "lists";
  }
  if (status == cudaErrorSystemDriverMismatch) {
    return "the NVIDIA driver's kernel module and its libraries are of different versions; reboot "
           "after the driver's update";
  }
  const std::string advice = advice_for(status);
  return concat(
      "the NVIDIA driver reports ", status_text(status), "; ",
      advice.empty() ? "`nvidia-smi` and `dmesg` may say more, and a reboot may help" : advice);
}

int compute_mode(int index) {
  int mode = cudaComputeModeDefault;
  static_cast<void>(cudaDeviceGetAttribute(&mode, cudaDevAttrComputeMode, index));
  return mode;
}

/// Why this process gets no place on the card, from what the attempt returned.
std::string reason_not_admitted(cudaError_t status, int index) {
  const std::string what = concat("it answers ", status_text(status));
  const int mode = status == cudaErrorDevicesUnavailable ? compute_mode(index) : -1;
  if (mode == cudaComputeModeProhibited) {
    return concat(what, ": its compute mode is Prohibited; `nvidia-smi -i ", index,
                  " -c DEFAULT` as root ends that");
  }
  if (mode == cudaComputeModeExclusiveProcess) {
    return concat(what,
                  ": its compute mode is Exclusive_Process and another process has it; wait "
                  "for that one (`nvidia-smi` lists it), or `nvidia-smi -i ",
                  index, " -c DEFAULT` as root lets both in");
  }
  const std::string advice = advice_for(status);
  return advice.empty() ? what : concat(what, ": ", advice);
}

/// Empty when the card can be used.
std::string reason_against(const Card& card) {
  const std::string text =
      concat(card.name, " has compute capability ", capability_text(card.capability));
  if (card.capability < kOldestCapability) {
    return concat(text, "; the oldest that can be used is ", capability_text(kOldestCapability));
  }
  const std::vector<Architecture> embedded = parse_architectures(VAE_CUDA_ARCHITECTURES);
  if (!embedded.empty() && !runs_on(embedded, card.capability)) {
    return concat(text, " but this program holds code for ", to_text(embedded),
                  "; build it with CMAKE_CUDA_ARCHITECTURES=", card.capability);
  }
  return {};
}

DeviceInfo describe(int index) {
  DeviceInfo info;
  info.name = concat("cuda:", index);
  try {
    const Card card = find_card(index);
    info.description = to_text(card);
    info.memory_bytes = card.memory_bytes;
    info.reason = reason_against(card);
    if (info.reason.empty() && compute_mode(index) == cudaComputeModeProhibited) {
      info.reason = reason_not_admitted(cudaErrorDevicesUnavailable, index);
    }
  } catch (const Error& error) {
    info.description = "NVIDIA GPU";
    info.reason = error.what();
  }
  info.usable = info.reason.empty();
  return info;
}

std::string version_text(int version) {
  return version == 0 ? std::string() : concat(version / 1000, ".", version % 1000 / 10);
}

}  // namespace

Card find_card(int index) {
  cudaDeviceProp properties;
  const cudaError_t status = cudaGetDeviceProperties(&properties, index);
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    fail(ErrorCode::unavailable, "the properties of CUDA device ", index,
         " cannot be read: ", status_text(status));
  }
  Card card;
  card.name = properties.name;
  card.capability = 10 * properties.major + properties.minor;
  card.multiprocessors = properties.multiProcessorCount;
  card.shared_bytes_per_block = static_cast<int64_t>(properties.sharedMemPerBlockOptin);
  card.memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  return card;
}

std::string to_text(const Card& card) {
  return concat(card.name, ", sm_", card.capability, ", ", card.multiprocessors,
                " multiprocessors, ", card.memory_bytes >> 20, " MiB");
}

}  // namespace cuda

std::vector<DeviceInfo> cuda_devices() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  std::vector<DeviceInfo> devices;
  if (status == cudaSuccess) {
    for (int index = 0; index < count; ++index) devices.push_back(cuda::describe(index));
  }
  static_cast<void>(cudaGetLastError());
  if (devices.empty()) {
    DeviceInfo none;
    none.name = "cuda";
    none.description = "NVIDIA GPU";
    none.reason = cuda::reason_without_cards(status);
    devices.push_back(none);
  }
  return devices;
}

std::string try_cuda_card(int index) {
  cudaError_t status = cudaSetDevice(index);
  if (status == cudaSuccess) status = cudaFree(nullptr);  // older runtimes create the context here
  if (status == cudaSuccess) return {};
  const std::string reason = cuda::reason_not_admitted(status, index);
  static_cast<void>(cudaGetLastError());
  return reason;
}

std::string cuda_toolkit() { return cuda::version_text(CUDART_VERSION); }

CudaInfo cuda_info() {
  int driver = 0, runtime = 0;
  static_cast<void>(cudaDriverGetVersion(&driver));
  static_cast<void>(cudaRuntimeGetVersion(&runtime));
  CudaInfo info;
  info.toolkit = cuda_toolkit();
  info.architectures = cuda::to_text(cuda::parse_architectures(VAE_CUDA_ARCHITECTURES));
  info.driver = cuda::version_text(driver);
  info.runtime = cuda::version_text(runtime);
  return info;
}

}  // namespace vae
