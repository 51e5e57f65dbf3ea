// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace vae {

/// "-104.31": a fixed number of decimals, whatever the locale.
std::string fixed_text(double value, int decimals);

/// The shortest form with up to `digits` significant digits: "0.001", "2.5e-05", "-110".
std::string short_text(double value, int digits = 6);

/// "1,234,567"
std::string grouped_text(int64_t value);

}  // namespace vae
