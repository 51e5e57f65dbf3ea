// SPDX-License-Identifier: MIT
//
// Finds the IDX files of a data set in a folder as people have it: two spellings, copies,
// unfinished downloads and what systems and editors leave.
#pragma once

#include <array>
#include <string>

#include "vae/log.h"

namespace vae {

/// The four files, in the order of DataFiles.
enum DataPart { kTrainImages, kTrainLabels, kTestImages, kTestLabels, kDataParts };
using DataFiles = std::array<std::string, kDataParts>;  ///< Paths; empty: there is none.

/// Whether a folder holds files that are named like a part of a data set.
bool holds_idx_files(const std::string& folder);

/// Whether a file is part of a data set in its folder that has images for training and for testing.
bool is_part_of_data_set(const std::string& path);

/// The one data set of a folder, or the one whose prefix is given; both sets of images are there.
/// Warns where the folder holds more than is taken. Throws Error(io) that says what the folder
/// holds instead, Error(invalid_argument) that lists the prefixes to choose from.
DataFiles find_data_files(const std::string& folder, const std::string& prefix,
                          const LogCallback& warn);

}  // namespace vae
