// SPDX-License-Identifier: MIT
//
// The update: Adam in one pass over all parameters. [Adam alg. 1] A thread takes a quad at a time,
// so that four loads of 16 bytes are on their way; elements are independent. The arithmetic is that
// of kernels/cpu/adam.cpp, bit for bit up to the last digit of the bias corrections.
#include <math.h>

#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"
#include "kernels/math.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = 256;

struct AdamParameters {
  float beta1, beta2;
  double log_beta1, log_beta2;
  float epsilon;
};

/// Constants of one step after bias correction.
struct AdamConstants {
  float step_size;                // learning rate / (1 - beta1^t)
  float inverse_sqrt_correction;  // 1 / sqrt(1 - beta2^t)
  float gradient_scale;           // clipping
};

/// 1 - beta^t in double, as -(e^(t ln beta) - 1): cheaper than a power on cards with few units for
/// double, and nothing cancels.
__device__ inline AdamConstants constants_of(const StepState& state, const AdamParameters& adam) {
  const double t = state.updates;
  return {static_cast<float>(state.learning_rate / -expm1(t * adam.log_beta1)),
          static_cast<float>(1.0 / sqrt(-expm1(t * adam.log_beta2))), state.clip_scale};
}

__device__ inline void update(float& w, float& m, float& v, float g, const AdamParameters& adam,
                              const AdamConstants& constants) {
  const float gradient = g * constants.gradient_scale;
  m = fused_multiply_add(adam.beta1, m - gradient, gradient);
  const float square = gradient * gradient;
  v = fused_multiply_add(adam.beta2, v - square, square);
  const float root =
      fused_multiply_add(square_root(v), constants.inverse_sqrt_correction, adam.epsilon);
  w = fused_multiply_add(-constants.step_size, m / root, w);
}

__global__ void __launch_bounds__(kThreads)
    adam_kernel(float* __restrict__ parameters,       // [P] in/out
                float* __restrict__ first_moment,     // [P] in/out
                float* __restrict__ second_moment,    // [P] in/out
                const float* __restrict__ gradients,  // [P]
                std::size_t count, const StepState* state, AdamParameters adam, bool aligned) {
  VAE_SHARED(AdamConstants, shared_constants, [1]);
  if (threadIdx.x == 0) shared_constants[0] = constants_of(*state, adam);
  __syncthreads();
  if (state->apply == 0) return;
  const AdamConstants constants = shared_constants[0];
  const std::size_t quads = quads_of(count), stride = std::size_t{gridDim.x} * kThreads;
  for (std::size_t q = std::size_t{blockIdx.x} * kThreads + threadIdx.x; q < quads; q += stride) {
    const std::size_t at = 4 * q, rest = count - at;
    Quad w = load_quad(parameters + at, rest, aligned);
    Quad m = load_quad(first_moment + at, rest, aligned);
    Quad v = load_quad(second_moment + at, rest, aligned);
    const Quad g = load_quad(gradients + at, rest, aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      update(w.value[i], m.value[i], v.value[i], g.value[i], adam, constants);
    }
    store_quad(parameters + at, w, rest, aligned);
    store_quad(first_moment + at, m, rest, aligned);
    store_quad(second_moment + at, v, rest, aligned);
  }
}

}  // namespace

// ---- launchers

void CudaBackend::do_adam(const AdamArgs& args) {
  const int64_t count = args.parameters.count();
  const AdamParameters adam{args.beta1, args.beta2, log(static_cast<double>(args.beta1)),
                            log(static_cast<double>(args.beta2)), args.epsilon};
  const bool aligned = aligned_to_quads(args.parameters.data, args.first_moment.data,
                                        args.second_moment.data, args.gradients.data);
  stream_.launch("adam", {grid_of(count, 4 * kThreads, card_.multiprocessors), kThreads},
                 adam_kernel, args.parameters.data, args.first_moment.data, args.second_moment.data,
                 args.gradients.data, count, args.state, adam, aligned);
}

}  // namespace vae::cuda
