// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vae {

/// Bytes in row-major order: the content of an IDX file.
struct IdxArray {
  std::vector<int64_t> dims;
  std::vector<uint8_t> values;
};

/// What a file must hold. Images: [N, H, W], or [N, H, W, C] with 1 or 3 channels, unsigned bytes.
/// Labels: [N], whole numbers 0..255 of any width; of QMNIST's [N, 8] the first column is taken.
enum class IdxContent { images, labels };

/// Reads an IDX file (the format of MNIST), gzipped or not. Magic, type, rank, sizes and the exact
/// length are checked before memory is taken; memory stays within the size of the values plus a
/// constant. Throws Error(io), Error(corrupt) with expectation and finding, and Error(unsupported)
/// with what to do for an IDX file that is well-formed but not one of these.
IdxArray read_idx(const std::string& path, IdxContent content);

/// The same for a file already in memory; `origin` names it in messages.
IdxArray parse_idx(std::span<const std::byte> file, IdxContent content, std::string_view origin);

}  // namespace vae
