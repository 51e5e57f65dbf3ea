// SPDX-License-Identifier: MIT
#include "host/graph/posterior.h"

#include "kernels/check.h"

namespace vae {

PosteriorNode& PosteriorNode::add(Graph& graph, Value& heads, Shape item, const Options& options) {
  VAE_CHECK(heads.width() == 2 * item.count(), "posterior: its heads are mu and logvar of ", item,
            ", ", 2 * item.count(), " numbers, not ", heads.width());
  VAE_CHECK(heads.rows == Rows::images, "posterior: its heads have a row for each image");
  Value& z = graph.add_value(item, Rows::codes);
  return graph.add_node<PosteriorNode>(&z, heads, z, options);
}

void PosteriorNode::plan(Arena& arena, int64_t images, int64_t codes, bool) {
  arena.request(kl_, {images});
  arena.request(log_ratio_, {codes});
}

NoiseKey PosteriorNode::noise(const Pass& pass) const {
  NoiseKey noise = pass.noise;
  noise.stream = posterior_stream(options_.ordinal);
  return noise;
}

void PosteriorNode::forward(Pass& pass) {
  GaussianForwardArgs args;
  args.z = pass.data(z_);
  args.heads = pass.data(heads());
  (pass.importance ? args.log_ratio : args.kl) =
      pass.importance ? pass.head(log_ratio_, Rows::codes) : pass.head(kl_, Rows::images);
  args.samples = pass.samples();
  args.logvar_min = options_.logvar_min;
  args.logvar_max = options_.logvar_max;
  args.noise = noise(pass);
  pass.issue(args);
}

void PosteriorNode::backward(Pass& pass) {
  GaussianBackwardArgs args;
  args.dheads = pass.gradient(heads());
  args.dz = pass.gradient(z_);
  args.heads = pass.data(heads());
  args.logvar_min = options_.logvar_min;
  args.logvar_max = options_.logvar_max;
  args.scale = 1.0f / static_cast<float>(pass.images());
  args.noise = noise(pass);
  args.objective = pass.objective;
  args.weights = pass.weights;
  args.samples = pass.samples();
  args.free_bits = pass.free_bits;
  pass.issue(args);
}

}  // namespace vae
