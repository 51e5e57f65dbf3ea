// SPDX-License-Identifier: MIT
//
// Which reader a path is for. docs/data.md lists what is read.
#pragma once

#include <optional>
#include <string>

#include "host/data/picture.h"
#include "vae/dataset.h"

namespace vae {

/// The images of a source, with options.data done to them; without a test set where the source has
/// no test images. `wanted` is what a model takes: pictures are compared with it before they are
/// decoded. Throws Error(io), Error(corrupt), Error(unsupported) with what to do.
Dataset read_source(const std::string& where, const LoadOptions& options,
                    const std::optional<PictureSize>& wanted = std::nullopt);

}  // namespace vae
