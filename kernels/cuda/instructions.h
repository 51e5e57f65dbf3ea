// SPDX-License-Identifier: MIT
//
// Every hardware instruction that CUDA C++ does not spell, as one function each: its device body in
// inline PTX and, for a C++ compiler with VAE_SIMT, its twin beside it. tests/cuda/twin_test.cu
// compares the two where there is a GPU, tests/simt/core_test the twins with plain formulas.
// Layouts are the PTX ISA's ("Matrix fragments for mma.m16n8k8", ".m16n8k16", "ldmatrix").
//
// Bodies that need sm_80 trap on older cards: what launches kernels chooses others there.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/cuda/simt.h"

namespace vae::cuda {

#ifdef __CUDACC__

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
inline constexpr bool kHasSm80 = false;
#else
inline constexpr bool kHasSm80 = true;
#endif

/// The address of shared memory as instructions want it.
__device__ inline uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

#endif

// ---- cp.async: copies from global to shared memory that bypass registers

/// Copies kBytes, 4, 8 or 16, between addresses that are multiples of it; zeros if not `valid`, and
/// then `global` is not read. The copy belongs to the group of the next copy_async_commit and is
/// seen by this thread after copy_async_wait, by others after a barrier that follows.
#ifdef __CUDACC__
template <int kBytes>
__device__ inline void copy_async(void* shared, const void* global, bool valid) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  if constexpr (!kHasSm80) {
    if constexpr (kBytes == 4) {
      const auto* source = static_cast<const uint32_t*>(global);
      *static_cast<uint32_t*>(shared) = valid ? *source : 0u;
    } else if constexpr (kBytes == 8) {
      const auto* source = static_cast<const uint2*>(global);
      *static_cast<uint2*>(shared) = valid ? *source : uint2{};
    } else {
      const auto* source = static_cast<const uint4*>(global);
      *static_cast<uint4*>(shared) = valid ? *source : uint4{};
    }
  } else if constexpr (kBytes == 16) {  // .cg, which skips L1, exists for 16 bytes only
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
                 "l"(__cvta_generic_to_global(global)), "r"(valid ? 16 : 0)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)),
                 "l"(__cvta_generic_to_global(global)), "n"(kBytes), "r"(valid ? kBytes : 0)
                 : "memory");
  }
}
#else
template <int kBytes>
void copy_async(void* shared, const void* global, bool valid,
                simt::Location where = simt::Location::current()) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  simt::async_copy(shared, global, kBytes, valid, where);
}
#endif

/// Closes a group of copies.
#ifdef __CUDACC__
__device__ inline void copy_async_commit() {
  if constexpr (kHasSm80) asm volatile("cp.async.commit_group;" ::: "memory");
}
#else
inline void copy_async_commit() { simt::async_commit(); }
#endif

/// Waits until at most kPending of this thread's groups are under way: the youngest ones.
#ifdef __CUDACC__
template <int kPending>
__device__ inline void copy_async_wait() {
  if constexpr (kHasSm80) asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}
#else
template <int kPending>
void copy_async_wait() {
  simt::async_wait(kPending);
}
#endif

// ---- number formats

/// To the nearest number of 10 fraction bits, ties away from zero. No card has an instruction for
/// it: ptxas makes of it, for sm_80 to sm_120, `if (|x| < inf) bits += 0x1000; bits &= 0xffffe000`.
/// So the largest numbers become infinite by the carry, and a NaN keeps its sign and the upper bits
/// of its payload: one whose payload lies in the lower 13 bits alone becomes an infinity. PTX
/// leaves these 13 bits unspecified, and mma_tf32 ignores them.
#ifdef __CUDACC__
__device__ inline uint32_t to_tf32(float x) {
  if constexpr (kHasSm80) {
    uint32_t bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
  } else {
    __trap();
    return 0;
  }
}
#else
inline uint32_t to_tf32(float x, simt::Location where = simt::Location::current()) {
  simt::require_capability(80, "to_tf32", where);
  const auto bits = std::bit_cast<uint32_t>(x);
  const bool finite = (bits & 0x7fffffffu) < 0x7f800000u;
  return (finite ? bits + 0x1000u : bits) & 0xffffe000u;
}
#endif

/// Two numbers to bfloat16, to nearest, ties to even, `low` in the low half. Every NaN becomes
/// 0x7fff, as toolkits' cuda_bf16.h has it too.
#ifdef __CUDACC__
__device__ inline uint32_t to_bf16x2(float low, float high) {
  if constexpr (kHasSm80) {
    uint32_t bits;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
    return bits;
  } else {
    __trap();
    return 0;
  }
}
#else
inline uint32_t to_bf16x2(float low, float high, simt::Location where = simt::Location::current()) {
  simt::require_capability(80, "to_bf16x2", where);
  const auto round = [](float x) -> uint32_t {
    const auto bits = std::bit_cast<uint32_t>(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fffu;
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  };
  return round(high) << 16 | round(low);
}
#endif

// ---- tensor cores: d += a b for one warp

#ifndef __CUDACC__
namespace twin {

struct MmaOperands {
  float* d;           // lane's part of [16, 8]
  const uint32_t* a;  // of [16, K]
  const uint32_t* b;  // of [K, 8]
};

/// Adds A B to the fragments d: lane 4 g + t holds rows g and g + 8, columns 2 t and 2 t + 1.
template <int kDepth>
SIMT_UNINSTRUMENTED void add_product(MmaOperands* const* lanes, const float (&a)[16][kDepth],
                                     const float (&b)[kDepth][8]) {
  for (int row = 0; row < 16; ++row) {
    float sums[8] = {};
    for (int k = 0; k < kDepth; ++k) {
      for (int column = 0; column < 8; ++column) sums[column] += a[row][k] * b[k][column];
    }
    for (int column = 0; column < 8; ++column) {
      lanes[row % 8 * 4 + column / 2]->d[row / 8 * 2 + column % 2] += sums[column];
    }
  }
}

inline float from_tf32(uint32_t bits) { return std::bit_cast<float>(bits & 0xffffe000u); }
inline float from_bf16(uint32_t bits) { return std::bit_cast<float>(bits << 16); }

SIMT_UNINSTRUMENTED inline void mma_tf32(MmaOperands* const* lanes) {
  float a[16][8], b[8][8];
  for (int lane = 0; lane < simt::kWarpSize; ++lane) {
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) a[g + i % 2 * 8][t + i / 2 * 4] = from_tf32(lanes[lane]->a[i]);
    for (int i = 0; i < 2; ++i) b[t + i * 4][g] = from_tf32(lanes[lane]->b[i]);
  }
  add_product(lanes, a, b);
}

SIMT_UNINSTRUMENTED inline void mma_bf16(MmaOperands* const* lanes) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < simt::kWarpSize; ++lane) {
    const int g = lane / 4, t = lane % 4;
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < 4; ++i) {
        a[g + i % 2 * 8][2 * t + i / 2 * 8 + half] = from_bf16(lanes[lane]->a[i] >> 16 * half);
      }
      for (int i = 0; i < 2; ++i) {
        b[2 * t + i * 8 + half][g] = from_bf16(lanes[lane]->b[i] >> 16 * half);
      }
    }
  }
  add_product(lanes, a, b);
}

}  // namespace twin
#endif

/// m16n8k8 in tf32. With g = lane / 4 and t = lane % 4, the lane holds
///   a[0..3]: A[g][t], A[g + 8][t], A[g][t + 4], A[g + 8][t + 4];  b[0..1]: B[t][g], B[t + 4][g];
///   d[0..3]: D[g][2 t], D[g][2 t + 1], D[g + 8][2 t], D[g + 8][2 t + 1].
#ifdef __CUDACC__
__device__ inline void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  if constexpr (kHasSm80) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    __trap();
  }
}
#else
inline void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                     simt::Location where = simt::Location::current()) {
  simt::require_capability(80, "mma_tf32", where);
  twin::MmaOperands operands{d, a, b};
  simt::full_warp<twin::MmaOperands, twin::mma_tf32>(operands, "mma_tf32", where);
}
#endif

/// m16n8k16 in bfloat16. Each register holds two neighbours in k, the first in its low half:
///   a[0..3]: A[g][2 t..], A[g + 8][2 t..], A[g][2 t + 8..], A[g + 8][2 t + 8..];
///   b[0..1]: B[2 t..][g], B[2 t + 8..][g];  d as above.
#ifdef __CUDACC__
__device__ inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  if constexpr (kHasSm80) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    __trap();
  }
}
#else
inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                     simt::Location where = simt::Location::current()) {
  simt::require_capability(80, "mma_bf16", where);
  twin::MmaOperands operands{d, a, b};
  simt::full_warp<twin::MmaOperands, twin::mma_bf16>(operands, "mma_bf16", where);
}
#endif

// ---- ldmatrix: 8x8 matrices of 16-bit elements from shared memory -------------------------------
//
// Lane 8 i + r gives the address of row r of matrix i: 16 bytes, aligned to 16. Lane 4 g + t then
// holds in registers[i] elements [g][2 t] and [g][2 t + 1] of matrix i, the first in the low half;
// transposed: [2 t][g] and [2 t + 1][g]. x2 takes the addresses of lanes 0 to 15; the other lanes
// must give valid ones too.

#ifndef __CUDACC__
namespace twin {

struct RowAddress {
  const void* row;
  const unsigned char* rows[simt::kWarpSize];
};

inline void gather_rows(RowAddress* const* lanes) {
  for (int lane = 0; lane < simt::kWarpSize; ++lane) {
    for (int source = 0; source < simt::kWarpSize; ++source) {
      lanes[lane]->rows[source] = static_cast<const unsigned char*>(lanes[source]->row);
    }
  }
}

/// The lanes exchange addresses; then each loads its elements itself, seen by the sanitizers.
template <int kMatrices, bool kTransposed>
void load_matrix(uint32_t (&registers)[kMatrices], const void* row, const char* name,
                 simt::Location where) {
  simt::check_shared(row, 16, 16, name, where);
  RowAddress address{row, {}};
  simt::full_warp<RowAddress, gather_rows>(address, name, where);
  const int g = simt::lane_index() / 4, t = simt::lane_index() % 4;
  for (int i = 0; i < kMatrices; ++i) {
    const auto element = [&](int r, int column) -> uint32_t {
      return reinterpret_cast<const uint16_t*>(address.rows[8 * i + r])[column];
    };
    registers[i] = kTransposed ? element(2 * t, g) | element(2 * t + 1, g) << 16
                               : element(g, 2 * t) | element(g, 2 * t + 1) << 16;
  }
}

}  // namespace twin
#endif

#ifdef __CUDACC__
__device__ inline void load_matrix_x4(uint32_t (&registers)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ inline void load_matrix_x4_transposed(uint32_t (&registers)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ inline void load_matrix_x2(uint32_t (&registers)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(registers[0]), "=r"(registers[1])
               : "r"(shared_address(row))
               : "memory");
}
__device__ inline void load_matrix_x2_transposed(uint32_t (&registers)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(registers[0]), "=r"(registers[1])
               : "r"(shared_address(row))
               : "memory");
}
#else
inline void load_matrix_x4(uint32_t (&registers)[4], const void* row,
                           simt::Location where = simt::Location::current()) {
  twin::load_matrix<4, false>(registers, row, "load_matrix_x4", where);
}
inline void load_matrix_x4_transposed(uint32_t (&registers)[4], const void* row,
                                      simt::Location where = simt::Location::current()) {
  twin::load_matrix<4, true>(registers, row, "load_matrix_x4_transposed", where);
}
inline void load_matrix_x2(uint32_t (&registers)[2], const void* row,
                           simt::Location where = simt::Location::current()) {
  twin::load_matrix<2, false>(registers, row, "load_matrix_x2", where);
}
inline void load_matrix_x2_transposed(uint32_t (&registers)[2], const void* row,
                                      simt::Location where = simt::Location::current()) {
  twin::load_matrix<2, true>(registers, row, "load_matrix_x2_transposed", where);
}
#endif

// ---- order among blocks

/// The state of grid_sync, in global memory. The host zeroes it once, before the first use.
struct GridBarrier {
  uint32_t arrived;
  uint32_t generation;
};

/// A barrier of all threads of a cooperative launch: what any thread wrote before it, every thread
/// sees after it.
#ifdef __CUDACC__
__device__ inline void grid_sync(GridBarrier* barrier) {
  __syncthreads();
  if (threadIdx.x == 0 && threadIdx.y == 0 && threadIdx.z == 0) {
    const uint32_t blocks = gridDim.x * gridDim.y * gridDim.z;
    uint32_t generation, now;
    // The generation is read before this block arrives, so before it can change.
    asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];"
                 : "=r"(generation)
                 : "l"(__cvta_generic_to_global(&barrier->generation))
                 : "memory");
    __threadfence();
    if (atomicAdd(&barrier->arrived, 1u) == blocks - 1) {
      atomicExch(&barrier->arrived, 0u);
      __threadfence();
      atomicAdd(&barrier->generation, 1u);
    } else {
      do {
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];"
                     : "=r"(now)
                     : "l"(__cvta_generic_to_global(&barrier->generation))
                     : "memory");
      } while (now == generation);
    }
    __threadfence();
  }
  __syncthreads();
}
#else
inline void grid_sync(GridBarrier* barrier, simt::Location where = simt::Location::current()) {
  simt::grid_barrier(&barrier->arrived, &barrier->generation, where);
}
#endif

/// True in every thread of the block that is the last of `blocks` to come here, and what the others
/// wrote before is seen by it after. The host zeroes *ticket once; the last block does so again.
/// All threads of a block must call it. So partial results are summed in a fixed order, by
/// whichever block comes last. Made of CUDA C++ alone: host and device share the body.
__device__ inline bool last_block_to_arrive(uint32_t* ticket, uint32_t blocks) {
  VAE_SHARED(uint32_t, is_last, [1]);
  __syncthreads();
  if (threadIdx.x == 0 && threadIdx.y == 0 && threadIdx.z == 0) {
    __threadfence();  // cumulative: it covers what the barrier has collected from the block
    is_last[0] = atomicInc(ticket, blocks - 1) == blocks - 1;
    __threadfence();
  }
  __syncthreads();
  return is_last[0] != 0;
}

}  // namespace vae::cuda
