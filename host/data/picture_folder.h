// SPDX-License-Identifier: MIT
//
// Folders of PNG and JPEG files. Subfolders are labels: every picture in a subfolder, however deep,
// has its label, and labels are numbered in natural order of the subfolders' names. Where there are
// subfolders train and test, each of them is such a folder.
#pragma once

#include <optional>
#include <string>

#include "host/data/picture.h"
#include "vae/dataset.h"

namespace vae {

/// Whether there are pictures in a folder or in its subfolders.
bool holds_pictures(const std::string& folder);

/// All pictures of a folder in natural order of their names, prepared as options.data says.
/// `wanted` is what they must be then; without it, what the first one is. Throws Error(corrupt)
/// naming a bad picture, unless options.skip_bad, and Error(unsupported) with what to do for
/// pictures of several sizes or colours.
Dataset load_picture_folder(const std::string& folder, const LoadOptions& options,
                            const std::optional<PictureSize>& wanted = std::nullopt);

/// One picture, as a folder with nothing else in it.
Dataset load_picture_file(const std::string& path, const LoadOptions& options,
                          const std::optional<PictureSize>& wanted = std::nullopt);

}  // namespace vae
