// SPDX-License-Identifier: MIT
//
// The first layer reads its input from the 8-bit data set: load_batch and dense_forward in one
// kernel.
#include "kernels/cuda/gemm_epilogue.h"
#include "kernels/cuda/gemm_kernel.h"
#include "kernels/cuda/gemm_pixels.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gemm_launch.h"
#include "kernels/cuda/gemm_operand.h"

namespace vae::cuda {

bool CudaBackend::fuses(const LoadBatchArgs&, const DenseForwardArgs&) const { return true; }

void CudaBackend::run_fused(const LoadBatchArgs& load, const DenseForwardArgs& dense) {
  const int64_t rows = load.x.rows(), width = load.x.cols(), out = dense.w.rows();
  const PixelOperand pixels{
      load.x.data,
      load.pixels.data,
      load.state,
      static_cast<int>(rows),
      static_cast<std::size_t>(width),
      static_cast<uint32_t>(load.pixels.rows()),
      load.seed,
      load.first_draw,
      load.shuffle,
      load.binarization,
      width % 4 == 0 && aligned_to_quads(load.x.data),
      width % 4 == 0 && reinterpret_cast<std::uintptr_t>(load.pixels.data) % 4 == 0};
  const ActivationEpilogue epilogue{
      dense.y.data, dense.pre.data, dense.b.data, dense.activation,
      out % 4 == 0 && aligned_to_quads(dense.y.data, dense.pre.data, dense.b.data)};
  const Product<PixelOperand, AlongDepth, ActivationEpilogue> product{
      "load_dense_forward",
      rows,
      out,
      width,
      pixels,
      operand<AlongDepth>(dense.w.data, out, width),
      epilogue};
  const Plan plan =
      plan_product<PixelOperand, AlongDepth>(rows, out, width, precision_, card_, workspace_);
  launch_product(precision_, stream_, product, plan, workspace_);
}

}  // namespace vae::cuda
