// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>
#include <variant>

#include "host/graph/value.h"
#include "kernels/backend.h"

namespace vae {

/// One run of a graph, or of a part of it, on some rows. Nodes issue their operations to it. It
/// holds one back until it has seen the next, and hands neighbours that a device may run as one
/// kernel over together.
class Pass {
 public:
  /// `samples` codes for each of `images` pictures.
  Pass(Backend& backend, int64_t images, int64_t samples = 1)
      : backend_(backend), images_(images), samples_(samples) {}

  NoiseKey noise;              // of stochastic nodes; each puts its own stream in
  bool with_gradient = false;  // the likelihood's gradient is left for a backward pass
  bool importance = false;     // log-ratios of the samples instead of the KL

  // How the samples of an image share in the gradient; the ELBO takes one, without a weight.
  Objective objective = Objective::elbo;
  ConstView weights;       // [codes]
  float free_bits = 0.0f;  // of the ELBO's KL term

  int64_t images() const { return images_; }
  int64_t samples() const { return samples_; }
  int64_t rows(Rows rows) const { return rows == Rows::images ? images_ : images_ * samples_; }

  // The rows of this pass.
  View data(const Value& value) const { return head(value.data, value.rows); }
  View pre(const Value& value) const { return head(value.pre, value.rows); }
  View gradient(const Value& value) const { return head(value.gradient(), value.rows); }
  View head(const View& view, Rows rows) const {
    return view ? view.head(this->rows(rows)) : View();
  }

  template <typename Args>
  void issue(const Args& next) {
    const Held first = std::exchange(held_, Held());
    if (std::visit([&](const auto& args) { return issued_with(args, next); }, first)) return;
    issue_alone(first);
    if constexpr (kMayBegin<Args>) {
      held_ = next;
    } else {
      backend_.issue(next);
    }
  }

  /// Issues what is held back; to be called at the end.
  void finish() { issue_alone(std::exchange(held_, Held())); }

 private:
  using Held = std::variant<std::monostate, LoadBatchArgs, DenseForwardArgs>;

  template <typename Args>
  static constexpr bool kMayBegin = requires(Held held, const Args& args) {
    held = args;
  };

  template <typename First, typename Next>
  bool issued_with(const First& first, const Next& next) {
    if constexpr (requires { is_pair(first, next); }) {
      if (!is_pair(first, next)) return false;
      backend_.issue(first, next);
      return true;
    } else {
      return false;
    }
  }

  void issue_alone(const Held& held) {
    if (const auto* load = std::get_if<LoadBatchArgs>(&held)) backend_.issue(*load);
    if (const auto* dense = std::get_if<DenseForwardArgs>(&held)) backend_.issue(*dense);
  }

  Backend& backend_;
  int64_t images_, samples_;
  Held held_;
};

}  // namespace vae
