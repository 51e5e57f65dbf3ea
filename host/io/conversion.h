// SPDX-License-Identifier: MIT
//
// Commands that turn what this program does not read into what it does, for its messages: one line
// for a shell, with paths quoted, that works as it is printed. They need Python 3; those for
// pictures need Pillow, too.
#pragma once

#include <cstdint>
#include <string>

namespace vae {

/// Writes an IDX file's values as unsigned bytes: of [0, 1], [-1, 1] or 0..255. `element` is their
/// type in Python's module array. The result is found under the name of the file: a .gz gets a
/// plain twin, which is read first, and a plain file is renamed to *.original.
std::string idx_to_bytes_command(const std::string& path, bool compressed, char element);

/// Makes an IDX file [N, C, H, W] one of [N, H, W, C]; names as above.
std::string idx_to_channels_last_command(const std::string& path, bool compressed);

/// Makes any picture one of this size, grey or RGB, without transparency.
std::string picture_command(const std::string& path, int64_t height, int64_t width,
                            int64_t channels);

/// Writes the pictures of a folder as IDX files into FOLDER-idx, every tenth for testing.
std::string pictures_to_idx_command(const std::string& folder, int64_t height, int64_t width);

/// Where pictures_to_idx_command() writes.
std::string idx_folder_of(const std::string& folder);

}  // namespace vae
