// SPDX-License-Identifier: MIT
//
// How many blocks of a kernel fit on one multiprocessor of well-known cards, by NVIDIA's own
// calculator; needs no GPU. Reads lines "registers shared_bytes threads", writes one number a card.
#include <cuda_occupancy.h>

#include <cstddef>
#include <iostream>

namespace {

struct KnownCard {
  const char* name;
  int major, minor, multiprocessors;
  std::size_t shared_per_multiprocessor, shared_per_block;
  int threads_per_multiprocessor;
};

constexpr std::size_t kKiB = 1024;
constexpr KnownCard kCards[] = {
    {"T4", 7, 5, 40, 64 * kKiB, 64 * kKiB, 1024},
    {"A100", 8, 0, 108, 164 * kKiB, 163 * kKiB, 2048},
    {"RTX3090", 8, 6, 82, 100 * kKiB, 99 * kKiB, 1536},
    {"RTX4090", 8, 9, 128, 100 * kKiB, 99 * kKiB, 1536},
    {"H100", 9, 0, 132, 228 * kKiB, 227 * kKiB, 2048},
    {"B200", 10, 0, 148, 228 * kKiB, 227 * kKiB, 2048},
    {"RTX5090", 12, 0, 170, 100 * kKiB, 99 * kKiB, 1536},
};

cudaOccDeviceProp properties(const KnownCard& card) {
  cudaOccDeviceProp prop;
  prop.computeMajor = card.major;
  prop.computeMinor = card.minor;
  prop.maxThreadsPerBlock = 1024;
  prop.maxThreadsPerMultiprocessor = card.threads_per_multiprocessor;
  prop.regsPerBlock = 65536;
  prop.regsPerMultiprocessor = 65536;
  prop.warpSize = 32;
  prop.sharedMemPerBlock = 48 * kKiB;
  prop.sharedMemPerMultiprocessor = card.shared_per_multiprocessor;
  prop.numSms = card.multiprocessors;
  prop.sharedMemPerBlockOptin = card.shared_per_block;
  prop.reservedSharedMemPerBlock = card.major >= 8 ? 1024 : 0;
  return prop;
}

/// 0 when a block does not fit at all.
int blocks(const KnownCard& card, int registers, std::size_t shared, int threads) {
  cudaOccDeviceProp prop = properties(card);
  cudaOccFuncAttributes attributes;
  attributes.maxThreadsPerBlock = threads;
  attributes.numRegs = registers;
  attributes.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  attributes.maxDynamicSharedSizeBytes = card.shared_per_block;
  cudaOccDeviceState state;
  state.carveoutConfig = SHAREDMEM_CARVEOUT_MAX_SHARED;
  cudaOccResult result;
  const cudaOccError error =
      cudaOccMaxActiveBlocksPerMultiprocessor(&result, &prop, &attributes, &state, threads, shared);
  return error == CUDA_OCC_SUCCESS ? result.activeBlocksPerMultiprocessor : 0;
}

}  // namespace

int main() {
  for (const KnownCard& card : kCards) std::cout << card.name << ' ';
  std::cout << '\n';
  int registers, threads;
  std::size_t shared;
  while (std::cin >> registers >> shared >> threads) {
    for (const KnownCard& card : kCards)
      std::cout << blocks(card, registers, shared, threads) << ' ';
    std::cout << '\n';
  }
  return 0;
}
