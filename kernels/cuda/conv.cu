// SPDX-License-Identifier: MIT
//
// Convolutions as products of the dense family, their patches gathered while tiles are loaded
// (docs/arithmetic.md, rules 11 to 14). Large and small are the images of ConvGeometry.
//   large to small    forward, input gradient of a transposed one: patches times weights
//   small to large    the adjoint: forward of a transposed one, input gradient. Pixels of one
//                     remainder by the stride see the same taps: each class of them is a product
//                     of its own, all of one launch
//   weight gradient   small^T patches, summed over the positions of all images
#include "kernels/cuda/activations.h"
#include "kernels/cuda/gemm_epilogue.h"
#include "kernels/cuda/gemm_kernel.h"
#include "kernels/cuda/gemm_patches.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"

// The launchers' side.
#include "kernels/check.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gemm_launch.h"
#include "kernels/cuda/gemm_operand.h"
#include "kernels/rules/activations.h"

namespace vae::cuda {

namespace {

/// What follows the sum: of a forward product its value, of an input gradient its slope.
struct ConvEpilogue {
  ActivationEpilogue value;
  SlopeEpilogue gradient;
  bool is_gradient;

  template <typename Tile, typename Staged>
  __device__ void run(const Staged& tile) const {
    if (is_gradient) {
      gradient.template run<Tile>(tile);
    } else {
      value.template run<Tile>(tile);
    }
  }
};

/// A tile of which C has the rows here and there: pixels of images [rows, columns].
struct ScatteredTile : StagedTile {
  PlaceGrid<int> pixels;
  int image_rows, image_columns;

  __device__ int row_in_c(int row) const {
    if (pixels.step_y == 1 && pixels.step_x == 1) return row;
    const Place place = pixels.place(row);
    return (place.image * image_rows + place.y) * image_columns + place.x;
  }
};

/// The product from small to large images. A class is the pixels (y, x) with the same remainders
/// y0 = y mod stride_y and x0 = x mod stride_x, below the strides.
struct AdjointConvolution {
  PatchRows small;            // but for its extent, grid and taps, which a class has
  AdjointWeights weights;     // but for its taps
  int images, rows, columns;  // the large images
  int stride_y, stride_x, top, left;
  int classes_across;
  Divisor most_taps_across, fewer_taps_across;  // of a class: at most one fewer

  /// The product of a class.
  struct Product {
    PatchRows a;
    AdjointWeights b;
    int depth;
    PlaceGrid<int> pixels;
  };

  __device__ static int taps_of(int kernel, int first, int stride) {
    return (kernel - first + stride - 1) / stride;  // first is less than the stride
  }

  __device__ Product of_class(int index) const {
    const int y0 = index / classes_across, x0 = index % classes_across;
    const PlaceGrid<int> pixels = {(rows - y0 + stride_y - 1) / stride_y,
                                   (columns - x0 + stride_x - 1) / stride_x,
                                   y0,
                                   x0,
                                   stride_y,
                                   stride_x};
    Product product = {small, weights, 0, pixels};
    product.b.first_y = (y0 + top) % stride_y;
    product.b.first_x = (x0 + left) % stride_x;
    const int taps_down = taps_of(weights.kernel_height, product.b.first_y, stride_y);
    const int taps_across = taps_of(weights.kernel_width, product.b.first_x, stride_x);
    const Divisor of_taps_across =
        taps_across == static_cast<int>(most_taps_across) ? most_taps_across : fewer_taps_across;
    product.a.of_taps_across = product.b.of_taps_across = of_taps_across;
    product.a.extent = images * pixels.rows * pixels.columns;
    product.a.grid = {
        pixels.rows, pixels.columns, (y0 + top) / stride_y, (x0 + left) / stride_x, 1, 1};
    product.depth = taps_down * taps_across * static_cast<int>(small.of_channels);
    return product;
  }
};

/// Blocks count through classes, then as in dense_kernel. `all` is the work of the largest class.
template <typename Tile, Precision kPrecision>
__global__ void __launch_bounds__(Tile::kThreads, (resident_blocks<Tile, kPrecision>()))
    conv_adjoint_kernel(const AdjointConvolution convolution, const ConvEpilogue epilogue,
                        const Work all, const int blocks_of_class) {
  if constexpr (is_compiled_here<kPrecision>()) {
    const int index = static_cast<int>(blockIdx.x) / blocks_of_class;
    const int block = static_cast<int>(blockIdx.x) - index * blocks_of_class;
    const auto product = convolution.of_class(index);
    Work work = all;
    work.rows = product.a.extent;
    work.depth = product.depth;
    if (BlockPlace::of<Tile>(work, block).row >= work.rows) return;
    compute_block<Tile, kPrecision>(product.a, product.b, work, block, [&](const StagedTile& tile) {
      epilogue.template run<Tile>(
          ScatteredTile{tile, product.pixels, convolution.rows, convolution.columns});
    });
  }
}

// ---- launchers

/// Patches as rows come in small and middle tiles only: images have many positions and few
/// channels.
constexpr TileSize kLargestOfRows = TileSize::medium;

template <typename Body>
void with_tile_of_rows(TileSize size, Body body) {
  return size == TileSize::small ? body(SmallTile()) : body(MediumTile());
}

/// Where a product runs, and how it is called there.
struct Engine {
  const char* name;
  Precision precision;
  Stream& stream;
  const Card& card;
  const Workspace& workspace;
};

/// Kernels count pixels in 32 bits, and keep rows and columns in 16.
void check_images(const char* name, const ConvGeometry& g, int64_t images) {
  constexpr int64_t kMostSide = int64_t{1} << 14;
  const int64_t longest = std::max({g.height, g.width, g.kernel_height, g.kernel_width,
                                    g.out_height, g.out_width, g.stride_y, g.stride_x});
  VAE_CHECK(longest <= kMostSide, name, ": images, kernels and strides of more than ", kMostSide,
            " rows or columns do not fit the card's kernels; this one has ", longest);
  const int64_t pixels =
      std::max((g.height + g.kernel_height) * (g.width + g.kernel_width),
               (g.out_height + g.kernel_height) * (g.out_width + g.kernel_width));
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  VAE_CHECK((images + 128) * pixels <= kMost && g.filters * g.row_weights() <= kMost, name, ": ",
            images, " images of ", pixels, " pixels are too many for one launch");
}

/// The images with these values, without the places of their patches.
Patches patches_of(const float* data, int64_t height, int64_t width, int64_t channels) {
  return {data,
          0,
          static_cast<int>(height),
          static_cast<int>(width),
          static_cast<int>(channels),
          1,
          Divisor(channels),
          Divisor(1),
          channels % 4 == 0 && aligned_to_quads(data)};
}

/// Those of the large images, one for each position of the small one.
Patches large_patches(const ConvGeometry& g, const float* large) {
  Patches patches = patches_of(large, g.height, g.width, g.channels);
  patches.of_taps_across = Divisor(g.kernel_width);
  return patches;
}

template <typename Size>
PlaceGrid<Size> small_grid(const ConvGeometry& g) {
  return {static_cast<Size>(g.out_height), static_cast<Size>(g.out_width),
          static_cast<int>(-g.top),        static_cast<int>(-g.left),
          static_cast<int>(g.stride_y),    static_cast<int>(g.stride_x)};
}

/// From large to small images.
void run_large_to_small(const Engine& on, const ConvGeometry& g, int64_t images, const float* large,
                        const float* weights, const ConvEpilogue& epilogue) {
  check_images(on.name, g, images);
  const int64_t rows = images * g.out_positions(), depth = g.row_weights();
  PatchRows patches{large_patches(g, large), small_grid<int>(g)};
  patches.extent = static_cast<int>(rows);
  const Plan plan = plan_product<PatchRows, AlongDepth>(
      rows, g.filters, depth, on.precision, on.card, on.workspace, kSliceDepth, kLargestOfRows);
  const Product<PatchRows, AlongDepth, ConvEpilogue> product{
      on.name, rows, g.filters, depth, patches, operand<AlongDepth>(weights, g.filters, depth),
      epilogue};
  with_tile_of_rows(plan.size, [&](auto tile) {
    launch_in<decltype(tile)>(on.precision, on.stream, product, plan, on.workspace);
  });
}

/// How the classes are cut: a sum is split only where there is one.
Plan plan_classes(const Engine& on, int64_t classes, int64_t rows, int64_t columns, int64_t depth) {
  const auto plan_of = [&](int64_t all_rows, int64_t splittable) {
    return plan_product<PatchRows, AdjointWeights>(all_rows, columns, splittable, on.precision,
                                                   on.card, on.workspace, kSliceDepth,
                                                   kLargestOfRows);
  };
  if (classes == 1) return plan_of(rows, depth);
  Plan plan = plan_of(classes * rows, std::min(depth, kSmallSplit));
  with_tile_of_rows(plan.size, [&](auto tile) { plan.tiles_down = divided_up(rows, tile.kRows); });
  plan.splits = 1;
  plan.split_depth = std::max<int64_t>(depth, 1);
  plan.left = plan.kept = plan.tile_floats = 0;
  return plan;
}

/// From small to large images.
void run_small_to_large(const Engine& on, const ConvGeometry& g, int64_t images, const float* small,
                        const float* weights, const ConvEpilogue& epilogue) {
  check_images(on.name, g, images);
  const int64_t classes_down = std::min(g.stride_y, g.height);
  const int64_t classes_across = std::min(g.stride_x, g.width);
  const int64_t classes = classes_down * classes_across;
  const int64_t rows = images * divided_up(g.height, g.stride_y) * divided_up(g.width, g.stride_x);
  const int64_t most_taps_across = divided_up(g.kernel_width, g.stride_x);
  const int64_t depth = divided_up(g.kernel_height, g.stride_y) * most_taps_across * g.filters;
  const Plan plan = plan_classes(on, classes, rows, g.channels, depth);
  const int64_t blocks = plan.tiles() * plan.splits;
  if (blocks == 0) return;
  check_extents(on.name, rows, g.channels, depth, plan);
  VAE_CHECK(classes * blocks <= std::numeric_limits<int32_t>::max(), on.name, ": ", images,
            " images are too many for one launch");

  const Divisor of_taps(most_taps_across), of_fewer(std::max<int64_t>(most_taps_across - 1, 1));
  Patches patches = patches_of(small, g.out_height, g.out_width, g.filters);
  patches.tap_step = -1;
  const AdjointConvolution convolution{
      {patches, {}},
      {weights, static_cast<int>(g.channels), static_cast<int>(g.kernel_height),
       static_cast<int>(g.kernel_width), 0, 0, static_cast<int>(g.stride_y),
       static_cast<int>(g.stride_x), Divisor(g.filters), of_taps,
       g.channels % 4 == 0 && aligned_to_quads(weights)},
      static_cast<int>(images),
      static_cast<int>(g.height),
      static_cast<int>(g.width),
      static_cast<int>(g.stride_y),
      static_cast<int>(g.stride_x),
      static_cast<int>(g.top),
      static_cast<int>(g.left),
      static_cast<int>(classes_across),
      of_taps,
      of_fewer};
  const Work work = work_of(rows, g.channels, depth, plan, 0, on.workspace);
  with_tile_of_rows(plan.size, [&](auto tile) {
    with_precision(on.precision, [&](auto precision) {
      using Tile = decltype(tile);
      const LaunchShape shape{static_cast<unsigned>(classes * blocks), Tile::kThreads,
                              sizeof(float) * shared_floats<Tile, PatchRows, AdjointWeights>()};
      on.stream.launch(on.name, shape, conv_adjoint_kernel<Tile, precision.value>, convolution,
                       epilogue, work, static_cast<int>(blocks));
    });
  });
}

/// dw, and the sums of the small images' channels where they are wanted.
void run_weight_gradient(const Engine& on, const ConvBackwardWeightsArgs& args, const float* small,
                         const float* large, float* sums) {
  const ConvGeometry& g = args.geometry;
  const int64_t images = args.x.rows();
  check_images(on.name, g, images);
  const int64_t depth = images * g.out_positions(), part = args.samples * g.out_positions();
  PatchColumns patches{large_patches(g, large), small_grid<Divisor>(g)};
  patches.extent = static_cast<int>(g.row_weights());
  const Plan plan = plan_product<ImagesOperand, PatchColumns>(
      g.filters, g.row_weights(), depth, on.precision, on.card, on.workspace, part);
  launch_product(on.precision, on.stream,
                 Product<ImagesOperand, PatchColumns, StoreEpilogue>{
                     on.name,
                     g.filters,
                     g.row_weights(),
                     depth,
                     {{operand<AlongExtent>(small, g.filters, g.filters), sums, args.accumulate}},
                     patches,
                     {args.dw.data, args.accumulate,
                      g.row_weights() % 4 == 0 && aligned_to_quads(args.dw.data)}},
                 plan, on.workspace);
}

/// The bias gradient where the large images are the gradients: the product above without columns.
void run_large_bias_gradient(const Engine& on, const ConvBackwardWeightsArgs& args) {
  const ConvGeometry& g = args.geometry;
  const int64_t depth = args.dy.rows() * g.positions(), part = args.samples * g.positions();
  PatchColumns none{large_patches(g, args.dy.data), small_grid<Divisor>(g)};
  const Plan plan = plan_product<ImagesOperand, PatchColumns>(g.channels, 1, depth, on.precision,
                                                              on.card, on.workspace, part);
  launch_product(on.precision, on.stream,
                 Product<ImagesOperand, PatchColumns, StoreEpilogue>{
                     on.name,
                     g.channels,
                     0,
                     depth,
                     {{operand<AlongExtent>(args.dy.data, g.channels, g.channels), args.db.data,
                       args.accumulate}},
                     none,
                     {args.dw.data, false, false}},
                 plan, on.workspace);
}

}  // namespace

void CudaBackend::run(const ConvForwardArgs& args) {
  const ConvGeometry& g = args.geometry;
  const Engine on{"conv_forward", precision_, stream_, card_, workspace_};
  const int64_t width = args.transposed ? g.channels : g.filters;
  const bool aligned = width % 4 == 0 && aligned_to_quads(args.y.data, args.pre.data, args.b.data);
  const ConvEpilogue epilogue{
      {args.y.data, args.pre.data, args.b.data, args.activation, aligned}, {}, false};
  const auto run = args.transposed ? run_small_to_large : run_large_to_small;
  run(on, g, args.x.rows(), args.x.data, args.w.data, epilogue);
}

void CudaBackend::run(const ConvBackwardInputArgs& args) {
  const ConvGeometry& g = args.geometry;
  const Engine on{"conv_backward_input", precision_, stream_, card_, workspace_};
  const int64_t width = args.transposed ? g.filters : g.channels;
  const ConvEpilogue epilogue{{}, {input_gradient(args, width)}, true};
  const auto run = args.transposed ? run_large_to_small : run_small_to_large;
  run(on, g, args.dy.rows(), args.dy.data, args.w.data, epilogue);
}

void CudaBackend::run(const ConvBackwardWeightsArgs& args) {
  const Engine on{"conv_backward_weights", precision_, stream_, card_, workspace_};
  if (args.transposed) {
    run_weight_gradient(on, args, args.x.data, args.dy.data, nullptr);
    run_large_bias_gradient(on, args);
  } else {
    run_weight_gradient(on, args, args.dy.data, args.x.data, args.db.data);
  }
}

}  // namespace vae::cuda
