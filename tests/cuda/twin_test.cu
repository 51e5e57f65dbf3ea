// SPDX-License-Identifier: MIT
//
// The device halves of kernels/cuda/instructions.h, and what the SIMT layer imitates of CUDA, on a
// GPU: the cases that tests/simt/core_test runs against the host halves, with the same expected
// bits. Where both pass, host and device agree. What is expected of NaNs is what ptxas's code for
// the card does (kernels/cuda/instructions.h); which NaN comes out is left open.
//
// Exit status: 0 all passed, 1 some failed, 77 no GPU (1 with VAE_REQUIRE_GPU=1).
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/simt.h"
#include "tests/simt/core_test/cuda_cases.h"
#include "tests/simt/core_test/function_cases.h"
#include "tests/simt/core_test/instruction_cases.h"

namespace vae::cuda {
namespace {

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

/// The Device of instruction_cases.h on the current GPU.
class GpuDevice {
 public:
  GpuDevice() = default;
  GpuDevice(const GpuDevice&) = delete;
  GpuDevice& operator=(const GpuDevice&) = delete;
  ~GpuDevice() {
    for (void* array : arrays_) cudaFree(array);
  }

  template <typename T>
  T* upload(const std::vector<T>& values) {
    void* memory = nullptr;
    check(cudaMalloc(&memory, values.size() * sizeof(T)), "cudaMalloc");
    arrays_.push_back(memory);
    check(cudaMemcpy(memory, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
          "cudaMemcpy");
    return static_cast<T*>(memory);
  }

  template <typename T>
  std::vector<T> download(const T* values, std::size_t count) {
    std::vector<T> copy(count);
    check(cudaMemcpy(copy.data(), values, count * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return copy;
  }

  template <typename... Parameters, typename... Arguments>
  void launch(const LaunchShape& shape, void (*kernel)(Parameters...), Arguments&&... arguments) {
    check(launch_kernel(nullptr, shape, kernel, std::forward<Arguments>(arguments)...), "launch");
    check(cudaDeviceSynchronize(), "kernel");
  }

 private:
  std::vector<void*> arrays_;
};

struct Case {
  const char* name;
  std::string (*run)(GpuDevice&);
  bool needs_sm80;
};

constexpr Case kCases[] = {
    {"conversions", cases::conversions, true},
    {"mma_tf32", cases::mma_tf32_product, true},
    {"mma_bf16", cases::mma_bf16_product, true},
    {"load_matrix", cases::load_matrix, false},
    {"copy_async", cases::copies, false},
    {"shuffles", cases::shuffles, false},
    {"votes", cases::votes, false},
    {"atomics", cases::atomics, false},
    {"scalar functions", cases::scalars, false},
    {"pieces of shared memory", cases::shared_pieces, false},
    {"last_block_to_arrive", cases::last_block, false},
    {"grid_sync", cases::grid_barrier, false},
    {"functions", cases::functions, false},
};

/// Returns whether it passed.
bool run(const Case& one) {
  std::string difference;
  try {
    GpuDevice device;
    difference = one.run(device);
  } catch (const std::exception& error) {
    difference = error.what();
  }
  std::printf("%-6s %s%s%s\n", difference.empty() ? "ok" : "FAILED", one.name,
              difference.empty() ? "" : ": ", difference.c_str());
  return difference.empty();
}

int run_all() {
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess || devices == 0) {
    const char* require = std::getenv("VAE_REQUIRE_GPU");
    const bool required = require != nullptr && std::strcmp(require, "1") == 0;
    std::printf("no GPU: %s\n", cudaGetErrorString(status));
    return required ? 1 : 77;
  }
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  std::printf("%s, sm_%d%d\n", properties.name, properties.major, properties.minor);
  int failed = 0;
  for (const Case& one : kCases) {
    if (one.needs_sm80 && properties.major < 8) {
      std::printf("-      %s: needs sm_80\n", one.name);
    } else if (!run(one)) {
      ++failed;
    }
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vae::cuda

int main() {
  try {
    return vae::cuda::run_all();
  } catch (const std::exception& error) {
    std::printf("FAILED %s\n", error.what());
    return 1;
  }
}
