// SPDX-License-Identifier: MIT
//
// Naive float64 versions of the operations' scalar formulas.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "host/config/table.h"
#include "vae/types.h"

namespace vae::testing {

inline double reference_activation(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return x > 0.0 ? x : 0.0;
    case Activation::leaky_relu:
      return x > 0.0 ? x : 0.01 * x;
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case Activation::softplus:
      return x > 0.0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    case Activation::elu:
      return x > 0.0 ? x : std::expm1(x);
    case Activation::gelu:
      return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    case Activation::silu:
      return x / (1.0 + std::exp(-x));
  }
  return x;
}

/// Central difference in float64; the functions are smooth away from 0.
inline double reference_slope(Activation activation, double x) {
  const double h = 1e-6;
  return (reference_activation(activation, x + h) - reference_activation(activation, x - h)) /
         (2.0 * h);
}

/// Every value of an enumeration: whoever adds one has it tested.
template <typename Enum>
const std::vector<Enum>& all_values() {
  static const std::vector<Enum> all = [] {
    std::vector<Enum> values;
    for (const auto& word : config_detail::words(Enum{})) values.push_back(word.value);
    return values;
  }();
  return all;
}

inline const std::vector<Activation>& all_activations() { return all_values<Activation>(); }

inline const std::vector<Binarization>& all_binarizations() { return all_values<Binarization>(); }

/// A likelihood, and where the variance of a Gaussian comes from.
struct Observation {
  Likelihood likelihood;
  Variance variance;
};

/// One of each rule; Gaussians with one variance and with one a channel, fixed being like learned.
inline const std::vector<Observation>& all_observations() {
  static const std::vector<Observation> all = [] {
    std::vector<Observation> list;
    for (const Likelihood likelihood : all_values<Likelihood>()) {
      list.push_back({likelihood, Variance::fixed});
      if (likelihood != Likelihood::gaussian) continue;
      list.push_back({likelihood, Variance::per_channel});
      list.push_back({likelihood, Variance::per_pixel});
    }
    return list;
  }();
  return all;
}

/// c [m, n] = a [m, k] b [k, n] with element strides.
inline std::vector<double> reference_product(const std::vector<float>& a, int64_t a_row,
                                             int64_t a_col, const std::vector<float>& b,
                                             int64_t b_row, int64_t b_col, int64_t m, int64_t n,
                                             int64_t k) {
  std::vector<double> c(static_cast<std::size_t>(m * n), 0.0);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t p = 0; p < k; ++p) {
      const double factor = a[i * a_row + p * a_col];
      for (int64_t j = 0; j < n; ++j) c[i * n + j] += factor * b[p * b_row + j * b_col];
    }
  }
  return c;
}

}  // namespace vae::testing
