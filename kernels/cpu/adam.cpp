// SPDX-License-Identifier: MIT
//
// The update: Adam in one pass over all parameters.
#include "kernels/rules/adam.h"
#include "kernels/cpu/cpu_backend.h"

namespace vae::cpu {

namespace {

constexpr int64_t kRange = 16384;  // parameters a task handles: four arrays fit in L2

}  // namespace

void CpuBackend::run(const AdamArgs& args) {
  if (args.state->apply == 0) return;
  const AdamStep step = adam_step({args.beta1, args.beta2, args.epsilon}, *args.state);
  for_ranges(args.parameters.count(), kRange, [&](int64_t first, int64_t last) {
    ops_.adam(args.parameters.data + first, args.first_moment.data + first,
              args.second_moment.data + first, args.gradients.data + first, last - first, step);
  });
}

}  // namespace vae::cpu
