// SPDX-License-Identifier: MIT
#include "kernels/cuda/staging.h"

#include <cstring>

namespace vae::cuda {

Staging::Staging(Stream& stream) : stream_(stream) {
  stream_.check(cudaMallocHost(memory_.out(), kSlots * kLargest), "cudaMallocHost(&memory, bytes)");
}

Staging::~Staging() {
  if (stream_.is_broken()) memory_.release();
}

void* Staging::next_slot() {
  if (used_ == kSlots) {
    stream_.synchronize();
    used_ = 0;
  }
  return static_cast<std::byte*>(memory_.get()) + kLargest * used_++;
}

void Staging::to_device(void* device, const void* host, std::size_t bytes) {
  void* const slot = next_slot();
  std::memcpy(slot, host, bytes);
  stream_.check(cudaMemcpyAsync(device, slot, bytes, cudaMemcpyHostToDevice, stream_.get()),
                "cudaMemcpyAsync(to device)");
}

void Staging::to_host(void* host, const void* device, std::size_t bytes) {
  void* const slot = next_slot();
  stream_.check(cudaMemcpyAsync(slot, device, bytes, cudaMemcpyDeviceToHost, stream_.get()),
                "cudaMemcpyAsync(to host)");
  stream_.synchronize();
  std::memcpy(host, slot, bytes);
}

}  // namespace vae::cuda
