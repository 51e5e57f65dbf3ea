// SPDX-License-Identifier: MIT
//
// One configuration value: from a flag's text, from JSON, to JSON, and against its range.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "host/config/table.h"

namespace vae::config_detail {

/// Sets the field from a flag's text. Returns "" or what is wrong with the text.
std::string set_from_text(const Field& field, const Range& range, std::string_view text);

/// Sets the field from a JSON value of the right type. Returns "" or what is wrong with it.
std::string set_from_json(const Field& field, const Range& range, const nlohmann::json& value);

/// The field as a compact JSON value.
std::string to_json_text(const Field& field);

/// "" or what is wrong with the value itself, for example "is 0, expected 1..65536".
std::string check_range(const Field& field, const Range& range);

/// "noise=0.5", "none".
std::string corruption_text(const Corruption& corruption);

/// Shortest text that reads back as the same number; whole numbers without an exponent.
std::string number_text(double value);

/// What stands for the value in help texts: "N", "X", "N,N,..." or "WORD".
std::string_view placeholder_text(const Field& field);

/// The allowed words or numbers, for help texts: "relu|tanh", "1..4096", "> 0".
std::string choices_text(const Field& field, const Range& range);

}  // namespace vae::config_detail
