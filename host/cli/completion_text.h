// SPDX-License-Identifier: MIT
//
// Scripts that teach a shell to complete the command line of `vae`, made of the tables of options.
#pragma once

#include <string>
#include <vector>

#include "host/cli/verbs.h"

namespace vae::cli {

std::string bash_completion(const std::vector<VerbEntry>& verbs);
std::string zsh_completion(const std::vector<VerbEntry>& verbs);
std::string fish_completion(const std::vector<VerbEntry>& verbs);

}  // namespace vae::cli
