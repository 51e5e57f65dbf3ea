// SPDX-License-Identifier: MIT
#include "kernels/cuda/gemm_dispatch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "vae/error.h"

namespace vae::cuda {

namespace {

constexpr int kAlgorithms = 8;  // of the library, timed
constexpr int kWarmUps = 2;
constexpr int kSamples = 7;
// A margin beyond the noise: our kernels do not change with the library's version.
constexpr double kLibraryMustTakeLess = 0.97;

/// True for as long as it lives.
class Flag {
 public:
  explicit Flag(bool& flag) : flag_(flag) { flag_ = true; }
  ~Flag() { flag_ = false; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;

 private:
  bool& flag_;
};

const char* name_of(GemmOperation operation) {
  switch (operation) {
    case GemmOperation::forward:
      return "dense_forward by cuBLASLt";
    case GemmOperation::backward_input:
      return "dense_backward_input by cuBLASLt";
    case GemmOperation::backward_weights:
      return "dense_backward_weights by cuBLASLt";
    case GemmOperation::gemm:
      break;
  }
  return "gemm by cuBLASLt";
}

}  // namespace

GemmDispatch::GemmDispatch(const Setup& setup, cudaStream_t stream, void* workspace,
                           std::size_t bytes)
    : setup_(setup), stream_(stream) {
  if (setup.mode == GemmMode::own) return;
  try {
    blas_ = std::make_unique<BlasGemm>(stream, setup.precision, workspace, bytes);
  } catch (const Error& error) {
    // Only who asked for the library by name must have it.
    if (setup.mode != GemmMode::reproducible || error.code() != ErrorCode::unavailable) throw;
    return;
  }
  origin_ = {setup.card, BlasGemm::version()};
  if (setup.mode != GemmMode::autotune) return;
  for (int i = 0; i <= kSamples; ++i) VAE_CUDA(cudaEventCreate(events_.emplace_back().out()));
  load();
}

bool GemmDispatch::measure_postponed() {
  if (postponed_.empty()) return false;
  for (const auto& [product, own] : std::exchange(postponed_, {})) {
    if (needs_measuring(product)) measure(product, own);
  }
  save();
  return true;
}

bool GemmDispatch::prefers_library(const std::optional<BlasProduct>& product) const {
  if (!product || blas_ == nullptr) return false;
  const GemmChoice* const known = table_.find(key_of(*product));
  return known != nullptr ? known->library : choice_by_rule(*product).library;
}

GemmKey GemmDispatch::key_of(const BlasProduct& product) const {
  return {product.operation,   product.epilogue, product.transpose_a,
          product.transpose_b, product.rows,     product.columns,
          product.depth,       setup_.precision, setup_.capability};
}

/// The table of a file is believed once the library knows its algorithms.
bool GemmDispatch::needs_measuring(const BlasProduct& product) {
  if (setup_.mode != GemmMode::autotune) return false;
  const GemmKey key = key_of(product);
  const GemmChoice* const known = table_.find(key);
  if (known == nullptr) return true;
  if (unchecked_.erase(key) == 0 || !known->library || blas_->accepts(product, known->algorithm)) {
    return false;
  }
  table_.forget(key);
  return true;
}

void GemmDispatch::measure_or_postpone(const BlasProduct& product, std::function<void()> own) {
  if (is_captured()) {
    postponed_.push_back({product, std::move(own)});
    return;
  }
  measure(product, own);
  save();
}

void GemmDispatch::measure(const BlasProduct& product, const std::function<void()>& own) {
  const Flag measuring(measuring_);
  GemmChoice best;
  double least = kLibraryMustTakeLess * median_ms(own);
  for (const BlasAlgorithm& algorithm : blas_->algorithms(product, kAlgorithms)) {
    if (!blas_->accepts(product, algorithm)) continue;
    const double ms = median_ms([&] { blas_->run(product, algorithm); });
    if (ms >= least) continue;
    least = ms;
    best = {true, algorithm};
  }
  table_.set(key_of(product), best);
}

/// The samples are issued in one go, with an event between each two, so that the card is not idle
/// in between and launches cost only where they are the bottleneck.
double GemmDispatch::median_ms(const std::function<void()>& work) {
  for (int i = 0; i < kWarmUps; ++i) work();
  VAE_CUDA(cudaEventRecord(events_.front().get(), stream_));
  for (std::size_t i = 1; i <= kSamples; ++i) {
    work();
    VAE_CUDA(cudaEventRecord(events_[i].get(), stream_));
  }
  VAE_CUDA(cudaEventSynchronize(events_.back().get()));
  std::array<float, kSamples> ms{};
  for (std::size_t i = 0; i < kSamples; ++i) {
    VAE_CUDA(cudaEventElapsedTime(&ms[i], events_[i].get(), events_[i + 1].get()));
  }
  std::nth_element(ms.begin(), ms.begin() + kSamples / 2, ms.end());
  return double{ms[kSamples / 2]};
}

bool GemmDispatch::is_captured() const {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  VAE_CUDA(cudaStreamIsCapturing(stream_, &status));
  return status != cudaStreamCaptureStatusNone;
}

GemmChoice GemmDispatch::choice_by_rule(const BlasProduct& product) const {
  if (setup_.mode != GemmMode::library && !rule_gives_library(key_of(product))) return {};
  const std::vector<BlasAlgorithm> algorithms = blas_->algorithms(product, 1);
  return algorithms.empty() ? GemmChoice{} : GemmChoice{true, algorithms.front()};
}

bool GemmDispatch::run_library(const BlasProduct& product) {
  const GemmKey key = key_of(product);
  const GemmChoice* const known = table_.find(key);
  const GemmChoice choice = known != nullptr ? *known : choice_by_rule(product);
  // When autotuning, what the rule says stands in until the product is timed.
  if (known == nullptr && setup_.mode != GemmMode::autotune) table_.set(key, choice);
  if (!choice.library) return false;
  if (setup_.on_library_product) setup_.on_library_product(name_of(product.operation));
  blas_->run(product, choice.algorithm);
  return true;
}

void GemmDispatch::load() {
  if (setup_.store == nullptr) return;
  std::optional<GemmTable> table =
      GemmTable::from_text(setup_.store->load(origin_.file_name()), origin_);
  if (!table) return;  // none, foreign or damaged: the products are timed again
  table_ = std::move(*table);
  unchecked_ = table_.keys();
}

void GemmDispatch::save() const {
  if (setup_.store != nullptr) {
    setup_.store->save(origin_.file_name(), table_.to_text(origin_));
  }
}

}  // namespace vae::cuda
