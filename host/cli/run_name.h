// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace vae::cli {

/// Makes the folder of a run that was given no name, runs/NAME-DATE, and returns its path. NAME is
/// what a path to data ends in, with that of the preset behind it where there is one. No other
/// process gets the same folder. Throws Error(io).
std::string make_run_folder(const std::string& data, const std::string& preset);

}  // namespace vae::cli
