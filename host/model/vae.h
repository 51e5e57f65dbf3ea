// SPDX-License-Identifier: MIT
#pragma once

#include "host/graph/likelihood.h"
#include "host/graph/posterior.h"
#include "vae/config.h"

namespace vae {

/// The graph of one VAE: encoder trunk and linear heads, posterior, decoder, likelihood; with the
/// parts that are run by themselves. A condition joins the trunk below the heads, and z.
struct Vae {
  explicit Vae(const ModelConfig& config);

  Graph graph;
  Value* x;                    // the picture, [images, X]
  Value* condition = nullptr;  // what is known of it, [images, condition size], or nothing
  PosteriorNode* posterior;
  LikelihoodNode* likelihood;
  Graph::Section encoder;      // x -> heads
  Graph::Section sampling;     // heads -> z
  Graph::Section decoder;      // z -> outputs
  Graph::Section observation;  // outputs -> log p(x|z)

  /// x -> z, and z -> log p(x|z).
  Graph::Section inference() const { return {encoder.first, sampling.last}; }
  Graph::Section scoring() const { return {decoder.first, observation.last}; }
};

}  // namespace vae
