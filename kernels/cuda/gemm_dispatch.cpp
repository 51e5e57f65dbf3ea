// SPDX-License-Identifier: MIT
#include "kernels/cuda/gemm_dispatch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/check.h"

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
  if (setup.precision == Precision::fp32) {
    if (setup.mode != GemmMode::library) return;
    fail(ErrorCode::invalid_argument,
         "VAE_GEMM=library, but precision fp32 has no products of "
         "cuBLASLt: their bits would be those of one card and version; choose tf32 or bf16, or "
         "unset VAE_GEMM");
  }
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

bool GemmDispatch::prefers_library(const std::optional<BlasProduct>& product) const {
  if (!product || blas_ == nullptr) return false;
  if (const GemmChoice* const known = table_.find(key_of(*product))) return known->library;
  if (!rule_gives_library(*product)) return false;
  return is_captured() || choice_by_rule(*product).library;
}

GemmKey GemmDispatch::key_of(const BlasProduct& product) const {
  return {product.operation,   product.epilogue, product.transpose_a,
          product.transpose_b, product.rows,     product.columns,
          product.depth,       setup_.precision, setup_.capability};
}

bool GemmDispatch::is_decided(const BlasProduct& product) const {
  const GemmKey key = key_of(product);
  return table_.find(key) != nullptr && !unchecked_.contains(key);
}

void GemmDispatch::decide_or_postpone(const BlasProduct& product, std::function<void()> own) {
  const bool asks = setup_.mode == GemmMode::autotune || rule_gives_library(product);
  if (asks && is_captured()) {
    postponed_.push_back({product, std::move(own)});
  } else if (decide(product, own)) {
    save();
  }
}

bool GemmDispatch::decide_postponed() {
  if (postponed_.empty()) return false;
  bool timed = false;
  for (const auto& [product, own] : std::exchange(postponed_, {})) {
    if (!is_decided(product)) timed |= decide(product, own);
  }
  if (timed) save();
  return true;
}

/// Returns whether it was timed.
bool GemmDispatch::decide(const BlasProduct& product, const std::function<void()>& own) {
  const GemmKey key = key_of(product);
  if (setup_.mode != GemmMode::autotune) {
    table_.set(key, choice_by_rule(product));
    return false;
  }
  const GemmChoice* const kept = table_.find(key);
  const bool stays = kept != nullptr && is_still_right(product, *kept);
  unchecked_.erase(key);
  if (stays) return false;
  table_.forget(key);  // also if timing it fails
  table_.set(key, fastest(product, own));
  return true;
}

/// The table of a file is believed once the library knows its algorithms.
bool GemmDispatch::is_still_right(const BlasProduct& product, const GemmChoice& kept) const {
  return !kept.library || blas_->accepts(product, kept.algorithm);
}

GemmChoice GemmDispatch::fastest(const BlasProduct& product, const std::function<void()>& own) {
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
  return best;
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

bool GemmDispatch::rule_gives_library(const BlasProduct& product) const {
  return setup_.mode == GemmMode::library || cuda::rule_gives_library(key_of(product));
}

GemmChoice GemmDispatch::choice_by_rule(const BlasProduct& product) const {
  if (!rule_gives_library(product)) return {};
  const std::vector<BlasAlgorithm> algorithms = blas_->algorithms(product, 1);
  return algorithms.empty() ? GemmChoice{} : GemmChoice{true, algorithms.front()};
}

bool GemmDispatch::run_library(const BlasProduct& product) {
  if (!is_decided(product)) return false;
  const GemmChoice& choice = *table_.find(key_of(product));
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
