// SPDX-License-Identifier: MIT
#include "kernels/rules/muon.h"

#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/sums.h"

namespace vae::cpu {

namespace {

constexpr int64_t kMuonRange = 16 * kSumBlock;  // elements a task handles

}  // namespace

void CpuBackend::run(const MuonMomentumArgs& args) {
  const int64_t count = args.direction.count();
  const bool apply = args.state->apply != 0;
  block_sums_.resize((count + kSumBlock - 1) / kSumBlock);
  for_ranges(count, kMuonRange, [&](int64_t first, int64_t last) {
    float* const x = args.direction.data + first;
    if (apply) {
      ops_.muon_directions(x, args.momentum.data + first, args.gradients.data + first, last - first,
                           args.beta, args.state->clip_scale);
    } else {
      std::fill(x, x + (last - first), 0.0f);
    }
    ops_.sums_of_squares(block_sums_.data() + first / kSumBlock, x, last - first);
  });
  args.squares.data[0] = balanced_sum(block_sums_.data(), static_cast<int64_t>(block_sums_.size()));
}

void CpuBackend::run(const MuonNormalizeArgs& args) {
  const float factor = muon_factor(args.squares.data[0]);
  for_ranges(args.x.count(), kMuonRange, [&](int64_t first, int64_t last) {
    ops_.multiply_by(args.x.data + first, last - first, factor);
  });
}

void CpuBackend::run(const BlendArgs& args) {
  for_ranges(args.y.count(), kMuonRange, [&](int64_t first, int64_t last) {
    ops_.blend(args.y.data + first, args.x.data + first, last - first, args.a, args.b);
  });
}

void CpuBackend::run(const MuonApplyArgs& args) {
  if (args.state->apply == 0) return;
  const MuonStep step = muon_step(args.rate, args.weight_decay, *args.state);
  for_ranges(args.parameters.count(), kMuonRange, [&](int64_t first, int64_t last) {
    ops_.muon_updates(args.parameters.data + first, args.direction.data + first, last - first,
                      step);
  });
}

}  // namespace vae::cpu
