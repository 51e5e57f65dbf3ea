// SPDX-License-Identifier: MIT
//
// One case for each instruction of kernels/cuda/instructions.h that computes or moves numbers: a
// kernel and what it must give. A case is a function of a device and returns what differs, or an
// empty string; the tests of the SIMT layer run it on the CPU, tests/cuda/twin_test.cu on a GPU. A
// Device has
//
//   T* upload(const std::vector<T>&)                 a copy in its memory
//   std::vector<T> download(const T*, std::size_t)   waits for what was launched
//   void launch(const LaunchShape&, kernel, arguments...)
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/cuda/instructions.h"
#include "kernels/hd.h"
#include "tests/simt/core_test/fragment_layouts.h"

namespace vae::cuda::cases {

template <typename T>
std::string first_difference(const char* what, const std::vector<T>& got,
                             const std::vector<T>& want) {
  std::ostringstream text;
  if (got.size() != want.size()) {
    text << what << ": " << got.size() << " values instead of " << want.size();
    return text.str();
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i]) continue;
    text << what << '[' << i << "]: got " << got[i] << ", want " << want[i];
    return text.str();
  }
  return {};
}

// ---- conversions

static __global__ void convert_kernel(const float* x, uint32_t* tf32, uint32_t* bf16x2, int count) {
  const int threads = static_cast<int>(gridDim.x * blockDim.x);
  for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < count; i += threads) {
    tf32[i] = to_tf32(x[i]);
    bf16x2[i] = to_bf16x2(x[i], x[count - 1 - i]);
  }
}

/// Numbers whose rounding is delicate, and random bit patterns.
inline std::vector<float> delicate_floats() {
  std::vector<float> x;
  // Fractions that end just below, at and just above the middle of two bfloat16 or tf32, after an
  // even and after an odd one; at ordinary, the smallest, subnormal and the largest exponents.
  for (const uint32_t exponent : {0u, 1u, 100u, 127u, 200u, 254u}) {
    for (const uint32_t step : {0x10000u, 0x2000u}) {
      for (const uint32_t multiple : {0u, 1u, 2u, 0x7fffffu / step}) {
        for (const int offset : {-1, 0, 1}) {
          const uint32_t fraction =
              (multiple * step + step / 2 + static_cast<uint32_t>(offset)) & 0x7fffffu;
          x.push_back(std::bit_cast<float>(exponent << 23 | fraction));
        }
      }
    }
  }
  for (const uint32_t bits : {0u, 1u, 0x7fffffu, 0x7f7fffffu, 0x7f800000u, 0x3f800000u}) {
    x.push_back(std::bit_cast<float>(bits));
  }
  // NaNs by payload: within the bits that a conversion drops, where a rounding would carry out of
  // them, just above them, signalling, quiet, and all ones, where a carry would reach the sign.
  for (const uint32_t payload :
       {0x1u,      0xfffu,    0x1000u,   0x1fffu,   0x2000u,   0x2001u,   0x3000u,
        0x7fffu,   0x8000u,   0xffffu,   0x10000u,  0x18000u,  0x3fffffu, 0x400000u,
        0x400001u, 0x7fe000u, 0x7fefffu, 0x7ff000u, 0x7f7fffu, 0x7f8000u, 0x7fffffu}) {
    x.push_back(std::bit_cast<float>(0x7f800000u | payload));
  }
  const std::size_t positive = x.size();
  for (std::size_t i = 0; i < positive; ++i) {
    x.push_back(std::bit_cast<float>(std::bit_cast<uint32_t>(x[i]) | 0x80000000u));
  }
  std::mt19937 random(1);
  while (x.size() < 8192) x.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
  return x;
}

template <typename Device>
std::string conversions(Device& device) {
  const std::vector<float> x = delicate_floats();
  const std::size_t count = x.size();
  uint32_t* tf32 = device.upload(std::vector<uint32_t>(count));
  uint32_t* bf16x2 = device.upload(std::vector<uint32_t>(count));
  device.launch({4, 128}, convert_kernel, device.upload(x), tf32, bf16x2, static_cast<int>(count));
  std::vector<uint32_t> got_tf32 = device.download(tf32, count), want_tf32, want_bf16x2;
  for (uint32_t& bits : got_tf32) bits = layout::significant_tf32(bits);
  for (std::size_t i = 0; i < count; ++i) {
    want_tf32.push_back(layout::expected_tf32(x[i]));
    want_bf16x2.push_back(layout::expected_bf16(x[count - 1 - i]) << 16 |
                          layout::expected_bf16(x[i]));
  }
  const std::string difference = first_difference("to_tf32", got_tf32, want_tf32);
  if (!difference.empty()) return difference;
  return first_difference("to_bf16x2", device.download(bf16x2, count), want_bf16x2);
}

// ---- tensor cores

inline constexpr unsigned kMmaThreads = 96;  // three warps with matrices of their own

static __global__ void mma_tf32_kernel(const uint32_t* a, const uint32_t* b, float* d) {
  const unsigned i = threadIdx.x;
  const uint32_t a_own[4] = {a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3]};
  const uint32_t b_own[2] = {b[2 * i], b[2 * i + 1]};
  float d_own[4] = {d[4 * i], d[4 * i + 1], d[4 * i + 2], d[4 * i + 3]};
  mma_tf32(d_own, a_own, b_own);
  for (int e = 0; e < 4; ++e) d[4 * i + e] = d_own[e];
}

static __global__ void mma_bf16_kernel(const uint32_t* a, const uint32_t* b, float* d) {
  const unsigned i = threadIdx.x;
  const uint32_t a_own[4] = {a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3]};
  const uint32_t b_own[2] = {b[2 * i], b[2 * i + 1]};
  float d_own[4] = {d[4 * i], d[4 * i + 1], d[4 * i + 2], d[4 * i + 3]};
  mma_bf16(d_own, a_own, b_own);
  for (int e = 0; e < 4; ++e) d[4 * i + e] = d_own[e];
}

/// A warp's matrices of small integers, so that products and sums are exact in every order.
template <int kDepth>
struct MmaMatrices {
  explicit MmaMatrices(std::mt19937& random) {
    const auto draw = [&random] {
      return static_cast<float>(static_cast<int>(random() % 33) - 16);
    };
    for (auto& row : a) std::generate(row, row + kDepth, draw);
    for (auto& row : b) std::generate(row, row + 8, draw);
    for (auto& row : d) std::generate(row, row + 8, draw);
  }
  float sum(layout::Position at) const {
    float sum = d[at.row][at.column];
    for (int k = 0; k < kDepth; ++k) sum += a[at.row][k] * b[k][at.column];
    return sum;
  }
  /// Gives the first product of each sum an infinite or undefined factor, one sum an infinite start
  /// and one column a factor of 0 against all of them.
  void make_special() {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    constexpr float kSpecial[] = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()};
    for (int row = 0; row < 16; ++row) a[row][0] = kSpecial[row % 3];
    for (int column = 0; column < 8; ++column) b[0][column] = static_cast<float>(column - 3);
    d[0][7] = d[1][7] = -kInfinity;
  }
  float a[16][kDepth], b[kDepth][8], d[16][8];
};

/// Comparable: the ISA does not say which NaN a sum is.
inline std::vector<uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float x : values) {
    bits.push_back(x == x ? std::bit_cast<uint32_t>(x) : 0x7fffffffu);
  }
  return bits;
}

/// Fragments of all warps, as the kernels take them.
struct MmaFragments {
  template <int kDepth>
  void add_lane(const MmaMatrices<kDepth>& m, int lane) {
    const auto a_at = [&m](layout::Position at) { return m.a[at.row][at.column]; };
    const auto b_at = [&m](layout::Position at) { return m.b[at.row][at.column]; };
    const auto pair = [](float low, float high) {
      return layout::expected_bf16(high) << 16 | layout::expected_bf16(low);
    };
    for (int i = 0; i < 4; ++i) {
      if constexpr (kDepth == 8) {
        a.push_back(std::bit_cast<uint32_t>(a_at(layout::tf32_a(lane, i))));
      } else {
        a.push_back(pair(a_at(layout::bf16_a(lane, 2 * i)), a_at(layout::bf16_a(lane, 2 * i + 1))));
      }
    }
    for (int i = 0; i < 2; ++i) {
      if constexpr (kDepth == 8) {
        b.push_back(std::bit_cast<uint32_t>(b_at(layout::tf32_b(lane, i))));
      } else {
        b.push_back(pair(b_at(layout::bf16_b(lane, 2 * i)), b_at(layout::bf16_b(lane, 2 * i + 1))));
      }
    }
    for (int i = 0; i < 4; ++i) {
      const layout::Position at = layout::accumulator(lane, i);
      d.push_back(m.d[at.row][at.column]);
      want.push_back(m.sum(at));
    }
  }
  std::vector<uint32_t> a, b;
  std::vector<float> d, want;
};

template <int kDepth, typename Device>
std::string mma(Device& device, const char* name,
                void (*kernel)(const uint32_t*, const uint32_t*, float*)) {
  std::mt19937 random(2);
  MmaFragments fragments;
  for (unsigned warp = 0; warp < kMmaThreads / 32; ++warp) {
    MmaMatrices<kDepth> matrices(random);
    if (warp == 1) matrices.make_special();
    for (int lane = 0; lane < 32; ++lane) fragments.add_lane(matrices, lane);
  }
  float* d = device.upload(fragments.d);
  device.launch({1, kMmaThreads}, kernel, device.upload(fragments.a), device.upload(fragments.b),
                d);
  return first_difference(name, bits_of(device.download(d, fragments.d.size())),
                          bits_of(fragments.want));
}

template <typename Device>
std::string mma_tf32_product(Device& device) {
  return mma<8>(device, "mma_tf32", mma_tf32_kernel);
}
template <typename Device>
std::string mma_bf16_product(Device& device) {
  return mma<16>(device, "mma_bf16", mma_bf16_kernel);
}

// ---- ldmatrix

inline constexpr int kMatrixPitch = 24;  // elements; rows of 8 lie apart

/// The row whose address a lane gives: any order will do.
VAE_HD constexpr int matrix_row(int lane) { return (5 * lane + 3) % 32; }

/// registers: [32 lanes, 12], of x4, x4 transposed, x2, x2 transposed.
static __global__ void load_matrix_kernel(const uint16_t* rows, uint32_t* registers) {
  VAE_SHARED(uint16_t, tile, [32 * kMatrixPitch]);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 8; ++i) tile[lane * kMatrixPitch + i] = rows[lane * 8 + i];
  __syncthreads();
  const uint16_t* row = tile + matrix_row(lane) * kMatrixPitch;
  uint32_t x4[4], x4_transposed[4], x2[2], x2_transposed[2];
  load_matrix_x4(x4, row);
  load_matrix_x4_transposed(x4_transposed, row);
  load_matrix_x2(x2, row);
  load_matrix_x2_transposed(x2_transposed, row);
  uint32_t* own = registers + lane * 12;
  for (int i = 0; i < 4; ++i) own[i] = x4[i];
  for (int i = 0; i < 4; ++i) own[4 + i] = x4_transposed[i];
  for (int i = 0; i < 2; ++i) own[8 + i] = x2[i];
  for (int i = 0; i < 2; ++i) own[10 + i] = x2_transposed[i];
}

template <typename Device>
std::string load_matrix(Device& device) {
  std::vector<uint16_t> rows(32 * 8);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint16_t>(0x1100 + 7 * i);
  uint32_t* registers = device.upload(std::vector<uint32_t>(32 * 12));
  device.launch({1, 32}, load_matrix_kernel, device.upload(rows), registers);
  std::vector<uint32_t> want;
  for (int lane = 0; lane < 32; ++lane) {
    const auto expect = [&](int matrix, bool transposed) {
      uint32_t bits = 0;
      for (int half = 0; half < 2; ++half) {
        const layout::Position at = layout::matrix_element(lane, half, transposed);
        const int row = matrix_row(8 * matrix + at.row);
        bits |= static_cast<uint32_t>(rows[static_cast<std::size_t>(row * 8 + at.column)])
                << 16 * half;
      }
      want.push_back(bits);
    };
    for (int matrix = 0; matrix < 4; ++matrix) expect(matrix, false);
    for (int matrix = 0; matrix < 4; ++matrix) expect(matrix, true);
    for (int matrix = 0; matrix < 2; ++matrix) expect(matrix, false);
    for (int matrix = 0; matrix < 2; ++matrix) expect(matrix, true);
  }
  return first_difference("load_matrix", device.download(registers, want.size()), want);
}

// ---- cp.async

/// Words 0..3 of each thread by 16 bytes, 4..5 by 8, 6 by 4; every third thread's are not valid.
static __global__ void copy_async_kernel(const uint32_t* from, uint32_t* to) {
  VAE_SHARED(uint32_t, quads, [64 * 4]);
  VAE_SHARED(uint32_t, pairs, [64 * 2]);
  VAE_SHARED(uint32_t, singles, [64]);
  const unsigned i = threadIdx.x;
  const bool valid = i % 3 != 0;
  copy_async<16>(quads + 4 * i, from + 8 * i, valid);
  copy_async_commit();
  copy_async<8>(pairs + 2 * i, from + 8 * i + 4, valid);
  copy_async_commit();
  copy_async<4>(singles + i, from + 8 * i + 6, valid);
  copy_async_commit();
  copy_async_wait<2>();  // this thread's quad has come
  uint32_t* own = to + 8 * i;
  for (unsigned e = 0; e < 4; ++e) own[e] = quads[4 * i + e];
  copy_async_wait<0>();
  __syncthreads();  // now every thread's pair and single have
  const unsigned other = 63 - i;
  for (unsigned e = 0; e < 2; ++e) own[4 + e] = pairs[2 * other + e];
  own[6] = singles[other];
  own[7] = 0;
}

template <typename Device>
std::string copies(Device& device) {
  std::vector<uint32_t> from(64 * 8), want(64 * 8);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<uint32_t>(1000 + i);
  for (std::size_t thread = 0; thread < 64; ++thread) {
    for (std::size_t e = 0; e < 7; ++e) {
      const std::size_t source = e < 4 ? thread : 63 - thread;
      want[8 * thread + e] = source % 3 != 0 ? from[8 * source + e] : 0;
    }
  }
  uint32_t* to = device.upload(std::vector<uint32_t>(64 * 8, 7));
  device.launch({1, 64}, copy_async_kernel, device.upload(from), to);
  return first_difference("copy_async", device.download(to, want.size()), want);
}

}  // namespace vae::cuda::cases
