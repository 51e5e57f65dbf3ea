// SPDX-License-Identifier: MIT
//
// log p(x|z) of rows and their importance weights. [IWAE eq. 8] A thread takes a quad; a narrow row
// is shared by up to 32 neighbouring lanes, a wide one by the block.
#include "kernels/cuda/instructions.h"
#include "kernels/cuda/pixel_terms.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/importance.h"
#include "kernels/rules/likelihoods.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int64_t kWideQuads = 64;  // beyond it a small batch would leave most of the card idle

/// `sum` and the groups of the lanes that share a row, right in the row's first lane.
__device__ inline float with_row_groups(float sum, float sum_of_quad, int lanes, unsigned turn) {
  return lanes <= 32 ? with_groups(sum, sum_of_quad, lanes)
                     : with_block_groups<kThreads>(sum, sum_of_quad, turn);
}

template <typename Rule>
__global__ void __launch_bounds__(kThreads)
    likelihood_kernel(float* log_px,                // [B*K] out
                      float* doutputs,              // [B*K, X] out, or null; may be outputs
                      float* dlog_variance,         // [1] out, or null
                      const float* outputs,         // [B*K, X]
                      const float* __restrict__ x,  // [B, X]
                      const float* log_variance,    // [1] of the Gaussian
                      std::size_t rows, std::size_t samples, std::size_t width, float scale,
                      uint32_t* ticket, int lanes, bool aligned) {
  const LikelihoodConstants constants = constants_of(Rule(), log_variance, width);
  const std::size_t quads = quads_of(width), lane = threadIdx.x % lanes;
  const std::size_t block_rows = kThreads / lanes, stride = block_rows * gridDim.x;
  unsigned turn = 0;
  // All threads take the same turns, because the sums need all lanes.
  for (std::size_t base = block_rows * blockIdx.x; base < rows; base += stride) {
    const std::size_t row = base + threadIdx.x / lanes;
    const std::size_t image = samples == 1 ? row : row / samples;
    float sum = 0.0f;
    for (std::size_t first = 0; first < quads; first += lanes) {
      const std::size_t q = first + lane;
      float sum_of_quad = 0.0f;
      if (row < rows && q < quads) {
        const std::size_t at = 4 * q, rest = width - at;
        Quad output = load_quad(outputs + row * width + at, rest, aligned);
        const Quad pixel = load_quad(x + image * width + at, rest, aligned);
        sum_of_quad = quad_log_p(Rule(), output, pixel, rest, constants, scale);
        if (doutputs != nullptr) store_quad(doutputs + row * width + at, output, rest, aligned);
      }
      sum = with_row_groups(sum, sum_of_quad, lanes, turn++);
    }
    if (row < rows && lane == 0) log_px[row] = constants.normalizer + sum;
  }
  if constexpr (Rule::kHasVariance) {
    if (dlog_variance == nullptr || !last_block_to_arrive(ticket, gridDim.x)) return;
    const float gradient =
        log_variance_gradient<kThreads>(Rule(), log_px, rows, width, constants, scale);
    if (threadIdx.x == 0) dlog_variance[0] = gradient;
  }
}

template <typename Rule>
__global__ void __launch_bounds__(kThreads)
    likelihood_mean_kernel(float* mean,           // [count] out, may be outputs
                           const float* outputs,  // [count]
                           std::size_t count, bool aligned) {
  const std::size_t quads = quads_of(count), stride = std::size_t{gridDim.x} * kThreads;
  for (std::size_t q = std::size_t{blockIdx.x} * kThreads + threadIdx.x; q < quads; q += stride) {
    const std::size_t at = 4 * q, rest = count - at;
    Quad quad = load_quad(outputs + at, rest, aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      quad.value[i] = Rule::mean(quad.value[i]);
    }
    store_quad(mean + at, quad, rest, aligned);
  }
}

/// A thread takes the samples of a row in their order, which a sum that has the same bits in any
/// chunks must keep.
__global__ void __launch_bounds__(kThreads)
    importance_merge_kernel(double* running_max,                  // [B] in/out
                            double* running_sum,                  // [B] in/out
                            const float* __restrict__ log_px,     // [B*K]
                            const float* __restrict__ log_ratio,  // [B*K]
                            std::size_t rows, std::size_t samples) {
  const std::size_t stride = std::size_t{gridDim.x} * kThreads;
  for (std::size_t row = std::size_t{blockIdx.x} * kThreads + threadIdx.x; row < rows;
       row += stride) {
    WeightSum weights{running_max[row], running_sum[row]};
    for (std::size_t at = row * samples; at < (row + 1) * samples; ++at) {
      weights = with_weight(weights, log_px[at], log_ratio[at]);
    }
    running_max[row] = weights.max;
    running_sum[row] = weights.sum;
  }
}

}  // namespace

// ---- launchers

void CudaBackend::run(const LikelihoodArgs& args) {
  const int64_t rows = args.outputs.rows(), width = args.outputs.cols();
  const int64_t quads = static_cast<int64_t>(quads_of(width));
  const int lanes = quads > kWideQuads ? kThreads : lanes_of(quads);
  const bool aligned =
      width % 4 == 0 && aligned_to_quads(args.doutputs.data, args.outputs.data, args.x.data);
  visit(args.likelihood, [&](auto rule) {
    stream_.launch("likelihood", {grid_of(rows, kThreads / lanes, card_.multiprocessors), kThreads},
                   likelihood_kernel<decltype(rule)>, args.log_px.data, args.doutputs.data,
                   args.dlog_variance.data, args.outputs.data, args.x.data, args.log_variance.data,
                   rows, args.samples, width, args.scale, workspace_.tickets, lanes, aligned);
  });
}

void CudaBackend::run(const LikelihoodMeanArgs& args) {
  const int64_t count = args.outputs.count();
  visit(args.likelihood, [&](auto rule) {
    stream_.launch("likelihood_mean",
                   {grid_of(count, 4 * kThreads, card_.multiprocessors), kThreads},
                   likelihood_mean_kernel<decltype(rule)>, args.mean.data, args.outputs.data, count,
                   aligned_to_quads(args.mean.data, args.outputs.data));
  });
}

void CudaBackend::run(const ImportanceArgs& args) {
  const int64_t rows = args.running_max.count();
  stream_.launch("importance_merge", {grid_of(rows, kThreads, card_.multiprocessors), kThreads},
                 importance_merge_kernel, args.running_max.data, args.running_sum.data,
                 args.log_px.data, args.log_ratio.data, rows, args.samples);
}

}  // namespace vae::cuda
