// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace vae {

/// Names in a folder, in no order, without "." and ".."; none where there is no such folder. Throws
/// Error(io). std::filesystem's iterators end the process when memory runs out; this throws.
std::vector<std::string> names_in_folder(const std::string& path);

}  // namespace vae
