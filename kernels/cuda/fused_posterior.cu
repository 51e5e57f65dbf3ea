// SPDX-License-Identifier: MIT
//
// The heads and the posterior drawn from them: dense_forward and gaussian_forward in one kernel,
// for latents whose two heads fit the width of one tile.
#include "kernels/cuda/gemm_kernel.h"
#include "kernels/cuda/gemm_posterior.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gemm_launch.h"
#include "kernels/cuda/gemm_operand.h"

namespace vae::cuda {

namespace {

// Few rows each, because there is but one tile in a row.
using To16Latents = SmallTile;
using To32Latents = Tile<32, 64, 32, 2, 2, 4, 4>;
using To64Latents = Tile<32, 128, 32, 2, 2, 3, 3>;

using HeadsProduct = Product<AlongDepth, HeadsOperand, PosteriorEpilogue>;

template <typename Tile>
bool fits(const Card& card) {
  return int64_t{sizeof(float)} * shared_floats<Tile, AlongDepth, HeadsOperand>() <=
         card.shared_bytes_per_block;
}

template <typename Tile>
void launch(Precision precision, Stream& stream, const Card& card, const Workspace& workspace,
            const HeadsProduct& product) {
  Plan plan = tiled<Tile>(TileSize::small, product.rows, product.columns, kSliceDepth);
  cut_depth<Tile, AlongDepth>(plan, product.depth, kSmallSplit, precision, card,
                              workspace.capacity);
  launch_in<Tile>(precision, stream, product, plan, workspace);
}

}  // namespace

bool CudaBackend::fuses(const DenseForwardArgs& dense, const GaussianForwardArgs& gaussian) const {
  const int64_t columns = dense.w.rows();
  return gaussian.samples == 1 && !dense.pre && columns <= To64Latents::kColumns &&
         (columns <= To32Latents::kColumns || fits<To64Latents>(card_));
}

void CudaBackend::run_fused(const DenseForwardArgs& dense, const GaussianForwardArgs& gaussian) {
  const int64_t rows = dense.x.rows(), in = dense.x.cols(), columns = dense.w.rows();
  const PosteriorEpilogue epilogue{
      dense.y.data,
      gaussian.z.data,
      gaussian.kl.data,
      gaussian.log_ratio.data,
      dense.b.data,
      {gaussian.logvar_min, gaussian.logvar_max},
      gaussian.noise.seed,
      gaussian.noise.stream,
      static_cast<uint32_t>(gaussian.noise.first_sample),
      gaussian.noise.state,
      columns % 8 == 0 && aligned_to_quads(dense.y.data, gaussian.z.data, dense.b.data)};
  const HeadsProduct product{"dense_gaussian_forward",
                             rows,
                             columns,
                             in,
                             operand<AlongDepth>(dense.x.data, rows, in),
                             operand<HeadsOperand>(dense.w.data, columns, in),
                             epilogue};
  if (columns <= To16Latents::kColumns) {
    launch<To16Latents>(precision_, stream_, card_, workspace_, product);
  } else if (columns <= To32Latents::kColumns) {
    launch<To32Latents>(precision_, stream_, card_, workspace_, product);
  } else {
    launch<To64Latents>(precision_, stream_, card_, workspace_, product);
  }
}

}  // namespace vae::cuda
