// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace vae {

/// The pictures of one epoch.
enum class PictureKind { reconstructions, samples, manifold };

/// "epoch-003-samples.png"
std::string picture_name(int64_t epoch, PictureKind kind);

/// Paths of a run's pictures of one kind by epoch. A missing images/ has none.
std::map<int64_t, std::string> find_pictures(const std::string& run_folder, PictureKind kind);

}  // namespace vae
