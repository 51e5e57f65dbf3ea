// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vae::cuda {

/// One entry of CMAKE_CUDA_ARCHITECTURES: "80" holds both kinds of code, "80-real" machine code,
/// "80-virtual" PTX, "90a" code of that one architecture.
struct Architecture {
  int capability = 0;  // 10 major + minor: 80 for sm_80
  bool machine_code = true;
  bool ptx = true;
  bool specific = false;  // of this architecture alone, without successors
};

/// Reads such a list, entries separated by ';' or ','. Words such as "native" are left out.
std::vector<Architecture> parse_architectures(std::string_view list);

/// Machine code runs on its own major version from its minor version on, PTX on all later cards.
bool runs_on(const std::vector<Architecture>& architectures, int capability);

/// "sm_80 sm_90 PTX_90" for people.
std::string to_text(const std::vector<Architecture>& architectures);

}  // namespace vae::cuda
