// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "host/graph/categorical.h"
#include "host/graph/detection.h"
#include "host/graph/likelihood.h"
#include "host/graph/posterior.h"
#include "vae/config.h"

namespace vae {

/// The graph of one VAE: encoder trunk and linear heads, posterior, decoder, likelihood; above the
/// latents perhaps others, from which their prior is computed; with the parts that are run by
/// themselves. A condition joins the trunk below the heads, and z.
struct Vae {
  /// `corruption` is what a training does to pictures.
  explicit Vae(const ModelConfig& config, CorruptionKind corruption = CorruptionKind::none);

  Graph graph;
  Value* x;                                      // the picture as it is encoded, [images, X]
  Value* clean;                                  // as it was before; x where nothing is done to it
  Value* shown;                                  // what is to be restored: x, or the condition
  Value* counted = nullptr;                      // weights of its values; none: all count alike
  Value* condition = nullptr;                    // what is known of it, [images, condition size]
  PosteriorNode* posterior;                      // of the latents that are decoded
  std::vector<const PosteriorNode*> posteriors;  // that first, then those above it
  PosteriorSum* divergence;                      // of all latents
  ObservationNode* likelihood;                   // of the target
  CategoricalNode* classes = nullptr;            // that, where the target is classes
  DetectionNode* boxes = nullptr;                // that, where it is boxes
  Graph::Section encoder;                        // x -> heads
  Graph::Section sampling;                       // heads -> all latents
  Graph::Section conditional_prior;  // condition -> the prior of the highest; else nothing
  Graph::Section prior;              // latents above -> the prior of z; else nothing
  Graph::Section decoder;            // z -> outputs
  Graph::Section observation;        // outputs -> log p(x|z)

  /// x -> z, and z -> log p(x|z).
  Graph::Section inference() const { return {encoder.first, sampling.last}; }
  Graph::Section scoring() const { return {decoder.first, observation.last}; }

 private:
  PosteriorNode& add_posterior(Value& heads, Shape item, const ModelConfig& config);
  PosteriorNode& add_top_posterior(const ModelConfig& config);
  void add_highest_prior(PosteriorNode& highest, const ModelConfig& config);
  void add_top_prior(const ModelConfig& config);
  ObservationNode& add_likelihood(Value& outputs, const ModelConfig& config);
};

}  // namespace vae
