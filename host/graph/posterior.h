// SPDX-License-Identifier: MIT
#pragma once

#include "host/graph/graph.h"

namespace vae {

/// The diagonal Gaussian posterior q(z|x) = N(mu, exp(logvar)) against the prior N(0, I): from
/// heads [images, 2Z] (mu, then logvar) draws z [codes, Z] by reparameterisation. A pass leaves the
/// KL of each image or, where it asks for importance weights, log p(z) - log q(z|x) of each code.
class PosteriorNode final : public Node {
 public:
  struct Options {
    float logvar_min, logvar_max;
    int ordinal = 0;  // among the stochastic nodes of a graph: its noise has its own stream
  };

  /// Adds the node to the graph. Others see the codes as `item`, [Z] or an image.
  static PosteriorNode& add(Graph& graph, Value& heads, Shape item, const Options& options);

  void plan(Arena& arena, int64_t images, int64_t codes, bool training) override;
  void forward(Pass& pass) override;
  void backward(Pass& pass) override;

  const Value& heads() const { return input(); }
  Value& z() const { return z_; }
  const View& kl() const { return kl_; }                // [images]
  const View& log_ratio() const { return log_ratio_; }  // [codes]

  PosteriorNode(Value& heads, Value& z, const Options& options)
      : Node({&heads}), z_(z), options_(options) {}

 private:
  NoiseKey noise(const Pass& pass) const;

  Value& z_;
  Options options_;
  View kl_, log_ratio_;
};

}  // namespace vae
