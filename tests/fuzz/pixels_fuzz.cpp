// SPDX-License-Identifier: MIT
//
// Arrays of images: .npy in pieces, CIFAR, and what is done to images.
#include <algorithm>

#include "host/data/array_images.h"
#include "host/data/cifar.h"
#include "host/data/prepare.h"
#include "host/io/npy.h"
#include "tests/fuzz/run_parser.h"

VAE_FUZZ_TARGET(pixels) {
  using namespace vae;
  const auto input = fuzz::as_input(data, size);
  fuzz::run_parser([&] {
    const ImageSet images = parse_cifar(input, "input");
    fuzz::require(images.pixels().size() < size, "pixels come from the file");
  });
  fuzz::run_parser([&] {
    NpyByteReader reader(ArrayContent::images, size, "input");
    const size_t piece = size == 0 ? 1 : 1 + data[size - 1] % 64;
    for (size_t at = 0; at < size; at += piece) {
      reader.feed(input.subspan(at, std::min(piece, size - at)));
    }
    const ImageSet images = images_of(reader.finish(), {}, "input");
    fuzz::require(images.pixels().size() <= size, "pixels come from the file");
    DataConfig config;
    const auto some = static_cast<int64_t>(size);
    config.size = {1 + some % 9, 1 + some % 7};
    config.grey = size % 2 == 1;
    config.transpose = size % 3 == 1;
    const ImageSet prepared =
        prepare(images.slice(0, std::min<int64_t>(images.count(), 8)), config);
    fuzz::require(prepared.count() == 0 || prepared.width() == config.size.width,
                  "the size is the one asked for");
  });
}
