// SPDX-License-Identifier: MIT
//
// Kernel launches, as kernels/cuda/simt.h hands them over.
#include <simt/launch.h>

#include <string>
#include <utility>

#include "tests/simt/runtime/state.h"

namespace simt {
namespace {

std::string extent(const dim3& d) {
  return std::to_string(d.x) + "x" + std::to_string(d.y) + "x" + std::to_string(d.z);
}

std::string launch_text(const LaunchShape& shape) {
  return "launch at " + std::string(shape.where.file) + ":" + std::to_string(shape.where.line) +
         ", grid " + extent(shape.grid) + ", block " + extent(shape.block) + ", " +
         std::to_string(shape.shared_bytes) + " bytes of dynamic shared memory: ";
}

cudaError_t examine(State& s, const LaunchShape& shape) {
  const dim3 &grid = shape.grid, &block = shape.block;
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  if (threads == 0 || blocks == 0 || threads > 1024 || block.z > 64 || grid.x > 0x7FFFFFFF ||
      grid.y > 65535 || grid.z > 65535) {
    return report(
        s, cudaErrorInvalidConfiguration,
        launch_text(shape) + "at most 1024 threads, 64 deep, and 65535 blocks in y and z");
  }
  const int most = device_attribute(s.model, cudaDevAttrMaxSharedMemoryPerBlockOptin);
  if (shape.shared_bytes > static_cast<std::size_t>(most)) {
    return report(s, cudaErrorInvalidValue,
                  launch_text(shape) + "the device has " + std::to_string(most));
  }
  const int resident = resident_blocks(s.model, static_cast<int>(threads), shape.shared_bytes);
  const std::uint64_t room =
      static_cast<std::uint64_t>(resident) * static_cast<std::uint64_t>(s.model.multiprocessors);
  if (shape.cooperative && blocks > room) {
    return report(s, cudaErrorCooperativeLaunchTooLarge,
                  launch_text(shape) + std::to_string(room) + " blocks fit the device at a time");
  }
  return cudaSuccess;
}

cudaError_t launch(State& s, cudaStream_t stream, const LaunchShape& shape,
                   std::function<void()> run) {
  if (!has_kernel_image(s.model)) {
    return report(s, cudaErrorNoKernelImageForDevice, launch_text(shape) + "no code for it");
  }
  if (const cudaError_t error = examine(s, shape); error != cudaSuccess) return error;
  if (s.launch_fault.strikes()) {
    return report(s, s.launch_fault.error, launch_text(shape) + "the fault a test asked for");
  }
  Work work;
  work.name = "kernel";
  work.type = cudaGraphNodeTypeKernel;
  work.run = std::move(run);
  return push(s, stream, std::move(work));
}

}  // namespace

void install_launch_hook() {
  set_enqueue([](CUstream_st* stream, const LaunchShape& shape, std::function<void()> run) {
    return static_cast<int>(runtime_call("cudaLaunchKernelExC", Call::any, [&](State& s) {
      return launch(s, stream, shape, std::move(run));
    }));
  });
}

}  // namespace simt
