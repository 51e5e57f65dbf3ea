// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vae/dataset.h"
#include "vae/model.h"

namespace vae {

/// How images are compressed.
struct CompressOptions {
  /// Lossless without a value. With one, 0 to 100, the file keeps of each image only its posterior
  /// mean, in steps which at 75 are as wide as what the posterior leaves open and which halve with
  /// every 12.5 beyond; what comes back is E[x|z] of it. Takes every likelihood.
  std::optional<double> quality = {};
  /// How pixels become what is kept: threshold, black and white, for a Bernoulli likelihood, none,
  /// all 256 levels, for the others. Without a value as in training; with `quality` what is
  /// encoded, as of Model::encode().
  std::optional<Binarization> binarization = {};
  /// K, 1, 2, 4, 8 or 16: the file is as small as the importance-weighted bound of K samples says,
  /// which Evaluation::nll measures, and takes K times as long both ways. [McBits]
  int64_t samples = 1;
  /// Called with the share done in [0, 1]; returning false stops, and nothing is written.
  std::function<bool(double)> progress = {};
};

/// What compress() keeps of pixels with this model: Binarization::threshold, so that a pixel of 128
/// or above comes back as 255 and every other as 0, or Binarization::none, all of it. Throws
/// Error(invalid_argument), which says why and what to do, for a model that compresses nothing: one
/// with a condition, a corruption, skips, a prior of its own, latents above the latents or another
/// target than the image; one whose likelihood is a density, or whose binarization is drawn; and on
/// a card that computes in another precision than fp32.
Binarization compressed_binarization(const Model& model,
                                     std::optional<Binarization> binarization = {});

/// Throws Error(invalid_argument) where such a model cannot compress with a quality either: what
/// compressed_binarization() refuses but for likelihood and binarization.
void require_quality_compression(const Model& model);

/// Writes images as a file that is, without `quality`, about as small as the model's bound on their
/// probability says: -elbo nats an image, by bits back on a stack coder [BB-ANS]. What is read from
/// it is the same to the bit, on every processor and card (fp32), whatever their threads. Names and
/// labels are not kept. The file appears whole or not at all. Returns its size in bytes, 0 when
/// stopped. Throws what compressed_binarization() throws, Error(invalid_argument) for images of
/// another size and for none and for a quality that is none, Error(io).
///
///     int64_t bytes = vae::compress(model, data.test, "test.vaez");
///     vae::ImageSet again = vae::decompress(model, "test.vaez");  // by the same model
int64_t compress(Model& model, const ImageSet& images, const std::string& path,
                 const CompressOptions& options = {});

/// Reads a file of compress() some thousand images at a time, with the model that it was made with.
/// The model must outlive it, and nothing else may use it meanwhile.
///
///     vae::CompressedImages file(model, "test.vaez");
///     for (vae::ImageSet part = file.next(); part.count() > 0; part = file.next()) use(part);
class CompressedImages {
 public:
  /// Reads the header. Throws Error(io), Error(corrupt) for a file that is none, is damaged, or was
  /// made with another model, Error(unsupported) for one of another version, and what
  /// compressed_binarization() throws.
  CompressedImages(Model& model, const std::string& path);
  ~CompressedImages();
  CompressedImages(const CompressedImages&) = delete;
  CompressedImages& operator=(const CompressedImages&) = delete;

  int64_t count() const;  ///< Number of images.
  /// What was kept of their pixels; nothing where that is means, with a quality.
  std::optional<Binarization> binarization() const;
  /// The next images, in their order, of the test split; none when all of them were read, or when
  /// `progress`, called with the share of these images that is done, returned false. Throws
  /// Error(io), and Error(corrupt) where the file is damaged: of a part that is, no image is given.
  ImageSet next(const std::function<bool(double)>& progress = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// All images of such a file. Throws as CompressedImages does, and Error(out_of_memory).
ImageSet decompress(Model& model, const std::string& path);

}  // namespace vae
