// SPDX-License-Identifier: MIT
//
// The decoder's last layer and the likelihood of its output: dense_forward and likelihood in one
// kernel. What leaves it is log p(x|z) and the gradient.
#include "kernels/cuda/gemm_kernel.h"
#include "kernels/cuda/gemm_likelihood.h"
#include "kernels/cuda/quads.h"
#include "kernels/cuda/simt.h"

// The launchers' side.
#include <limits>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gemm_launch.h"
#include "kernels/cuda/gemm_operand.h"

namespace vae::cuda {

namespace {

using OutputProduct = Product<AlongDepth, AlongDepth, LikelihoodEpilogue>;

Plan plan_outputs(const DenseForwardArgs& dense, Precision precision, const Card& card,
                  const Workspace& workspace) {
  return plan_product<AlongDepth, AlongDepth>(dense.x.rows(), dense.w.rows(), dense.x.cols(),
                                              precision, card, workspace);
}

int64_t split_tickets(const Plan& plan) { return plan.splits == 1 ? 0 : plan.tiles(); }

}  // namespace

bool CudaBackend::fuses(const DenseForwardArgs& dense, const LikelihoodArgs& args) const {
  const bool has_epilogue = visit(args.likelihood, args.variance,
                                  [](auto rule) { return LikelihoodEpilogue::fuses(rule); });
  if (!has_epilogue || args.log_variance.count() > 1) return false;
  const Plan plan = plan_outputs(dense, precision_, card_, workspace_);
  return !dense.pre && !args.weights && args.samples <= std::numeric_limits<int32_t>::max() &&
         plan.floats() + row_groups(dense.w.rows()) * dense.x.rows() <= workspace_.capacity &&
         split_tickets(plan) + plan.tiles_down + 1 <= Workspace::kTickets &&
         !gemms_->prefers_library(blas_product(dense));
}

void CudaBackend::run_fused(const DenseForwardArgs& dense, const LikelihoodArgs& args) {
  const int64_t rows = dense.x.rows(), in = dense.x.cols(), width = dense.w.rows();
  const Plan plan = plan_outputs(dense, precision_, card_, workspace_);
  uint32_t* const row_tickets = workspace_.tickets + split_tickets(plan);
  const LikelihoodEpilogue epilogue{
      args.log_px.data,
      args.doutputs.data,
      args.dlog_variance.data,
      dense.b.data,
      args.x.data,
      args.log_variance.data,
      args.likelihood,
      static_cast<int>(args.samples),
      args.scale,
      static_cast<int>(plan.tiles_down),
      static_cast<int>(plan.tiles_across),
      workspace_.floats + plan.floats(),
      row_tickets,
      row_tickets + plan.tiles_down,
      width % 4 == 0 && aligned_to_quads(args.doutputs.data, args.x.data, dense.b.data)};
  const OutputProduct product{"dense_likelihood",
                              rows,
                              width,
                              in,
                              operand<AlongDepth>(dense.x.data, rows, in),
                              operand<AlongDepth>(dense.w.data, width, in),
                              epilogue};
  launch_product(precision_, stream_, product, plan, workspace_);
}

}  // namespace vae::cuda
