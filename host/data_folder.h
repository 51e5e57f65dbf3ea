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

/// The one data set of a folder, or the one whose prefix is given; both sets of images are there.
/// Warns where the folder holds more than is taken. Throws Error(io) that says what the folder
/// holds instead, Error(invalid_argument) that lists the prefixes to choose from.
DataFiles find_data_files(const std::string& folder, const std::string& prefix,
                          const LogCallback& warn);

/// Whether a system, an archive, an editor or a download left a file of this name behind: it is
/// never what somebody means by a folder's files.
bool is_litter(const std::string& name);

}  // namespace vae
