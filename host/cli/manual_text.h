// SPDX-License-Identifier: MIT
//
// Pages for man(1), made of the tables of options.
#pragma once

#include <string>
#include <vector>

#include "host/cli/verbs.h"

namespace vae::cli {

/// vae(1): what there is.
std::string program_page(const std::vector<VerbEntry>& verbs);

/// vae-VERB(1).
std::string verb_page(const VerbEntry& entry);

}  // namespace vae::cli
