// SPDX-License-Identifier: MIT
//
// How 8-bit pixels become x. A rule has
//   value(pixel, word)   x; `word` is the pixel's random word where kDraws, else anything
//   kDraws               whether x is black and white by chance
//   kGreyLevels          whether x has grey levels
//   kOnce                whether x never changes though it is drawn
//   draw_step(step)      which step's random words a read at this step takes
// A pixel of 0 becomes 0 whatever the rule, so what lies outside of images stays zero.
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/philox.h"
#include "vae/types.h"

namespace vae {

namespace rules {

namespace {  // hd.h says why

struct GreyLevels {
  static constexpr bool kDraws = false, kGreyLevels = true, kOnce = false;
  VAE_HD static uint32_t draw_step(uint32_t) { return 0; }
  VAE_HD static float value(uint32_t pixel, uint32_t) {
    return static_cast<float>(static_cast<int32_t>(pixel)) / 255.0f;
  }
};

struct Threshold {
  static constexpr bool kDraws = false, kGreyLevels = false, kOnce = false;
  VAE_HD static uint32_t draw_step(uint32_t) { return 0; }
  VAE_HD static float value(uint32_t pixel, uint32_t) { return pixel >= 128 ? 1.0f : 0.0f; }
};

struct DrawnOnce {
  static constexpr bool kDraws = true, kGreyLevels = false, kOnce = true;
  VAE_HD static uint32_t draw_step(uint32_t) { return 0; }
  VAE_HD static float value(uint32_t pixel, uint32_t word) {
    return bernoulli_pixel(word, pixel) ? 1.0f : 0.0f;
  }
};

struct DrawnAfresh {
  static constexpr bool kDraws = true, kGreyLevels = false, kOnce = false;
  VAE_HD static uint32_t draw_step(uint32_t step) { return step; }
  VAE_HD static float value(uint32_t pixel, uint32_t word) { return DrawnOnce::value(pixel, word); }
};

}  // namespace

}  // namespace rules

/// Calls body with the rule of a binarization.
VAE_HD_CALLS_BACK
template <typename Body>
VAE_HD static constexpr auto visit(Binarization binarization, Body body) {
  switch (binarization) {
    case Binarization::none:
      return body(rules::GreyLevels());
    case Binarization::fixed:
      return body(rules::DrawnOnce());
    case Binarization::dynamic:
      return body(rules::DrawnAfresh());
    case Binarization::threshold:
      return body(rules::Threshold());
  }
  __builtin_unreachable();
}

static constexpr bool draws(Binarization binarization) {
  return visit(binarization, [](auto rule) { return rule.kDraws; });
}

static constexpr bool draws_once(Binarization binarization) {
  return visit(binarization, [](auto rule) { return rule.kOnce; });
}

static constexpr bool makes_grey_levels(Binarization binarization) {
  return visit(binarization, [](auto rule) { return rule.kGreyLevels; });
}

}  // namespace vae
