// SPDX-License-Identifier: MIT
#include "host/measure/average_precision.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "host/measure/jackknife.h"
#include "kernels/check.h"

namespace vae {

namespace {

constexpr double kNoPrecision = std::numeric_limits<double>::quiet_NaN();

void check_found(std::span<const std::vector<Detection>> found, const ImageSet& images) {
  VAE_CHECK(images.has_boxes() && std::ssize(found) == images.count(),
            "average precision: boxes were found in ", found.size(), " images, but there are ",
            images.has_boxes() ? images.count() : 0, " whose boxes are known");
}

/// Those of one class.
template <typename ABox>
std::vector<ABox> boxes_of_class(std::span<const ABox> boxes, int64_t wanted) {
  std::vector<ABox> result;
  for (const ABox& box : boxes) {
    if (box.class_ == wanted) result.push_back(box);
  }
  return result;
}

/// A curve of each class, or one of all.
struct Curves {
  Curves& operator+=(const Curves& other) {
    for (std::size_t i = 0; i < of_class.size(); ++i) of_class[i] += other.of_class[i];
    return *this;
  }
  /// Over those that have something to find.
  double mean() const;

  std::vector<PrecisionRecall> of_class;
};

double Curves::mean() const {
  double sum = 0.0;
  int64_t present = 0;
  for (const PrecisionRecall& curve : of_class) {
    const double own = curve.average();
    if (own != own) continue;
    sum += own;
    ++present;
  }
  return present > 0 ? sum / static_cast<double>(present) : kNoPrecision;
}

}  // namespace

double overlap(const Box& a, const Box& b) {
  const double left = std::max(a.x, b.x), top = std::max(a.y, b.y);
  const double right = std::min(double{a.x} + a.width, double{b.x} + b.width);
  const double bottom = std::min(double{a.y} + a.height, double{b.y} + b.height);
  if (!(right > left && bottom > top)) return 0.0;
  const double both = (right - left) * (bottom - top);
  return both / (double{a.width} * a.height + double{b.width} * b.height - both);
}

void PrecisionRecall::add(std::vector<Detection> found, std::span<const Box> known) {
  std::stable_sort(found.begin(), found.end(),
                   [](const Detection& a, const Detection& b) { return a.score > b.score; });
  std::vector<bool> taken(known.size(), false);
  for (const Detection& box : found) {
    double best = min_overlap_;
    std::optional<std::size_t> match;
    for (std::size_t i = 0; i < known.size(); ++i) {
      const double own = overlap(box, known[i]);
      if (taken[i] || own < best) continue;
      best = own;
      match = i;
    }
    if (match) taken[*match] = true;
    found_.push_back({box.score, match.has_value()});
  }
  known_ += std::ssize(known);
}

PrecisionRecall& PrecisionRecall::operator+=(const PrecisionRecall& other) {
  found_.insert(found_.end(), other.found_.begin(), other.found_.end());
  known_ += other.known_;
  return *this;
}

double PrecisionRecall::average() const {
  if (known_ == 0) return kNoPrecision;
  std::vector<Verdict> found = found_;
  std::stable_sort(found.begin(), found.end(),
                   [](const Verdict& a, const Verdict& b) { return a.score > b.score; });
  std::vector<double> recalls, precisions;
  int64_t right = 0;
  for (const Verdict& verdict : found) {
    right += verdict.right ? 1 : 0;
    recalls.push_back(static_cast<double>(right) / static_cast<double>(known_));
    precisions.push_back(static_cast<double>(right) / static_cast<double>(recalls.size()));
  }
  for (std::size_t i = precisions.size(); i-- > 1;) {
    precisions[i - 1] = std::max(precisions[i - 1], precisions[i]);
  }
  constexpr int kSteps = 100;
  double sum = 0.0;
  for (int i = 0; i <= kSteps; ++i) {
    const double recall = i < kSteps ? 0.01 * i : 1.0;
    const auto reached = std::lower_bound(recalls.begin(), recalls.end(), recall);
    if (reached != recalls.end()) sum += precisions[reached - recalls.begin()];
  }
  return sum / (kSteps + 1);
}

AveragePrecision average_precision(std::span<const std::vector<Detection>> found,
                                   const ImageSet& images, int64_t classes, double min_overlap) {
  check_found(found, images);
  for (int64_t i = 0; i < images.count(); ++i) {
    const auto beyond = [&](const Box& box) { return box.class_ >= classes; };
    const auto known = images.boxes(i);
    VAE_CHECK(std::none_of(known.begin(), known.end(), beyond) &&
                  std::none_of(found[i].begin(), found[i].end(), beyond),
              "average precision: image ", i, " has a box of another class than 0 to ",
              classes - 1);
  }
  const Curves none{std::vector(static_cast<std::size_t>(classes), PrecisionRecall(min_overlap))};
  Curves whole = none;  // in the order of the images, which decides between equal scores
  Jackknife<Curves> parts(none);
  for (int64_t i = 0; i < images.count(); ++i) {
    Curves& part = parts.of(i);
    for (int64_t label = 0; label < classes; ++label) {
      PrecisionRecall own(min_overlap);
      own.add(boxes_of_class(std::span(found[i]), label), boxes_of_class(images.boxes(i), label));
      whole.of_class[label] += own;
      part.of_class[label] += own;
    }
  }
  AveragePrecision result;
  result.mean = whole.mean();
  for (const PrecisionRecall& curve : whole.of_class) result.of_class.push_back(curve.average());
  result.standard_error = parts.standard_error([](const Curves& curves) { return curves.mean(); });
  return result;
}

double average_precision_of_places(std::span<const std::vector<Detection>> found,
                                   const ImageSet& images, double min_overlap) {
  check_found(found, images);
  PrecisionRecall curve(min_overlap);
  for (int64_t i = 0; i < images.count(); ++i) curve.add(found[i], images.boxes(i));
  return curve.average();
}

}  // namespace vae
