// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "vae/dataset.h"

namespace vae {

/// What keeps a box from being one of an image of that size, behind "the box ": "" where nothing
/// does. An edge may lie as far outside as numbers of a file are rounded.
std::string box_problem(const Box& box, int64_t height, int64_t width);

}  // namespace vae
