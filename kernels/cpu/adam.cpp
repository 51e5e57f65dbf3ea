// SPDX-License-Identifier: MIT
//
// The update: global gradient norm in a fixed order of ranges, then Adam in one pass over all
// parameters. [Adam alg. 1]
#include <algorithm>
#include <cmath>

#include "kernels/cpu/cpu_backend.h"

namespace vae::cpu {

namespace {

constexpr int64_t kRange = 16384;  // parameters a task handles: four arrays fit in L2

}  // namespace

void CpuBackend::do_judge_gradient(const JudgeGradientArgs& args) {
  const int64_t count = args.gradients.count();
  partial_sums_.resize((count + kRange - 1) / kRange);
  for_ranges(count, kRange, [&](int64_t first, int64_t last) {
    partial_sums_[first / kRange] = ops_.sum_of_squares(args.gradients.data + first, last - first);
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

void CpuBackend::do_adam(const AdamArgs& args) {
  const StepState& state = *args.state;
  if (state.apply == 0) return;
  const double t = state.updates;
  AdamConstants constants;
  constants.beta1 = args.beta1;
  constants.beta2 = args.beta2;
  constants.step_size = static_cast<float>(state.learning_rate /
                                           (1.0 - std::pow(static_cast<double>(args.beta1), t)));
  constants.inverse_sqrt_correction =
      static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(static_cast<double>(args.beta2), t)));
  constants.epsilon = args.epsilon;
  constants.gradient_scale = state.clip_scale;
  for_ranges(args.parameters.count(), kRange, [&](int64_t first, int64_t last) {
    ops_.adam(args.parameters.data + first, args.first_moment.data + first,
              args.second_moment.data + first, args.gradients.data + first, last - first,
              constants);
  });
}

}  // namespace vae::cpu
