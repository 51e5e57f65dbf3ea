// SPDX-License-Identifier: MIT
//
// Classes of the pixels of images.
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "host/model/batches.h"
#include "host/model/image_reader.h"
#include "host/model/model_impl.h"
#include "kernels/check.h"
#include "kernels/math_double.h"
#include "vae/model.h"
#include "vae/reconstructions.h"

namespace vae {

std::vector<uint8_t> likeliest_classes(const Array& probabilities, int64_t classes) {
  VAE_CHECK(classes > 0 && classes <= 256 && probabilities.count() % classes == 0,
            "likeliest_classes: ", probabilities.count(), " numbers are not of ", classes,
            " classes");
  std::vector<uint8_t> likeliest;
  for (auto own = probabilities.values.begin(); own != probabilities.values.end(); own += classes) {
    likeliest.push_back(static_cast<uint8_t>(std::max_element(own, own + classes) - own));
  }
  return likeliest;
}

namespace {

/// -sum p ln p of each `classes` neighbouring numbers, of which p are the shares.
void append_entropies(std::span<const double> sums, int64_t classes, std::vector<float>& out) {
  for (std::size_t at = 0; at < sums.size(); at += static_cast<std::size_t>(classes)) {
    const auto own = sums.subspan(at, static_cast<std::size_t>(classes));
    double whole = 0.0, entropy = 0.0;
    for (const double sum : own) whole += sum;
    for (const double sum : own) {
      if (sum > 0.0) entropy -= sum / whole * logarithm(sum / whole);
    }
    out.push_back(static_cast<float>(std::max(0.0, entropy)));
  }
}

/// Segments one set of images, a batch at a time.
class Segmenter {
 public:
  Segmenter(Model::Impl& impl, const ImageSet& images, const SegmentOptions& options)
      : network_(*impl.network),
        model_(impl.config.model),
        reader_(impl.reader(images, options.binarization, options.seed)),
        samples_(options.samples),
        images_(images.count()) {
    result_.classes.reserve(static_cast<std::size_t>(images_ * model_.target_size()));
    result_.samples.resize(static_cast<std::size_t>(images_ * samples_ * model_.target_size()));
    if (samples_ > 0) result_.entropy.shape = {images_, model_.height, model_.width};
  }

  Segmentation run(const std::function<bool(double)>& progress) {
    const bool done =
        encode_and_decode_batches(network_, images_, progress, [&](int64_t first, int64_t rows) {
          add_means(first, rows);
          add_samples(first, rows);
        });
    return done ? std::move(result_) : Segmentation();
  }

 private:
  /// Probabilities [rows, T C] of the z that are in the network.
  Array decoded(int64_t rows) {
    network_.decode(rows);
    Array probabilities;
    append(network_.backend(), network_.output_mean(rows), probabilities.values);
    return probabilities;
  }

  void add_means(int64_t first, int64_t rows) {
    network_.encode(reader_.batch(first, rows));
    network_.take_posterior_mean(rows);
    const auto classes = likeliest_classes(decoded(rows), model_.target_classes);
    result_.classes.insert(result_.classes.end(), classes.begin(), classes.end());
  }

  void add_samples(int64_t first, int64_t rows) {
    if (samples_ == 0) return;
    const int64_t size = model_.target_size();
    std::vector<double> sums(static_cast<std::size_t>(rows * model_.decoded_size()));
    for (int64_t sample = 0; sample < samples_; ++sample) {
      network_.sample_posterior(rows, 1, reader_.noise(sample));
      const Array probabilities = decoded(rows);
      const auto classes = likeliest_classes(probabilities, model_.target_classes);
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += double{probabilities.values[i]};
      for (int64_t row = 0; row < rows; ++row) {
        std::copy_n(classes.begin() + row * size, size,
                    result_.samples.begin() + ((first + row) * samples_ + sample) * size);
      }
    }
    append_entropies(sums, model_.target_classes, result_.entropy.values);
  }

  Network& network_;
  const ModelConfig& model_;
  ImageReader reader_;
  int64_t samples_, images_;
  Segmentation result_;
};

}  // namespace

Segmentation Model::segment(const ImageSet& images, const SegmentOptions& options) {
  constexpr int64_t kMostSamples = 1 << 16;
  VAE_CHECK(config().target == Target::mask, "segment: this model decodes no classes of pixels, ",
            "its target is ", to_string(config().target),
            "; train one with model.target mask "
            "(--target mask)");
  VAE_CHECK(options.samples >= 0 && options.samples <= kMostSamples, "segment: ", options.samples,
            " samples; choose 0 to ", kMostSamples);
  return Segmenter(impl(), images, options).run(options.progress);
}

}  // namespace vae
