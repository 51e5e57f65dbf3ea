// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "host/report/run_record.h"

namespace vae {

/// The section with the pictures of a run: those of the newest epoch in the page itself, beside
/// those of the first one where they tell more together, and a slider over the epochs between,
/// whose pictures the page finds in images/ of the run folder. Empty where there are none.
std::string pictures_html(const RunRecord& run);

/// A PNG file as a data: URL; reduced where it is so large that the page would become clumsy.
/// `origin` names it in messages. Throws Error(corrupt).
std::string embedded_png(std::vector<std::byte> png, const std::string& origin);

}  // namespace vae
