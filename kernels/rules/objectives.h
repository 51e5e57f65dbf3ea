// SPDX-License-Identifier: MIT
//
// The list of the objectives. Where samples are weighted, the weights w of an image sum to one, and
// a rule says how a sample shares in the encoder's gradient of -L_K: its slope by z is
//   path(w, beta) (dz + kl_scale w slope(..)),
// where dz came through the decoder and has w in it already. kDirect: log q(z|x) depends on the
// encoder in another way than through z, and that counts too.
#pragma once

#include "kernels/hd.h"
#include "kernels/math.h"
#include "vae/types.h"

namespace vae {

namespace rules {

namespace {  // hd.h says why

struct Elbo {
  static constexpr bool kWeighted = false;
};

/// The gradient of L_K itself. [IWAE eq. 13]
struct Iwae {
  static constexpr bool kWeighted = true;
  static constexpr bool kDirect = true;

  VAE_HD static float path(float, float) { return 1.0f; }
  /// Of log q(z|x) - log p(z) by z, given that of -log p(z); at fixed noise.
  VAE_HD static float slope(float prior, float, float) { return prior; }
};

/// The same in expectation: the part of log q(z|x) that is not through z is, once its score is
/// reparameterised again, a change of each sample's factor from 1 to 1 - beta (1 - w). [DReG]
struct Dreg {
  static constexpr bool kWeighted = true;
  static constexpr bool kDirect = false;

  VAE_HD static float path(float weight, float beta) {
    return fused_multiply_add(beta, weight, 1.0f - beta);
  }
  /// At a fixed posterior.
  VAE_HD static float slope(float prior, float eps, float sigma) { return prior - eps / sigma; }
};

}  // namespace

}  // namespace rules

/// Calls body with the rule of an objective.
VAE_HD_CALLS_BACK
template <typename Body>
VAE_HD static constexpr auto visit(Objective objective, Body body) {
  switch (objective) {
    case Objective::elbo:
      return body(rules::Elbo());
    case Objective::iwae:
      return body(rules::Iwae());
    case Objective::dreg:
      return body(rules::Dreg());
  }
  __builtin_unreachable();
}

static constexpr bool is_weighted(Objective objective) {
  return visit(objective, [](auto rule) { return rule.kWeighted; });
}

}  // namespace vae
