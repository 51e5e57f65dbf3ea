// SPDX-License-Identifier: MIT
//
// The simulated CUDA device as a test sees it: what it claims to be, which of its calls fail, and
// what is left on it. The functions of the CUDA runtime itself are in <cuda_runtime_api.h>.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace simt {

enum class Driver {
  present,
  missing,    // cudaErrorInsufficientDriver, driver version 0
  old,        // cudaErrorInsufficientDriver, driver version 11040
  no_device,  // cudaErrorNoDevice
};

/// What the device claims to be. Few multiprocessors, so that small tests fill them. The initial
/// values can be set from the environment: VAE_SIMT_CAPABILITY (80 is 8.0), VAE_SIMT_SMS,
/// VAE_SIMT_MEMORY (bytes), VAE_SIMT_DRIVER (missing, old, no_device), VAE_SIMT_COUNT,
/// VAE_SIMT_COMPUTE_MODE (a cudaComputeMode), VAE_SIMT_REFUSES (devices:error).
struct DeviceModel {
  int count = 1;  // of such devices, which share the memory below
  std::string name = "CUDA simulator";
  int major = 8;
  int minor = 0;
  int multiprocessors = 4;
  std::size_t memory_bytes = std::size_t{4} << 30;  // cudaMalloc fails beyond it
  bool kernel_image = true;  // false: as if the program held no code for this capability
  Driver driver = Driver::present;
  cudaComputeMode compute_mode = cudaComputeModeDefault;
  // The first so many devices do not admit this process: cudaSetDevice fails with the error.
  int refusing = 0;
  cudaError_t refusal = cudaErrorDevicesUnavailable;
};
DeviceModel& device_model();

/// The k-th allocation from now (1: the next one), of device or pinned memory, fails with
/// cudaErrorMemoryAllocation.
void fail_allocation(std::int64_t k);

/// The k-th call from now fails with `error` and does nothing. Calls that release something, ask
/// for an error or for a version are not counted.
void fail_call(std::int64_t k, cudaError_t error);

/// Faults of a running kernel (cudaErrorIllegalAddress, cudaErrorLaunchFailure, ...) are sticky:
/// the k-th kernel that runs from now, a graph's included, raises one, and every later call returns
/// it. Other errors are returned by the k-th launch from now, which then does nothing. The variable
/// VAE_SIMT_FAIL_LAUNCH=k:error does the same from the start of the program.
void fail_launch(std::int64_t k, cudaError_t error);

/// How often the runtime's function `name` was called since the last reset; kernel launches count
/// as "cudaLaunchKernelExC".
std::int64_t calls_of(const std::string& name);

/// Why the last call that failed did so, in a sentence.
std::string failure_reason();

/// What was created and not destroyed, one item a line; empty when all is well. Empty as well after
/// a sticky error: a card loses everything with it, and a program may stop releasing.
std::string runtime_leaks();

/// The state at the start of a program: everything on the device is gone, faults are forgotten, and
/// the random order starts again from options().seed.
void reset_runtime();

/// Puts an operation of another library (a stand-in for cuBLASLt) on a stream, or into the graph
/// being captured there. `work` may run any number of times.
cudaError_t enqueue_work(cudaStream_t stream, const char* name, std::function<void()> work);

/// Whether any stream is being captured.
bool is_capturing();

/// True where [memory, memory + bytes) lies within one live allocation of device memory.
bool is_device_memory(const void* memory, std::size_t bytes);

/// The device whose cudaMalloc returned `memory`; -1 where none did.
int device_of(const void* memory);

}  // namespace simt
