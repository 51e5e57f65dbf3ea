// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace vae::fuzz {

using Target = void (*)(const uint8_t* data, size_t size);

struct NamedTarget {
  std::string_view name;
  Target run;
};

/// Every target of the program; VAE_FUZZ_TARGET adds to it before main.
inline std::vector<NamedTarget>& targets() {
  static std::vector<NamedTarget> list;
  return list;
}

struct Registration {
  Registration(std::string_view name, Target run) { targets().push_back({name, run}); }
};

}  // namespace vae::fuzz

/// Defines the target `name`, whose corpus is tests/fuzz/corpus/<name>; its body sees `data` and
/// `size`, and must return for every input or end the process by vae::fuzz::violated.
#define VAE_FUZZ_TARGET(name)                                                     \
  static void fuzz_##name(const uint8_t* data, size_t size);                      \
  static const vae::fuzz::Registration register_fuzz_##name(#name, &fuzz_##name); \
  static void fuzz_##name(const uint8_t* data, size_t size)
