// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "vae/dataset.h"

namespace vae::cli {

/// The label that a word of the command line means: a number, or the name of a class where the data
/// set has names. Throws Error(invalid_argument) naming the option and the labels there are.
uint8_t find_label(const ImageSet& images, const std::string& option, const std::string& word);

}  // namespace vae::cli
