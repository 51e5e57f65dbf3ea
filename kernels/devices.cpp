// SPDX-License-Identifier: MIT
//
// Which backends this build has: the only place that knows.
#include "kernels/check.h"
#include "kernels/cpu/cpu_backend.h"

namespace vae {

std::unique_ptr<Backend> make_backend(const Device& device) {
  if (device.kind == DeviceKind::cuda) {
    fail(ErrorCode::unavailable, "device cuda:", device.index, ": ", cuda_devices().front().reason);
  }
  return make_cpu_backend(device);
}

std::vector<DeviceInfo> cuda_devices() {
  DeviceInfo none;
  none.name = "cuda";
  none.description = "NVIDIA GPU";
  none.reason = "this build of vae has no CUDA backend yet";
  return {none};
}

}  // namespace vae
