// SPDX-License-Identifier: MIT
//
// Dense layers in three directions and the plain product: one kernel template with the bias, the
// activation, the slope of the layer below or the bias gradient in it.
//   forward           y  = x w^T      both operands run along the sum in memory
//   input gradient    dx = dy w       w runs along its own index: B is [K, N] in memory
//   weight gradient   dw = dy^T x     both do: A is [K, M], B is [K, N], and K is the batch
#include "kernels/cuda/activations.h"
#include "kernels/cuda/gemm_epilogue.h"
#include "kernels/cuda/gemm_kernel.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"

// The launchers' side.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gemm_launch.h"
#include "kernels/cuda/gemm_operand.h"
#include "kernels/rules/activations.h"

namespace vae::cuda {

namespace {

template <typename A, typename B, typename Epilogue>
void launch(Precision precision, Stream& stream, const Card& card, const Workspace& workspace,
            const Product<A, B, Epilogue>& product) {
  const Plan plan =
      plan_product<A, B>(product.rows, product.columns, product.depth, precision, card, workspace);
  launch_product(precision, stream, product, plan, workspace);
}

}  // namespace

void CudaBackend::run(const DenseForwardArgs& args) {
  if (gemms_->takes(blas_product(args), [this, args] { run(args); })) return;
  const int64_t rows = args.x.rows(), in = args.x.cols(), out = args.w.rows();
  const bool aligned = out % 4 == 0 && aligned_to_quads(args.y.data, args.pre.data, args.b.data);
  launch(precision_, stream_, card_, workspace_,
         Product<AlongDepth, AlongDepth, ActivationEpilogue>{
             "dense_forward",
             rows,
             out,
             in,
             operand<AlongDepth>(args.x.data, rows, in),
             operand<AlongDepth>(args.w.data, out, in),
             {args.y.data, args.pre.data, args.b.data, args.activation, aligned}});
}

void CudaBackend::run(const DenseBackwardInputArgs& args) {
  if (gemms_->takes(blas_product(args), [this, args] { run(args); })) return;
  const int64_t rows = args.dy.rows(), out = args.dy.cols(), in = args.w.cols();
  launch(
      precision_, stream_, card_, workspace_,
      Product<AlongDepth, AlongExtent, SlopeEpilogue>{"dense_backward_input",
                                                      rows,
                                                      in,
                                                      out,
                                                      operand<AlongDepth>(args.dy.data, rows, out),
                                                      operand<AlongExtent>(args.w.data, in, in),
                                                      {input_gradient(args, in)}});
}

void CudaBackend::run(const DenseBackwardWeightsArgs& args) {
  if (gemms_->takes(blas_product(args), [this, args] { run(args); })) return;
  const int64_t rows = args.dy.rows(), out = args.dy.cols(), in = args.x.cols();
  launch(precision_, stream_, card_, workspace_,
         Product<BatchOperand, AlongExtent, StoreEpilogue>{
             "dense_backward_weights",
             out,
             in,
             rows,
             {operand<AlongExtent>(args.dy.data, out, out), args.db.data, args.accumulate},
             operand<AlongExtent>(args.x.data, in, in),
             {args.dw.data, args.accumulate, in % 4 == 0 && aligned_to_quads(args.dw.data)}});
}

void CudaBackend::run(const GemmArgs& args) {
  if (gemms_->takes(blas_product(args), [this, args] { run(args); })) return;
  const int64_t rows = args.c.rows(), columns = args.c.cols();
  const int64_t depth = args.transpose_a ? args.a.rows() : args.a.cols();
  const int64_t a_pitch = args.a.cols(), b_pitch = args.b.cols();
  const bool aligned = columns % 4 == 0 && aligned_to_quads(args.c.data);
  const StoreEpilogue store{args.c.data, false, aligned};
  // Two of the four transpositions are those of dense layers and share their kernels.
  const auto run = [&](const auto& a, const auto& b, const auto& epilogue) {
    launch(precision_, stream_, card_, workspace_,
           Product<std::decay_t<decltype(a)>, std::decay_t<decltype(b)>,
                   std::decay_t<decltype(epilogue)>>{"gemm", rows, columns, depth, a, b, epilogue});
  };
  const auto a_along_depth = operand<AlongDepth>(args.a.data, rows, a_pitch);
  const auto a_along_extent = operand<AlongExtent>(args.a.data, rows, a_pitch);
  const auto b_along_depth = operand<AlongDepth>(args.b.data, columns, b_pitch);
  const auto b_along_extent = operand<AlongExtent>(args.b.data, columns, b_pitch);
  if (!args.transpose_a && args.transpose_b) {
    run(a_along_depth, b_along_depth,
        ActivationEpilogue{args.c.data, nullptr, nullptr, Activation::none, aligned});
  } else if (!args.transpose_a) {
    run(a_along_depth, b_along_extent, SlopeEpilogue{unchanged(args.c.data, columns)});
  } else if (!args.transpose_b) {
    run(a_along_extent, b_along_extent, store);
  } else {
    run(a_along_extent, b_along_depth, store);
  }
}

}  // namespace vae::cuda
