// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace vae {

/// A whole HTML page around the content of <main>: it asks for nothing from outside of itself, fits
/// a telephone as well as a desk, and has light and dark colours. `title` is escaped; `body` is
/// HTML, `more_style` CSS and `script` JavaScript of our own.
std::string make_page(std::string_view title, const std::string& body,
                      const std::string& more_style = {}, std::string_view script = {});

/// The script of a run's report: the slider over epochs, and looking for news while the run goes on
/// (live.h says how long).
std::string_view report_script();

}  // namespace vae
