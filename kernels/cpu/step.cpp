// SPDX-License-Identifier: MIT
//
// The state of a training step: its place in the schedule, its loss, and whether its gradient may
// be applied. The gradient's norm is summed in a fixed order of ranges.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/rules/judge.h"
#include "kernels/rules/objective.h"
#include "kernels/rules/schedule.h"

namespace vae::cpu {

namespace {

constexpr int64_t kNormRange = 16384;  // gradients a task handles: 64 KiB, some 5 us of work

}  // namespace

void CpuBackend::do_begin_step(StepState* state, const Schedule& schedule) {
  advance(*state, schedule);
}

void CpuBackend::do_accumulate(const AccumulateArgs& args) {
  const int64_t rows = args.log_px.count();
  BoundTerms sums{};
  for (int64_t row = 0; row < rows; ++row) {
    const BoundTerms terms = bound_terms(args.log_px.data[row], args.kl.data[row]);
    sums.reconstruction += terms.reconstruction;
    sums.kl += terms.kl;
    sums.squared_elbo += terms.squared_elbo;
  }
  accumulate(*args.totals, *args.state, sums, rows);
}

void CpuBackend::do_judge_gradient(const JudgeGradientArgs& args) {
  const int64_t count = args.gradients.count();
  partial_sums_.resize((count + kNormRange - 1) / kNormRange);
  for_ranges(count, kNormRange, [&](int64_t first, int64_t last) {
    partial_sums_[first / kNormRange] =
        ops_.sum_of_squares(args.gradients.data + first, last - first);
  });
  double sum = 0.0;
  for (const double partial : partial_sums_) sum += partial;
  judge(*args.state, sum, args.clip_norm);
}

}  // namespace vae::cpu
