// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/convolutions.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/threads.h"
#include "kernels/cpu/vector_ops.h"

namespace vae::cpu {

/// The counter of the draws of an image's row.
inline PhiloxRow noise_row(const NoiseKey& noise, int64_t row) {
  return philox_row(noise.seed, noise.stream, noise.state->step,
                    noise.state->first_row + static_cast<uint32_t>(row),
                    static_cast<uint32_t>(noise.first_sample));
}

/// The contract on the host's processor. Operations run at once on the pool's threads; each file
/// beside this one holds one family of them.
class CpuBackend final : public Backend {
 public:
  /// `isa` as for vector_ops(); `threads` 0 takes all available.
  CpuBackend(int threads, std::string_view isa);

  void* allocate(std::size_t bytes) override;
  void deallocate(void* memory) noexcept override;
  void copy_to_device(void* device, const void* host, std::size_t bytes) override;
  void copy_to_host(void* host, const void* device, std::size_t bytes) override;
  void fill_zero(void* device, std::size_t bytes) override;
  void synchronize() override {}
  std::unique_ptr<Recording> record(std::function<void()> body) override;
  void run_on_host(int64_t count, const std::function<void(int64_t)>& task) override {
    pool_.parallel_for(count, task);
  }
  std::string name() const override { return "cpu"; }
  std::string description() const override;

 private:
  void run(const BeginStepArgs& args) override;
  void run(const LoadBatchArgs& args) override;
  void run(const LoadLabelsArgs& args) override;
  void run(const LoadVectorsArgs& args) override;
  void run(const LoadClassesArgs& args) override;
  void run(const CorruptArgs& args) override;
  void run(const DenseForwardArgs& args) override;
  void run(const DenseBackwardInputArgs& args) override;
  void run(const DenseBackwardWeightsArgs& args) override;
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
  void run(const TransportArgs& args) override;
  void run(const TransportBackwardArgs& args) override;
  void run(const GateArgs& args) override;
  void run(const GateBackwardArgs& args) override;
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

  ObservationModel observation_model(Likelihood likelihood, Variance variance,
                                     ConstView log_variance, int64_t width, bool weighted);
  void run_variance_slopes(const LikelihoodArgs& args);

  /// The rows of a batch's images.
  template <typename T, typename Args>
  void load_rows(const Args& args, const BasicView<T>& to, BasicView<const T> from);
  /// Calls body(first, last) for consecutive ranges of 0 .. count - 1. The ranges are the same
  /// whatever the number of threads, so sums made per range are too.
  template <typename Body>
  void for_ranges(int64_t count, int64_t range, Body body) {
    pool_.parallel_for((count + range - 1) / range, [&](int64_t task) {
      const int64_t first = task * range;
      body(first, first + range < count ? first + range : count);
    });
  }

  /// Where to finish a gradient: in place, or beside what it is then added to.
  float* finished_apart(const View& gradient, bool accumulate) {
    if (!accumulate) return gradient.data;
    gradient_.reserve(gradient.count());
    return gradient_.data();
  }

  const VectorOps& ops_;
  ThreadPool pool_;
  Products products_;
  Convolutions convolutions_;
  Buffer gradient_, biases_;
  std::vector<double> block_sums_;                      // of the gradient's squares
  std::vector<float> inverse_variances_, normalizers_;  // of each value of a row
};

}  // namespace vae::cpu

namespace vae {

/// Opens the CPU with the device's thread count and instruction set.
std::unique_ptr<Backend> make_cpu_backend(const Device& device);

}  // namespace vae
