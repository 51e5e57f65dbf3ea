// SPDX-License-Identifier: MIT
//
// What is done to an image before the model sees it. A rule has
//   kNormals                        whether `normal` is the value's standard normal, else anything
//   kQuadrants                      whether `shown` says if the value's quadrant is, else anything;
//                                   then quadrants(noise, count) are those that are shown, a bit
//                                   each, of an image with that noise
//   kFrames                         whether `shown` says if the value's channel is: one of the
//                                   first `amount`
//   value(x, normal, shown, amount) what stands in the place of x
//   counted(shown)                  the weight of x in log p(x|z)
#pragma once

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/math.h"
#include "kernels/philox.h"
#include "vae/types.h"

namespace vae {

// Quadrants 0 and 1 are the upper left and right one, 2 and 3 the lower ones; bit q says whether
// quadrant q is shown.

/// Those of the `count` smallest of four words, the first of equal ones.
VAE_HD static inline uint32_t drawn_quadrants(const PhiloxWords& words, int count) {
  const uint32_t a = words.word[0], b = words.word[1], c = words.word[2], d = words.word[3];
  const int rank_a = (b < a) + (c < a) + (d < a);
  const int rank_b = (a <= b) + (c < b) + (d < b);
  const int rank_c = (a <= c) + (b <= c) + (d < c);
  const int rank_d = (a <= d) + (b <= d) + (c <= d);
  return (rank_a < count ? 1u : 0u) | (rank_b < count ? 2u : 0u) | (rank_c < count ? 4u : 0u) |
         (rank_d < count ? 8u : 0u);
}

/// The lower left one, then the upper left, then the upper right one, as in Pyro's example of
/// [CVAE].
VAE_HD static inline uint32_t first_quadrants(int count) {
  constexpr uint32_t kUpperLeft = 1, kUpperRight = 2, kLowerLeft = 4;
  return kLowerLeft | (count > 1 ? kUpperLeft : 0u) | (count > 2 ? kUpperRight : 0u);
}

namespace rules {

namespace {  // hd.h says why

struct NoCorruption {
  static constexpr bool kNormals = false, kQuadrants = false, kFrames = false;
  VAE_HD static float value(float x, float, bool, float) { return x; }
  VAE_HD static float counted(bool) { return 1.0f; }
};

struct AddedNoise {
  static constexpr bool kNormals = true, kQuadrants = false, kFrames = false;
  VAE_HD static float value(float x, float normal, bool, float amount) {
    return clamped(fused_multiply_add(amount, normal, x), 0.0f, 1.0f);
  }
  VAE_HD static float counted(bool) { return 1.0f; }
};

/// What is shown need not be predicted.
struct FixedQuadrants {
  static constexpr bool kNormals = false, kQuadrants = true, kFrames = false;
  VAE_HD static uint32_t quadrants(const PhiloxRow&, int count) { return first_quadrants(count); }
  VAE_HD static float value(float x, float, bool shown, float) { return shown ? x : 0.0f; }
  VAE_HD static float counted(bool shown) { return shown ? 0.0f : 1.0f; }
};

struct DrawnQuadrants {
  static constexpr bool kNormals = false, kQuadrants = true, kFrames = false;
  VAE_HD static uint32_t quadrants(const PhiloxRow& noise, int count) {
    return drawn_quadrants(philox_quad(noise, 0), count);
  }
  VAE_HD static float value(float x, float, bool shown, float amount) {
    return FixedQuadrants::value(x, 0.0f, shown, amount);
  }
  VAE_HD static float counted(bool shown) { return FixedQuadrants::counted(shown); }
};

/// What is shown need not be predicted.
struct FirstFrames {
  static constexpr bool kNormals = false, kQuadrants = false, kFrames = true;
  VAE_HD static float value(float x, float, bool shown, float) { return shown ? x : 0.0f; }
  VAE_HD static float counted(bool shown) { return shown ? 0.0f : 1.0f; }
};

}  // namespace

}  // namespace rules

/// Calls body with the rule of a corruption.
VAE_HD_CALLS_BACK
template <typename Body>
VAE_HD static constexpr auto visit(CorruptionKind kind, Body body) {
  switch (kind) {
    case CorruptionKind::none:
      return body(rules::NoCorruption());
    case CorruptionKind::noise:
      return body(rules::AddedNoise());
    case CorruptionKind::quadrants:
      return body(rules::FixedQuadrants());
    case CorruptionKind::random_quadrants:
      return body(rules::DrawnQuadrants());
    case CorruptionKind::frames:
      return body(rules::FirstFrames());
  }
  __builtin_unreachable();
}

/// Whether a part of an image is hidden, so that log p(x|z) counts that alone.
static constexpr bool hides_a_part(CorruptionKind kind) {
  return visit(kind, [](auto rule) { return rule.kQuadrants || rule.kFrames; });
}

/// Whether the quadrant of row y, column x is shown. Of odd sizes the upper and left ones are the
/// larger ones.
VAE_HD static inline bool is_shown(uint32_t shown, int64_t y, int64_t x, int64_t height,
                                   int64_t width) {
  const int quadrant = (2 * y >= height ? 2 : 0) + (2 * x >= width ? 1 : 0);
  return (shown >> quadrant & 1u) != 0;
}

}  // namespace vae
