// SPDX-License-Identifier: MIT
#include "host/model/image_reader.h"

#include "kernels/check.h"
#include "kernels/rules/binarization.h"

namespace vae {

uint32_t first_draw(const ImageSet& images, Binarization binarization) {
  constexpr int kSplitShift = 30;  // a quarter of the 2^32 rows each
  const bool by_split = draws_once(binarization);
  const int64_t end = images.first_index() + images.count();
  VAE_CHECK(end <= int64_t{1} << (by_split ? kSplitShift : 32), "image ", end - 1,
            " is beyond the random numbers, which are counted by ", by_split ? 30 : 32, " bits");
  const uint32_t split = by_split ? static_cast<uint32_t>(images.split()) << kSplitShift : 0;
  return split + static_cast<uint32_t>(images.first_index());
}

ImageReader::ImageReader(Network& network, const ImageSet& images, Binarization binarization,
                         uint64_t seed, Reading reading)
    : network_(network),
      arena_(network.backend()),
      records_(arena_, network.config(), images, "the images", reading),
      first_index_(images.first_index()),
      first_draw_(first_draw(images, binarization)),
      binarization_(binarization),
      seed_(seed) {
  VAE_CHECK(images.count() > 0, "there are no images to read");
  const ModelConfig& model = network.config();
  VAE_CHECK(images.height() == model.height && images.width() == model.width &&
                images.channels() == model.channels,
            "the images are ", images.height(), "x", images.width(), "x", images.channels(),
            " (height x width x channels) but the model takes ", model.height, "x", model.width,
            "x", model.channels);
  arena_.request(position_);
  arena_.allocate("the images");
  records_.upload(network.backend(), images);
}

BatchLoad ImageReader::batch(int64_t first, int64_t rows) {
  Position position;
  position.in_slice.first_row = static_cast<uint32_t>(first);
  position.in_set.first_row = static_cast<uint32_t>(first_index_ + first);
  network_.backend().copy_to_device(position_, &position, sizeof position);
  LoadBatchArgs load;
  load.state = state();
  load.binarization = binarization_;
  load.seed = seed_;
  load.first_draw = first_draw_;
  return records_.batch(network_, rows, load);
}

NoiseKey ImageReader::noise(int64_t first_sample) const {
  return {seed_, Stream::posterior, &position_->in_set, first_sample};
}

}  // namespace vae
