// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "vae/printable.h"

namespace vae::cli {

/// Keys stay in the order they were written in.
using Json = nlohmann::ordered_json;

/// One indented document with a line end, printable throughout. Names of files may be no UTF-8:
/// such bytes are replaced.
inline std::string json_text(const Json& json) {
  return printable_json(json.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n";
}

}  // namespace vae::cli
