// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "host/data/boxes.h"
#include "host/data/pixel_values.h"
#include "kernels/check.h"
#include "vae/dataset.h"

namespace vae {

namespace {

constexpr double kHeldOut = 0.1;  // of images without a test set

[[noreturn]] void fail_no_grey_level(const ImageSet& images, std::size_t index, float value,
                                     ChannelOrder order) {
  const int64_t at = static_cast<int64_t>(index) % images.image_size();
  const int64_t plane = images.height() * images.width(), channels = images.channels();
  const bool last = order == ChannelOrder::last;
  const int64_t pixel = last ? at / channels : at % plane;
  fail(ErrorCode::invalid_argument, "image set: image ",
       static_cast<int64_t>(index) / images.image_size(), ", row ", pixel / images.width(),
       ", column ", pixel % images.width(), ", channel ", last ? at % channels : at / plane,
       " (counted from 0) is ", value, "; floats lie in [0, 1], 0 black and 1 white",
       value > 1.0f && value <= 255.0f ? ": divide them by 255 if that is their white" : "");
}

}  // namespace

Dataset::Dataset(std::string set_name, const ImageSet& train_images, const ImageSet& test_images)
    : name(std::move(set_name)),
      train(train_images.as(Split::train)),
      test(test_images.as(Split::test)) {}

Dataset::Dataset(std::string set_name, const ImageSet& images)
    : Dataset(Dataset(std::move(set_name), images, {}).with_test(kHeldOut)) {}

ImageSet::ImageSet(int64_t height, int64_t width, int64_t channels, std::vector<uint8_t> pixels,
                   std::vector<uint8_t> labels, ChannelOrder order)
    : height_(height), width_(width), channels_(channels) {
  constexpr int64_t kLargestSide = 1 << 20;  // keeps every product within 63 bits
  const auto possible = [](int64_t side) { return side > 0 && side <= kLargestSide; };
  VAE_CHECK(possible(height) && possible(width) && possible(channels), "image set: a size of ",
            height, " x ", width, " x ", channels, " (height x width x channels) is impossible");
  const auto bytes = static_cast<int64_t>(pixels.size());
  VAE_CHECK(bytes % image_size() == 0, "image set: ", bytes,
            " pixel values are no whole number of ", "images of ", height, " x ", width, " x ",
            channels);
  count_ = bytes / image_size();
  VAE_CHECK(labels.empty() || static_cast<int64_t>(labels.size()) == count_, "image set: ", count_,
            " images but ", labels.size(), " labels");
  if (order == ChannelOrder::first && channels > 1) {
    pixels = channels_last(pixels, height, width, channels);
  }
  pixels_ = std::make_shared<const std::vector<uint8_t>>(std::move(pixels));
  labels_ = std::make_shared<const std::vector<uint8_t>>(std::move(labels));
}

ImageSet ImageSet::from_floats(int64_t height, int64_t width, int64_t channels,
                               std::span<const float> values, std::vector<uint8_t> labels,
                               ChannelOrder order) {
  std::vector<uint8_t> bytes(values.size());
  const std::optional<std::size_t> bad = grey_levels_to_bytes(values, bytes);
  ImageSet images(height, width, channels, std::move(bytes), std::move(labels), order);
  if (bad) fail_no_grey_level(images, *bad, values[*bad], order);
  return images;
}

std::span<const uint8_t> ImageSet::pixels() const {
  if (!pixels_) return {};
  return std::span(*pixels_).subspan(first_ * image_size(), count_ * image_size());
}

std::span<const uint8_t> ImageSet::labels() const {
  if (!labels_ || labels_->empty()) return {};
  return std::span(*labels_).subspan(first_, count_);
}

std::span<const uint8_t> ImageSet::masks() const {
  if (!masks_ || masks_->empty()) return {};
  const int64_t pixels = height_ * width_;
  return std::span(*masks_).subspan(first_ * pixels, count_ * pixels);
}

std::span<const Box> ImageSet::boxes() const {
  if (!boxes_) return {};
  const int64_t* const offsets = box_offsets_->data() + first_;
  return std::span(*boxes_).subspan(offsets[0], offsets[count_] - offsets[0]);
}

std::span<const Box> ImageSet::boxes(int64_t image) const {
  VAE_CHECK(image >= 0 && image < count_, "image set: boxes of image ", image, " of ", count_);
  if (!boxes_) return {};
  const int64_t* const offsets = box_offsets_->data() + first_ + image;
  return std::span(*boxes_).subspan(offsets[0], offsets[1] - offsets[0]);
}

std::span<const float> ImageSet::side() const {
  if (!side_) return {};
  return std::span(*side_).subspan(first_ * side_size_, count_ * side_size_);
}

std::vector<Field> ImageSet::fields() const {
  std::vector<Field> fields = {
      {"images", FieldType::u8, {height_, width_, channels_}, FieldRole::input}};
  if (!labels().empty()) fields.push_back({"labels", FieldType::u8, {}, FieldRole::label});
  if (!masks().empty()) {
    fields.push_back({"masks", FieldType::u8, {height_, width_}, FieldRole::mask});
  }
  if (side_) fields.push_back({"side", FieldType::f32, {side_size_}, FieldRole::side});
  return fields;
}

std::span<const std::string> ImageSet::names() const {
  if (!names_ || names_->empty()) return {};
  return std::span(*names_).subspan(first_, count_);
}

std::span<const std::string> ImageSet::label_names() const {
  return label_names_ ? std::span(*label_names_) : std::span<const std::string>();
}

/// Copies share their fields with the set that they are slices of.
void ImageSet::require_whole(const char* what) const {
  VAE_CHECK(first_ == 0 && (!pixels_ || count_ * image_size() == std::ssize(*pixels_)),
            "image set: ", what, " are given to a whole set, not to a slice");
}

namespace {

void require_names(std::span<const uint8_t> labels, std::span<const std::string> label_names) {
  const auto largest = std::max_element(labels.begin(), labels.end());
  VAE_CHECK(label_names.empty() || largest == labels.end() || *largest < label_names.size(),
            "image set: label ", static_cast<int>(*largest), " but names for ", label_names.size(),
            " labels");
}

}  // namespace

ImageSet ImageSet::with_names(std::vector<std::string> names,
                              std::vector<std::string> label_names) const {
  require_whole("names");
  VAE_CHECK(names.empty() || std::ssize(names) == count_, "image set: ", count_, " images but ",
            names.size(), " names");
  require_names(labels(), label_names);
  ImageSet named = *this;
  named.names_ = std::make_shared<const std::vector<std::string>>(std::move(names));
  named.label_names_ = std::make_shared<const std::vector<std::string>>(std::move(label_names));
  return named;
}

ImageSet ImageSet::with_labels(std::vector<uint8_t> labels,
                               std::vector<std::string> label_names) const {
  VAE_CHECK(labels.empty() || std::ssize(labels) == count_, "image set: ", count_, " images but ",
            labels.size(), " labels");
  require_names(labels, label_names);
  if (!labels.empty()) labels.insert(labels.begin(), static_cast<std::size_t>(first_), 0);
  ImageSet labelled = *this;
  labelled.labels_ = std::make_shared<const std::vector<uint8_t>>(std::move(labels));
  labelled.label_names_ = std::make_shared<const std::vector<std::string>>(std::move(label_names));
  return labelled;
}

ImageSet ImageSet::with_side(int64_t size, std::vector<float> values) const {
  require_whole("side vectors");
  VAE_CHECK(size > 0 && std::ssize(values) % size == 0 && std::ssize(values) / size == count_,
            "image set: ", count_, " images but ", values.size(), " numbers of side vectors of ",
            size);
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  VAE_CHECK(bad == values.end(), "image set: the side vector of image ",
            (bad - values.begin()) / size, " holds ", *bad, " at ", (bad - values.begin()) % size,
            " (counted from 0); its numbers are finite");
  ImageSet known = *this;
  known.side_size_ = size;
  known.side_ = std::make_shared<const std::vector<float>>(std::move(values));
  return known;
}

ImageSet ImageSet::with_masks(std::vector<uint8_t> masks) const {
  require_whole("masks");
  VAE_CHECK(std::ssize(masks) == count_ * height_ * width_, "image set: ", count_, " images of ",
            height_, " x ", width_, " pixels but ", masks.size(), " pixels of masks");
  ImageSet masked = *this;
  masked.masks_ = std::make_shared<const std::vector<uint8_t>>(std::move(masks));
  return masked;
}

ImageSet ImageSet::with_boxes(const std::vector<std::vector<Box>>& boxes) const {
  VAE_CHECK(std::ssize(boxes) == count_, "image set: ", count_, " images but boxes of ",
            boxes.size());
  std::vector<Box> all;
  std::vector<int64_t> offsets(static_cast<std::size_t>(first_) + 1, 0);  // none before a slice
  for (const std::vector<Box>& of_image : boxes) {
    for (const Box& box : of_image) {
      const std::string problem = box_problem(box, height_, width_);
      VAE_CHECK(problem.empty(), "image set: box ", std::ssize(all) - offsets.back(), " of image ",
                std::ssize(offsets) - 1 - first_, " (counted from 0) ", problem);
      all.push_back(box);
    }
    offsets.push_back(std::ssize(all));
  }
  ImageSet known = *this;
  known.boxes_ = std::make_shared<const std::vector<Box>>(std::move(all));
  known.box_offsets_ = std::make_shared<const std::vector<int64_t>>(std::move(offsets));
  return known;
}

Image ImageSet::image(int64_t index) const {
  VAE_CHECK(index >= 0 && index < count_, "image set: image ", index, " of ", count_);
  return to_image(pixels().subspan(index * image_size(), image_size()), height_, width_, channels_);
}

ModelConfig ImageSet::fit(ModelConfig model) const {
  model.height = height_;
  model.width = width_;
  model.channels = channels_;
  return fit_fields(model);
}

namespace {

/// One more than the largest class, not counting what was not observed.
int64_t count_of_classes(std::span<const uint8_t> classes) {
  constexpr uint8_t kNone = 255;
  int64_t count = 0;
  for (const uint8_t value : classes) {
    if (value != kNone) count = std::max<int64_t>(count, value + 1);
  }
  return count;
}

}  // namespace

ModelConfig ImageSet::fit_fields(ModelConfig model) const {
  const auto labels = this->labels();
  const int64_t named = std::ssize(label_names());
  if (model.condition == Condition::label && model.classes == 0 && !labels.empty()) {
    model.classes = named > 0 ? named : *std::max_element(labels.begin(), labels.end()) + 1;
  }
  if (model.target_classes == 0 && model.target == Target::label) {
    model.target_classes = named > 0 ? named : count_of_classes(labels);
  }
  if (model.target_classes == 0 && model.target == Target::mask) {
    model.target_classes = count_of_classes(masks());
  }
  if (model.target_classes == 0 && model.target == Target::boxes) {
    model.target_classes = named;
    if (named == 0) {
      for (const Box& box : boxes()) {
        model.target_classes = std::max<int64_t>(model.target_classes, box.class_ + 1);
      }
    }
  }
  if (model.condition == Condition::side && model.side_size == 0) model.side_size = side_size_;
  return model;
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
