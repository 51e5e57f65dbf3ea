// SPDX-License-Identifier: MIT
//
// log p(x|z), one row a sum in fixed order, and the importance weights of rows.
#include <cmath>
#include <numbers>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/likelihood.h"

namespace vae::cpu {

namespace {

constexpr int64_t kRowsPerTask = 8;  // of 784 pixels: some 10 us of work

}  // namespace

void CpuBackend::do_likelihood(const LikelihoodArgs& args) {
  const int64_t width = args.x.cols();
  const bool gaussian = args.likelihood == Likelihood::gaussian;
  const double log_variance = gaussian ? static_cast<double>(args.log_variance.data[0]) : 0.0;
  const auto inverse_variance = static_cast<float>(std::exp(-log_variance));
  const auto normalizer = static_cast<float>(-0.5 * static_cast<double>(width) *
                                             (std::log(2.0 * std::numbers::pi) + log_variance));
  for_ranges(args.outputs.rows(), kRowsPerTask, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const float* const outputs = args.outputs.data + row * width;
      const float* const x = args.x.data + row / args.samples * width;
      float* const doutputs = args.doutputs ? args.doutputs.data + row * width : nullptr;
      args.log_px.data[row] = gaussian ? normalizer + ops_.gaussian(doutputs, outputs, x, width,
                                                                    inverse_variance, args.scale)
                                       : ops_.bernoulli(doutputs, outputs, x, width, args.scale);
    }
  });
  if (!gaussian || !args.dlog_variance) return;
  // dlog p / dlog var of a row is minus the quadratic term and minus half the width.
  double sum = 0.0;
  for (int64_t row = 0; row < args.log_px.count(); ++row) {
    const double quadratic = static_cast<double>(args.log_px.data[row]) - normalizer;
    sum += -quadratic - 0.5 * static_cast<double>(width);
  }
  args.dlog_variance.data[0] = static_cast<float>(-args.scale * sum);
}

void CpuBackend::do_likelihood_mean(const LikelihoodMeanArgs& args) {
  const int64_t width = args.outputs.cols();
  for_ranges(args.outputs.rows(), kRowsPerTask, [&](int64_t first, int64_t last) {
    const int64_t at = first * width, count = (last - first) * width;
    if (args.likelihood == Likelihood::bernoulli) {
      ops_.sigmoid(args.mean.data + at, args.outputs.data + at, count);
    } else if (args.mean.data != args.outputs.data) {
      copy_to_device(args.mean.data + at, args.outputs.data + at, count * sizeof(float));
    }
  });
}

void CpuBackend::do_importance_merge(const ImportanceArgs& args) {
  for (int64_t row = 0; row < args.running_max.count(); ++row) {
    WeightSum weights{args.running_max.data[row], args.running_sum.data[row]};
    for (int64_t sample = 0; sample < args.samples; ++sample) {
      const int64_t at = row * args.samples + sample;
      const double log_w = static_cast<double>(args.log_px.data[at]) + args.log_ratio.data[at];
      weights = merged(weights, {log_w, 1.0});
    }
    args.running_max.data[row] = weights.max;
    args.running_sum.data[row] = weights.sum;
  }
}

}  // namespace vae::cpu
