// SPDX-License-Identifier: MIT
//
// The update: Adam in one pass over all parameters. [Adam alg. 1]
#include <cmath>

#include "kernels/cpu/cpu_backend.h"

namespace vae::cpu {

namespace {

constexpr int64_t kRange = 16384;  // parameters a task handles: four arrays fit in L2

}  // namespace

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
