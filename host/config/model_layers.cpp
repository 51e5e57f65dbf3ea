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

/// Between z and the latents above it, in the order of the checkpoint.
void add_top(Walk& walk, const ModelConfig& model) {
  if (model.top_latent == 0) return;
  const std::vector<Layer> back(model.top.rbegin(), model.top.rend());
  const auto add_heads = [&](const std::string& name, int64_t latent) {
    const ItemShape trunk = walk.shape();
    Layer head;
    head.shape = {latent};
    for (const char* part : {".mu", ".logvar"}) {
      walk.restart(trunk);
      walk.add(name + part, head);
    }
  };
  walk.restart({model.latent});
  walk.add("top.encoder", model.top);
  add_heads("top.encoder", model.top_latent);
  walk.add("top.decoder", back);
  add_heads("top.decoder", model.latent);
  walk.restart(model.latent_shape());
}

}  // namespace

std::vector<ModelLayer> model_layers(const ModelConfig& model) {
  Walk walk(model.image_shape());
  walk.add("encoder", model.encoder);
  for (const char* head : {"encoder.mu", "encoder.logvar"}) {
    walk.restart(model.heads_input_shape());
    walk.add(head, model.heads_layer());
  }
  add_top(walk, model);
  walk.restart(model.decoder_input_shape());
  walk.add("decoder", model.decoder);
  walk.add("decoder.output", model.output_layer());
  return walk.take();
}

}  // namespace vae
