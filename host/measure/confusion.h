// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vae/dataset.h"

namespace vae {

/// How often what is of one class was taken for another, of images or of pixels, pooled over all
/// that were added.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int64_t classes);

  /// Classes that were found of as many things. What truly has a class beyond was not observed and
  /// does not count.
  void add(std::span<const uint8_t> truth, std::span<const uint8_t> found);
  /// So many things of class `truth` that were taken for `found`.
  void add(int64_t truth, int64_t found, int64_t count) { at(truth, found) += count; }
  /// All things of another matrix of as many classes.
  ConfusionMatrix& operator+=(const ConfusionMatrix& other);

  int64_t classes() const { return classes_; }
  int64_t count(int64_t truth, int64_t found) const {
    return counts_[static_cast<std::size_t>(truth * classes_ + found)];
  }
  /// How many things were added that count.
  int64_t observed() const;
  /// The share that was taken for what it is. NaN of none, here and in what follows.
  double accuracy() const;
  /// Intersection over union of one class: what truly is and was found to be of it, over what is or
  /// was. NaN of a class that neither is nor was found.
  double iou(int64_t of_class) const;
  /// The mean of this over the classes that are there. [Everingham et al. 2015]
  double mean_iou() const;
  /// The same of all classes but 0, the background, taken for one.
  double foreground_iou() const;

 private:
  int64_t& at(int64_t truth, int64_t found) {
    return counts_[static_cast<std::size_t>(truth * classes_ + found)];
  }

  int64_t classes_;
  std::vector<int64_t> counts_;  // [truth, found]
};

/// What segmentation costs that learns nothing: every pixel with a value above 127 is taken for the
/// one class, but 0, that pixels of these masks have the most often.
ConfusionMatrix threshold_confusion(const ImageSet& images, int64_t classes);

}  // namespace vae
