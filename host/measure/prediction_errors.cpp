// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/check.h"
#include "vae/prediction.h"

namespace vae {
namespace {

void add_each(std::vector<double>& sums, const std::vector<double>& others) {
  if (sums.empty()) sums.resize(others.size());
  VAE_CHECK(sums.size() == others.size(), "prediction errors: those of ", others.size(),
            " frames or values are not added to those of ", sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += others[i];
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

std::string_view to_string(FrameGuess value) {
  switch (value) {
    case FrameGuess::black:
      return "black";
    case FrameGuess::mean_image:
      return "mean_image";
    case FrameGuess::mean_seen:
      return "mean_seen";
    case FrameGuess::last_seen:
      return "last_seen";
  }
  return "?";
}

PredictionErrors& PredictionErrors::operator+=(const PredictionErrors& other) {
  if (other.clips == 0) return *this;
  add_each(predicted, other.predicted);
  add_each(black, other.black);
  add_each(mean_seen, other.mean_seen);
  add_each(last_seen, other.last_seen);
  add_each(seen_sums, other.seen_sums);
  add_each(truth_sums, other.truth_sums);
  clips += other.clips;
  squares += other.squares;
  seen_frames += other.seen_frames;
  return *this;
}

double PredictionErrors::mse() const {
  return sum_of(predicted) / static_cast<double>(clips * std::ssize(predicted));
}

std::vector<double> PredictionErrors::mse_by_frame() const {
  std::vector<double> means = predicted;
  for (double& mean : means) mean /= static_cast<double>(clips);
  return means;
}

double PredictionErrors::mse_standard_error() const {
  if (clips < 2) return std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<double>(clips);
  const double variance = (squares - n * mse() * mse()) / (n - 1.0);
  return std::sqrt(std::max(0.0, variance) / n);
}

double PredictionErrors::mse(FrameGuess guess) const {
  const auto frames = static_cast<double>(clips * std::ssize(predicted));
  switch (guess) {
    case FrameGuess::black:
      return sum_of(black) / frames;
    case FrameGuess::mean_seen:
      return sum_of(mean_seen) / frames;
    case FrameGuess::last_seen:
      return sum_of(last_seen) / frames;
    case FrameGuess::mean_image:
      break;
  }
  // Of each value the mean of (t - m)^2 is that of t^2, which black has, and m^2 - 2 m t.
  double sum = 0.0;
  for (std::size_t i = 0; i < seen_sums.size(); ++i) {
    const double mean = seen_sums[i] / static_cast<double>(seen_frames);
    sum += mean * (mean - 2.0 * truth_sums[i] / frames);
  }
  return mse(FrameGuess::black) + sum / static_cast<double>(seen_sums.size());
}

FrameGuess PredictionErrors::best_guess() const {
  return *std::min_element(std::begin(kFrameGuesses), std::end(kFrameGuesses),
                           [&](FrameGuess a, FrameGuess b) { return mse(a) < mse(b); });
}

}  // namespace vae
