// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <string>
#include <string_view>

namespace vae {

/// Text that is safe to show on a terminal, whoever wrote it: control characters (C0, DEL, C1),
/// those that change the direction of writing or are invisible, and bytes that are not UTF-8 become
/// `\xNN`. Line ends stay. What is printable already is returned unchanged, so that it does no harm
/// to call it twice. Messages of Error and lines of a LogCallback went through it.
std::string printable(std::string_view text);

/// The same as one line: line ends become `\x0a`.
std::string printable_line(std::string_view text);

/// The same for a JSON document: the characters become `\uNNNN`, which reads back as what they
/// were.
std::string printable_json(std::string_view document);

}  // namespace vae
