// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "vae/image.h"

namespace vae::test {

struct JpegKind {
  int quality = 95;
  bool progressive = false;
  int orientation = 0;  ///< EXIF's; 0 writes no EXIF
  bool cmyk = false;    ///< of an Image with 4 channels, as Adobe's programs store it
};

/// A JPEG file by libjpeg's encoder.
std::string make_jpeg(const Image& image, const JpegKind& kind = {});

}  // namespace vae::test
