// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernels/cuda/blas_gemm.h"
#include "kernels/cuda/gemm_choice.h"
#include "kernels/cuda/handle.h"
#include "kernels/tuning_store.h"

namespace vae::cuda {

/// Hands products over to cuBLASLt where the mode says so. An operation asks first:
///
///   if (gemms_.takes(blas_product(args), [this, args] { run(args); })) return;
///   ...our kernel...
///
/// In fp32 every product is ours: docs/arithmetic.md specifies its bits.
/// A product is decided when it is first seen outside a capture: by the rule or, when autotuning,
/// by timing it on the stream that the work runs on, which overwrites its outputs as running it
/// does. Captures find nothing out, because since 13.3 cuBLASLt answers no question during one:
/// what is not decided yet is ours in a capture, and capture_tuned() decides it and captures again.
class GemmDispatch {
 public:
  struct Setup {
    GemmMode mode = GemmMode::reproducible;
    Precision precision = Precision::fp32;
    int capability = 0;
    std::string card;
    TuningStore* store = nullptr;  // for autotuning; not owned, may be null
    /// Told the name of each product that the library gets, a literal; may be empty.
    std::function<void(const char* name)> on_library_product = {};
  };

  /// `workspace` as BlasGemm wants it. Not to be created while a stream is captured.
  /// Throws Error(device) where the library cannot be used and the mode is not `own`, and
  /// Error(invalid_argument) for the mode `library` in fp32.
  GemmDispatch(const Setup& setup, cudaStream_t stream, void* workspace, std::size_t bytes);

  /// Whether the library computes the product; then it is issued. `own` issues our kernel for it by
  /// the operation that asks: while it is timed takes() answers false.
  template <typename Own>
  bool takes(const std::optional<BlasProduct>& product, const Own& own) {
    if (!product || blas_ == nullptr || measuring_) return false;
    if (!is_decided(*product)) decide_or_postpone(*product, own);
    return run_library(*product);
  }

  /// capture(), and what it returns. The products that it postponed are decided behind it, with the
  /// memory they named, and the work is captured a second time.
  template <typename Capture>
  auto capture_tuned(const Capture& capture) {
    postponed_.clear();  // of a capture that failed
    auto captured = capture();
    if (decide_postponed()) captured = capture();
    return captured;
  }

  /// Whether the library would get the product as far as it is known now: for operations that have
  /// kernels of our own for more than the product. During a capture an algorithm for it is taken
  /// for granted until takes() has postponed the question.
  bool prefers_library(const std::optional<BlasProduct>& product) const;

  /// As BlasGemm::abandon(), and the events too.
  void abandon() {
    if (blas_ != nullptr) blas_->abandon();
    for (auto& event : events_) event.release();
  }

 private:
  struct Postponed {
    BlasProduct product;
    std::function<void()> own;
  };

  GemmKey key_of(const BlasProduct& product) const;
  bool is_decided(const BlasProduct& product) const;
  void decide_or_postpone(const BlasProduct& product, std::function<void()> own);
  bool decide_postponed();  // whether there was anything
  bool decide(const BlasProduct& product, const std::function<void()>& own);
  bool is_still_right(const BlasProduct& product, const GemmChoice& kept) const;
  GemmChoice fastest(const BlasProduct& product, const std::function<void()>& own);
  double median_ms(const std::function<void()>& work);
  bool is_captured() const;
  bool rule_gives_library(const BlasProduct& product) const;
  GemmChoice choice_by_rule(const BlasProduct& product) const;
  bool run_library(const BlasProduct& product);
  void load();
  void save() const;

  Setup setup_;
  GemmOrigin origin_;
  cudaStream_t stream_;
  std::unique_ptr<BlasGemm> blas_;  // none: `own`
  GemmTable table_;                 // decided by the mode
  std::set<GemmKey> unchecked_;     // of the table: read from the store and not yet used
  std::vector<Postponed> postponed_;
  std::vector<Unique<cudaEvent_t, cudaEventDestroy>> events_;  // none unless autotuning
  bool measuring_ = false;
};

}  // namespace vae::cuda
