// SPDX-License-Identifier: MIT
#include "host/model/vae.h"

#include <algorithm>
#include <string>

#include "host/graph/dense.h"
#include "host/graph/join.h"
#include "host/model/layers.h"
#include "kernels/math.h"
#include "kernels/rules/corruption.h"
#include "kernels/rules/likelihoods.h"

namespace vae {

namespace {

/// mu and logvar, "<name>.mu" and "<name>.logvar": one dense layer of two parts.
Value& add_dense_heads(Graph& graph, Value& trunk, const std::string& name, int64_t latent,
                       Start start = Start::drawn) {
  const std::vector<std::string> names = {name + ".mu", name + ".logvar"};
  return graph.add_module<Dense>(names, trunk.width(), Shape{latent}, start)
      .apply(graph, trunk, Activation::none);
}

/// mu and logvar [images, 2Z]: likewise, or two convolutions.
Value& add_heads(Graph& graph, Value& trunk, const ModelConfig& config) {
  const std::vector<std::string> names = {"encoder.mu", "encoder.logvar"};
  const Layer head = config.heads_layer();
  if (head.kind == LayerKind::dense) {
    return add_dense_heads(graph, trunk, "encoder", config.latent);
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

Vae::Vae(const ModelConfig& config, CorruptionKind corruption) {
  const Shape image{config.height, config.width, config.channels};
  const bool told = config.condition == Condition::seen;
  x = &graph.add_value(image, Rows::images);
  clean = told || corruption == CorruptionKind::none ? x : &graph.add_value(image, Rows::images);
  if (hides_a_part(corruption) && !config.has_class_target()) {
    counted = &graph.add_value(image, Rows::images);
  }

  const int64_t known = config.condition_size();
  if (known > 0) condition = &graph.add_value({known}, Rows::images);
  shown = told ? condition : x;

  const LayerValues layers =
      add_each_layer(graph, *x, "encoder", config.encoder, config.activation);
  Value* trunk = layers.empty() ? x : layers.back();
  if (condition) trunk = &add_condition_to_trunk(graph, *trunk, *condition, config);
  Value& heads = add_heads(graph, *trunk, config);
  encoder = graph.since(0);

  posterior = &add_posterior(heads, shape_of(config.latent_shape()), config);
  PosteriorNode* highest = posterior;
  if (config.top_latent > 0) highest = &add_top_posterior(config);
  add_highest_prior(*highest, config);
  if (config.top_latent > 0) add_top_prior(config);
  divergence = &PosteriorSum::add(graph, posteriors);
  sampling = graph.since(encoder.last);

  Value* code = &posterior->z();
  if (condition) code = &concatenate(graph, {code, condition});
  Value& hidden =
      add_layers(graph, *code, "decoder", config.decoder_layers(), config.activation, layers);
  Value& outputs = add_output(graph, hidden, "decoder.output", config.output_layer(), *shown);
  decoder = graph.since(sampling.last);

  likelihood = &add_likelihood(outputs, config);
  observation = graph.since(decoder.last);
}

ObservationNode& Vae::add_likelihood(Value& outputs, const ModelConfig& config) {
  if (!config.has_class_target()) {
    LikelihoodNode::Options options = likelihood_options(graph, config);
    options.weights = counted;
    return LikelihoodNode::add(graph, outputs, *clean, options);
  }
  if (config.target == Target::boxes) {
    boxes = &DetectionNode::add(graph, outputs, config.target_classes);
    return *boxes;
  }
  classes = &CategoricalNode::add(graph, outputs, config.target_classes);
  return *classes;
}

PosteriorNode& Vae::add_posterior(Value& heads, Shape item, const ModelConfig& config) {
  PosteriorNode::Options options;
  options.logvar_min = static_cast<float>(config.logvar_min);
  options.logvar_max = static_cast<float>(config.logvar_max);
  options.ordinal = static_cast<int>(posteriors.size());
  PosteriorNode& node = PosteriorNode::add(graph, heads, item, options);
  posteriors.push_back(&node);
  return node;
}

/// q(z2|z1).
PosteriorNode& Vae::add_top_posterior(const ModelConfig& config) {
  Value& trunk = add_layers(graph, posterior->z(), "top.encoder", config.top, config.activation);
  Value& heads = add_dense_heads(graph, trunk, "top.encoder", config.top_latent);
  return add_posterior(heads, Shape{config.top_latent}, config);
}

/// Of the highest latents: N(0, I), or a Gaussian that starts there.
void Vae::add_highest_prior(PosteriorNode& highest, const ModelConfig& config) {
  switch (config.prior) {
    case Prior::standard:
      return;
    case Prior::learned:
      PriorNode::add(graph, highest, graph.add_module<LearnedPrior>("prior", highest.z().width()));
      return;
    case Prior::conditional:
      break;
  }
  const std::size_t before = graph.size();
  Value& trunk = add_layers(graph, *condition, "prior", config.prior_layers, config.activation);
  Value& heads = add_dense_heads(graph, trunk, "prior", highest.z().width(), Start::zero);
  conditional_prior = graph.since(before);
  PriorNode::add(graph, highest, heads, PriorNode::Kl::closed_form);
}

/// p(z1|z2), through the same layers the other way. z2 was drawn knowing z1: the KL of q(z1|x) and
/// p(z1|z2) is not what log q - log p of z1 has as its expectation.
void Vae::add_top_prior(const ModelConfig& config) {
  const std::size_t before = graph.size();
  const std::vector<Layer> layers(config.top.rbegin(), config.top.rend());
  Value& trunk =
      add_layers(graph, posteriors.back()->z(), "top.decoder", layers, config.activation);
  Value& heads = add_dense_heads(graph, trunk, "top.decoder", config.latent);
  prior = graph.since(before);
  PriorNode::add(graph, *posterior, heads, PriorNode::Kl::sampled);
}

}  // namespace vae
