// SPDX-License-Identifier: MIT
#include "host/data/volumes.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "host/data/scene_parts.h"
#include "kernels/check.h"
#include "kernels/floating_point_mode.h"

namespace vae {
namespace {

constexpr int64_t kThinnest = 4, kThickest = 8;  // voxels
constexpr int64_t kWholeTurn = int64_t{1} << 32;

// Lengths are whole numbers of 2^-17 voxels, sines and cosines of 2^-16: half voxels times these
// are lengths. So every machine makes the same voxels.
constexpr int kLengthBits = 17;
constexpr int64_t kVoxel = int64_t{1} << kLengthBits;
constexpr int64_t kHalfVoxel = kVoxel / 2;

/// How an image stands in its volume.
struct Pose {
  int64_t thickness;     // in voxels
  int64_t sine, cosine;  // of how far it is turned, in 2^-16
};

Pose draw_pose(Split split, int64_t image) {
  SceneDraws draws(split, image);
  const int64_t thickness = kThinnest + draws.below(kThickest - kThinnest + 1);
  float sine, cosine;
  sincos_turn(static_cast<uint32_t>(draws.below(kWholeTurn)), sine, cosine);
  const auto whole = [](float value) {  // exact up to the rounding
    const float scaled = value * 65536.0f;
    return static_cast<int64_t>(scaled < 0.0f ? scaled - 0.5f : scaled + 0.5f);
  };
  return {thickness, whole(sine), whole(cosine)};
}

/// Where a column of voxels, one below the other, lies in the image: between two of its columns.
struct Column {
  int64_t left;   // the left one of the two; -1 where only the first one lies within
  int64_t right;  // weight of the other one, in kVoxel
  int64_t cover;  // how much of a voxel is within the thickness, in kVoxel
};

/// Of voxels so many half voxels to the right of the middle and behind it.
Column column_at(int64_t aside, int64_t behind, const Pose& pose, int64_t image_width) {
  const int64_t across = aside * pose.cosine + behind * pose.sine;
  const int64_t deep = behind * pose.cosine - aside * pose.sine;
  const int64_t place = across + (image_width - 1) * kHalfVoxel;
  const int64_t cover = (pose.thickness + 1) * kHalfVoxel - std::abs(deep);
  return {place >> kLengthBits, place & (kVoxel - 1), std::clamp<int64_t>(cover, 0, kVoxel)};
}

/// The voxel of a row of the image.
uint8_t voxel(std::span<const uint8_t> row, const Column& column) {
  const auto value = [&](int64_t at) -> int64_t {
    return at >= 0 && at < std::ssize(row) ? row[static_cast<std::size_t>(at)] : 0;
  };
  const int64_t mixed =
      value(column.left) * (kVoxel - column.right) + value(column.left + 1) * column.right;
  constexpr int64_t kRounded = kVoxel * kHalfVoxel;
  return static_cast<uint8_t>((mixed * column.cover + kRounded) >> (2 * kLengthBits));
}

/// Writes a volume, all zero before: [height, width, depth].
void make_volume(std::span<const uint8_t> image, int64_t image_width, const SceneConfig& config,
                 const Pose& pose, std::span<uint8_t> voxels) {
  const auto [width, height] = config.size;
  const int64_t image_height = std::ssize(image) / image_width;
  const int64_t top = (height - image_height) / 2;
  for (int64_t x = 0; x < width; ++x) {
    for (int64_t slice = 0; slice < config.depth; ++slice) {
      const Column column =
          column_at(2 * x + 1 - width, 2 * slice + 1 - config.depth, pose, image_width);
      if (column.cover == 0 || column.left < -1 || column.left >= image_width) continue;
      for (int64_t row = 0; row < image_height; ++row) {
        voxels[((top + row) * width + x) * config.depth + slice] =
            voxel(image.subspan(row * image_width, image_width), column);
      }
    }
  }
}

}  // namespace

ImageSet make_volumes(const ImageSet& images, const SceneConfig& config) {
  const int64_t volume_size = config.size.height * config.size.width * config.depth;
  require_room_for_scenes(images, config, config.depth);
  if (images.channels() != 1) {
    fail(ErrorCode::unsupported, "volumes (data.scene, --scene with depth) are made of grey ",
         "images, and these have ", images.channels(), " channels: make them grey (--grey), or ",
         "for images that are volumes already leave scenes out (--scene none)");
  }
  const int64_t count = scenes_of(images, config);
  const FloatingPointMode mode;
  std::vector<uint8_t> voxels(count * volume_size);
  for (int64_t i = 0; i < count; ++i) {
    make_volume(images.pixels().subspan(i * images.image_size(), images.image_size()),
                images.width(), config, draw_pose(images.split(), i),
                std::span(voxels).subspan(i * volume_size, volume_size));
  }
  const auto labels = images.labels().first(images.labels().empty() ? 0 : count);
  return ImageSet(config.size.height, config.size.width, config.depth, std::move(voxels),
                  {labels.begin(), labels.end()});
}

}  // namespace vae
