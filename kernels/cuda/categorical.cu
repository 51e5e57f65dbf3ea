// SPDX-License-Identifier: MIT
//
// log p(t|z) of classes, their probabilities and draws. A thread takes the logits of one target.
#include "kernels/cuda/noise.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/row_sums.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/categorical.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = kRowThreads;

using rules::Categorical;

/// log p of one target; its logits become the loss's gradient by them where dlogits is given.
__device__ inline float target_log_p(float* dlogits, const float* logits, std::size_t target,
                                     std::size_t classes, float scale) {
  const Categorical::Softmax softmax = Categorical::softmax(logits, classes);
  const bool observed = target < classes;
  const float log_p = observed ? Categorical::log_p(logits[target], softmax) : 0.0f;
  if (dlogits == nullptr) return log_p;
  for (std::size_t j = 0; j < classes; ++j) {
    const float slope = Categorical::slope(logits[j], j == target, softmax);
    dlogits[j] = observed ? -scale * slope : 0.0f;
  }
  return log_p;
}

__global__ void __launch_bounds__(kThreads, 1)
    categorical_kernel(float* log_px,         // [B*K] out
                       float* doutputs,       // [B*K, T C] out, or null; may be outputs
                       const float* outputs,  // [B*K, T C]
                       const uint8_t* __restrict__ targets,  // [B, T]
                       std::size_t rows, std::size_t samples, std::size_t width,
                       std::size_t classes, float scale,
                       const float* weights,  // [B*K] of the gradients, or null
                       int lanes) {
  const auto terms = [&](std::size_t row, std::size_t quad) {
    const float row_scale = weights != nullptr ? scale * weights[row] : scale;
    Quad log_p = {};
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      const std::size_t target = 4 * quad + i, at = (row * width + target) * classes;
      if (target >= width) continue;
      log_p.value[i] = target_log_p(doutputs != nullptr ? doutputs + at : nullptr, outputs + at,
                                    targets[row / samples * width + target], classes, row_scale);
    }
    return quad_sum(log_p);
  };
  sum_rows(rows, quads_of(width), lanes, terms,
           [&](std::size_t row, float sum) { log_px[row] = sum; });
}

__global__ void __launch_bounds__(kThreads, 1)
    categorical_mean_kernel(float* probabilities,  // [count, C] out, may be outputs
                            const float* outputs,  // [count, C]
                            std::size_t count, std::size_t classes) {
  const std::size_t stride = std::size_t{gridDim.x} * kThreads;
  for (std::size_t i = std::size_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += stride) {
    const Categorical::Softmax softmax = Categorical::softmax(outputs + i * classes, classes);
    for (std::size_t at = i * classes; at < (i + 1) * classes; ++at) {
      probabilities[at] = Categorical::probability(outputs[at], softmax);
    }
  }
}

__global__ void __launch_bounds__(kThreads, 1)
    categorical_sample_kernel(uint8_t* __restrict__ targets,      // [B, T] out
                              const float* __restrict__ outputs,  // [B, T C]
                              std::size_t rows, std::size_t width, std::size_t classes,
                              Noise noise) {
  const std::size_t count = rows * width, stride = std::size_t{gridDim.x} * kThreads;
  for (std::size_t at = std::size_t{blockIdx.x} * kThreads + threadIdx.x; at < count;
       at += stride) {
    const uint32_t word =
        word_of(noise_row(noise, at / width, 0), static_cast<uint32_t>(at % width));
    targets[at] = static_cast<uint8_t>(
        Categorical::draw(outputs + at * classes, classes, middle_of_word(word)));
  }
}

}  // namespace

// ---- launchers

void CudaBackend::run(const CategoricalArgs& args) {
  const int64_t rows = args.outputs.rows(), width = args.targets.cols();
  const int lanes = row_lanes(static_cast<int64_t>(quads_of(width)));
  stream_.launch("categorical", {grid_of(rows, kThreads / lanes, card_.multiprocessors), kThreads},
                 categorical_kernel, args.log_px.data, args.doutputs.data, args.outputs.data,
                 args.targets.data, rows, args.samples, width, args.classes, args.scale,
                 args.weights.data, lanes);
}

void CudaBackend::run(const CategoricalMeanArgs& args) {
  const int64_t count = args.outputs.count() / args.classes;
  stream_.launch("categorical_mean", {grid_of(count, kThreads, card_.multiprocessors), kThreads},
                 categorical_mean_kernel, args.probabilities.data, args.outputs.data, count,
                 args.classes);
}

void CudaBackend::run(const CategoricalSampleArgs& args) {
  stream_.launch("categorical_sample",
                 {grid_of(args.targets.count(), kThreads, card_.multiprocessors), kThreads},
                 categorical_sample_kernel, args.targets.data, args.outputs.data,
                 args.targets.rows(), args.targets.cols(), args.classes, noise_of(args.noise));
}

}  // namespace vae::cuda
