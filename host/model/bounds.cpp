// SPDX-License-Identifier: MIT
//
// The bound of each image.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "host/model/batches.h"
#include "host/model/evaluator.h"
#include "host/model/image_reader.h"
#include "host/model/model_impl.h"
#include "kernels/check.h"
#include "kernels/floating_point_mode.h"
#include "vae/model.h"

namespace vae {

namespace {

/// Measures one set of images, a batch at a time.
class BoundReader {
 public:
  BoundReader(Model::Impl& impl, const ImageSet& images, const BoundOptions& options)
      : network_(*impl.network),
        reader_(impl.reader(images, options.binarization, options.seed)),
        samples_(options.samples),
        images_(images.count()) {}

  ImageBounds run(const std::function<bool(double)>& progress) {
    const bool done = encode_and_decode_batches(
        network_, images_, progress, [&](int64_t first, int64_t rows) { add_batch(first, rows); });
    return done ? std::move(result_) : ImageBounds();
  }

 private:
  void add_batch(int64_t first, int64_t rows) {
    network_.infer(reader_.batch(first, rows), reader_.noise());
    const std::vector<float> kl = download_rows(network_.kl(rows));
    std::vector<double> sums(static_cast<std::size_t>(rows));
    for (int64_t sample = 0; sample < samples_; ++sample) {
      if (sample > 0) network_.sample_posterior(rows, 1, reader_.noise(sample));
      const std::vector<float> log_px = download_rows(network_.score(rows, 1, false));
      for (std::size_t row = 0; row < sums.size(); ++row) sums[row] += double{log_px[row]};
    }
    for (std::size_t row = 0; row < sums.size(); ++row) {
      add(sums[row] / static_cast<double>(samples_), double{kl[row]});
    }
  }

  void add(double reconstruction, double kl) {
    if (!std::isfinite(reconstruction) || !std::isfinite(kl)) {
      fail(ErrorCode::diverged, "bounds: that of image ", result_.kl.size(), " of ", images_,
           " is not a finite number; the weights are not usable");
    }
    result_.reconstruction.push_back(reconstruction);
    result_.kl.push_back(kl);
  }

  std::vector<float> download_rows(ConstView view) const {
    std::vector<float> values;
    append(network_.backend(), view, values);
    return values;
  }

  Network& network_;
  ImageReader reader_;
  int64_t samples_, images_;
  ImageBounds result_;
};

}  // namespace

ImageBounds Model::bounds(const ImageSet& images, const BoundOptions& options) {
  constexpr int64_t kMostSamples = 1 << 16;
  VAE_CHECK(!config().has_class_target(), "bounds: the target of this model is classes ",
            "(model.target ", to_string(config().target), "), whose bounds evaluate() tells");
  VAE_CHECK(options.samples >= 1 && options.samples <= kMostSamples, "bounds: ", options.samples,
            " samples; choose 1 to ", kMostSamples);
  impl().require_images_before_corruption("bounds");
  const Binarization trained = run_config().training.binarization;
  require_levels(config(), options.binarization.value_or(trained));
  const FloatingPointMode mode;
  return BoundReader(impl(), images, options).run(options.progress);
}

}  // namespace vae
