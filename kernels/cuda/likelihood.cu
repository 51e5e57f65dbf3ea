// SPDX-License-Identifier: MIT
//
// log p(x|z) of rows, its means and draws. A thread takes a quad of values.
#include "kernels/cuda/instructions.h"
#include "kernels/cuda/noise.h"
#include "kernels/cuda/pixel_terms.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/row_sums.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/likelihoods.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = kRowThreads;

template <typename Rule, bool kWeighted>
__global__ void __launch_bounds__(kThreads, 1)
    likelihood_kernel(float* log_px,                // [B*K] out
                      float* doutputs,              // [B*K, X P] out, or null; may be outputs
                      float* dlog_variance,         // [1] out, or null
                      const float* outputs,         // [B*K, X P]
                      const float* __restrict__ x,  // [B, X]
                      const float* log_variance,    // [C] of the Gaussian
                      std::size_t channels,
                      const float* weights,                       // [B*K] of the gradients, or null
                      const float* __restrict__ element_weights,  // [B, X]; read if kWeighted
                      std::size_t rows, std::size_t samples, std::size_t width, float scale,
                      uint32_t* ticket, int lanes, bool aligned) {
  constexpr int kPerValue = Rule::kPerValue;
  const auto constants = constants_of<kWeighted>(Rule(), log_variance, channels, width);
  const auto terms = [&](std::size_t row, std::size_t quad) {
    const std::size_t value = 4 * quad, rest = width - value;
    const std::size_t image = samples == 1 ? row : row / samples;
    const std::size_t at = kPerValue * (row * width + value);
    auto own = load_values<kPerValue>(outputs + at, rest, aligned);
    const Quad pixels = load_quad(x + image * width + value, rest, aligned);
    Quad own_weights = {};
    if constexpr (kWeighted) {
      own_weights = load_quad(element_weights + image * width + value, rest, aligned);
    }
    const float row_scale = weights != nullptr ? scale * weights[row] : scale;
    const float sum =
        quad_log_p(Rule(), own, pixels, own_weights, value, rest, constants, row_scale);
    if (doutputs != nullptr) store_values(doutputs + at, own, rest, aligned);
    return sum;
  };
  const float normalizer = kWeighted ? 0.0f : constants.shared.normalizer;
  sum_rows(rows, quads_of(width), lanes, terms,
           [&](std::size_t row, float sum) { log_px[row] = normalizer + sum; });
  if constexpr (Rule::kHasVariance && !kWeighted) {
    if (dlog_variance == nullptr || !last_block_to_arrive(ticket, gridDim.x)) return;
    const float gradient = log_variance_gradient<kThreads>(Rule(), log_px, weights, rows, width,
                                                           constants.shared, scale);
    if (threadIdx.x == 0) dlog_variance[0] = gradient;
  }
}

/// The gradient by a channel's variance, a block each: a long sum over its values, row by row.
/// Where values have weights also that by the one variance of all.
template <typename Rule>
__global__ void __launch_bounds__(kThreads, 1)
    channel_variance_kernel(float* __restrict__ dlog_variance,          // [C] out
                            const float* __restrict__ outputs,          // [B*K, X]
                            const float* __restrict__ x,                // [B, X]
                            const float* __restrict__ log_variance,     // [C]
                            const float* __restrict__ weights,          // [B*K], or null
                            const float* __restrict__ element_weights,  // [B, X], or null
                            std::size_t rows, std::size_t samples, std::size_t width, float scale) {
  const std::size_t channels = gridDim.x, channel = blockIdx.x, positions = width / channels;
  const LikelihoodConstants constants = Rule::constants(log_variance + channel, 1, 1);
  const double sum = long_sum<kThreads>(rows * positions, [&](std::size_t at) {
    const std::size_t row = at / positions, value = at % positions * channels + channel;
    const std::size_t in_images = row / samples * width + value;
    double slope = Rule::log_variance_slope(
        Rule::term(outputs + row * width + value, x[in_images], constants));
    if (element_weights != nullptr) slope = element_weights[in_images] * slope;
    return weights != nullptr ? weights[row] * slope : slope;
  });
  if (threadIdx.x == 0) dlog_variance[channel] = static_cast<float>(-scale * sum);
}

template <typename Rule>
__global__ void __launch_bounds__(kThreads)
    likelihood_mean_kernel(float* mean,           // [count] out, may be outputs where P = 1
                           const float* outputs,  // [count P]
                           std::size_t count, bool aligned) {
  constexpr int kPerValue = Rule::kPerValue;
  for_quads<kThreads>(count, [&](std::size_t at, std::size_t rest) {
    const auto own = load_values<kPerValue>(outputs + kPerValue * at, rest, aligned);
    Quad means;
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) means.value[i] = Rule::mean(own.output + kPerValue * i);
    store_quad(mean + at, means, rest, aligned);
  });
}

/// A thread takes a value: the loops of some draws leave no registers for more.
template <typename Rule>
__global__ void __launch_bounds__(kThreads, 1)
    likelihood_sample_kernel(float* __restrict__ x,                   // [B, X] out
                             const float* __restrict__ outputs,       // [B, X P]
                             const float* __restrict__ log_variance,  // [C] of the Gaussian
                             std::size_t channels, std::size_t rows, std::size_t width,
                             Noise noise) {
  const auto constants = constants_of(Rule(), log_variance, channels, width);
  const std::size_t count = rows * width, stride = std::size_t{gridDim.x} * kThreads;
  for (std::size_t at = std::size_t{blockIdx.x} * kThreads + threadIdx.x; at < count;
       at += stride) {
    const std::size_t row = at / width, value = at % width;
    const uint32_t word = word_of(noise_row(noise, row, 0), static_cast<uint32_t>(value));
    x[at] =
        Rule::draw(outputs + Rule::kPerValue * at, constants.of_value(value), middle_of_word(word));
  }
}

}  // namespace

// ---- launchers

namespace {

/// The kernel of a rule, with or without weights of values.
template <typename Rule>
constexpr auto likelihood_kernel_of(bool weighted) {
  return weighted ? likelihood_kernel<Rule, true> : likelihood_kernel<Rule, false>;
}

}  // namespace

void CudaBackend::run(const LikelihoodArgs& args) {
  const int64_t rows = args.outputs.rows(), width = args.x.cols();
  const int64_t channels = args.log_variance.count();
  const int lanes = row_lanes(static_cast<int64_t>(quads_of(width)));
  const bool weighted{args.element_weights};
  const bool aligned = width % 4 == 0 && aligned_to_quads(args.doutputs.data, args.outputs.data,
                                                          args.x.data, args.element_weights.data);
  visit(args.likelihood, args.variance, [&](auto rule) {
    float* dlog_variance = args.dlog_variance.data;
    if constexpr (rule.kHasVariance) {
      if ((weighted || channels > 1) && dlog_variance != nullptr) {
        // Before the gradient may come in the outputs' place.
        stream_.launch("channel_variance", {dim3(static_cast<unsigned>(channels)), kThreads},
                       channel_variance_kernel<decltype(rule)>, dlog_variance, args.outputs.data,
                       args.x.data, args.log_variance.data, args.weights.data,
                       args.element_weights.data, rows, args.samples, width, args.scale);
        dlog_variance = nullptr;
      }
    }
    stream_.launch("likelihood", {grid_of(rows, kThreads / lanes, card_.multiprocessors), kThreads},
                   likelihood_kernel_of<decltype(rule)>(weighted), args.log_px.data,
                   args.doutputs.data, dlog_variance, args.outputs.data, args.x.data,
                   args.log_variance.data, channels, args.weights.data, args.element_weights.data,
                   rows, args.samples, width, args.scale, workspace_.tickets, lanes, aligned);
  });
}

void CudaBackend::run(const LikelihoodMeanArgs& args) {
  const int64_t count = args.mean.count();
  visit(args.likelihood, args.variance, [&](auto rule) {
    stream_.launch("likelihood_mean",
                   {grid_of(count, 4 * kThreads, card_.multiprocessors), kThreads},
                   likelihood_mean_kernel<decltype(rule)>, args.mean.data, args.outputs.data, count,
                   aligned_to_quads(args.mean.data, args.outputs.data));
  });
}

void CudaBackend::run(const LikelihoodSampleArgs& args) {
  visit(args.likelihood, args.variance, [&](auto rule) {
    stream_.launch("likelihood_sample",
                   {grid_of(args.x.count(), kThreads, card_.multiprocessors), kThreads},
                   likelihood_sample_kernel<decltype(rule)>, args.x.data, args.outputs.data,
                   args.log_variance.data, args.log_variance.count(), args.x.rows(), args.x.cols(),
                   noise_of(args.noise));
  });
}

}  // namespace vae::cuda
