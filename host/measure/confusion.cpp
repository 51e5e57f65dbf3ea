// SPDX-License-Identifier: MIT
#include "host/measure/confusion.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "kernels/check.h"

namespace vae {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

double ratio_of(int64_t part, int64_t whole) {
  return whole == 0 ? kNoNumber : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(int64_t classes) : classes_(classes) {
  VAE_CHECK(classes > 0 && classes <= 256, "a confusion matrix of ", classes, " classes");
  counts_.resize(static_cast<std::size_t>(classes * classes));
}

void ConfusionMatrix::add(std::span<const uint8_t> truth, std::span<const uint8_t> found) {
  VAE_CHECK(truth.size() == found.size(), "confusion: ", truth.size(), " things, but classes of ",
            found.size());
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] >= classes_) continue;
    VAE_CHECK(found[i] < classes_, "confusion: class ", static_cast<int>(found[i]), " of ",
              classes_);
    ++at(truth[i], found[i]);
  }
}

ConfusionMatrix& ConfusionMatrix::operator+=(const ConfusionMatrix& other) {
  VAE_CHECK(other.classes_ == classes_, "confusion: ", other.classes_, " classes added to ",
            classes_);
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  return *this;
}

int64_t ConfusionMatrix::observed() const {
  return std::accumulate(counts_.begin(), counts_.end(), int64_t{0});
}

double ConfusionMatrix::accuracy() const {
  int64_t right = 0;
  for (int64_t i = 0; i < classes_; ++i) right += count(i, i);
  return ratio_of(right, observed());
}

double ConfusionMatrix::iou(int64_t of_class) const {
  int64_t either = -count(of_class, of_class);
  for (int64_t i = 0; i < classes_; ++i) either += count(of_class, i) + count(i, of_class);
  return ratio_of(count(of_class, of_class), either);
}

double ConfusionMatrix::mean_iou() const {
  double sum = 0.0;
  int64_t present = 0;
  for (int64_t i = 0; i < classes_; ++i) {
    const double own = iou(i);
    if (own != own) continue;
    sum += own;
    ++present;
  }
  return present == 0 ? kNoNumber : sum / static_cast<double>(present);
}

double ConfusionMatrix::foreground_iou() const {
  int64_t both = 0;
  for (int64_t truth = 1; truth < classes_; ++truth) {
    for (int64_t found = 1; found < classes_; ++found) both += count(truth, found);
  }
  return ratio_of(both, observed() - count(0, 0));
}

ConfusionMatrix threshold_confusion(const ImageSet& images, int64_t classes) {
  constexpr uint8_t kThreshold = 127;
  std::array<std::array<int64_t, 2>, 256> bright = {};  // of each class, dark ones and bright ones
  const auto masks = images.masks(), pixels = images.pixels();
  const auto channels = static_cast<std::size_t>(images.channels());
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const auto values = pixels.subspan(i * channels, channels);
    const bool is_bright =
        std::any_of(values.begin(), values.end(), [](uint8_t value) { return value > kThreshold; });
    ++bright[masks[i]][is_bright ? 1 : 0];
  }
  int64_t likeliest = std::min<int64_t>(1, classes - 1);
  const auto frequency = [&](int64_t i) { return bright[i][0] + bright[i][1]; };
  for (int64_t i = 2; i < classes; ++i) {
    if (frequency(i) > frequency(likeliest)) likeliest = i;
  }
  ConfusionMatrix confusion(classes);
  for (int64_t i = 0; i < classes; ++i) {
    confusion.add(i, 0, bright[i][0]);
    confusion.add(i, likeliest, bright[i][1]);
  }
  return confusion;
}

}  // namespace vae
