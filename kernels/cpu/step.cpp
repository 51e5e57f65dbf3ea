// SPDX-License-Identifier: MIT
//
// The state of a training step: its place in the schedule, its loss, and whether its gradient may
// be applied.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/sums.h"
#include "kernels/rules/judge.h"
#include "kernels/rules/objective.h"
#include "kernels/rules/schedule.h"

namespace vae::cpu {

namespace {

constexpr int64_t kNormRange = 16 * kSumBlock;  // gradients a task handles: some 5 us of work

}  // namespace

void CpuBackend::run(const BeginStepArgs& args) { advance(*args.state, args.schedule); }

void CpuBackend::run(const AccumulateArgs& args) {
  const int64_t rows = args.log_px.count();
  const auto sum_of = [&](double BoundTerms::*part) {
    return long_sum(rows, [&](int64_t row) {
      return bound_terms(args.log_px.data[row], args.kl.data[row]).*part;
    });
  };
  add_batch(*args.totals, *args.state,
            {sum_of(&BoundTerms::reconstruction), sum_of(&BoundTerms::kl),
             sum_of(&BoundTerms::squared_elbo)},
            rows);
}

void CpuBackend::run(const AccumulateWeightedArgs& args) {
  const auto sum_of = [](ConstView numbers) {
    return long_sum(numbers.count(), [&](int64_t at) { return double{numbers.data[at]}; });
  };
  const int64_t rows = args.bound.count();
  add_weighted_batch(*args.totals, *args.state, sum_of(args.log_px), sum_of(args.log_ratio),
                     sum_of(args.bound), rows, args.log_px.count() / rows);
}

void CpuBackend::run(const JudgeGradientArgs& args) {
  const int64_t count = args.gradients.count();
  block_sums_.resize((count + kSumBlock - 1) / kSumBlock);
  for_ranges(count, kNormRange, [&](int64_t first, int64_t last) {
    ops_.sums_of_squares(block_sums_.data() + first / kSumBlock, args.gradients.data + first,
                         last - first);
  });
  judge(*args.state, balanced_sum(block_sums_.data(), static_cast<int64_t>(block_sums_.size())),
        args.clip_norm, args.skip_norm);
}

}  // namespace vae::cpu
