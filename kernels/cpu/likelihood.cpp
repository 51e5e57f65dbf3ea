// SPDX-License-Identifier: MIT
//
// log p(x|z), one row a sum in fixed order, and the importance weights of rows.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/sums.h"
#include "kernels/rules/importance.h"
#include "kernels/rules/likelihoods.h"

namespace vae::cpu {

namespace {

constexpr int64_t kRowsPerTask = 8;  // of 784 pixels: some 10 us of work

}  // namespace

void CpuBackend::run(const LikelihoodArgs& args) {
  const int64_t width = args.x.cols();
  const double log_variance =
      args.log_variance ? static_cast<double>(args.log_variance.data[0]) : 0.0;
  const LikelihoodConstants constants =
      visit(args.likelihood, [&](auto rule) { return rule.constants(log_variance, width); });
  for_ranges(args.outputs.rows(), kRowsPerTask, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const float* const outputs = args.outputs.data + row * width;
      const float* const x = args.x.data + row / args.samples * width;
      float* const doutputs = args.doutputs ? args.doutputs.data + row * width : nullptr;
      args.log_px.data[row] =
          constants.normalizer +
          ops_.log_p(doutputs, outputs, x, width, args.likelihood, constants, args.scale);
    }
  });
  if (!args.dlog_variance) return;
  visit(args.likelihood, [&](auto rule) {
    if constexpr (rule.kHasVariance) {
      const double sum = long_sum(args.log_px.count(), [&](int64_t row) {
        return rule.log_variance_slope(args.log_px.data[row], width, constants);
      });
      args.dlog_variance.data[0] = static_cast<float>(-args.scale * sum);
    }
  });
}

void CpuBackend::run(const LikelihoodMeanArgs& args) {
  const int64_t width = args.outputs.cols();
  for_ranges(args.outputs.rows(), kRowsPerTask, [&](int64_t first, int64_t last) {
    const int64_t at = first * width;
    ops_.mean(args.mean.data + at, args.outputs.data + at, (last - first) * width, args.likelihood);
  });
}

void CpuBackend::run(const ImportanceArgs& args) {
  for (int64_t row = 0; row < args.running_max.count(); ++row) {
    WeightSum weights{args.running_max.data[row], args.running_sum.data[row]};
    for (int64_t sample = 0; sample < args.samples; ++sample) {
      const int64_t at = row * args.samples + sample;
      weights = with_weight(weights, args.log_px.data[at], args.log_ratio.data[at]);
    }
    args.running_max.data[row] = weights.max;
    args.running_sum.data[row] = weights.sum;
  }
}

}  // namespace vae::cpu
