// SPDX-License-Identifier: MIT
//
// Images that grow and shrink by a whole factor, and the gradients of both: values are spread over
// squares, or squares are summed. A thread takes four channels of a pixel.
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

/// Small images and large ones. Rows of pixels are counted through all images, and pixels through
/// all rows.
struct Squares {
  unsigned pixels;  // of what is written
  unsigned channels, lanes;
  unsigned small_width, large_width, factor;
  float share;                  // what values are multiplied by
  Divisor of_width, of_factor;  // the width of what is written
};

/// Every pixel of a square gets its value.
__global__ void __launch_bounds__(kThreads)
    spread_kernel(const InputGradient to, const float* from, const Squares squares, bool aligned) {
  for_pixels(squares.pixels, squares.channels, squares.lanes,
             [&](unsigned pixel, unsigned at, unsigned rest) {
               const int row = static_cast<int>(pixel) / squares.of_width;
               const int column = static_cast<int>(pixel - row * squares.large_width);
               const std::size_t small =
                   static_cast<std::size_t>(row / squares.of_factor) * squares.small_width +
                   static_cast<std::size_t>(column / squares.of_factor);
               Quad quad = load_quad(from + small * squares.channels + at, rest, aligned);
               VAE_UNROLL
               for (float& value : quad.value) value *= squares.share;
               to.finish(static_cast<std::size_t>(pixel) * squares.channels + at, rest, quad);
             });
}

/// A value for each square: its sum, row by row, one chain of additions.
__global__ void __launch_bounds__(kThreads)
    square_sum_kernel(const InputGradient to, const float* from, const Squares squares,
                      bool aligned) {
  for_pixels(squares.pixels, squares.channels, squares.lanes,
             [&](unsigned pixel, unsigned at, unsigned rest) {
               const int row = static_cast<int>(pixel) / squares.of_width;
               const unsigned column = pixel - row * squares.small_width;
               const std::size_t first =
                   static_cast<std::size_t>(row) * squares.factor * squares.large_width +
                   static_cast<std::size_t>(column) * squares.factor;
               Quad sum = {};
               for (unsigned y = 0; y < squares.factor; ++y) {
                 for (unsigned x = 0; x < squares.factor; ++x) {
                   const std::size_t large =
                       first + static_cast<std::size_t>(y) * squares.large_width + x;
                   const Quad quad = load_quad(from + large * squares.channels + at, rest, aligned);
                   VAE_UNROLL
                   for (int i = 0; i < 4; ++i) sum.value[i] += quad.value[i];
                 }
               }
               VAE_UNROLL
               for (float& value : sum.value) value *= squares.share;
               to.finish(static_cast<std::size_t>(pixel) * squares.channels + at, rest, sum);
             });
}

// ---- launchers

/// Of so many images, for kernels that write the large or the small ones.
Squares squares_of(const char* name, const ScaleGeometry& g, int64_t images, bool writes_large,
                   float share) {
  const int64_t small = images * g.height * g.width, large = small * g.factor * g.factor;
  VAE_CHECK(large < int64_t{1} << 30, name, ": ", large, " pixels are too many for one launch");
  const int64_t width = g.width * (writes_large ? g.factor : 1);
  return {static_cast<unsigned>(writes_large ? large : small),
          static_cast<unsigned>(g.channels),
          static_cast<unsigned>(lanes_of(quads_of(static_cast<std::size_t>(g.channels)))),
          static_cast<unsigned>(g.width),
          static_cast<unsigned>(g.width * g.factor),
          static_cast<unsigned>(g.factor),
          share,
          Divisor(width),
          Divisor(g.factor)};
}

float share_of(const ScaleGeometry& g) { return 1.0f / static_cast<float>(g.factor * g.factor); }

bool in_quads(const ScaleGeometry& g, const float* data) {
  return g.channels % 4 == 0 && aligned_to_quads(data);
}

LaunchShape shape_of(const Squares& squares, const Card& card) {
  return {grid_of(squares.pixels, kThreads / squares.lanes, card.multiprocessors), kThreads};
}

}  // namespace

void CudaBackend::run(const UpsampleArgs& args) {
  const ScaleGeometry& g = args.geometry;
  const Squares squares = squares_of("upsample", g, args.x.rows(), true, 1.0f);
  stream_.launch("upsample", shape_of(squares, card_), spread_kernel,
                 unchanged(args.y.data, g.channels), args.x.data, squares,
                 in_quads(g, args.x.data));
}

void CudaBackend::run(const UpsampleBackwardArgs& args) {
  const ScaleGeometry& g = args.geometry;
  const Squares squares = squares_of("upsample_backward", g, args.dx.rows(), false, 1.0f);
  stream_.launch("upsample_backward", shape_of(squares, card_), square_sum_kernel,
                 input_gradient(args, g.channels), args.dy.data, squares,
                 in_quads(g, args.dy.data));
}

void CudaBackend::run(const AveragePoolArgs& args) {
  const ScaleGeometry& g = args.geometry;
  const Squares squares = squares_of("average_pool", g, args.x.rows(), false, share_of(g));
  stream_.launch("average_pool", shape_of(squares, card_), square_sum_kernel,
                 unchanged(args.y.data, g.channels), args.x.data, squares,
                 in_quads(g, args.x.data));
}

void CudaBackend::run(const AveragePoolBackwardArgs& args) {
  const ScaleGeometry& g = args.geometry;
  const Squares squares = squares_of("average_pool_backward", g, args.dx.rows(), true, share_of(g));
  stream_.launch("average_pool_backward", shape_of(squares, card_), spread_kernel,
                 input_gradient(args, g.channels), args.dy.data, squares,
                 in_quads(g, args.dy.data));
}

}  // namespace vae::cuda
