// SPDX-License-Identifier: MIT
//
// Scenes as text, in flags and in JSON: "none", or parts with a comma between, in any order:
//
//     digits=A-B | digits=N      images in a scene, from A to B of them
//     size=S | size=WIDTHxHEIGHT
//     clutter=K                  without it there is none
//     frames=T                   without it scenes are still; it needs speed
//     speed=A-B | speed=V        pixels from frame to frame
//     count=N                    without it there is one for each image
//     depth=D                    volumes of D slices, each of one image
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vae/config.h"

namespace vae::config_detail {

/// Of a clip, whose frames are the channels of an image.
inline constexpr int64_t kMostFrames = 1024;

/// Sets the scene and returns "", or leaves it and returns what is wrong with which part.
std::string parse_scene(std::string_view text, SceneConfig& scene);

/// What parse_scene() makes the same scene of.
std::string scene_text(const SceneConfig& scene);

/// "" or what is wrong with the numbers: "has clutter=65, expected 0..64".
std::string scene_problem(const SceneConfig& scene);

/// What a scene may be, for help texts.
std::string scene_choices();

}  // namespace vae::config_detail
