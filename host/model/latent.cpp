// SPDX-License-Identifier: MIT
#include "vae/latent.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/check.h"
#include "kernels/special_functions.h"

namespace vae {
namespace {

void check_code(const Array& code, std::string_view name) {
  VAE_CHECK(code.shape.size() == 2 && code.rows() == 1 && code.count() == code.shape[1] &&
                code.count() > 0,
            "latent: ", name, " must be one code [1, Z]");
}

void check_steps(int64_t steps) {
  constexpr int64_t kMostSteps = 1 << 24;
  VAE_CHECK(steps >= 2 && steps <= kMostSteps, "latent: ", steps,
            " steps; both ends are included, so take 2 to ", kMostSteps);
}

Array make_codes(int64_t steps, int64_t dimensions) {
  Array codes{{steps, dimensions}, {}};
  codes.values.resize(steps * dimensions);
  return codes;
}

/// Row i is weights_a[i] a + weights_b[i] b, where weights come from `weigh(share)`.
template <typename Weigh>
Array combine(const Array& a, const Array& b, int64_t steps, const Weigh& weigh) {
  const int64_t dimensions = a.count();
  Array codes = make_codes(steps, dimensions);
  for (int64_t step = 0; step < steps; ++step) {
    const auto [weight_a, weight_b] = weigh(static_cast<double>(step) / (steps - 1));
    for (int64_t i = 0; i < dimensions; ++i) {
      codes.values[step * dimensions + i] =
          static_cast<float>(weight_a * a.values[i] + weight_b * b.values[i]);
    }
  }
  return codes;
}

void check_ends(const Array& a, const Array& b, int64_t steps) {
  check_code(a, "a");
  check_code(b, "b");
  VAE_CHECK(a.count() == b.count(), "latent: a has ", a.count(), " dimensions but b has ",
            b.count());
  check_steps(steps);
}

struct Angle {
  double radians = 0.0;
  bool usable = false;  ///< false where sin(radians) is too small to divide by
};

Angle angle_between(const Array& a, const Array& b) {
  double aa = 0.0, bb = 0.0, ab = 0.0;
  for (int64_t i = 0; i < a.count(); ++i) {
    aa += double{a.values[i]} * a.values[i];
    bb += double{b.values[i]} * b.values[i];
    ab += double{a.values[i]} * b.values[i];
  }
  if (aa == 0.0 || bb == 0.0) return {};
  const double radians = std::acos(std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0));
  return {radians, std::sin(radians) > 1e-6};
}

}  // namespace

double inverse_normal_cdf(double p) {
  VAE_CHECK(p > 0.0 && p < 1.0, "inverse_normal_cdf: p is ", p, " but must lie in (0, 1)");
  return normal_quantile(p);
}

Array interpolate_linear(const Array& a, const Array& b, int64_t steps) {
  check_ends(a, b, steps);
  return combine(a, b, steps, [](double share) { return std::pair(1.0 - share, share); });
}

Array interpolate_spherical(const Array& a, const Array& b, int64_t steps) {
  check_ends(a, b, steps);
  const Angle angle = angle_between(a, b);
  // Parallel codes have no great circle between them, opposite ones have too many.
  if (!angle.usable) return interpolate_linear(a, b, steps);
  return combine(a, b, steps, [&](double share) {
    if (share == 0.0 || share == 1.0) return std::pair(1.0 - share, share);  // exactly the ends
    const double scale = 1.0 / std::sin(angle.radians);
    return std::pair(std::sin((1.0 - share) * angle.radians) * scale,
                     std::sin(share * angle.radians) * scale);
  });
}

Array traverse_dimension(const Array& center, int64_t dimension, double range, int64_t steps) {
  check_code(center, "center");
  VAE_CHECK(dimension >= 0 && dimension < center.count(), "latent: dimension ", dimension,
            " does not exist; there are 0 to ", center.count() - 1);
  check_steps(steps);
  VAE_CHECK(std::isfinite(static_cast<float>(range)), "latent: a range of ", range,
            " is not finite as a 32-bit float");
  Array codes = make_codes(steps, center.count());
  for (int64_t step = 0; step < steps; ++step) {
    float* code = codes.values.data() + step * center.count();
    std::copy(center.values.begin(), center.values.end(), code);
    const double share = static_cast<double>(2 * step - (steps - 1)) / (steps - 1);
    code[dimension] = static_cast<float>(range * share);
  }
  return codes;
}

std::optional<int64_t> typical_code(const Array& codes, std::span<const uint8_t> labels,
                                    uint8_t label) {
  VAE_CHECK(static_cast<int64_t>(labels.size()) == codes.rows(), "latent: there are ",
            labels.size(), " labels for ", codes.rows(), " codes");
  std::vector<int64_t> members;
  std::vector<double> mean(static_cast<size_t>(codes.row_size()));
  for (int64_t i = 0; i < codes.rows(); ++i) {
    if (labels[static_cast<size_t>(i)] != label) continue;
    members.push_back(i);
    for (size_t k = 0; k < mean.size(); ++k) mean[k] += codes.row(i)[k];
  }
  std::optional<int64_t> nearest;
  double smallest = 0.0;
  for (const int64_t i : members) {
    double distance = 0.0;
    for (size_t k = 0; k < mean.size(); ++k) {
      const double difference = codes.row(i)[k] - mean[k] / static_cast<double>(members.size());
      distance += difference * difference;
    }
    if (!nearest || distance < smallest) {
      nearest = i;
      smallest = distance;
    }
  }
  return nearest;
}

Array manifold_grid(int64_t side) {
  VAE_CHECK(side >= 1 && side <= 10000, "latent: a manifold of ", side,
            " codes a side; choose 1 to 10000");
  // The middles of `side` cells of equal probability.
  const auto quantile = [side](int64_t cell) {
    return static_cast<float>(inverse_normal_cdf((static_cast<double>(cell) + 0.5) / side));
  };
  Array codes = make_codes(side * side, 2);
  for (int64_t row = 0; row < side; ++row) {
    for (int64_t column = 0; column < side; ++column) {
      float* code = codes.values.data() + 2 * (row * side + column);
      code[0] = quantile(column);
      code[1] = quantile(side - 1 - row);
    }
  }
  return codes;
}

}  // namespace vae
