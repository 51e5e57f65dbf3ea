// SPDX-License-Identifier: MIT
//
// What Muon does to the elements of a matrix; its products are plain ones. Quads as in adam.cu, but
// for the momentum, whose squares are summed in the order of a long sum.
#include "kernels/cuda/instructions.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/reduce.h"
#include "kernels/cuda/simt.h"
#include "kernels/rules/muon.h"
#include "kernels/step_state.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kMuonThreads = 256;

/// A warp takes a block of the long sum; the block that comes last joins them all.
__global__ void __launch_bounds__(kMuonThreads)
    muon_momentum_kernel(float* __restrict__ direction,        // [P] out
                         double* __restrict__ squares,         // [1] out
                         float* __restrict__ momentum,         // [P] in/out
                         const float* __restrict__ gradients,  // [P]
                         std::size_t count, const StepState* state, float beta,
                         double* block_sums,  // [grid]
                         uint32_t* ticket) {
  const bool apply = state->apply != 0;
  const float scale = state->clip_scale;
  const std::size_t warp = std::size_t{blockIdx.x} * (kMuonThreads / 32) + threadIdx.x / 32;
  const std::size_t first = warp * kSumBlock;
  const auto square_at = [&](std::size_t at) {
    float ahead = 0.0f;
    if (apply) {
      float moved = momentum[at];
      ahead = muon_direction(moved, gradients[at], beta, scale);
      momentum[at] = moved;
    }
    direction[at] = ahead;
    const double value = ahead;
    return value * value;
  };
  const double sum =
      block_tree_sum<kMuonThreads>(first < count ? long_sum_lane(first, count, square_at) : 0.0);
  if (threadIdx.x == 0) block_sums[blockIdx.x] = sum;
  if (!last_block_to_arrive(ticket, gridDim.x)) return;
  const double all = tree_of<kMuonThreads>(block_sums, gridDim.x);
  if (threadIdx.x == 0) squares[0] = all;
}

__global__ void __launch_bounds__(kMuonThreads)
    muon_normalize_kernel(float* __restrict__ x,  // [P] in/out
                          const double* squares, std::size_t count, bool aligned) {
  VAE_SHARED(float, shared_factor, [1]);
  if (threadIdx.x == 0) shared_factor[0] = muon_factor(squares[0]);
  __syncthreads();
  const float factor = shared_factor[0];
  for_quads<kMuonThreads>(count, [&](std::size_t at, std::size_t rest) {
    Quad values = load_quad(x + at, rest, aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) values.value[i] *= factor;
    store_quad(x + at, values, rest, aligned);
  });
}

__global__ void __launch_bounds__(kMuonThreads)
    blend_kernel(float* __restrict__ y,        // [P] in/out
                 const float* __restrict__ x,  // [P]
                 std::size_t count, float a, float b, bool aligned) {
  for_quads<kMuonThreads>(count, [&](std::size_t at, std::size_t rest) {
    Quad values = load_quad(y + at, rest, aligned);
    const Quad others = load_quad(x + at, rest, aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) {
      values.value[i] = blended(others.value[i], values.value[i], a, b);
    }
    store_quad(y + at, values, rest, aligned);
  });
}

__global__ void __launch_bounds__(kMuonThreads)
    muon_apply_kernel(float* __restrict__ parameters,       // [P] in/out
                      const float* __restrict__ direction,  // [P]
                      std::size_t count, const StepState* state, double rate, float weight_decay,
                      bool aligned) {
  VAE_SHARED(MuonStep, shared_step, [1]);
  if (threadIdx.x == 0) shared_step[0] = muon_step(rate, weight_decay, *state);
  __syncthreads();
  if (state->apply == 0) return;
  const MuonStep step = shared_step[0];
  for_quads<kMuonThreads>(count, [&](std::size_t at, std::size_t rest) {
    Quad w = load_quad(parameters + at, rest, aligned);
    const Quad x = load_quad(direction + at, rest, aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) w.value[i] = muon_update(w.value[i], x.value[i], step);
    store_quad(parameters + at, w, rest, aligned);
  });
}

}  // namespace

// ---- launchers

void CudaBackend::run(const MuonMomentumArgs& args) {
  const int64_t count = args.direction.count();
  const LongSumSpace space = long_sum_space("muon_momentum", count, kMuonThreads);
  stream_.launch("muon_momentum", {space.blocks, kMuonThreads}, muon_momentum_kernel,
                 args.direction.data, args.squares.data, args.momentum.data, args.gradients.data,
                 count, args.state, args.beta, space.sums, workspace_.tickets);
}

void CudaBackend::run(const MuonNormalizeArgs& args) {
  const int64_t count = args.x.count();
  stream_.launch(
      "muon_normalize", {grid_of(count, 4 * kMuonThreads, card_.multiprocessors), kMuonThreads},
      muon_normalize_kernel, args.x.data, args.squares.data, count, aligned_to_quads(args.x.data));
}

void CudaBackend::run(const BlendArgs& args) {
  const int64_t count = args.y.count();
  stream_.launch("blend", {grid_of(count, 4 * kMuonThreads, card_.multiprocessors), kMuonThreads},
                 blend_kernel, args.y.data, args.x.data, count, args.a, args.b,
                 aligned_to_quads(args.y.data, args.x.data));
}

void CudaBackend::run(const MuonApplyArgs& args) {
  const int64_t count = args.parameters.count();
  stream_.launch(
      "muon_apply", {grid_of(count, 4 * kMuonThreads, card_.multiprocessors), kMuonThreads},
      muon_apply_kernel, args.parameters.data, args.direction.data, count, args.state, args.rate,
      args.weight_decay, aligned_to_quads(args.parameters.data, args.direction.data));
}

}  // namespace vae::cuda
