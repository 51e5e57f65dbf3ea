// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/backend.h"
#include "kernels/cuda/card.h"
#include "kernels/cuda/gemm_dispatch.h"
#include "kernels/cuda/staging.h"
#include "kernels/cuda/stream.h"

namespace vae::cuda {

/// Memory for partial results of split reductions. It is taken once, so that no operation allocates
/// and recorded graphs keep their addresses; operations of one stream use it in turn.
struct Workspace {
  /// For each multiprocessor, four of the largest tiles: 33 MiB on an H100. Beyond it kernels split
  /// less, or take several launches.
  static constexpr int64_t kFloatsOfMultiprocessor = int64_t{4} * 128 * 128;
  static constexpr int64_t kTickets = int64_t{1} << 16;

  int64_t capacity = 0;
  float* floats = nullptr;      // [capacity], content undefined between operations
  uint32_t* tickets = nullptr;  // [kTickets], zero between operations: last arrivers reset them
};

/// The grid of a long sum in the workspace, and the sums of its blocks.
struct LongSumSpace {
  unsigned blocks;
  double* sums;  // [blocks]
};

/// The contract on an NVIDIA card. Operations are launched on one stream; each .cu file beside this
/// one holds one family of them, the twin of the file of the same name in kernels/cpu.
class CudaBackend final : public Backend {
 public:
  /// `device.precision` automatic takes tf32 from sm_80 on and fp32 before.
  /// Throws Error(unavailable) where the card cannot do what is asked.
  CudaBackend(const Device& device, TuningStore* tuning);
  ~CudaBackend() override;

  void* allocate(std::size_t bytes) override;
  void deallocate(void* memory) noexcept override;
  void copy_to_device(void* device, const void* host, std::size_t bytes) override;
  void copy_to_host(void* host, const void* device, std::size_t bytes) override;
  void fill_zero(void* device, std::size_t bytes) override;
  void synchronize() override;
  std::unique_ptr<Recording> record(std::function<void()> body) override;
  int64_t steps_per_recording() const override { return kStepsPerGraph; }
  std::string name() const override;
  Precision precision() const override { return precision_; }
  std::string description() const override;

 private:
  void make_current() override;
  void run(const BeginStepArgs& args) override;
  void run(const LoadBatchArgs& args) override;
  void run(const LoadLabelsArgs& args) override;
  void run(const LoadVectorsArgs& args) override;
  void run(const LoadClassesArgs& args) override;
  void run(const CorruptArgs& args) override;
  void run(const DenseForwardArgs& args) override;
  void run(const DenseBackwardInputArgs& args) override;
  void run(const DenseBackwardWeightsArgs& args) override;
  void run(const TransportArgs& args) override;
  void run(const TransportBackwardArgs& args) override;
  void run(const GateArgs& args) override;
  void run(const GateBackwardArgs& args) override;
  void run(const ConvForwardArgs& args) override;
  void run(const ConvBackwardInputArgs& args) override;
  void run(const ConvBackwardWeightsArgs& args) override;
  void run(const UpsampleArgs& args) override;
  void run(const UpsampleBackwardArgs& args) override;
  void run(const AveragePoolArgs& args) override;
  void run(const AveragePoolBackwardArgs& args) override;
  void run(const AddArgs& args) override;
  void run(const AddBackwardArgs& args) override;
  void run(const ConcatArgs& args) override;
  void run(const ConcatBackwardArgs& args) override;
  void run(const GaussianForwardArgs& args) override;
  void run(const GaussianBackwardArgs& args) override;
  void run(const PriorForwardArgs& args) override;
  void run(const PriorBackwardArgs& args) override;
  void run(const PriorSampleArgs& args) override;
  void run(const PosteriorStatisticsArgs& args) override;
  void run(const LikelihoodArgs& args) override;
  void run(const LikelihoodMeanArgs& args) override;
  void run(const LikelihoodSampleArgs& args) override;
  void run(const CategoricalArgs& args) override;
  void run(const CategoricalMeanArgs& args) override;
  void run(const CategoricalSampleArgs& args) override;
  void run(const DetectionArgs& args) override;
  void run(const DetectionMeanArgs& args) override;
  void run(const ImportanceArgs& args) override;
  void run(const ImportanceWeightsArgs& args) override;
  void run(const AccumulateArgs& args) override;
  void run(const AccumulateWeightedArgs& args) override;
  void run(const JudgeGradientArgs& args) override;
  void run(const AdamArgs& args) override;
  void run(const MuonMomentumArgs& args) override;
  void run(const MuonNormalizeArgs& args) override;
  void run(const BlendArgs& args) override;
  void run(const MuonApplyArgs& args) override;
  void run(const AverageArgs& args) override;
  void run(const GemmArgs& args) override;
  bool fuses(const LoadBatchArgs& load, const DenseForwardArgs& dense) const override;
  bool fuses(const DenseForwardArgs& dense, const GaussianForwardArgs& gaussian) const override;
  bool fuses(const DenseForwardArgs& dense, const LikelihoodArgs& likelihood) const override;
  void run_fused(const LoadBatchArgs& load, const DenseForwardArgs& dense) override;
  void run_fused(const DenseForwardArgs& dense, const GaussianForwardArgs& gaussian) override;
  void run_fused(const DenseForwardArgs& dense, const LikelihoodArgs& likelihood) override;

  /// For a long sum over `count` elements by blocks of `threads`, whose warps take a block of it
  /// each. Throws Error(invalid_argument) where there are more than the workspace is made for.
  LongSumSpace long_sum_space(std::string_view operation, int64_t count, int64_t threads) const;

  /// A graph of so many steps runs for milliseconds, a thousand times what its launch costs.
  static constexpr int64_t kStepsPerGraph = 64;

  Card card_;
  Precision precision_ = Precision::fp32;  // never automatic
  Stream stream_;
  Staging staging_;
  UniqueMemory workspace_floats_, workspace_tickets_;
  Workspace workspace_;
  std::optional<GemmDispatch> gemms_;  // always there once constructed
};

}  // namespace vae::cuda
