// SPDX-License-Identifier: MIT
//
// Importance weights of an image's samples. [IWAE eq. 8]
#include <cmath>

#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/importance.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

/// A thread takes the samples of a row in their order, which a sum that has the same bits in any
/// chunks must keep.
__global__ void __launch_bounds__(kThreads)
    importance_merge_kernel(double* running_max,                  // [B] in/out
                            double* running_sum,                  // [B] in/out
                            const float* __restrict__ log_px,     // [B*K]
                            const float* __restrict__ log_ratio,  // [B*K]
                            std::size_t rows, std::size_t samples, double beta) {
  const std::size_t stride = std::size_t{gridDim.x} * kThreads;
  for (std::size_t row = std::size_t{blockIdx.x} * kThreads + threadIdx.x; row < rows;
       row += stride) {
    WeightSum weights{running_max[row], running_sum[row]};
    for (std::size_t at = row * samples; at < (row + 1) * samples; ++at) {
      weights = with_weight(weights, log_weight(log_px[at], log_ratio[at], beta));
    }
    running_max[row] = weights.max;
    running_sum[row] = weights.sum;
  }
}

/// The largest number of a warp, NaN aside. All its lanes must call it.
__device__ inline double warp_max(double value) {
  for (int distance = 1; distance < 32; distance *= 2) {
    const double other = __shfl_xor_sync(0xffffffffu, value, distance);
    value = other > value ? other : value;
  }
  return value;
}

/// The long sum of term(0) .. term(count - 1) by a warp: the same bits in all its lanes. `levels`
/// is the warp's own.
template <typename Term>
__device__ inline double warp_long_sum(std::size_t count, double* levels, Term term) {
  BalancedSum<double> blocks{levels, 0, 0};
  for (std::size_t first = 0; first < count; first += kSumBlock) {
    const double block = tree_sum(long_sum_lane(first, count, term), kSumLanes);
    if (threadIdx.x % 32 == 0) add(blocks, block);
  }
  const double sum = threadIdx.x % 32 == 0 ? total(blocks) : 0.0;
  return __shfl_sync(0xffffffffu, sum, 0, 32);
}

/// A warp takes an image.
__global__ void __launch_bounds__(kThreads, 1)
    importance_weights_kernel(float* __restrict__ weights,          // [B*K] out
                              float* __restrict__ bound,            // [B] out
                              const float* __restrict__ log_px,     // [B*K]
                              const float* __restrict__ log_ratio,  // [B*K]
                              const StepState* state, std::size_t images, std::size_t samples) {
  VAE_SHARED(double, levels, [kWarps][BalancedSum<double>::kMost]);
  const std::size_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const double beta = state->beta;
  for (std::size_t image = std::size_t{blockIdx.x} * kWarps + warp; image < images;
       image += std::size_t{gridDim.x} * kWarps) {
    const std::size_t at = image * samples;
    const auto log_w = [&](std::size_t k) {
      return log_weight(log_px[at + k], log_ratio[at + k], beta);
    };
    double largest = -INFINITY;
    for (std::size_t k = lane; k < samples; k += 32) {
      largest = log_w(k) > largest ? log_w(k) : largest;
    }
    const double max = warp_max(largest);
    const auto weight = [&](std::size_t k) { return relative_weight(log_w(k), max); };
    const double sum = warp_long_sum(samples, levels[warp], weight);
    if (lane == 0) {
      bound[image] = static_cast<float>(log_mean({max, sum}, static_cast<int64_t>(samples)));
    }
    for (std::size_t k = lane; k < samples; k += 32) {
      weights[at + k] = static_cast<float>(weight(k) / sum);
    }
  }
}

}  // namespace

// ---- launchers

void CudaBackend::run(const ImportanceArgs& args) {
  const int64_t rows = args.running_max.count();
  stream_.launch("importance_merge", {grid_of(rows, kThreads, card_.multiprocessors), kThreads},
                 importance_merge_kernel, args.running_max.data, args.running_sum.data,
                 args.log_px.data, args.log_ratio.data, rows, args.samples, args.beta);
}

void CudaBackend::run(const ImportanceWeightsArgs& args) {
  const int64_t images = args.bound.count();
  stream_.launch("importance_weights", {grid_of(images, kWarps, card_.multiprocessors), kThreads},
                 importance_weights_kernel, args.weights.data, args.bound.data, args.log_px.data,
                 args.log_ratio.data, args.state, images, args.samples);
}

}  // namespace vae::cuda
