// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace vae {

/// Names what the first bytes of a file look like, for a message about a file of another kind:
/// "a gzip file", "a zip archive: a PyTorch checkpoint (.pt)", "an HTML page", or the bytes
/// themselves in hexadecimal.
std::string describe_start(std::span<const std::byte> content);

}  // namespace vae
