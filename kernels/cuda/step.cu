// SPDX-License-Identifier: MIT
//
// The state of a training step: its place in the schedule, its loss, and whether its gradient may
// be applied.
#include "kernels/cuda/instructions.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/judge.h"
#include "kernels/rules/objective.h"
#include "kernels/rules/schedule.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

// One block adds up a whole batch, most often one block of a long sum; more warps would only
// lengthen its tree, which is slow on cards with few units for double.
constexpr int kRowThreads = 256;

constexpr int kNormThreads = 256;
constexpr int kAtOnce = 8;  // gradients of a thread that are on their way together

__global__ void begin_step_kernel(StepState* state, Schedule schedule) {
  if (threadIdx.x == 0) {
    StepState next = *state;
    advance(next, schedule);
    *state = next;
  }
}

__global__ void __launch_bounds__(kRowThreads)
    accumulate_kernel(Totals* totals, StepState* state,
                      const float* __restrict__ log_px,  // [B]
                      const float* __restrict__ kl,      // [B]
                      std::size_t rows) {
  const auto sum_of = [&](double BoundTerms::*part) {
    return long_sum<kRowThreads>(
        rows, [&](std::size_t row) { return bound_terms(log_px[row], kl[row]).*part; });
  };
  const BoundTerms sums{sum_of(&BoundTerms::reconstruction), sum_of(&BoundTerms::kl),
                        sum_of(&BoundTerms::squared_elbo)};
  if (threadIdx.x == 0) add_batch(*totals, *state, sums, static_cast<int64_t>(rows));
}

__global__ void __launch_bounds__(kRowThreads)
    accumulate_weighted_kernel(Totals* totals, StepState* state,
                               const float* __restrict__ bound,      // [B]
                               const float* __restrict__ log_px,     // [B*K]
                               const float* __restrict__ log_ratio,  // [B*K]
                               std::size_t rows, std::size_t samples) {
  const auto sum_of = [](const float* numbers, std::size_t count) {
    return long_sum<kRowThreads>(count, [&](std::size_t at) { return double{numbers[at]}; });
  };
  const double bounds = sum_of(bound, rows);
  const double log_p = sum_of(log_px, rows * samples), ratios = sum_of(log_ratio, rows * samples);
  if (threadIdx.x == 0) {
    add_weighted_batch(*totals, *state, log_p, ratios, bounds, static_cast<int64_t>(rows),
                       static_cast<int64_t>(samples));
  }
}

/// A lane's part of a block of the long sum of squares.
__device__ inline double squares_of_lane(const float* gradients, std::size_t first,
                                         std::size_t count) {
  double sum = 0.0;
  for (int64_t turn = 0; turn < kSumBlock; turn += kAtOnce * kSumLanes) {
    float values[kAtOnce];
    VAE_UNROLL
    for (int i = 0; i < kAtOnce; ++i) {
      const std::size_t at = first + turn + i * kSumLanes + threadIdx.x % 32;
      values[i] = at < count ? gradients[at] : 0.0f;
    }
    VAE_UNROLL
    for (int i = 0; i < kAtOnce; ++i) {
      const double value = values[i];
      sum += value * value;
    }
  }
  return sum;
}

/// A warp takes a block of the long sum; the block that comes last joins them all.
__global__ void __launch_bounds__(kNormThreads)
    judge_gradient_kernel(StepState* state, const float* __restrict__ gradients,  // [P]
                          std::size_t count, float clip_norm, float skip_norm,
                          double* block_sums,  // [grid]
                          uint32_t* ticket) {
  const std::size_t warp = std::size_t{blockIdx.x} * (kNormThreads / 32) + threadIdx.x / 32;
  const double sum =
      block_tree_sum<kNormThreads>(squares_of_lane(gradients, warp * kSumBlock, count));
  if (threadIdx.x == 0) block_sums[blockIdx.x] = sum;
  if (!last_block_to_arrive(ticket, gridDim.x)) return;
  const double all = tree_of<kNormThreads>(block_sums, gridDim.x);
  if (threadIdx.x == 0) judge(*state, all, clip_norm, skip_norm);
}

}  // namespace

// ---- launchers

void CudaBackend::run(const BeginStepArgs& args) {
  stream_.launch("begin_step", {1, 32}, begin_step_kernel, args.state, args.schedule);
}

void CudaBackend::run(const AccumulateArgs& args) {
  stream_.launch("accumulate", {1, kRowThreads}, accumulate_kernel, args.totals, args.state,
                 args.log_px.data, args.kl.data, args.log_px.count());
}

void CudaBackend::run(const AccumulateWeightedArgs& args) {
  const int64_t rows = args.bound.count();
  stream_.launch("accumulate_weighted", {1, kRowThreads}, accumulate_weighted_kernel, args.totals,
                 args.state, args.bound.data, args.log_px.data, args.log_ratio.data, rows,
                 args.log_px.count() / rows);
}

void CudaBackend::run(const JudgeGradientArgs& args) {
  const int64_t count = args.gradients.count();
  const LongSumSpace space = long_sum_space("judge_gradient", count, kNormThreads);
  stream_.launch("judge_gradient", {space.blocks, kNormThreads}, judge_gradient_kernel, args.state,
                 args.gradients.data, count, args.clip_norm, args.skip_norm, space.sums,
                 workspace_.tickets);
}

}  // namespace vae::cuda
