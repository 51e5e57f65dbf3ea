// SPDX-License-Identifier: MIT
//
// Which cards this machine has, and why one cannot be used.
#include <cuda_runtime_api.h>

#include "kernels/backend.h"
#include "kernels/check.h"
#include "kernels/cuda/card.h"
#include "kernels/cuda/handle.h"

namespace vae {

namespace cuda {

namespace {

constexpr int kOldestCapability = 75;  // the oldest that CUDA 13 compiles for

/// Why there is no card, from what cudaGetDeviceCount() returned.
std::string reason_without_cards(cudaError_t status) {
  int driver = 0, runtime = 0;
  static_cast<void>(cudaDriverGetVersion(&driver));
  static_cast<void>(cudaRuntimeGetVersion(&runtime));
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (status == cudaErrorInsufficientDriver && driver == 0) {
    return "no NVIDIA driver is installed (libcuda.so.1 was not found); install one, or run the "
           "container with GPU access";
  }
  if (status == cudaErrorInsufficientDriver) {
    return concat("the NVIDIA driver supports CUDA ", version_text(driver),
                  ", but this program needs ", version_text(runtime), "; update the driver");
  }
  if (visible != nullptr && (status == cudaErrorNoDevice || status == cudaSuccess)) {
    return concat("CUDA_VISIBLE_DEVICES='", visible, "' hides every card; unset it");
  }
  if (status == cudaErrorNoDevice || status == cudaSuccess) {
    return "the NVIDIA driver sees no card; check that it is plugged in and given to this machine";
  }
  if (status == cudaErrorSystemDriverMismatch) {
    return "the NVIDIA driver's kernel module and libraries are of different versions; reboot "
           "after "
           "the update";
  }
  return concat("the NVIDIA driver reports ", cudaGetErrorName(status), " (",
                static_cast<int>(status), ", ", cudaGetErrorString(status), ")");
}

DeviceInfo describe(int index) {
  DeviceInfo info;
  info.name = concat("cuda:", index);
  try {
    const Card card = find_card(index);
    info.description = concat(card.name, ", sm_", card.capability, ", ", card.multiprocessors,
                              " multiprocessors, ", card.memory_bytes >> 20, " MiB");
    info.memory_bytes = card.memory_bytes;
    info.usable = card.capability >= kOldestCapability;
    if (!info.usable) {
      info.reason = concat(card.name, " has compute capability ", card.capability / 10, ".",
                           card.capability % 10, "; this program needs 7.5 or later");
    }
  } catch (const Error& error) {
    info.description = "NVIDIA GPU";
    info.reason = error.what();
  }
  return info;
}

}  // namespace

std::string version_text(int version) { return concat(version / 1000, ".", version % 1000 / 10); }

Card find_card(int index) {
  cudaDeviceProp properties;
  const cudaError_t status = cudaGetDeviceProperties(&properties, index);
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    fail(ErrorCode::unavailable, "the properties of CUDA device ", index,
         " cannot be read: ", cudaGetErrorString(status));
  }
  Card card;
  card.name = properties.name;
  card.capability = 10 * properties.major + properties.minor;
  card.multiprocessors = properties.multiProcessorCount;
  card.shared_bytes_per_block = static_cast<int64_t>(properties.sharedMemPerBlockOptin);
  card.memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  return card;
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

}  // namespace vae
