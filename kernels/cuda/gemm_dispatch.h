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
///   if (gemms_.takes(blas_product(args), [this, args] { do_gemm(args); })) return;
///   ...our kernel...
///
/// Only autotuning times anything, outside captures, on the stream that the work runs on, and by
/// overwriting the product's outputs, which is what running it does.
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
  /// Throws Error(device) where the library cannot be used and the mode is not `own`.
  GemmDispatch(const Setup& setup, cudaStream_t stream, void* workspace, std::size_t bytes);

  /// Whether the library computes the product; then it is issued. `own` issues our kernel for it by
  /// the operation that asks: while it is timed takes() answers false. A product that is captured
  /// before it was timed follows the rule of the reproducible mode.
  template <typename Own>
  bool takes(const std::optional<BlasProduct>& product, const Own& own) {
    if (!product || blas_ == nullptr || measuring_) return false;
    if (needs_measuring(*product)) measure_or_postpone(*product, own);
    return run_library(*product);
  }

  /// capture(), and what it returns. When autotuning, the products that it postponed are timed
  /// behind it, with the memory they named, and the work is captured a second time.
  template <typename Capture>
  auto capture_tuned(const Capture& capture) {
    postponed_.clear();  // of a capture that failed
    auto captured = capture();
    if (measure_postponed()) captured = capture();
    return captured;
  }

  /// Whether the library would get the product as far as it is known now: for operations that have
  /// kernels of our own for more than the product.
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
  bool needs_measuring(const BlasProduct& product);
  void measure_or_postpone(const BlasProduct& product, std::function<void()> own);
  void measure(const BlasProduct& product, const std::function<void()>& own);
  bool measure_postponed();  // whether there was anything
  double median_ms(const std::function<void()>& work);
  bool is_captured() const;
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
