// SPDX-License-Identifier: MIT
#include "host/io/jpeg.h"
#include "tests/fuzz/run_parser.h"

VAE_FUZZ_TARGET(jpeg) {
  using namespace vae;
  fuzz::run_parser([&] {
    const auto input = fuzz::as_input(data, size);
    const PictureSize claimed = jpeg_size(input, "input");
    const auto values = static_cast<size_t>(claimed.height * claimed.width * claimed.channels);
    if (values > (1 << 24)) return;  // slow, and nothing new
    const Image image = decode_jpeg(input, "input");
    fuzz::require(image.pixels.size() == values && image.height == claimed.height &&
                      image.width == claimed.width,
                  "the size describes the pixels");
  });
}
