// SPDX-License-Identifier: MIT
//
// Names of files as people have them.
#pragma once

#include <string>
#include <string_view>

namespace vae {

/// Whether a system, an archive, an editor or a download left a file of this name behind: it is
/// never what somebody means by a folder's files.
bool is_litter(const std::string& name);

/// Whether a download that has not ended left a file of this name.
bool is_unfinished_download(const std::string& name);

/// Names in the order of people: digits count as numbers, so that 2.png stands before 10.png.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace vae
