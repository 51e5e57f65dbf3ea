// SPDX-License-Identifier: MIT
//
// Four neighbouring elements: what a thread reads or writes in one access of 16 bytes, and what one
// Philox counter draws. Kernels that are bound by memory work in quads; grid_of() gives them enough
// threads to keep the memory busy.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/cuda/simt.h"

namespace vae::cuda {

struct Quad {
  float value[4];
};

/// The quads that cover `count` elements, the last one perhaps in part.
__host__ __device__ constexpr std::size_t quads_of(std::size_t count) { return (count + 3) / 4; }

/// Elements 0 to 3 of `memory`; zeros from `remaining` on, where nothing is read. `aligned` says
/// that the address is a multiple of 16.
__device__ inline Quad load_quad(const float* memory, std::size_t remaining, bool aligned) {
  if (aligned && remaining >= 4) {
    const float4 all = vector_at<float4>(memory);
    return {{all.x, all.y, all.z, all.w}};
  }
  Quad quad = {};
  VAE_UNROLL
  for (std::size_t i = 0; i < 4; ++i) {
    if (i < remaining) quad.value[i] = memory[i];
  }
  return quad;
}

/// The counterpart of load_quad(): nothing is written from `remaining` on.
__device__ inline void store_quad(float* memory, const Quad& quad, std::size_t remaining,
                                  bool aligned) {
  if (aligned && remaining >= 4) {
    vector_at<float4>(memory) =
        make_float4(quad.value[0], quad.value[1], quad.value[2], quad.value[3]);
    return;
  }
  VAE_UNROLL
  for (std::size_t i = 0; i < 4; ++i) {
    if (i < remaining) memory[i] = quad.value[i];
  }
}

/// Calls body(first element, elements from there on) for each quad of `count` elements, spread over
/// the threads of a grid of kThreads each, see grid_of().
template <int kThreads, typename Body>
__device__ inline void for_quads(std::size_t count, Body body) {
  const std::size_t quads = quads_of(count), stride = std::size_t{gridDim.x} * kThreads;
  for (std::size_t q = std::size_t{blockIdx.x} * kThreads + threadIdx.x; q < quads; q += stride) {
    body(4 * q, count - 4 * q);
  }
}

/// Whether quads that begin at multiples of four elements from these addresses are aligned. Null
/// pointers are. With matrices, whether their width is a multiple of 4 must be asked as well.
template <typename... Pointers>
bool aligned_to_quads(const Pointers*... memory) {
  return ((reinterpret_cast<std::uintptr_t>(memory) | ...) & 15u) == 0;
}

/// Lanes that share a row of this many quads: as many as there are quads, as far as they go.
inline int lanes_of(std::size_t quads) {
  return static_cast<int>(std::bit_ceil(std::clamp<std::size_t>(quads, 1, 32)));
}

/// Blocks for `items`, each block taking `per_block` of them at a time and, if that is not enough,
/// every so many further on. The card runs at most eight blocks of 256 threads at once on each of
/// its multiprocessors.
inline dim3 grid_of(int64_t items, int64_t per_block, int multiprocessors) {
  const int64_t wanted = (items + per_block - 1) / per_block;
  return dim3(static_cast<unsigned>(
      std::clamp<int64_t>(wanted, 1, int64_t{8} * std::max(multiprocessors, 1))));
}

}  // namespace vae::cuda
