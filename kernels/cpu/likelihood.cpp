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

/// With memory for the inverse variances of a row's values where there is more than one.
ObservationModel CpuBackend::observation_model(Likelihood likelihood, Variance variance,
                                               ConstView log_variance, int64_t width) {
  const int64_t channels = log_variance.count();
  ObservationModel model{likelihood, variance, {}, nullptr};
  visit(likelihood, variance, [&](auto rule) {
    model.constants = rule.constants(log_variance.data, channels, width);
    if constexpr (rule.kHasVariance) {
      if (channels == 1) return;
      inverse_variances_.resize(static_cast<std::size_t>(width));
      for (int64_t i = 0; i < width; ++i) {
        inverse_variances_[i] = rule.inverse_variance(log_variance.data[i % channels]);
      }
      model.inverse_variances = inverse_variances_.data();
    }
  });
  return model;
}

void CpuBackend::run(const LikelihoodArgs& args) {
  const int64_t width = args.x.cols();
  const int64_t outputs_width = args.outputs.cols();
  const ObservationModel model =
      observation_model(args.likelihood, args.variance, args.log_variance, width);
  // They need the outputs, in whose place the gradient may come.
  if (args.dlog_variance && model.inverse_variances != nullptr) run_channel_slopes(args, model);
  for_ranges(args.outputs.rows(), kRowsPerTask, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const float* const outputs = args.outputs.data + row * outputs_width;
      const float* const x = args.x.data + row / args.samples * width;
      float* const doutputs = args.doutputs ? args.doutputs.data + row * outputs_width : nullptr;
      const float scale = args.weights ? args.scale * args.weights.data[row] : args.scale;
      args.log_px.data[row] =
          model.constants.normalizer + ops_.log_p(doutputs, outputs, x, width, model, scale);
    }
  });
  if (!args.dlog_variance || model.inverse_variances != nullptr) return;
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

/// A channel's slope is a long sum over its values, row by row.
void CpuBackend::run_channel_slopes(const LikelihoodArgs& args, const ObservationModel& model) {
  const int64_t channels = args.log_variance.count(), width = args.x.cols();
  const int64_t positions = width / channels;
  visit(args.likelihood, args.variance, [&](auto rule) {
    if constexpr (rule.kHasVariance) {
      for_ranges(channels, 1, [&](int64_t channel, int64_t) {
        const LikelihoodConstants constants{model.inverse_variances[channel], 0.0f};
        const double sum = long_sum(args.outputs.rows() * positions, [&](int64_t at) {
          const int64_t row = at / positions, i = at % positions * channels + channel;
          const float x = args.x.data[row / args.samples * width + i];
          const float* const outputs = args.outputs.data + row * width + i;
          const double slope = rule.log_variance_slope(rule.term(outputs, x, constants));
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
      observation_model(args.likelihood, args.variance, args.log_variance, width);
  for_ranges(args.x.rows(), 1, [&](int64_t row, int64_t) {
    ops_.observe(args.x.data + row * width, args.outputs.data + row * outputs_width, width, model,
                 noise_row(args.noise, row));
  });
}

}  // namespace vae::cpu
