// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "kernels/check.h"
#include "vae/dataset.h"

namespace vae {

Dataset::Dataset(std::string set_name, const ImageSet& train_images, const ImageSet& test_images)
    : name(std::move(set_name)),
      train(train_images.as(Split::train)),
      test(test_images.as(Split::test)) {}

ImageSet::ImageSet(int64_t height, int64_t width, int64_t channels, std::vector<uint8_t> pixels,
                   std::vector<uint8_t> labels)
    : height_(height), width_(width), channels_(channels) {
  constexpr int64_t kLargestSide = 1 << 20;  // keeps every product within 63 bits
  VAE_CHECK(height > 0 && height <= kLargestSide && width > 0 && width <= kLargestSide &&
                (channels == 1 || channels == 3),
            "image set: a size of ", height, " x ", width, " x ", channels,
            " (height x width x channels) is impossible; there are 1 or 3 channels");
  const auto bytes = static_cast<int64_t>(pixels.size());
  VAE_CHECK(bytes % image_size() == 0, "image set: ", bytes,
            " pixel values are no whole number of ", "images of ", height, " x ", width, " x ",
            channels);
  count_ = bytes / image_size();
  VAE_CHECK(labels.empty() || static_cast<int64_t>(labels.size()) == count_, "image set: ", count_,
            " images but ", labels.size(), " labels");
  pixels_ = std::make_shared<const std::vector<uint8_t>>(std::move(pixels));
  labels_ = std::make_shared<const std::vector<uint8_t>>(std::move(labels));
}

std::span<const uint8_t> ImageSet::pixels() const {
  if (!pixels_) return {};
  return std::span(*pixels_).subspan(first_ * image_size(), count_ * image_size());
}

std::span<const uint8_t> ImageSet::labels() const {
  if (!labels_ || labels_->empty()) return {};
  return std::span(*labels_).subspan(first_, count_);
}

Image ImageSet::image(int64_t index) const {
  VAE_CHECK(index >= 0 && index < count_, "image set: image ", index, " of ", count_);
  const auto pixels = this->pixels().subspan(index * image_size(), image_size());
  return {height_, width_, channels_, std::vector<uint8_t>(pixels.begin(), pixels.end())};
}

ImageSet ImageSet::slice(int64_t first, int64_t count) const {
  VAE_CHECK(first >= 0 && count >= 0 && first <= count_ && count <= count_ - first,
            "image set: a slice of ", count, " images from ", first, " out of ", count_);
  ImageSet part = *this;
  part.first_ = first_ + first;
  part.count_ = count;
  return part;
}

ImageSet ImageSet::as(Split split) const {
  ImageSet same = *this;
  same.split_ = split;
  return same;
}

std::vector<double> ImageSet::mean_pixels() const {
  std::vector<int64_t> sums(image_size());
  const std::span<const uint8_t> all = pixels();
  for (int64_t first = 0; first < count_; ++first) {
    const uint8_t* image = all.data() + first * image_size();
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += image[i];
  }
  std::vector<double> means(sums.size());
  const double scale = count_ == 0 ? 0.0 : 1.0 / (255.0 * static_cast<double>(count_));
  std::transform(sums.begin(), sums.end(), means.begin(),
                 [&](int64_t sum) { return static_cast<double>(sum) * scale; });
  return means;
}

}  // namespace vae
