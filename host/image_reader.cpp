// SPDX-License-Identifier: MIT
#include "host/image_reader.h"

#include "kernels/check.h"

namespace vae {

ImageReader::ImageReader(Network& network, const ImageSet& images, Binarization binarization,
                         uint64_t seed)
    : network_(network), arena_(network.backend()), binarization_(binarization), seed_(seed) {
  VAE_CHECK(images.count() > 0, "there are no images to read");
  const ModelConfig& model = network.config();
  VAE_CHECK(images.height() == model.height && images.width() == model.width &&
                images.channels() == model.channels,
            "the images are ", images.height(), "x", images.width(), "x", images.channels(),
            " (height x width x channels) but the model takes ", model.height, "x", model.width,
            "x", model.channels);
  arena_.request(pixels_, {images.count(), images.image_size()});
  arena_.request(state_);
  arena_.allocate();
  network.backend().copy_to_device(pixels_.data, images.pixels().data(), images.pixels().size());
}

LoadBatchArgs ImageReader::batch(int64_t first, int64_t rows) {
  StepState state;
  state.first_row = static_cast<uint32_t>(first);
  network_.backend().copy_to_device(state_, &state, sizeof state);
  LoadBatchArgs load;
  load.x = network_.input(rows);
  load.pixels = pixels_;
  load.state = state_;
  load.binarization = binarization_;
  load.seed = seed_;
  return load;
}

NoiseKey ImageReader::noise(int64_t first_sample) const {
  return {seed_, Stream::posterior, state_, first_sample};
}

}  // namespace vae
