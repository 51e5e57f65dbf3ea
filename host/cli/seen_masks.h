// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/cli/terminal.h"
#include "vae/dataset.h"

namespace vae::cli {

/// What --mask says is seen of images: 1 where a picture is white (128 and above), 0 where it is
/// black, [height, width] of one picture, or of a folder of one each [n, height, width], whose
/// names are those of the images where both have some. Throws Error(io), Error(corrupt) and
/// Error(unsupported) for masks of another size, number or names.
std::vector<uint8_t> load_seen_masks(const std::string& path, const ImageSet& images,
                                     Terminal& terminal);

}  // namespace vae::cli
