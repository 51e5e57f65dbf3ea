// SPDX-License-Identifier: MIT
//
// What is legal and yet probably not meant. Each doubt is one printable line that says what was
// seen; none changes any number.
#pragma once

#include "vae/require_cxx20.h"

#include <string>
#include <vector>

#include "vae/config.h"
#include "vae/dataset.h"
#include "vae/model.h"

namespace vae {

/// A data set that contradicts itself. A Trainer says all of these to its log.
///
///     for (const std::string& doubt : vae::find_doubts(data)) std::puts(doubt.c_str());
///
/// They are: one colour only, values that were divided already, training
/// and test images that are the same or inverted, labels that say nothing.
std::vector<std::string> find_doubts(const Dataset& data);

/// A data set and what it is to be trained with: an observation model or a threshold that does not
/// fit. Without those of find_doubts(data).
std::vector<std::string> find_doubts(const Dataset& data, const Config& config);

/// Images and the model that is to read them: one colour only, values that were divided already,
/// black and white exchanged against the images the model was trained on.
std::vector<std::string> find_doubts(const ImageSet& images, const Model& model);

}  // namespace vae
