// SPDX-License-Identifier: MIT
#include "host/explore/page_layers.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "kernels/check.h"
#include "vae/explorer.h"

namespace vae {
namespace {

// What explorer.js has a function for. A word that is added to the configuration is refused until
// it stands here and there.
constexpr std::array<std::string_view, 9> kPageActivations = {
    "none", "relu", "leaky_relu", "tanh", "sigmoid", "softplus", "elu", "gelu", "silu"};
constexpr std::array<std::string_view, 4> kPageLikelihoods = {"bernoulli", "gaussian", "logistic",
                                                              "beta-binomial"};

template <typename Words>
bool is_one_of(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

[[noreturn]] void refuse(const std::string& what, const std::string& why) {
  fail(ErrorCode::invalid_argument, "explore: ", what, ": ", why);
}

PageLayer make_layer(const std::string& name, const Layer& layer, const ItemShape& in,
                     Activation activation);

/// The chain of a residual; the sum has the activation of its last layer, which is without one.
std::vector<PageLayer> inner_layers(const std::string& name, const Layer& layer,
                                    const ItemShape& in, Activation activation) {
  std::vector<PageLayer> inner;
  for (std::size_t i = 0; i < layer.layers.size(); ++i) {
    const bool last = i + 1 == layer.layers.size();
    inner.push_back(make_layer(name + "." + std::to_string(i), layer.layers[i],
                               i == 0 ? in : inner.back().out,
                               last ? Activation::none : activation));
  }
  return inner;
}

void add_tensors(const std::string& name, PageLayer& made) {
  made.weights.push_back(name + ".weight");
  made.biases.push_back(name + ".bias");
}

PageLayer make_layer(const std::string& name, const Layer& layer, const ItemShape& in,
                     Activation activation) {
  PageLayer made;
  made.name = name;
  made.in = in;
  made.out = output_shape(layer, in);
  made.follow = to_string(activation_of(layer, activation));
  made.factor = layer.factor;
  if (!is_one_of(kPageActivations, made.follow)) {
    refuse(name, "the page has no JavaScript for the activation " + made.follow);
  }
  const LayerKind kind = layer.kind;
  if (kind == LayerKind::dense || kind == LayerKind::gated_dense) {
    const bool gated = kind == LayerKind::gated_dense;
    made.kind = gated ? "gated dense" : "dense";
    add_tensors(name, made);
    if (gated) add_tensors(name + ".gate", made);
  } else if (kind == LayerKind::conv || kind == LayerKind::deconv) {
    made.kind = kind == LayerKind::conv ? "conv" : "deconv";
    made.kernel = layer.kernel;
    made.stride = layer.stride;
    made.padding = padding_of(layer);
    add_tensors(name, made);
  } else if (kind == LayerKind::upsample || kind == LayerKind::pool) {
    made.kind = kind == LayerKind::upsample ? "upsample" : "pool";
  } else if (kind == LayerKind::residual) {
    made.kind = "residual";
    made.inner = inner_layers(name, layer, in, activation);
  } else if (kind == LayerKind::skip) {
    refuse(name + " (" + to_string(layer) + ")",
           "it reads the encoder of an image, and the page decodes codes alone");
  } else {
    refuse(name + " (" + to_string(layer) + ")", "the page has no JavaScript for this layer");
  }
  return made;
}

void check_around_decoder(const ModelConfig& model) {
  if (model.has_class_target()) {
    refuse("decoder.output", "it makes classes (model.target " +
                                 std::string(to_string(model.target)) +
                                 "), and the page shows images");
  }
  if (model.condition == Condition::seen) {
    refuse("the condition",
           "it is what is seen of an image (model.condition seen), and the page decodes codes "
           "alone: `vae restore` takes images");
  }
  const std::string likelihood(to_string(model.likelihood));
  if (!is_one_of(kPageLikelihoods, likelihood)) {
    refuse("the likelihood " + likelihood, "the page has no JavaScript for its mean");
  }
}

}  // namespace

std::vector<PageLayer> page_layers(const ModelConfig& model) {
  check_around_decoder(model);
  std::vector<PageLayer> layers;
  ItemShape shape = model.decoder_input_shape();
  for (const ModelLayer& each : model_layers(model)) {
    if (!each.name.starts_with("decoder.")) continue;
    const bool is_output = each.name == "decoder.output";
    layers.push_back(
        make_layer(each.name, each.layer, shape, is_output ? Activation::none : model.activation));
    shape = layers.back().out;
  }
  return layers;
}

std::vector<std::string> weights_of(const std::vector<PageLayer>& layers) {
  std::vector<std::string> names;
  for (const PageLayer& layer : layers) {
    names.insert(names.end(), layer.weights.begin(), layer.weights.end());
    const std::vector<std::string> inner = weights_of(layer.inner);
    names.insert(names.end(), inner.begin(), inner.end());
  }
  return names;
}

void check_explorable(const ModelConfig& model) { page_layers(model); }

}  // namespace vae
