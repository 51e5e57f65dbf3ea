// SPDX-License-Identifier: MIT
//
// The front door to CUDA: kernel sources include this file and "kernels/cuda/instructions.h", and
// no header of CUDA. nvcc compiles them for the GPU. A C++ compiler with VAE_SIMT compiles the same
// sources for tests on machines without one, where <simt/simt.h> gives the CUDA names
// (tests/simt/README.md). What kernels write instead of CUDA's own spelling:
//
//   VAE_UNROLL for (...)                    #pragma unroll
//   VAE_SHARED(float, tile, [2][64 * 36]);  __shared__ float tile[2][64 * 36];
//   SharedCarver shared;                    extern __shared__ ...; pieces by hand
//   vector_at<float4>(memory)               *reinterpret_cast<float4*>(memory)
//   launch_kernel(stream, shape, kernel, arguments...)      kernel<<<...>>>(arguments...)
//
// Every piece of shared memory is aligned to 16 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#if defined(VAE_SIMT) && !defined(__CUDACC__)

#include <cuda_runtime_api.h>

#include <simt/simt.h>
#include <tuple>

#define VAE_UNROLL
#define VAE_SHARED(type, name, ...) auto& name = ::simt::shared_array<type __VA_ARGS__>([] {})

namespace vae::cuda {

using simt::LaunchShape;   // as above, and where it was written
using simt::SharedCarver;  // as above; each piece is an allocation of its own
using simt::vector_at;     // as above; an address that is not aligned ends the launch

template <typename... Parameters, typename... Arguments>
cudaError_t launch_kernel(cudaStream_t stream, const LaunchShape& shape,
                          void (*kernel)(Parameters...), Arguments&&... arguments) {
  const std::tuple<Parameters...> converted{
      static_cast<Parameters>(std::forward<Arguments>(arguments))...};
  const auto thread = [kernel, converted] { std::apply(kernel, converted); };
  return static_cast<cudaError_t>(simt::enqueue(stream, shape, thread));
}

}  // namespace vae::cuda

#else

#include <cuda_runtime.h>

namespace vae::cuda {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  // dynamic, on top of what VAE_SHARED declares
  bool cooperative = false;      // all blocks run at once, as grid_sync needs
};

}  // namespace vae::cuda

#ifdef __CUDACC__  // the rest is for kernel sources, not for other users of a stream

#define VAE_UNROLL _Pragma("unroll")
#define VAE_SHARED(type, name, ...) __shared__ __align__(16) type name __VA_ARGS__

namespace vae::cuda {

/// Cuts the launch's dynamic shared memory into pieces. Every thread must take the same pieces.
class SharedCarver {
 public:
  template <typename T>
  __device__ T* take(std::size_t count) {
    static_assert(alignof(T) <= 16);
    extern __shared__ __align__(16) unsigned char vae_dynamic_shared[];
    T* piece = reinterpret_cast<T*>(vae_dynamic_shared + used_);
    used_ += (count * sizeof(T) + 15) / 16 * 16;
    return piece;
  }

 private:
  std::size_t used_ = 0;
};

/// The vector that begins at an address, a multiple of its size: one access of up to 16 bytes.
template <typename Vector>
__device__ inline Vector& vector_at(float* memory) {
  return *reinterpret_cast<Vector*>(memory);
}
template <typename Vector, typename Scalar>
__device__ inline const Vector& vector_at(const Scalar* memory) {
  return *reinterpret_cast<const Vector*>(memory);
}

/// The one way to launch. Arguments are converted to the kernel's parameter types first. The
/// returned status must be checked; later faults of the kernel show at the next synchronization.
template <typename... Parameters, typename... Arguments>
cudaError_t launch_kernel(cudaStream_t stream, const LaunchShape& shape,
                          void (*kernel)(Parameters...), Arguments&&... arguments) {
  constexpr std::size_t kWithoutAsking = 48 * 1024;  // more is granted per kernel
  if (shape.shared_bytes > kWithoutAsking) {
    const cudaError_t status = cudaFuncSetAttribute(
        kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shape.shared_bytes));
    if (status != cudaSuccess) return status;
  }
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = shape.cooperative ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel,
                            static_cast<Parameters>(std::forward<Arguments>(arguments))...);
}

}  // namespace vae::cuda

#endif  // __CUDACC__
#endif
