// SPDX-License-Identifier: MIT
//
// What DataConfig says is to be done to images, and what is advised where it was not asked for.
#pragma once

#include <string>

#include "vae/dataset.h"

namespace vae {

/// Whether anything is done to an image.
bool changes_images(const DataConfig& config);

/// One image transposed, in other colours, in another size, as far as asked for. Throws
/// Error(unsupported) for a change of colour of an image that is neither grey nor RGB.
Image prepare(Image image, const DataConfig& config);

/// The same of a mask, whose pixels have classes.
Image prepare_mask(Image mask, const DataConfig& config);

/// All images of a set; labels and names stay.
ImageSet prepare(const ImageSet& images, const DataConfig& config);

/// "; to PURPOSE add --size 64", or the whole command where the options know it. For messages.
std::string advise(const LoadOptions& options, const std::string& purpose,
                   const std::string& words);

}  // namespace vae
