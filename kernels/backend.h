// SPDX-License-Identifier: MIT
//
// THE CONTRACT between the graph and a device: memory, recordings, and the operations of
// kernels/operations.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/check.h"
#include "kernels/floating_point_mode.h"
#include "kernels/operations.h"
#include "kernels/tuning_store.h"
#include "vae/device.h"
#include "vae/types.h"

namespace vae {

/// A recorded sequence of operations that can be run again. What changes between runs lives in
/// StepState, never in arguments.
class Recording {
 public:
  virtual ~Recording() = default;
  virtual void replay() = 0;
};

/// Sees every operation as it is issued; for profiles. Called on the thread that issues.
class OperationObserver {
 public:
  virtual ~OperationObserver() = default;
  virtual void begin(std::string_view operation) = 0;
  virtual void end(std::string_view operation) = 0;
};

/// A device with its memory. Operations are issued in order and may run asynchronously until
/// synchronize() or copy_to_host(). One thread at a time may use a backend.
class Backend {
 public:
  virtual ~Backend() = default;

  // Memory. Addresses are aligned to at least 64 bytes; contents start undefined.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void deallocate(void* memory) noexcept = 0;
  virtual void copy_to_device(void* device, const void* host, std::size_t bytes) = 0;
  virtual void copy_to_host(void* host, const void* device, std::size_t bytes) = 0;
  virtual void fill_zero(void* device, std::size_t bytes) = 0;
  virtual void synchronize() = 0;

  /// Issues `body` to record it, perhaps twice, and runs it at most once; replay() then runs it.
  /// `body` must stay valid.
  virtual std::unique_ptr<Recording> record(std::function<void()> body) = 0;

  /// How many training steps one recording should hold: more than 1 where issuing a step costs the
  /// host about as long as the device takes for it.
  virtual int64_t steps_per_recording() const { return 1; }

  /// Calls task(i) once for each i in 0 .. count - 1, in any order and on whatever threads of the
  /// host the device computes with: for what operations are no way to say. Tasks throw nothing,
  /// issue nothing and share nothing that one of them writes.
  virtual void run_on_host(int64_t count, const std::function<void(int64_t)>& task) {
    for (int64_t i = 0; i < count; ++i) task(i);
  }

  /// "cpu", "cuda:0": what the results are labelled with.
  virtual std::string name() const = 0;
  /// What products are computed in, never automatic. fp32 has the same bits on every device
  /// (docs/arithmetic.md); tf32 and bf16 only on equal ones.
  virtual Precision precision() const { return Precision::fp32; }
  /// Model name, instruction set, threads; for people.
  virtual std::string description() const = 0;

  /// Checks an operation and runs it.
  template <typename Args>
  void issue(const Args& args) {
    const Observed observed(*this, Args::kName);
    args.check();
    run(args);
  }

  /// Issues a pair of operations, for which is_pair() holds: as one kernel where the device has one
  /// for these shapes, else one after the other, which is also what the tests compare the kernel
  /// with.
  template <typename First, typename Second>
  void issue(const First& first, const Second& second) {
    VAE_CHECK(is_pair(first, second), pair_name(first, second),
              ": the second operation does not read what the first writes, or that is not linear");
    if (!fuses(first, second)) {
      issue(first);
      issue(second);
      return;
    }
    const Observed observed(*this, pair_name(first, second));
    first.check();
    second.check();
    run_fused(first, second);
  }

  /// Not owned; nullptr turns observation off.
  void set_observer(OperationObserver* observer) { observer_ = observer; }

 private:
  /// The frame of every operation: the device is the calling thread's, whose floating-point mode is
  /// ours, and the observer is told of its beginning and end, also when it throws.
  class Observed {
   public:
    Observed(Backend& backend, std::string_view name) : observer_(backend.observer_), name_(name) {
      backend.make_current();
      if (observer_ != nullptr) observer_->begin(name_);
    }
    ~Observed() {
      if (observer_ != nullptr) observer_->end(name_);
    }
    Observed(const Observed&) = delete;
    Observed& operator=(const Observed&) = delete;

   private:
    FloatingPointMode mode_;
    OperationObserver* observer_;
    std::string_view name_;
  };

  /// Called before each operation, for devices of which a thread has a current one.
  virtual void make_current() {}

  virtual void run(const BeginStepArgs& args) = 0;
  virtual void run(const LoadBatchArgs& args) = 0;
  virtual void run(const LoadLabelsArgs& args) = 0;
  virtual void run(const LoadVectorsArgs& args) = 0;
  virtual void run(const LoadClassesArgs& args) = 0;
  virtual void run(const CorruptArgs& args) = 0;
  virtual void run(const DenseForwardArgs& args) = 0;
  virtual void run(const DenseBackwardInputArgs& args) = 0;
  virtual void run(const DenseBackwardWeightsArgs& args) = 0;
  virtual void run(const ConvForwardArgs& args) = 0;
  virtual void run(const ConvBackwardInputArgs& args) = 0;
  virtual void run(const ConvBackwardWeightsArgs& args) = 0;
  virtual void run(const UpsampleArgs& args) = 0;
  virtual void run(const UpsampleBackwardArgs& args) = 0;
  virtual void run(const AveragePoolArgs& args) = 0;
  virtual void run(const AveragePoolBackwardArgs& args) = 0;
  virtual void run(const AddArgs& args) = 0;
  virtual void run(const AddBackwardArgs& args) = 0;
  virtual void run(const ConcatArgs& args) = 0;
  virtual void run(const ConcatBackwardArgs& args) = 0;
  virtual void run(const TransportArgs& args) = 0;
  virtual void run(const TransportBackwardArgs& args) = 0;
  virtual void run(const GateArgs& args) = 0;
  virtual void run(const GateBackwardArgs& args) = 0;
  virtual void run(const GaussianForwardArgs& args) = 0;
  virtual void run(const GaussianBackwardArgs& args) = 0;
  virtual void run(const PriorForwardArgs& args) = 0;
  virtual void run(const PriorBackwardArgs& args) = 0;
  virtual void run(const PriorSampleArgs& args) = 0;
  virtual void run(const PosteriorStatisticsArgs& args) = 0;
  virtual void run(const LikelihoodArgs& args) = 0;
  virtual void run(const LikelihoodMeanArgs& args) = 0;
  virtual void run(const LikelihoodSampleArgs& args) = 0;
  virtual void run(const CategoricalArgs& args) = 0;
  virtual void run(const CategoricalMeanArgs& args) = 0;
  virtual void run(const CategoricalSampleArgs& args) = 0;
  virtual void run(const DetectionArgs& args) = 0;
  virtual void run(const DetectionMeanArgs& args) = 0;
  virtual void run(const ImportanceArgs& args) = 0;
  virtual void run(const ImportanceWeightsArgs& args) = 0;
  virtual void run(const AccumulateArgs& args) = 0;
  virtual void run(const AccumulateWeightedArgs& args) = 0;
  virtual void run(const JudgeGradientArgs& args) = 0;
  virtual void run(const AdamArgs& args) = 0;
  virtual void run(const MuonMomentumArgs& args) = 0;
  virtual void run(const MuonNormalizeArgs& args) = 0;
  virtual void run(const BlendArgs& args) = 0;
  virtual void run(const MuonApplyArgs& args) = 0;
  virtual void run(const AverageArgs& args) = 0;
  virtual void run(const GemmArgs& args) = 0;

  // Whether the device has one kernel for the pair with these shapes and options, and that kernel,
  // which is asked for only where fuses() said yes.
  virtual bool fuses(const LoadBatchArgs&, const DenseForwardArgs&) const { return false; }
  virtual bool fuses(const DenseForwardArgs&, const GaussianForwardArgs&) const { return false; }
  virtual bool fuses(const DenseForwardArgs&, const LikelihoodArgs&) const { return false; }
  virtual void run_fused(const LoadBatchArgs& load, const DenseForwardArgs& dense) {
    run(load);
    run(dense);
  }
  virtual void run_fused(const DenseForwardArgs& dense, const GaussianForwardArgs& gaussian) {
    run(dense);
    run(gaussian);
  }
  virtual void run_fused(const DenseForwardArgs& dense, const LikelihoodArgs& likelihood) {
    run(dense);
    run(likelihood);
  }

  OperationObserver* observer_ = nullptr;
};

/// Opens a device that choose_device() accepted. Throws Error(unavailable).
/// `tuning` keeps what the device measures about itself; not owned, may be null.
std::unique_ptr<Backend> make_backend(const Device& device, TuningStore* tuning = nullptr);

/// The CPU as `vae devices` lists it: processor, instruction set chosen, threads, memory.
DeviceInfo cpu_device();

/// The CUDA cards, as far as can be known without opening them; where there are none, or this build
/// has no CUDA backend, one unusable entry named "cuda" whose reason says why and what to do.
std::vector<DeviceInfo> cuda_devices();

/// The card "cuda:<index>", opened, as it may be busy, or an unusable entry with the reason.
DeviceInfo cuda_device(int index);

/// Version of the CUDA toolkit this build was made with; empty without a CUDA backend.
std::string cuda_toolkit();

}  // namespace vae
