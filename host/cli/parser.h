// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "host/cli/verbs.h"

namespace vae::cli {

/// What the command line asks for: a verb to run, or a text to print and end with.
struct Request {
  VerbEntry* entry = nullptr;
  std::string text;
};

/// Parses the command line and sets the verb's options. Throws Error(invalid_argument) with the
/// closest verb or option in the message.
Request parse_command_line(std::vector<VerbEntry>& verbs, const std::vector<std::string>& words);

}  // namespace vae::cli
