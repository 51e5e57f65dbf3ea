// SPDX-License-Identifier: MIT
//
// What images are measured by.
#include <algorithm>
#include <cstddef>
#include <span>

#include "host/io/deflate.h"
#include "kernels/check.h"
#include "kernels/math_double.h"
#include "vae/anomaly.h"

namespace vae {
namespace {

constexpr int64_t kPiece = 1024;  // images whose pixels are in memory as floats

double squared_error(std::span<const float> found, std::span<const float> truth) {
  double sum = 0.0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double error = double{found[i]} - truth[i];
    sum += error * error;
  }
  return sum / static_cast<double>(truth.size());
}

/// Measures a few images and puts their numbers behind what is there. False when the caller asked
/// to stop.
bool add_features(Model& model, const ImageSet& images, const AnomalyOptions& options,
                  const std::function<bool(double)>& progress, std::vector<float>& values) {
  const ImageBounds bounds =
      model.bounds(images, {options.samples, options.binarization, options.seed, progress});
  if (bounds.kl.empty()) return false;
  const Array found = model.reconstruct(images, options.binarization, options.seed);
  const Array truth = model.inputs(images, options.binarization, options.seed);
  const int64_t size = images.image_size();
  const double bits = 1.0 / (static_cast<double>(size) * logarithm(2.0));
  for (int64_t i = 0; i < images.count(); ++i) {
    const auto at = static_cast<std::size_t>(i), width = static_cast<std::size_t>(size);
    const auto pixels = images.pixels().subspan(at * width, width);
    const auto zlib_bits = 8.0 * static_cast<double>(deflated_size(pixels));
    for (const double value : {-bounds.reconstruction[at] * bits, bounds.kl[at] * bits,
                               squared_error({found.row(i), width}, {truth.row(i), width}),
                               zlib_bits / static_cast<double>(size)}) {
      values.push_back(static_cast<float>(value));
    }
  }
  return true;
}

}  // namespace

std::vector<double> AnomalyFeatures::column(int64_t feature) const {
  std::vector<double> column;
  for (int64_t i = 0; i < values.rows(); ++i) column.push_back(double{values.row(i)[feature]});
  return column;
}

std::vector<double> AnomalyFeatures::code_lengths() const {
  std::vector<double> lengths = column(kReconstruction);
  const std::vector<double> kl = column(kKl);
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] += kl[i];
  return lengths;
}

const std::vector<std::string>& anomaly_feature_names() {
  static const std::vector<std::string> names = {"reconstruction", "kl", "squared_error", "zlib"};
  return names;
}

void require_anomaly_model(const Model& model) {
  const ModelConfig& config = model.config();
  const char* const what = "how odd an image is: ";
  VAE_CHECK(!config.has_class_target(), what, "the target of this model is classes (--target ",
            to_string(config.target), "), it has no code for whole images; take one of images");
  VAE_CHECK(config.condition == Condition::none, what,
            "this model is told something of each image ", "(--condition ",
            to_string(config.condition),
            "), which cannot be right of an image that is not of its data; take one without");
  VAE_CHECK(!model.restores(), what, "this model restores images (--corrupt), its bound is not ",
            "of the image as it is; take one trained without");
  VAE_CHECK(!config.decodes_with_image(), what,
            "the decoder of this model reads layers of the encoder ",
            "(skip) or frames of the image (transport), so that its code is not all that is known "
            "of the image; take one without");
}

AnomalyFeatures anomaly_features(Model& model, const ImageSet& images,
                                 const AnomalyOptions& options) {
  require_anomaly_model(model);
  AnomalyFeatures features;
  std::vector<float>& values = features.values.values;
  const auto count = static_cast<double>(images.count());
  for (int64_t first = 0; first == 0 || first < images.count(); first += kPiece) {
    const int64_t rows = std::min(kPiece, images.count() - first);
    const auto progress = [&](double share) {
      const double done = static_cast<double>(first) + share * static_cast<double>(rows);
      return !options.progress || options.progress(done / count);
    };
    if (!add_features(model, images.slice(first, rows), options, progress, values)) return {};
  }
  features.values.shape = {images.count(), AnomalyFeatures::kCount};
  return features;
}

ImageSet calibration_images(const Dataset& data, int64_t most) {
  const ImageSet& from = data.validation.count() > 0 ? data.validation : data.train;
  VAE_CHECK(from.count() > 0 && most > 0, "calibration: of ", from.count(), " images ", most,
            " cannot be taken");
  if (from.count() <= most) return from;
  const auto size = static_cast<std::size_t>(from.image_size());
  std::vector<uint8_t> pixels;
  pixels.reserve(static_cast<std::size_t>(most) * size);
  for (int64_t i = 0; i < most; ++i) {  // not the first ones: folders are sorted by class
    const auto index = static_cast<std::size_t>(i * from.count() / most);
    const auto image = from.pixels().subspan(index * size, size);
    pixels.insert(pixels.end(), image.begin(), image.end());
  }
  return ImageSet(from.height(), from.width(), from.channels(), std::move(pixels)).as(from.split());
}

}  // namespace vae
