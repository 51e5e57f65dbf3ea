// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "host/data/idx_folder.h"
#include "vae/dataset.h"

namespace vae {

/// The images and labels of the files that find_data_files() found. Labels that are whole but not
/// read are left out with a warning. Throws Error(io), Error(corrupt), Error(unsupported).
Dataset load_idx_files(const DataFiles& files, const LogCallback& warn);

/// One file of images, without labels and without a test set.
Dataset load_idx_file(const std::string& path);

}  // namespace vae
