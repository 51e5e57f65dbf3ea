// SPDX-License-Identifier: MIT
#include <utility>

#include "vae/config.h"

namespace vae {
namespace {

/// Goes along chains of layers.
class Walk {
 public:
  explicit Walk(ItemShape input) : shape_(std::move(input)) {}

  /// Adds a layer, and goes on behind it.
  void add(std::string name, const Layer& layer) {
    const int64_t parameters = parameter_count(layer, shape_);
    shape_ = output_shape(layer, shape_);
    layers_.push_back({std::move(name), layer, shape_, parameters});
  }
  void add(const std::string& part, const std::vector<Layer>& layers) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      add(part + "." + std::to_string(i), layers[i]);
    }
  }
  const ItemShape& shape() const { return shape_; }
  /// Goes on behind something else.
  void restart(ItemShape input) { shape_ = std::move(input); }

  std::vector<ModelLayer> take() { return std::move(layers_); }

 private:
  ItemShape shape_;
  std::vector<ModelLayer> layers_;
};

/// From one vector to the two heads of another.
void add_to_heads(Walk& walk, const std::string& name, const std::vector<Layer>& layers,
                  int64_t from, int64_t latent) {
  walk.restart({from});
  walk.add(name, layers);
  const ItemShape trunk = walk.shape();
  Layer head;
  head.shape = {latent};
  for (const char* part : {".mu", ".logvar"}) {
    walk.restart(trunk);
    walk.add(name + part, head);
  }
}

/// Between z, the latents above it and the condition, in the order of the checkpoint.
void add_priors(Walk& walk, const ModelConfig& model) {
  const bool has_top = model.top_latent > 0;
  if (has_top) add_to_heads(walk, "top.encoder", model.top, model.latent, model.top_latent);
  if (model.prior == Prior::conditional) {
    add_to_heads(walk, "prior", model.prior_layers, model.condition_size(), model.highest_latent());
  }
  if (!has_top) return;
  const std::vector<Layer> back(model.top.rbegin(), model.top.rend());
  add_to_heads(walk, "top.decoder", back, model.top_latent, model.latent);
}

}  // namespace

std::vector<ModelLayer> model_layers(const ModelConfig& model) {
  Walk walk(model.image_shape());
  walk.add("encoder", model.encoder);
  for (const char* head : {"encoder.mu", "encoder.logvar"}) {
    walk.restart(model.heads_input_shape());
    walk.add(head, model.heads_layer());
  }
  add_priors(walk, model);
  walk.restart(model.decoder_input_shape());
  walk.add("decoder", model.decoder_layers());
  walk.add("decoder.output", model.output_layer());
  return walk.take();
}

}  // namespace vae
