// SPDX-License-Identifier: MIT
#include "host/explore/explorer_texts.h"

namespace vae {

std::string_view explorer_html() {
  return
#include "host/explore/explorer.html.inc"
      ;
}

std::string_view explorer_style() {
  return
#include "host/explore/explorer.css.inc"
      ;
}

std::string_view explorer_script() {
  return
#include "host/explore/explorer.js.inc"
      ;
}

}  // namespace vae
