// SPDX-License-Identifier: MIT
//
// The state of a training step: its place in the schedule, its loss, and whether its gradient may
// be applied. The gradient's norm is summed in a fixed order of ranges.
#include <cmath>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/schedule.h"

namespace vae::cpu {

namespace {

constexpr int64_t kNormRange = 16384;  // gradients a task handles: 64 KiB, some 5 us of work

}  // namespace

void CpuBackend::do_begin_step(StepState* state, const Schedule& schedule) {
  advance(*state, schedule);
}

void CpuBackend::do_accumulate(const AccumulateArgs& args) {
  const int64_t rows = args.log_px.count();
  double reconstruction = 0.0, kl = 0.0, squares = 0.0;
  for (int64_t row = 0; row < rows; ++row) {
    const double elbo = static_cast<double>(args.log_px.data[row]) - args.kl.data[row];
    reconstruction += args.log_px.data[row];
    kl += args.kl.data[row];
    squares += elbo * elbo;
  }
  const double loss = (args.state->beta * kl - reconstruction) / static_cast<double>(rows);
  args.state->loss = static_cast<float>(loss);
  if (!std::isfinite(args.state->loss)) return;
  args.totals->reconstruction += reconstruction;
  args.totals->kl += kl;
  args.totals->squared_elbo += squares;
  args.totals->images += rows;
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
  const double norm = std::sqrt(sum);

  StepState& state = *args.state;
  state.gradient_norm = static_cast<float>(norm);
  state.apply = std::isfinite(norm) && std::isfinite(state.loss) ? 1 : 0;
  const bool clip = args.clip_norm > 0.0f && norm > args.clip_norm;
  state.clip_scale = clip ? static_cast<float>(args.clip_norm / norm) : 1.0f;
  if (state.apply != 0) {
    ++state.updates;
    state.skipped_in_a_row = 0;
  } else {
    ++state.skipped;
    ++state.skipped_in_a_row;
  }
}

}  // namespace vae::cpu
