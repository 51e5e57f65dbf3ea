// SPDX-License-Identifier: MIT
#include "kernels/cuda/architectures.h"

#include <algorithm>
#include <charconv>

#include "kernels/check.h"

namespace vae::cuda {

namespace {

/// False for a word that names no architecture.
bool parse(std::string_view entry, Architecture& architecture) {
  const char* const end = entry.data() + entry.size();
  const auto [rest, error] = std::from_chars(entry.data(), end, architecture.capability);
  if (error != std::errc()) return false;
  std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
  if (!suffix.empty() && (suffix.front() == 'a' || suffix.front() == 'f')) {
    architecture.specific = true;
    suffix.remove_prefix(1);
  }
  architecture.machine_code = suffix != "-virtual";
  architecture.ptx = suffix != "-real";
  return suffix.empty() || !architecture.machine_code || !architecture.ptx;
}

bool runs_on(const Architecture& code, int capability) {
  if (code.specific) return code.capability == capability;
  const bool same_major = code.capability / 10 == capability / 10;
  return code.capability <= capability && (code.ptx || (code.machine_code && same_major));
}

}  // namespace

std::vector<Architecture> parse_architectures(std::string_view list) {
  std::vector<Architecture> architectures;
  while (!list.empty()) {
    const std::size_t separator = std::min(list.find_first_of(";,"), list.size());
    Architecture architecture;
    if (parse(list.substr(0, separator), architecture)) architectures.push_back(architecture);
    list.remove_prefix(std::min(separator + 1, list.size()));
  }
  return architectures;
}

bool runs_on(const std::vector<Architecture>& architectures, int capability) {
  return std::any_of(architectures.begin(), architectures.end(),
                     [&](const Architecture& code) { return runs_on(code, capability); });
}

std::string to_text(const std::vector<Architecture>& architectures) {
  std::string text;
  const auto add = [&](const char* kind, const Architecture& code) {
    text += concat(text.empty() ? "" : " ", kind, code.capability, code.specific ? "a" : "");
  };
  for (const Architecture& code : architectures) {
    if (code.machine_code) add("sm_", code);
  }
  for (const Architecture& code : architectures) {
    if (code.ptx) add("PTX_", code);
  }
  return text;
}

}  // namespace vae::cuda
