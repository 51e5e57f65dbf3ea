// SPDX-License-Identifier: MIT
//
// Instruction peaks: fp32 multiply-adds and mma.sync on operands that never leave registers.
#include <cmath>

#include <cuda_bf16.h>

#include "bench/gpu/harness.h"

namespace vae::microbench {
namespace {

constexpr int kThreads = 256;
constexpr int kRepetitions = 11;

// ---- fp32
// ----------------------------------------------------------------------------------------

constexpr int kChains = 16;   // independent multiply-adds of one thread
constexpr int kUnrolled = 8;  // of each chain, in one pass of the loop

/// x <- x a + b; with a = 1/2 and b = 1 every chain tends to 2.
__global__ void __launch_bounds__(kThreads)
    multiply_add(float a, float b, int passes, float* results) {
  float x[kChains];
#pragma unroll
  for (int i = 0; i < kChains; ++i) x[i] = static_cast<float>(threadIdx.x * kChains + i);
  for (int pass = 0; pass < passes; ++pass) {
#pragma unroll
    for (int repeat = 0; repeat < kUnrolled; ++repeat) {
#pragma unroll
      for (int i = 0; i < kChains; ++i) x[i] = fmaf(x[i], a, b);
    }
  }
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kChains; ++i) sum += x[i];
  results[blockIdx.x * kThreads + threadIdx.x] = sum;
}

void measure_fp32(Context& context) {
  const int blocks = 8 * context.card.multiprocessors;
  constexpr int kPasses = 2000;
  DeviceBuffer<float> results(static_cast<std::size_t>(blocks) * kThreads);
  const auto samples = time_each(context.stream, kRepetitions, [&] {
    multiply_add<<<blocks, kThreads, 0, context.stream>>>(0.5f, 1.0f, kPasses, results.get());
    MICROBENCH_CHECK(cudaGetLastError());
  });
  bool correct = true;
  for (const float sum : results.values()) {
    correct = correct && std::abs(sum - 2.0f * kChains) < 1e-3f;
  }
  const double flops = 2.0 * kChains * kUnrolled * kPasses * static_cast<double>(results.count());
  const auto& figure = context.report.add("arithmetic", "fp32 multiply-add", "TFLOP/s",
                                          rate(samples, 1e-12 * flops), checked(correct));
  if (figure.check == Check::passed) context.report.peak("fp32_flops", 1e12 * figure.median);
}

// ---- mma.sync
// ------------------------------------------------------------------------------------

enum class Format { tf32, bf16 };

constexpr int kTilesM = 2, kTilesN = 4;  // m16n8 tiles that one warp accumulates

template <Format kFormat>
constexpr int kDepth = kFormat == Format::tf32 ? 8 : 16;  // k of one instruction

/// d += a b on an m16n8 tile.
template <Format kFormat>
__device__ void multiply_tile(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  if (kFormat == Format::tf32) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
#endif
}

/// One register of an operand: `constant` if it is not 0, else random numbers in [-1/2, 1/2), since
/// the multipliers draw less power, and clock higher, on operands whose bits do not change.
template <Format kFormat>
__device__ unsigned operand_register(float constant, unsigned& seed) {
  const auto next = [&] {
    seed = seed * 1664525u + 1013904223u;
    return constant != 0.0f ? constant : static_cast<float>(seed >> 8) * 0x1p-24f - 0.5f;
  };
  if (kFormat == Format::tf32) return __float_as_uint(next()) & 0xffffe000u;
  const __nv_bfloat162 pair = __floats2bfloat162_rn(next(), next());
  return *reinterpret_cast<const unsigned*>(&pair);
}

/// Every thread writes the sum of its accumulators.
template <Format kFormat>
__global__ void __launch_bounds__(kThreads)
    multiply_tiles(float constant, int passes, float* results) {
  unsigned seed = (blockIdx.x * kThreads + threadIdx.x) * 2654435761u + 1u;
  unsigned a[kTilesM][4], b[kTilesN][2];
  float d[kTilesM][kTilesN][4] = {};
#pragma unroll
  for (int m = 0; m < kTilesM; ++m) {
#pragma unroll
    for (int i = 0; i < 4; ++i) a[m][i] = operand_register<kFormat>(constant, seed);
  }
#pragma unroll
  for (int n = 0; n < kTilesN; ++n) {
#pragma unroll
    for (int i = 0; i < 2; ++i) b[n][i] = operand_register<kFormat>(constant, seed);
  }
  for (int pass = 0; pass < passes; ++pass) {
#pragma unroll
    for (int m = 0; m < kTilesM; ++m) {
#pragma unroll
      for (int n = 0; n < kTilesN; ++n) multiply_tile<kFormat>(d[m][n], a[m], b[n]);
    }
  }
  float sum = 0.0f;
#pragma unroll
  for (int m = 0; m < kTilesM; ++m) {
#pragma unroll
    for (int n = 0; n < kTilesN; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) sum += d[m][n][i];
    }
  }
  results[blockIdx.x * kThreads + threadIdx.x] = sum;
}

/// With operands of 1/2 an accumulator gains k/4 in each pass, exactly.
template <Format kFormat>
bool constants_correct(Context& context, int blocks, DeviceBuffer<float>& results) {
  constexpr int kPasses = 100;
  multiply_tiles<kFormat><<<blocks, kThreads, 0, context.stream>>>(0.5f, kPasses, results.get());
  MICROBENCH_CHECK(cudaGetLastError());
  const float expected = kTilesM * kTilesN * 4.0f * kPasses * kDepth<kFormat> / 4.0f;
  for (const float sum : results.values()) {
    if (sum != expected) return false;
  }
  return true;
}

template <Format kFormat>
void measure_mma(Context& context, const std::string& format) {
  const std::string name = "mma.sync, " + format;
  const auto* kernel = reinterpret_cast<const void*>(&multiply_tiles<kFormat>);
  const std::string reason = missing_feature(context.card, kernel, 80);
  if (!reason.empty()) return context.report.skip("arithmetic", name, reason);
  const int blocks = 4 * context.card.multiprocessors;
  constexpr int kPasses = 8000;
  DeviceBuffer<float> results(static_cast<std::size_t>(blocks) * kThreads);
  const bool correct = constants_correct<kFormat>(context, blocks, results);
  const auto samples = time_each(context.stream, kRepetitions, [&] {
    multiply_tiles<kFormat><<<blocks, kThreads, 0, context.stream>>>(0.0f, kPasses, results.get());
    MICROBENCH_CHECK(cudaGetLastError());
  });
  const double warps = static_cast<double>(results.count() / 32);
  const double flops = 2.0 * 16 * 8 * kDepth<kFormat> * kTilesM * kTilesN * kPasses * warps;
  const auto& figure = context.report.add("arithmetic", name, "TFLOP/s",
                                          rate(samples, 1e-12 * flops), checked(correct));
  if (figure.check == Check::passed) {
    context.report.peak("mma_" + format + "_flops", 1e12 * figure.median);
  }
}

}  // namespace

void measure_arithmetic(Context& context) {
  measure_fp32(context);
  measure_mma<Format::tf32>(context, "tf32");
  measure_mma<Format::bf16>(context, "bf16");
}

}  // namespace vae::microbench
