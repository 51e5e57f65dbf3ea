// SPDX-License-Identifier: MIT
//
// Which implementation computes a matrix product: our kernels or cuBLASLt.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "vae/device.h"

namespace vae::cuda {

/// VAE_GEMM in the environment, read once when a backend is opened:
///   reproducible  a rule of shape, precision and architecture; nothing is timed, so that two runs
///                 on equal cards with equal software give the same bits (the default);
///                 where cuBLASLt is not installed our kernels do everything
///   autotune      each product is timed when it is first seen, and the fastest is kept
///   own           our kernels only
///   library       cuBLASLt wherever it can
/// fp32 is computed by our kernels only, and asking for the library there is an error.
enum class GemmMode { reproducible, autotune, own, library };

/// Throws Error(invalid_argument) for another value.
GemmMode gemm_mode_from_environment();

enum class GemmOperation { forward, backward_input, backward_weights, gemm };

/// What is fused behind the product d [M, N].
enum class GemmEpilogue {
  none,
  bias,           // + bias [N] of each row
  relu_bias,      // the same, then ReLU
  bias_gradient,  // sums over K of op(a), [M], come out beside d
};

/// A product [M, N] over K as far as it matters for the choice. Row-major.
struct GemmKey {
  GemmOperation operation = GemmOperation::gemm;
  GemmEpilogue epilogue = GemmEpilogue::none;
  bool transpose_a = false;
  bool transpose_b = false;
  int64_t rows = 0;     // M
  int64_t columns = 0;  // N
  int64_t depth = 0;    // K
  Precision precision = Precision::fp32;
  int capability = 0;  // 80 for sm_80

  auto operator<=>(const GemmKey&) const = default;
};

/// Whether the reproducible mode gives a product that cuBLASLt covers to it: from 2^31
/// multiply-adds on, some 10 us on a large card, where its tiles and pipelines should win over
/// ours. Not yet measured on any card: the bound is one for all precisions and architectures until
/// it is.
bool rule_gives_library(const GemmKey& key);

/// A cublasLtMatmulAlgo_t: plain data, valid for one version of the library and one card.
using BlasAlgorithm = std::array<uint64_t, 8>;

struct GemmChoice {
  bool library = false;
  BlasAlgorithm algorithm{};  // of the library

  bool operator==(const GemmChoice&) const = default;
};

/// What a table holds for: algorithms and times of another card or version mean nothing.
struct GemmOrigin {
  std::string card;
  int64_t blas_version = 0;

  /// "gemm-NVIDIA-H100-80GB-HBM3-130100.txt"
  std::string file_name() const;
};

/// The products that were decided, as text that can be kept in a file:
///   vae gemm choices 1
///   card NVIDIA H100 80GB HBM3
///   cublas 130100
///   forward relu_bias n t 4096 8192 4096 tf32 90 library 00..00   (8 numbers of 16 digits)
///   forward bias n t 128 40 400 tf32 90 own
///   end 0123456789abcdef                                          (FNV-1a of what is before)
class GemmTable {
 public:
  const GemmChoice* find(const GemmKey& key) const;
  void set(const GemmKey& key, const GemmChoice& choice) { choices_[key] = choice; }
  void forget(const GemmKey& key) { choices_.erase(key); }
  std::size_t size() const { return choices_.size(); }
  std::set<GemmKey> keys() const;

  std::string to_text(const GemmOrigin& origin) const;
  /// Nothing where the text is not one of to_text(origin), whole and unchanged. The algorithms
  /// are for the library to check.
  static std::optional<GemmTable> from_text(std::string_view text, const GemmOrigin& origin);

 private:
  static constexpr std::size_t kMostEntries = 4096;  // of a text: what is longer is none of ours

  std::map<GemmKey, GemmChoice> choices_;
};

}  // namespace vae::cuda
