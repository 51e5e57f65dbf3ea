// SPDX-License-Identifier: MIT
#include "host/data/boxes.h"

#include <cmath>

#include "kernels/check.h"

namespace vae {
namespace {

constexpr double kRounding = 0.02;  // pixels: files have one or two decimals

std::string box_text(const Box& box) {
  return concat("[", box.x, ", ", box.y, ", ", box.width, ", ", box.height, "]");
}

bool lies_within(double first, double length, int64_t end) {
  return first >= -kRounding && first + length <= static_cast<double>(end) + kRounding;
}

}  // namespace

std::string box_problem(const Box& box, int64_t height, int64_t width) {
  const std::string is = concat("is ", box_text(box), " (x, y, width, height)");
  for (const float number : {box.x, box.y, box.width, box.height}) {
    if (!std::isfinite(number)) return is + ": its numbers are finite";
  }
  if (box.width <= 0.0f || box.height <= 0.0f) return is + ": it has no area";
  if (lies_within(box.x, box.width, width) && lies_within(box.y, box.height, height)) return {};
  return concat(is, " and leaves its image of ", width, " x ", height, " pixels");
}

}  // namespace vae
