// SPDX-License-Identifier: MIT
#include "host/model/vae.h"

#include <span>
#include <string>

#include "host/graph/dense.h"
#include "kernels/check.h"
#include "kernels/math.h"
#include "kernels/rules/likelihoods.h"

namespace vae {

namespace {

Shape shape_of(const ItemShape& item) {
  return item.size() == 1 ? Shape{item[0]} : Shape{item.at(0), item.at(1), item.at(2)};
}

/// For kinds of layers that have words and no node.
void require_dense(const std::string& name, const Layer& layer) {
  VAE_CHECK(layer.kind == LayerKind::dense, name, ": \"", to_string(layer),
            "\" cannot be computed: this version has dense layers only");
}

Value& add_layer(Graph& graph, Value& x, const std::string& name, const Layer& layer,
                 Activation activation) {
  require_dense(name, layer);
  const std::vector<std::string> part = {name};
  return graph.add_module<Dense>(part, x.width(), shape_of(layer.shape))
      .apply(graph, x, activation_of(layer, activation));
}

/// Hidden layers named "<part>.0", "<part>.1", ...
Value& add_layers(Graph& graph, Value& x, const std::string& part, std::span<const Layer> layers,
                  Activation activation) {
  Value* value = &x;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    value = &add_layer(graph, *value, concat(part, ".", i), layers[i], activation);
  }
  return *value;
}

Value& add_linear(Graph& graph, Value& x, const std::vector<std::string>& parts, Shape item) {
  return graph.add_module<Dense>(parts, x.width(), item).apply(graph, x, Activation::none);
}

LikelihoodNode::Options likelihood_options(Graph& graph, const ModelConfig& config) {
  LikelihoodNode::Options options;
  options.likelihood = config.likelihood;
  if (!has_variance(config.likelihood)) return options;
  options.log_variance = static_cast<float>(2.0 * logarithm(config.sigma));
  switch (config.variance) {
    case Variance::fixed:
      break;
    case Variance::learned:
      options.learned_variance =
          &graph.add_module<LogVariance>("decoder.log_variance", options.log_variance);
  }
  return options;
}

}  // namespace

Vae::Vae(const ModelConfig& config) {
  const Shape image{config.height, config.width, config.channels};
  x = &graph.add_value(image, Rows::images);

  Value& trunk = add_layers(graph, *x, "encoder", config.encoder, config.activation);
  Value& heads = add_linear(graph, trunk, {"encoder.mu", "encoder.logvar"}, {config.latent});
  encoder = graph.since(0);

  PosteriorNode::Options gaussian;
  gaussian.logvar_min = static_cast<float>(config.logvar_min);
  gaussian.logvar_max = static_cast<float>(config.logvar_max);
  posterior = &PosteriorNode::add(graph, heads, gaussian);
  sampling = graph.since(encoder.last);

  Value& hidden = add_layers(graph, posterior->z(), "decoder", config.decoder, config.activation);
  require_dense("decoder.output", config.output);
  Value& outputs = add_linear(graph, hidden, {"decoder.output"}, image);
  decoder = graph.since(sampling.last);

  likelihood = &LikelihoodNode::add(graph, outputs, *x, likelihood_options(graph, config));
  observation = graph.since(decoder.last);
}

}  // namespace vae
