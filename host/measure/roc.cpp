// SPDX-License-Identifier: MIT
#include "vae/roc.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "kernels/check.h"

namespace vae {
namespace {

using Scores = std::vector<double>;

Scores sorted(std::span<const double> scores, const char* set) {
  VAE_CHECK(!scores.empty(), "ROC: there are no scores of ", set, " images");
  const auto nan =
      std::find_if(scores.begin(), scores.end(), [](double s) { return std::isnan(s); });
  VAE_CHECK(nan == scores.end(), "ROC: the score of ", set, " image ", nan - scores.begin(),
            " is not a number");
  Scores copy(scores.begin(), scores.end());
  std::sort(copy.begin(), copy.end());
  return copy;
}

/// The share of `others` below each score, those equal to it half.
Scores shares_below(const Scores& scores, const Scores& others) {
  Scores shares;
  for (const double score : scores) {
    const auto [first, last] = std::equal_range(others.begin(), others.end(), score);
    const auto twice = (first - others.begin()) + (last - others.begin());
    shares.push_back(0.5 * static_cast<double>(twice) / static_cast<double>(others.size()));
  }
  return shares;
}

double mean_of(const Scores& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// The variance of the mean of these; NaN of one.
double variance_of_mean(const Scores& values) {
  const auto n = static_cast<double>(values.size());
  if (values.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double mean = mean_of(values);
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return squares / (n - 1.0) / n;
}

/// Both shares at each threshold, from the highest score down.
void trace(const Scores& usual, const Scores& odd, RocCurve& curve) {
  std::size_t alarms = 0, found = 0;
  const auto add_point = [&] {
    curve.false_alarms.push_back(static_cast<double>(alarms) / static_cast<double>(usual.size()));
    curve.found.push_back(static_cast<double>(found) / static_cast<double>(odd.size()));
  };
  const auto next = [](const Scores& scores, std::size_t taken) {
    return taken < scores.size() ? scores[scores.size() - 1 - taken]
                                 : -std::numeric_limits<double>::infinity();
  };
  add_point();
  while (alarms < usual.size() || found < odd.size()) {
    const double threshold = std::max(next(usual, alarms), next(odd, found));
    while (alarms < usual.size() && next(usual, alarms) == threshold) ++alarms;
    while (found < odd.size() && next(odd, found) == threshold) ++found;
    add_point();
  }
}

}  // namespace

RocCurve roc_curve(std::span<const double> usual, std::span<const double> odd) {
  const Scores low = sorted(usual, "usual"), high = sorted(odd, "odd");
  const Scores of_odd = shares_below(high, low), of_usual = shares_below(low, high);
  RocCurve curve;
  curve.area = mean_of(of_odd);
  curve.standard_error = std::sqrt(variance_of_mean(of_odd) + variance_of_mean(of_usual));
  trace(low, high, curve);
  return curve;
}

}  // namespace vae
