// SPDX-License-Identifier: MIT
//
// The update: Adam in one pass over all parameters, and the mean of what it made of them.
#include "kernels/rules/adam.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/rules/running_mean.h"

namespace vae::cpu {

namespace {

constexpr int64_t kRange = 16384;  // parameters a task handles: four arrays fit in L2
static_assert(kRange % kDecayLine == 0);

}  // namespace

void CpuBackend::run(const AdamArgs& args) {
  if (args.state->apply == 0) return;
  const AdamStep step =
      adam_step({args.beta1, args.beta2, args.epsilon, args.weight_decay}, *args.state);
  const uint8_t* const decays = args.weight_decay > 0.0f ? args.decays.data : nullptr;
  for_ranges(args.parameters.count(), kRange, [&](int64_t first, int64_t last) {
    ops_.adam(args.parameters.data + first, args.first_moment.data + first,
              args.second_moment.data + first, args.gradients.data + first, last - first,
              decays != nullptr ? decays + first / kDecayLine : nullptr, step);
  });
}

void CpuBackend::run(const AverageArgs& args) {
  if (args.state->apply == 0) return;
  const auto share = static_cast<float>(newest_share(args.decay, args.state->updates));
  for_ranges(args.parameters.count(), kRange, [&](int64_t first, int64_t last) {
    ops_.move_means(args.averages.data + first, args.parameters.data + first, last - first, share);
  });
}

}  // namespace vae::cpu
