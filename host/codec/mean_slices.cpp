// SPDX-License-Identifier: MIT
#include "host/codec/mean_slices.h"

#include <algorithm>
#include <cmath>

#include "kernels/math_double.h"
#include "kernels/special_functions.h"

namespace vae {

namespace {

constexpr uint16_t kMostSteps = 32767;  // twice as many and one have slices of two of 2^24
constexpr double kSmallestScale = 1e-6, kLargestScale = 1e6;

float as_scale(double number) {
  return static_cast<float>(clamped(number, kSmallestScale, kLargestScale));
}

bool is_scale(float number) { return number == as_scale(number); }

}  // namespace

bool is_usable(const MeanScale& scale) {
  return is_scale(scale.step) && is_scale(scale.deviation) && scale.limit <= kMostSteps;
}

/// A dimension whose means are all near 0 is not coded: its step is as wide as they vary.
std::vector<MeanScale> mean_scales(const Posterior& posterior, double coarseness) {
  const int64_t images = posterior.mean.rows(), latents = posterior.mean.row_size();
  std::vector<MeanScale> scales(static_cast<std::size_t>(latents));
  for (int64_t i = 0; i < latents; ++i) {
    double variance = 0.0, square = 0.0;
    for (int64_t n = 0; n < images; ++n) {
      const double mean = posterior.mean.row(n)[i];
      variance += exponential(double{posterior.logvar.row(n)[i]}) / static_cast<double>(images);
      square += mean * mean / static_cast<double>(images);
    }
    MeanScale& scale = scales[static_cast<std::size_t>(i)];
    scale.step = as_scale(coarseness * square_root(variance));
    // What rounding adds is that of a uniform distribution.
    scale.deviation = as_scale(square_root(square + double{scale.step} * scale.step / 12));
    scale.limit = kMostSteps;
    int32_t most = 0;
    for (int64_t n = 0; n < images; ++n) {
      most = std::max(most, std::abs(quantised(posterior.mean.row(n)[i], scale)));
    }
    scale.limit = static_cast<uint16_t>(most);
  }
  return scales;
}

int32_t quantised(float mean, const MeanScale& scale) {
  const double steps = double{number_or_zero(mean)} / scale.step, limit = scale.limit;
  return static_cast<int32_t>(std::lround(clamped(steps, -limit, limit)));
}

/// Each symbol has 2 beside its mass, as the levels of a logistic.
uint64_t MeanSlices::below(uint32_t place) const {
  constexpr uint64_t kOfEach = 2;
  if (place == 0) return 0;
  if (place == count()) return kWholeScale;
  const double edge = (place - 0.5 - limit_) * steps_;
  return kOfEach * place + share_of_scale(normal_cdf(edge), kOfEach * count());
}

int32_t MeanSlices::find(uint64_t share) const {
  uint32_t low = 0, high = count();
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    (below(middle) > share ? high : low) = middle;
  }
  return static_cast<int32_t>(low) - limit_;
}

void push_means(BitStack& stack, std::span<const MeanScale> scales,
                std::span<const int32_t> symbols) {
  for (std::size_t i = symbols.size(); i-- > 0;) {
    const MeanScale& scale = scales[i % scales.size()];
    if (scale.limit > 0) stack.push(MeanSlices(scale).slice(symbols[i]), kValueBits);
  }
}

void pop_means(BitStack& stack, std::span<const MeanScale> scales, std::span<int32_t> symbols) {
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const MeanScale& scale = scales[i % scales.size()];
    symbols[i] = 0;
    if (scale.limit == 0) continue;
    const MeanSlices slices(scale);
    symbols[i] = slices.find(stack.top(kValueBits));
    stack.pop(slices.slice(symbols[i]), kValueBits);
  }
}

}  // namespace vae
