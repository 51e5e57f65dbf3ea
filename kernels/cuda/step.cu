// SPDX-License-Identifier: MIT
//
// The state of a training step: its place in the schedule, its loss, and whether its gradient may
// be applied. Sums are in double and in an order that depends on the count alone, not on the card:
// each thread adds its own elements in ascending order, then the block's tree (reduce.h), then the
// blocks in the same way.
#include "kernels/cuda/instructions.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/judge.h"
#include "kernels/rules/objective.h"
#include "kernels/rules/schedule.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

// One block adds up a whole batch, most often one row a thread; more warps would only lengthen its
// tree, which is slow on cards with few units for double.
constexpr int kRowThreads = 256;

constexpr int kNormThreads = 256;
constexpr int kNormQuads = 4;  // of a thread, all on their way at once
constexpr int64_t kNormRange = int64_t{4} * kNormThreads * kNormQuads;  // gradients of a block

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
                      std::size_t rows, bool aligned) {
  double reconstruction = 0.0, kl_sum = 0.0, squares = 0.0;
  for (std::size_t row = std::size_t{4} * threadIdx.x; row < rows; row += 4 * kRowThreads) {
    const Quad p = load_quad(log_px + row, rows - row, aligned);
    const Quad k = load_quad(kl + row, rows - row, aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {  // past the last row there are zeros
      const BoundTerms terms = bound_terms(p.value[i], k.value[i]);
      reconstruction += terms.reconstruction;
      kl_sum += terms.kl;
      squares += terms.squared_elbo;
    }
  }
  reconstruction = block_sum<kRowThreads>(reconstruction);
  kl_sum = block_sum<kRowThreads>(kl_sum);
  squares = block_sum<kRowThreads>(squares);
  if (threadIdx.x != 0) return;
  accumulate(*totals, *state, {reconstruction, kl_sum, squares}, static_cast<int64_t>(rows));
}

__global__ void __launch_bounds__(kNormThreads)
    judge_gradient_kernel(StepState* state, const float* __restrict__ gradients,  // [P]
                          std::size_t count, float clip_norm, bool aligned,
                          double* block_sums,  // [grid]
                          uint32_t* ticket) {
  const std::size_t first = blockIdx.x * static_cast<std::size_t>(kNormRange) + 4 * threadIdx.x;
  Quad quads[kNormQuads];
  VAE_UNROLL
  for (int q = 0; q < kNormQuads; ++q) {
    const std::size_t at = first + q * std::size_t{4 * kNormThreads};
    quads[q] = load_quad(gradients + at, at < count ? count - at : 0, aligned);
  }
  double sum = 0.0;
  VAE_UNROLL
  for (int q = 0; q < kNormQuads; ++q) {
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      const double value = quads[q].value[i];
      sum += value * value;
    }
  }
  sum = block_sum<kNormThreads>(sum);
  if (threadIdx.x == 0) block_sums[blockIdx.x] = sum;
  if (!last_block_to_arrive(ticket, gridDim.x)) return;
  sum = 0.0;
  for (unsigned block = threadIdx.x; block < gridDim.x; block += kNormThreads) {
    sum += block_sums[block];
  }
  sum = block_sum<kNormThreads>(sum);
  if (threadIdx.x == 0) judge(*state, sum, clip_norm);
}

}  // namespace

// ---- launchers

void CudaBackend::do_begin_step(StepState* state, const Schedule& schedule) {
  stream_.launch("begin_step", {1, 32}, begin_step_kernel, state, schedule);
}

void CudaBackend::do_accumulate(const AccumulateArgs& args) {
  const bool aligned = aligned_to_quads(args.log_px.data, args.kl.data);
  stream_.launch("accumulate", {1, kRowThreads}, accumulate_kernel, args.totals, args.state,
                 args.log_px.data, args.kl.data, args.log_px.count(), aligned);
}

void CudaBackend::do_judge_gradient(const JudgeGradientArgs& args) {
  const int64_t count = args.gradients.count();
  const int64_t blocks = std::max<int64_t>(1, (count + kNormRange - 1) / kNormRange);
  auto* const block_sums = reinterpret_cast<double*>(workspace_.floats);
  VAE_CHECK(blocks <= Workspace::kFloats / 2, "judge_gradient: ", count,
            " parameters are more than the ", Workspace::kFloats / 2 * kNormRange,
            " that its workspace is made for");
  stream_.launch("judge_gradient", {static_cast<unsigned>(blocks), kNormThreads},
                 judge_gradient_kernel, args.state, args.gradients.data, count, args.clip_norm,
                 aligned_to_quads(args.gradients.data), block_sums, workspace_.tickets);
}

}  // namespace vae::cuda
