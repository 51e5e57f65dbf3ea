// SPDX-License-Identifier: MIT
#include "host/model/vae.h"

#include <string>

#include "host/graph/dense.h"
#include "host/graph/join.h"
#include "host/model/layers.h"
#include "kernels/math.h"
#include "kernels/rules/likelihoods.h"

namespace vae {

namespace {

/// mu and logvar [images, 2Z]: one dense layer of two parts, or two convolutions.
Value& add_heads(Graph& graph, Value& trunk, const ModelConfig& config) {
  const std::vector<std::string> names = {"encoder.mu", "encoder.logvar"};
  const Layer head = config.heads_layer();
  if (head.kind == LayerKind::dense) {
    return graph.add_module<Dense>(names, trunk.width(), Shape{config.latent})
        .apply(graph, trunk, Activation::none);
  }
  Value& mu = add_layer(graph, trunk, names[0], head, Activation::none);
  Value& logvar = add_layer(graph, trunk, names[1], head, Activation::none);
  return concatenate_flat(graph, {&mu, &logvar});
}

/// Dense heads see the trunk as a vector, with the condition once behind it.
Value& add_condition_to_trunk(Graph& graph, Value& trunk, Value& condition,
                              const ModelConfig& config) {
  const bool flat = config.heads.kind == LayerKind::dense;
  return flat ? concatenate_flat(graph, {&trunk, &condition})
              : concatenate(graph, {&trunk, &condition});
}

LikelihoodNode::Options likelihood_options(Graph& graph, const ModelConfig& config) {
  LikelihoodNode::Options options;
  options.likelihood = config.likelihood;
  options.variance = config.variance;
  const int64_t count = variance_count(config.likelihood, config.variance, config.channels);
  if (count == 0) return options;
  options.log_variance = static_cast<float>(2.0 * logarithm(config.sigma));
  if (variance_is_trained(config.likelihood, config.variance)) {
    options.learned_variance =
        &graph.add_module<LogVariance>("decoder.log_variance", count, options.log_variance);
  }
  return options;
}

}  // namespace

Vae::Vae(const ModelConfig& config) {
  const Shape image{config.height, config.width, config.channels};
  x = &graph.add_value(image, Rows::images);

  const int64_t known = config.condition_size();
  if (known > 0) condition = &graph.add_value({known}, Rows::images);

  Value* trunk = &add_layers(graph, *x, "encoder", config.encoder, config.activation);
  if (condition) trunk = &add_condition_to_trunk(graph, *trunk, *condition, config);
  Value& heads = add_heads(graph, *trunk, config);
  encoder = graph.since(0);

  PosteriorNode::Options gaussian;
  gaussian.logvar_min = static_cast<float>(config.logvar_min);
  gaussian.logvar_max = static_cast<float>(config.logvar_max);
  posterior = &PosteriorNode::add(graph, heads, shape_of(config.latent_shape()), gaussian);
  sampling = graph.since(encoder.last);

  Value* code = &posterior->z();
  if (condition) code = &concatenate(graph, {code, condition});
  Value& hidden = add_layers(graph, *code, "decoder", config.decoder, config.activation);
  Value& outputs =
      add_layer(graph, hidden, "decoder.output", config.output_layer(), Activation::none);
  decoder = graph.since(sampling.last);

  likelihood = &LikelihoodNode::add(graph, outputs, *x, likelihood_options(graph, config));
  observation = graph.since(decoder.last);
}

}  // namespace vae
