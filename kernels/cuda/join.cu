// SPDX-License-Identifier: MIT
//
// Where branches of a graph meet: sums and concatenations, and the gradients of both.
#include "kernels/cuda/activations.h"
#include "kernels/cuda/divisor.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"

// The launchers' side.
#include "kernels/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace vae::cuda {

namespace {

constexpr int kThreads = 256;

/// Calls visit(offset, elements from there on) for this thread's quads of so many elements.
template <typename Visit>
__device__ inline void for_elements(std::size_t count, Visit visit) {
  const std::size_t stride = std::size_t{4} * kThreads * gridDim.x;
  for (std::size_t at = (std::size_t{kThreads} * blockIdx.x + threadIdx.x) * 4; at < count;
       at += stride) {
    visit(at, count - at);
  }
}

/// y = activation(a + b), where y may be a or b.
__global__ void __launch_bounds__(kThreads)
    add_kernel(float* y, float* pre, const float* a, const float* b, std::size_t count,
               Activation activation, bool aligned) {
  for_elements(count, [&](std::size_t at, std::size_t rest) {
    Quad sum = load_quad(a + at, rest, aligned);
    const Quad addend = load_quad(b + at, rest, aligned);
    VAE_UNROLL
    for (int i = 0; i < 4; ++i) sum.value[i] += addend.value[i];
    if (pre != nullptr) store_quad(pre + at, sum, rest, aligned);
    activate_quad(sum, activation);
    store_quad(y + at, sum, rest, aligned);
  });
}

__global__ void __launch_bounds__(kThreads)
    add_backward_kernel(const InputGradient to, const float* dy, std::size_t count, bool aligned) {
  for_elements(count, [&](std::size_t at, std::size_t rest) {
    to.finish(at, rest, load_quad(dy + at, rest, aligned));
  });
}

/// A tensor whose channels are some of a concatenation's. Pixels are positions of rows.
struct Part {
  unsigned pixels;  // of what is written
  unsigned channels, lanes;
  std::size_t all, first;  // channels of the concatenation; where the part's begin
  unsigned positions, repeat;
  Divisor of_positions, of_repeat;
  bool aligned;  // the concatenation's quads
};

__global__ void __launch_bounds__(kThreads)
    concat_kernel(float* y, const float* x, const Part part, bool x_aligned) {
  for_pixels(part.pixels, part.channels, part.lanes,
             [&](unsigned pixel, unsigned at, unsigned rest) {
               const int row = static_cast<int>(pixel) / part.of_positions;
               const unsigned position = pixel - row * part.positions;
               const std::size_t from =
                   static_cast<std::size_t>(row / part.of_repeat) * part.positions + position;
               const Quad quad = load_quad(x + from * part.channels + at, rest, x_aligned);
               store_quad(y + pixel * part.all + part.first + at, quad, rest, part.aligned);
             });
}

/// The rows that share one of dx are added in order.
__global__ void __launch_bounds__(kThreads)
    concat_backward_kernel(const InputGradient to, const float* dy, const Part part) {
  for_pixels(
      part.pixels, part.channels, part.lanes, [&](unsigned pixel, unsigned at, unsigned rest) {
        const int row = static_cast<int>(pixel) / part.of_positions;
        const unsigned position = pixel - row * part.positions;
        Quad sum = {};
        for (unsigned k = 0; k < part.repeat; ++k) {
          const std::size_t from =
              (static_cast<std::size_t>(row) * part.repeat + k) * part.positions + position;
          const Quad quad = load_quad(dy + from * part.all + part.first + at, rest, part.aligned);
          VAE_UNROLL
          for (int i = 0; i < 4; ++i) sum.value[i] += quad.value[i];
        }
        to.finish(static_cast<std::size_t>(pixel) * part.channels + at, rest, sum);
      });
}

// ---- launchers

/// For the operation's part of `whole`; `rows` is of what is written.
template <typename Args>
Part part_of(const Args& args, ConstView part, ConstView whole, int64_t rows) {
  const int64_t channels = part.cols() / args.positions, all = whole.cols() / args.positions;
  const int64_t pixels = whole.rows() * args.positions;
  VAE_CHECK(pixels < int64_t{1} << 30, Args::kName, ": ", pixels,
            " pixels are too many for one launch");
  return {static_cast<unsigned>(rows * args.positions),
          static_cast<unsigned>(channels),
          static_cast<unsigned>(lanes_of(quads_of(static_cast<std::size_t>(channels)))),
          static_cast<std::size_t>(all),
          static_cast<std::size_t>(args.first),
          static_cast<unsigned>(args.positions),
          static_cast<unsigned>(args.repeat),
          Divisor(args.positions),
          Divisor(args.repeat),
          all % 4 == 0 && args.first % 4 == 0 && aligned_to_quads(whole.data)};
}

LaunchShape shape_of(const Part& part, const Card& card) {
  return {grid_of(part.pixels, kThreads / part.lanes, card.multiprocessors), kThreads};
}

LaunchShape shape_of(int64_t elements, const Card& card) {
  return {grid_of(elements, int64_t{4} * kThreads, card.multiprocessors), kThreads};
}

}  // namespace

void CudaBackend::run(const AddArgs& args) {
  const bool aligned = aligned_to_quads(args.y.data, args.pre.data, args.a.data, args.b.data);
  stream_.launch("add", shape_of(args.y.count(), card_), add_kernel, args.y.data, args.pre.data,
                 args.a.data, args.b.data, static_cast<std::size_t>(args.y.count()),
                 args.activation, aligned);
}

void CudaBackend::run(const AddBackwardArgs& args) {
  const InputGradient gradient = input_gradient(args, 4);  // one long row
  stream_.launch("add_backward", shape_of(args.dx.count(), card_), add_backward_kernel, gradient,
                 args.dy.data, static_cast<std::size_t>(args.dx.count()),
                 aligned_to_quads(args.dy.data));
}

void CudaBackend::run(const ConcatArgs& args) {
  const Part part = part_of(args, args.x, args.y, args.y.rows());
  stream_.launch("concat", shape_of(part, card_), concat_kernel, args.y.data, args.x.data, part,
                 part.channels % 4 == 0 && aligned_to_quads(args.x.data));
}

void CudaBackend::run(const ConcatBackwardArgs& args) {
  const Part part = part_of(args, args.dx, args.dy, args.dx.rows());
  stream_.launch("concat_backward", shape_of(part, card_), concat_backward_kernel,
                 input_gradient(args, part.channels), args.dy.data, part);
}

}  // namespace vae::cuda
