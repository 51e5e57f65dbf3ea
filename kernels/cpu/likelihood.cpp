// SPDX-License-Identifier: MIT
//
// log p(x|z), one row a sum in fixed order.
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/sums.h"
#include "kernels/rules/likelihoods.h"

namespace vae::cpu {

namespace {

constexpr int64_t kRowsPerTask = 8;  // of 784 pixels: some 10 us of work

}  // namespace

/// With memory for the constants of a row's values where there are several variances. `weighted`
/// says that each value has a weight, and so a normalizer.
ObservationModel CpuBackend::observation_model(Likelihood likelihood, Variance variance,
                                               ConstView log_variance, int64_t width,
                                               bool weighted) {
  const int64_t channels = log_variance.count();
  ObservationModel model{likelihood, variance, {}, nullptr, nullptr};
  visit(likelihood, variance, [&](auto rule) {
    model.constants = weighted ? rule.constants(log_variance.data, 1, 1)
                               : rule.constants(log_variance.data, channels, width);
    if constexpr (rule.kHasVariance) {
      if (channels == 1) return;
      inverse_variances_.resize(static_cast<std::size_t>(width));
      normalizers_.resize(static_cast<std::size_t>(width));
      for (int64_t i = 0; i < width; ++i) {
        const auto own = rule.constants(log_variance.data + i % channels, 1, 1);
        inverse_variances_[i] = own.inverse_variance;
        normalizers_[i] = own.normalizer;
      }
      model.inverse_variances = inverse_variances_.data();
      model.normalizers = normalizers_.data();
    }
  });
  return model;
}

void CpuBackend::run(const LikelihoodArgs& args) {
  const int64_t width = args.x.cols();
  const int64_t outputs_width = args.outputs.cols();
  const bool weighted{args.element_weights};
  const ObservationModel model =
      observation_model(args.likelihood, args.variance, args.log_variance, width, weighted);
  const float normalizer = weighted ? 0.0f : model.constants.normalizer;
  // They need the outputs, in whose place the gradient may come.
  const bool by_value = weighted || model.inverse_variances != nullptr;
  if (args.dlog_variance && by_value) run_variance_slopes(args);
  for_ranges(args.outputs.rows(), kRowsPerTask, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const float* const outputs = args.outputs.data + row * outputs_width;
      const int64_t image = row / args.samples * width;
      const float* const x = args.x.data + image;
      float* const doutputs = args.doutputs ? args.doutputs.data + row * outputs_width : nullptr;
      const float scale = args.weights ? args.scale * args.weights.data[row] : args.scale;
      const float sum =
          weighted ? ops_.weighted_log_p(doutputs, outputs, x, args.element_weights.data + image,
                                         width, model, scale)
                   : ops_.log_p(doutputs, outputs, x, width, model, scale);
      args.log_px.data[row] = normalizer + sum;
    }
  });
  if (!args.dlog_variance || by_value) return;
  visit(args.likelihood, args.variance, [&](auto rule) {
    if constexpr (rule.kHasVariance) {
      const double sum = long_sum(args.log_px.count(), [&](int64_t row) {
        const double slope = rule.log_variance_slope(args.log_px.data[row], width, model.constants);
        return args.weights ? args.weights.data[row] * slope : slope;
      });
      args.dlog_variance.data[0] = static_cast<float>(-args.scale * sum);
    }
  });
}

/// A channel's slope, or where values have weights that of all, is a long sum over its values, row
/// by row.
void CpuBackend::run_variance_slopes(const LikelihoodArgs& args) {
  const int64_t channels = args.log_variance.count(), width = args.x.cols();
  const int64_t positions = width / channels;
  visit(args.likelihood, args.variance, [&](auto rule) {
    if constexpr (rule.kHasVariance) {
      for_ranges(channels, 1, [&](int64_t channel, int64_t) {
        const auto constants = rule.constants(args.log_variance.data + channel, 1, 1);
        const double sum = long_sum(args.outputs.rows() * positions, [&](int64_t at) {
          const int64_t row = at / positions, i = at % positions * channels + channel;
          const int64_t image = row / args.samples * width;
          const float* const outputs = args.outputs.data + row * width + i;
          double slope =
              rule.log_variance_slope(rule.term(outputs, args.x.data[image + i], constants));
          if (args.element_weights) slope = args.element_weights.data[image + i] * slope;
          return args.weights ? args.weights.data[row] * slope : slope;
        });
        args.dlog_variance.data[channel] = static_cast<float>(-args.scale * sum);
      });
    }
  });
}

void CpuBackend::run(const LikelihoodMeanArgs& args) {
  const int64_t width = args.mean.cols(), outputs_width = args.outputs.cols();
  for_ranges(args.mean.rows(), kRowsPerTask, [&](int64_t first, int64_t last) {
    ops_.mean(args.mean.data + first * width, args.outputs.data + first * outputs_width,
              (last - first) * width, args.likelihood, args.variance);
  });
}

void CpuBackend::run(const LikelihoodSampleArgs& args) {
  const int64_t width = args.x.cols(), outputs_width = args.outputs.cols();
  const ObservationModel model =
      observation_model(args.likelihood, args.variance, args.log_variance, width, false);
  for_ranges(args.x.rows(), 1, [&](int64_t row, int64_t) {
    ops_.observe(args.x.data + row * width, args.outputs.data + row * outputs_width, width, model,
                 noise_row(args.noise, row));
  });
}

}  // namespace vae::cpu
