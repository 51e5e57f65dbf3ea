// SPDX-License-Identifier: MIT
//
// The light of a pixel in a later frame, and what the frame's gradient says of it. See isa.h.
#include "kernels/cpu/vector_ops_isa.h"

namespace vae::cpu::VAE_ISA_NAMESPACE {

void add_spot(float* frame, int64_t width, const Spot& spot, float* heights) {
  const int first = spot.columns.first, count = spot.columns.last - first + 1;
  VAE_INDEPENDENT
  for (int i = 0; i < count; ++i) heights[i] = tent_at(first + i, spot.x, spot.inverse).height;
  for (int row = spot.rows.first; row <= spot.rows.last; ++row) {
    const float light = spot.mass * tent_at(row, spot.y, spot.inverse).height;
    float* const pixels = frame + row * width + first;
    VAE_INDEPENDENT
    for (int i = 0; i < count; ++i) pixels[i] += light * heights[i];
  }
}

SpotSlopes slopes_of_spot(const float* gradient, int64_t width, const Spot& spot, Tent* tents) {
  for (int row = spot.rows.first; row <= spot.rows.last; ++row) {
    tents[row] = tent_at(row, spot.y, spot.inverse);
  }
  static_assert(kRegisterFloats <= kMostSpotLanes);
  return spot_slopes<Register>(
      spot, [=](int row) { return tents[row]; },
      [=](int row, int column) { return load<Register>(gradient + row * width + column); });
}

}  // namespace vae::cpu::VAE_ISA_NAMESPACE
