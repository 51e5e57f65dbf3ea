// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace vae {

/// The pictures of one epoch.
enum class PictureKind { reconstructions, samples, manifold, map };
inline constexpr std::array kPictureKinds = {PictureKind::reconstructions, PictureKind::samples,
                                             PictureKind::manifold, PictureKind::map};
inline constexpr PictureKind kLastPicture = PictureKind::map;  // they are written in this order

/// "epoch-003-samples.png"; of the map of the latent space "epoch-003-map.svg".
std::string picture_name(int64_t epoch, PictureKind kind);

/// Whether the pictures of an epoch stay for good: those of the first 16 epochs, then of eight
/// epochs between each number and its double. A thousand epochs keep 64, a million 144.
bool keeps_pictures(int64_t epoch);

/// Deletes the pictures of earlier epochs than `newest` that do not stay. Throws Error(io).
void thin_pictures(const std::string& run_folder, int64_t newest);

/// Paths of a run's pictures of one kind by epoch. A missing images/ has none.
std::map<int64_t, std::string> find_pictures(const std::string& run_folder, PictureKind kind);

}  // namespace vae
