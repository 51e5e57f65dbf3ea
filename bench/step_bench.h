// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

namespace vae {

/// Training steps of the preset mlp-400-20 on random images, one after the other.
class StepBench {
 public:
  StepBench(int64_t batch_size, int threads);
  ~StepBench();
  void run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vae
