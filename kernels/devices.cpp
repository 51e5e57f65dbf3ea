// SPDX-License-Identifier: MIT
//
// Which backends this build has: the only place that knows.
#include "kernels/check.h"
#include "kernels/cpu/cpu_backend.h"
#ifdef VAE_WITH_CUDA
#include "kernels/cuda/make_cuda_backend.h"
#endif

namespace vae {

std::unique_ptr<Backend> make_backend(const Device& device, [[maybe_unused]] TuningStore* tuning) {
  if (device.kind != DeviceKind::cuda) return make_cpu_backend(device);
#ifdef VAE_WITH_CUDA
  return make_cuda_backend(device, tuning);
#else
  fail(ErrorCode::unavailable, "device cuda:", device.index, ": ", cuda_devices().front().reason);
#endif
}

namespace {

/// Usable only if it also takes this process.
DeviceInfo tried(DeviceInfo card, [[maybe_unused]] int index) {
#ifdef VAE_WITH_CUDA
  if (card.usable) card.reason = try_cuda_card(index);
#endif
  card.usable = card.usable && card.reason.empty();
  return card;
}

}  // namespace

DeviceInfo cuda_device(int index) {
  const std::string name = concat("cuda:", index);
  const std::vector<DeviceInfo> cards = cuda_devices();
  for (const DeviceInfo& card : cards) {
    if (card.name == name) return tried(card, index);
  }
  DeviceInfo missing;
  missing.name = name;
  const bool none = cards.front().name == "cuda";
  missing.reason = none ? cards.front().reason
                        : concat("there is no such card; the last one is ", cards.back().name);
  return missing;
}

#ifndef VAE_WITH_CUDA
std::vector<DeviceInfo> cuda_devices() {
  DeviceInfo none;
  none.name = "cuda";
  none.description = "NVIDIA GPU";
  none.reason =
      "this build has no CUDA backend; build with -DVAE_WITH_CUDA=ON where nvcc of CUDA 12 or "
      "later "
      "is installed";
  return {none};
}

std::string cuda_toolkit() { return {}; }
CudaInfo cuda_info() { return {}; }
#endif

}  // namespace vae
