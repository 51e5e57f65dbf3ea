// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "kernels/cuda/stream.h"

namespace vae::cuda {

/// Small copies by way of pinned memory, so that one to the device returns at once: an evaluation
/// writes its position before every batch, and would otherwise wait for the batch before.
class Staging {
 public:
  static constexpr std::size_t kLargest = 256;  // bytes of one copy

  explicit Staging(Stream& stream);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  void to_device(void* device, const void* host, std::size_t bytes);
  /// Waits for what was issued before.
  void to_host(void* host, const void* device, std::size_t bytes);

 private:
  static constexpr std::size_t kSlots = 64;

  /// The next slot; waits for the stream when all have been handed out since it last did.
  void* next_slot();

  Stream& stream_;
  UniquePinnedMemory memory_;
  std::size_t used_ = 0;
};

}  // namespace vae::cuda
