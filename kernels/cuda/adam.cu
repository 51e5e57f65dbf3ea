// SPDX-License-Identifier: MIT
//
// The update: Adam in one pass over all parameters [Adam alg. 1], and the mean of what it made of
// them. A thread takes a quad at a time, so that four loads of 16 bytes are on their way; elements
// are independent.
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/adam.h"
#include "kernels/rules/running_mean.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = 256;
constexpr std::size_t kLineQuads = kDecayLine / 4;

__global__ void __launch_bounds__(kThreads)
    adam_kernel(float* __restrict__ parameters,       // [P] in/out
                float* __restrict__ first_moment,     // [P] in/out
                float* __restrict__ second_moment,    // [P] in/out
                const float* __restrict__ gradients,  // [P]
                const uint8_t* __restrict__ decays,   // one a line, or null
                std::size_t count, const StepState* state, AdamOptions options, bool aligned) {
  VAE_SHARED(AdamStep, shared_step, [1]);
  if (threadIdx.x == 0) shared_step[0] = adam_step(options, *state);
  __syncthreads();
  if (state->apply == 0) return;
  const AdamStep step = shared_step[0];
  const std::size_t quads = quads_of(count), stride = std::size_t{gridDim.x} * kThreads;
  for (std::size_t q = std::size_t{blockIdx.x} * kThreads + threadIdx.x; q < quads; q += stride) {
    const std::size_t at = 4 * q, rest = count - at;
    Quad w = load_quad(parameters + at, rest, aligned);
    Quad m = load_quad(first_moment + at, rest, aligned);
    Quad v = load_quad(second_moment + at, rest, aligned);
    const Quad g = load_quad(gradients + at, rest, aligned);
    const bool decay = decays != nullptr && decays[q / kLineQuads] != 0;
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (decay) w.value[i] = decayed(w.value[i], step.decay);
      adam_update(w.value[i], m.value[i], v.value[i], g.value[i], step);
    }
    store_quad(parameters + at, w, rest, aligned);
    store_quad(first_moment + at, m, rest, aligned);
    store_quad(second_moment + at, v, rest, aligned);
  }
}

__global__ void __launch_bounds__(kThreads)
    average_kernel(float* __restrict__ averages,          // [P] in/out
                   const float* __restrict__ parameters,  // [P]
                   std::size_t count, const StepState* state, double decay, bool aligned) {
  VAE_SHARED(float, shared_share, [1]);
  if (threadIdx.x == 0) {
    shared_share[0] = static_cast<float>(newest_share(decay, state->updates));
  }
  __syncthreads();
  if (state->apply == 0) return;
  const float share = shared_share[0];
  for_quads<kThreads>(count, [&](std::size_t at, std::size_t rest) {
    Quad mean = load_quad(averages + at, rest, aligned);
    const Quad newest = load_quad(parameters + at, rest, aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      mean.value[i] = moved_mean(mean.value[i], newest.value[i], share);
    }
    store_quad(averages + at, mean, rest, aligned);
  });
}

}  // namespace

// ---- launchers

void CudaBackend::run(const AdamArgs& args) {
  const int64_t count = args.parameters.count();
  const AdamOptions options{args.beta1, args.beta2, args.epsilon, args.weight_decay};
  const uint8_t* const decays = args.weight_decay > 0.0f ? args.decays.data : nullptr;
  const bool aligned = aligned_to_quads(args.parameters.data, args.first_moment.data,
                                        args.second_moment.data, args.gradients.data);
  stream_.launch("adam", {grid_of(count, 4 * kThreads, card_.multiprocessors), kThreads},
                 adam_kernel, args.parameters.data, args.first_moment.data, args.second_moment.data,
                 args.gradients.data, decays, count, args.state, options, aligned);
}

void CudaBackend::run(const AverageArgs& args) {
  const int64_t count = args.parameters.count();
  const bool aligned = aligned_to_quads(args.averages.data, args.parameters.data);
  stream_.launch("average", {grid_of(count, 4 * kThreads, card_.multiprocessors), kThreads},
                 average_kernel, args.averages.data, args.parameters.data, count, args.state,
                 args.decay, aligned);
}

}  // namespace vae::cuda
