// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "host/io/byte_array.h"

namespace vae {

/// Reads an IDX file (the format of MNIST), gzipped or not, of any type of numbers: images of rank
/// 2 to 8, labels of rank 1, or QMNIST's [N, 8], of which the first column is taken. Magic, type,
/// rank, sizes and the exact length are checked before memory is taken; memory stays within the
/// number of values plus a constant. Throws Error(io), Error(corrupt) with expectation and finding,
/// and Error(unsupported) with what to do for an IDX file that is well-formed but not one of these.
ByteArray read_idx(const std::string& path, ArrayContent content);

/// The same for a file already in memory; `origin` names it in messages.
ByteArray parse_idx(std::span<const std::byte> file, ArrayContent content, std::string_view origin);

}  // namespace vae
