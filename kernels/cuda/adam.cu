// SPDX-License-Identifier: MIT
//
// The update: Adam in one pass over all parameters. [Adam alg. 1] A thread takes a quad at a time,
// so that four loads of 16 bytes are on their way; elements are independent.
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/adam.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    adam_kernel(float* __restrict__ parameters,       // [P] in/out
                float* __restrict__ first_moment,     // [P] in/out
                float* __restrict__ second_moment,    // [P] in/out
                const float* __restrict__ gradients,  // [P]
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
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      adam_update(w.value[i], m.value[i], v.value[i], g.value[i], step);
    }
    store_quad(parameters + at, w, rest, aligned);
    store_quad(first_moment + at, m, rest, aligned);
    store_quad(second_moment + at, v, rest, aligned);
  }
}

}  // namespace

// ---- launchers

void CudaBackend::run(const AdamArgs& args) {
  const int64_t count = args.parameters.count();
  const AdamOptions options{args.beta1, args.beta2, args.epsilon};
  const bool aligned = aligned_to_quads(args.parameters.data, args.first_moment.data,
                                        args.second_moment.data, args.gradients.data);
  stream_.launch("adam", {grid_of(count, 4 * kThreads, card_.multiprocessors), kThreads},
                 adam_kernel, args.parameters.data, args.first_moment.data, args.second_moment.data,
                 args.gradients.data, count, args.state, options, aligned);
}

}  // namespace vae::cuda
