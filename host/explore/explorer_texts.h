// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace vae {

// explorer.html, explorer.css and explorer.js of this folder, which the build embeds.

/// What stands below the page's heading.
std::string_view explorer_html();
/// Beside the style that all pages have.
std::string_view explorer_style();
/// Decodes, and follows the reader.
std::string_view explorer_script();

}  // namespace vae
