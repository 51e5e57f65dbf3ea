// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/check.h"
#include "kernels/floating_point_mode.h"
#include "kernels/math_double.h"
#include "vae/volumes.h"

namespace vae {
namespace {

constexpr int64_t kLongestVolumeSide = 4096, kMostPixelsOfVoxel = 64, kMostTurnFrames = 3600;
constexpr int64_t kMostViewPixels = int64_t{1} << 28;
constexpr float kClear = 0.2f, kOpaque = 0.7f;        // voxels
constexpr double kStep = 0.5;                         // along a ray, in voxels
constexpr float kAmbient = 0.25f, kFurthest = 0.65f;  // light in the shade, and at the far end
constexpr float kSeen = 0.995f;                       // opacity behind which nothing matters

struct Vector3 {
  float x, y, z;
};

/// Towards the light, as the viewer sees it: to the left, up, and to the front; of length 1.
constexpr Vector3 kLight = {-0.48f, -0.48f, -0.7332f};

void require_sides(int64_t height, int64_t width, int64_t depth) {
  for (const int64_t side : {height, width, depth}) {
    VAE_CHECK(side >= 1 && side <= kLongestVolumeSide, "volume: a side of ", side,
              " voxels; choose 1 to ", kLongestVolumeSide);
  }
}

void require_volume(std::span<const float> voxels, int64_t height, int64_t width, int64_t depth) {
  require_sides(height, width, depth);
  VAE_CHECK(std::ssize(voxels) == height * width * depth, "volume: ", voxels.size(),
            " numbers are no volume of ", height, " x ", width, " x ", depth,
            " (height x width x depth)");
}

/// How far a volume is turned. Places are in voxels from its middle: x to the right, z to the back.
struct Turn {
  explicit Turn(double degrees)
      : cosine(cosine_of_half_turns(degrees / 180.0)),
        sine(cosine_of_half_turns(degrees / 180.0 - 0.5)) {}

  /// What the viewer sees of a slope of the volume.
  Vector3 seen(const Vector3& slope) const {
    const auto c = static_cast<float>(cosine), s = static_cast<float>(sine);
    return {slope.x * c + slope.z * s, slope.y, slope.z * c - slope.x * s};
  }

  double cosine, sine;
};

/// A level of a volume, between two rows of voxels: [width, depth] with a rim of 0 around.
class Level {
 public:
  Level(std::span<const float> voxels, int64_t height, int64_t width, int64_t depth, double row)
      : columns_(width + 2), slices_(depth + 2), values_(columns_ * slices_) {
    const double above = std::floor(row);
    const auto weight = static_cast<float>(row - above);
    add(voxels, static_cast<int64_t>(above), height, 1.0f - weight);
    add(voxels, static_cast<int64_t>(above) + 1, height, weight);
  }

  /// Linear between voxels, whose middles are at whole numbers; 0 outside.
  float at(double column, double slice) const {
    const double x = column + 1.0, z = slice + 1.0;  // in the rim
    if (!(x >= 0.0 && z >= 0.0)) return 0.0f;
    const auto left = static_cast<int64_t>(x), front = static_cast<int64_t>(z);
    if (left + 1 >= columns_ || front + 1 >= slices_) return 0.0f;
    const auto right = static_cast<float>(x - static_cast<double>(left));
    const auto back = static_cast<float>(z - static_cast<double>(front));
    const float* const first = values_.data() + left * slices_ + front;
    const float* const second = first + slices_;
    return (1.0f - right) * ((1.0f - back) * first[0] + back * first[1]) +
           right * ((1.0f - back) * second[0] + back * second[1]);
  }

 private:
  void add(std::span<const float> voxels, int64_t row, int64_t height, float weight) {
    if (row < 0 || row >= height || weight == 0.0f) return;
    const int64_t width = columns_ - 2, depth = slices_ - 2;
    for (int64_t column = 0; column < width; ++column) {
      const float* const source = voxels.data() + (row * width + column) * depth;
      float* const sums = values_.data() + (column + 1) * slices_ + 1;
      for (int64_t slice = 0; slice < depth; ++slice) {
        const float value = source[slice];
        sums[slice] += weight * (value > 0.0f ? std::min(value, 1.0f) : 0.0f);  // not of a NaN
      }
    }
  }

  int64_t columns_, slices_;
  std::vector<float> values_;
};

/// How bright a face is of which the numbers have this slope: they rise into it.
float lit(const Vector3& slope) {
  const float length = std::sqrt(slope.x * slope.x + slope.y * slope.y + slope.z * slope.z);
  if (length < 1e-6f) return kAmbient - (1.0f - kAmbient) * kLight.z;  // as if it faced the viewer
  const float towards = -(slope.x * kLight.x + slope.y * kLight.y + slope.z * kLight.z) / length;
  return kAmbient + (1.0f - kAmbient) * std::max(0.0f, towards);
}

/// One row of a picture: the level of the volume that lies there, and those a voxel above and below
/// for the slope.
class RowOfView {
 public:
  RowOfView(const std::array<Level, 3>& levels, const Turn& turn, int64_t width, int64_t depth,
            int64_t reach)
      : levels_(levels),
        turn_(turn),
        middle_x_(0.5 * static_cast<double>(width - 1)),
        middle_z_(0.5 * static_cast<double>(depth - 1)),
        reach_(static_cast<double>(reach)) {}

  /// The pixel so many voxels to the right of the middle.
  uint8_t pixel(double aside) const {
    const auto steps = static_cast<int64_t>(reach_ / kStep);
    float light = 0.0f, opacity = 0.0f;
    for (int64_t step = 0; step < steps && opacity < kSeen; ++step) {
      const double behind = (static_cast<double>(step) + 0.5) * kStep - 0.5 * reach_;
      const double x = aside * turn_.cosine - behind * turn_.sine + middle_x_;
      const double z = aside * turn_.sine + behind * turn_.cosine + middle_z_;
      const float density = (levels_[1].at(x, z) - kClear) / (kOpaque - kClear);
      if (density <= 0.0f) continue;
      const float added = (1.0f - opacity) * std::min(density, 1.0f);
      const float distance = static_cast<float>(step) / static_cast<float>(steps);
      light += added * lit(slope_at(x, z)) * (1.0f - (1.0f - kFurthest) * distance);
      opacity += added;
    }
    return static_cast<uint8_t>(std::clamp(255.0f * light + 0.5f, 0.0f, 255.0f));
  }

 private:
  Vector3 slope_at(double x, double z) const {
    return turn_.seen({levels_[1].at(x + 1.0, z) - levels_[1].at(x - 1.0, z),
                       levels_[2].at(x, z) - levels_[0].at(x, z),
                       levels_[1].at(x, z + 1.0) - levels_[1].at(x, z - 1.0)});
  }

  const std::array<Level, 3>& levels_;
  const Turn& turn_;
  double middle_x_, middle_z_, reach_;
};

/// The diagonal of width and depth, as even as the width so that pixels of the front are columns.
int64_t reach_of(int64_t width, int64_t depth) {
  const auto diagonal = static_cast<int64_t>(
      std::ceil(std::sqrt(static_cast<double>(width * width + depth * depth))));
  return diagonal + (diagonal - width) % 2;
}

}  // namespace

std::vector<Image> slice_pictures(std::span<const float> voxels, int64_t height, int64_t width,
                                  int64_t depth) {
  require_volume(voxels, height, width, depth);
  Array slices{{depth, height * width}, {}};
  slices.values.reserve(voxels.size());
  for (int64_t slice = 0; slice < depth; ++slice) {
    for (auto at = static_cast<std::size_t>(slice); at < voxels.size(); at += depth) {
      slices.values.push_back(voxels[at]);
    }
  }
  return to_images(slices, height, width, 1);
}

std::pair<int64_t, int64_t> turned_size(int64_t height, int64_t width, int64_t depth,
                                        int64_t pixels) {
  require_sides(height, width, depth);
  VAE_CHECK(pixels >= 1 && pixels <= kMostPixelsOfVoxel, "turned volume: ", pixels,
            " pixels a voxel; choose 1 to ", kMostPixelsOfVoxel);
  return {height * pixels, reach_of(width, depth) * pixels};
}

Image turned_picture(std::span<const float> voxels, int64_t height, int64_t width, int64_t depth,
                     double degrees, int64_t pixels) {
  constexpr double kMostDegrees = 1e9;
  require_volume(voxels, height, width, depth);
  const auto [rows, columns] = turned_size(height, width, depth, pixels);
  VAE_CHECK(rows <= kMostViewPixels / columns, "turned volume: a picture of ", rows, " x ", columns,
            " pixels is too large: choose fewer pixels a voxel");
  VAE_CHECK(std::abs(degrees) <= kMostDegrees, "turned volume: ", degrees, " degrees; choose -1e9 ",
            "to 1e9");
  const FloatingPointMode mode;
  const Turn turn(degrees);
  const auto scale = static_cast<double>(pixels);
  Image picture{rows, columns, 1, {}};
  picture.pixels.reserve(static_cast<std::size_t>(rows * columns));
  for (int64_t row = 0; row < rows; ++row) {
    const double y = (static_cast<double>(row) + 0.5) / scale - 0.5;
    const std::array<Level, 3> levels = {Level(voxels, height, width, depth, y - 1.0),
                                         Level(voxels, height, width, depth, y),
                                         Level(voxels, height, width, depth, y + 1.0)};
    const RowOfView view(levels, turn, width, depth, columns / pixels);
    for (int64_t column = 0; column < columns; ++column) {
      const double x = (static_cast<double>(column) + 0.5) / scale;
      picture.pixels.push_back(view.pixel(x - 0.5 * static_cast<double>(columns) / scale));
    }
  }
  return picture;
}

std::vector<Image> turning_view(std::span<const float> voxels, int64_t height, int64_t width,
                                int64_t depth, int64_t frames, int64_t pixels) {
  VAE_CHECK(frames >= 1 && frames <= kMostTurnFrames, "turning view: ", frames,
            " frames; choose 1 to ", kMostTurnFrames);
  std::vector<Image> film;
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double degrees = 360.0 * static_cast<double>(frame) / static_cast<double>(frames);
    film.push_back(turned_picture(voxels, height, width, depth, degrees, pixels));
  }
  return film;
}

}  // namespace vae
