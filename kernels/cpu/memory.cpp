// SPDX-License-Identifier: MIT
#include "kernels/cpu/memory.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

namespace vae::cpu {

namespace {

/// The number behind `key` in a file of lines "key number ..."; none where there is no such line.
std::optional<uint64_t> number_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  for (uint64_t number = 0; file >> word;) {
    if (word == key && file >> number) return number;
    file.clear();
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;  // "max", or no such file
}

/// What a control group has left; its page cache can be had back.
std::optional<uint64_t> left_in_group(const std::string& limit, const std::string& usage,
                                      const std::string& statistics) {
  const std::optional<uint64_t> most = number_in(limit), used = number_in(usage);
  if (!most || !used) return std::nullopt;
  const uint64_t cache = number_of(statistics, "inactive_file").value_or(0) +
                         number_of(statistics, "active_file").value_or(0);
  const uint64_t held = *used - std::min(*used, cache);
  return *most - std::min(*most, held);
}

}  // namespace

std::size_t available_memory() {
  std::size_t available = std::numeric_limits<std::size_t>::max();
  if (const auto kibibytes = number_of("/proc/meminfo", "MemAvailable:")) {
    available = std::min<std::size_t>(available, *kibibytes * 1024);
  }
  // Inside a container its own group is mounted as the root: version 2, then version 1.
  const std::string group = "/sys/fs/cgroup/";
  for (const auto& left :
       {left_in_group(group + "memory.max", group + "memory.current", group + "memory.stat"),
        left_in_group(group + "memory/memory.limit_in_bytes",
                      group + "memory/memory.usage_in_bytes", group + "memory/memory.stat")}) {
    if (left) available = std::min<std::size_t>(available, *left);
  }
  return available;
}

}  // namespace vae::cpu
