// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vae {

/// An array of bytes as a member of an archive.
struct NpzMember {
  std::string name;  ///< its key
  std::vector<int64_t> shape;
  std::span<const uint8_t> values;  ///< in C order
};

/// Writes NumPy's .npz format as numpy.savez does, a zip archive of stored .npy files, atomically.
/// Throws Error(io), and Error(unsupported) for more than 4 GiB.
void write_npz(const std::string& path, const std::vector<NpzMember>& members);

}  // namespace vae
