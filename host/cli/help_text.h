// SPDX-License-Identifier: MIT
//
// What `vae --help` and `vae VERB --help` print, made of the tables of options. No line is longer
// than 79 characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/cli/verbs.h"

namespace vae::cli {

/// What the program is, in two lines.
inline constexpr std::string_view kAbout =
    "Trains variational autoencoders and shows what they learned.\n"
    "A run is a folder that `vae train` writes; most other verbs read one.";

/// "train [options]" or "decode RUN LATENTS [options]": how a verb is called.
std::string synopsis(const VerbEntry& entry);

/// Name of an option and what stands for its value: "--epochs N".
std::string option_words(const Argument& argument);

/// The options of a verb under their headings, in the order in which these come up first; those of
/// every verb are the last.
std::vector<std::pair<std::string, std::vector<const Argument*>>> option_groups(
    const Command& command);

/// Words in lines of at most `width` characters, further lines moved in by `indent` spaces; the
/// first begins at column `column`. A longer word is broken behind a '|'.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent,
                    std::size_t column);

std::string program_help(const std::vector<VerbEntry>& verbs);
std::string verb_help(const VerbEntry& entry);

}  // namespace vae::cli
