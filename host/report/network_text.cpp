// SPDX-License-Identifier: MIT
#include "host/report/network_text.h"

#include <algorithm>
#include <utility>

namespace vae {
namespace {

/// Whether all layers are dense and say no more than their widths.
bool is_plain(const ModelConfig& model) {
  const auto plain = [](const Layer& layer) { return layer.is_plain(); };
  return std::ranges::all_of(model.encoder, plain) && std::ranges::all_of(model.decoder, plain) &&
         model.output == Layer() && model.heads == Layer();
}

/// "28x28x1"
std::string image_text(const ModelConfig& model) {
  return std::to_string(model.height) + "x" + std::to_string(model.width) + "x" +
         std::to_string(model.channels);
}

/// Lines along a chain of layers.
class Lines {
 public:
  explicit Lines(ItemShape input) : shape_(std::move(input)) {}

  /// Adds a layer, and goes on behind it.
  void add(std::string name, const Layer& layer) {
    const int64_t parameters = parameter_count(layer, shape_);
    shape_ = output_shape(layer, shape_);
    lines_.push_back({std::move(name), to_string(layer), shape_, parameters});
  }
  void add(const std::string& part, const std::vector<Layer>& layers) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      add(part + "." + std::to_string(i), layers[i]);
    }
  }
  /// Goes on behind something else.
  void restart(ItemShape input) { shape_ = std::move(input); }

  const ItemShape& shape() const { return shape_; }
  std::vector<LayerLine> take() { return std::move(lines_); }

 private:
  ItemShape shape_;
  std::vector<LayerLine> lines_;
};

}  // namespace

std::string network_text(const ModelConfig& model) {
  const bool plain = is_plain(model);
  std::vector<std::string> stations = {plain ? std::to_string(model.pixels()) : image_text(model)};
  for (const Layer& layer : model.encoder) stations.push_back(to_string(layer));
  if (model.heads != Layer()) stations.push_back(to_string(model.heads));
  stations.push_back(std::to_string(model.latent));
  for (const Layer& layer : model.decoder) stations.push_back(to_string(layer));
  if (!plain) stations.push_back(to_string(model.output));
  stations.push_back(stations.front());
  std::string text;
  for (const std::string& station : stations) {
    text += (text.empty() ? "" : plain ? "-" : ", ") + station;
  }
  return text;
}

std::vector<LayerLine> layer_lines(const ModelConfig& model) {
  Lines lines(model.image_shape());
  lines.add("encoder", model.encoder);
  const ItemShape trunk = lines.shape();
  for (const char* head : {"encoder.mu", "encoder.logvar"}) {
    lines.restart(trunk);
    lines.add(head, model.heads_layer());
  }
  lines.add("decoder", model.decoder);
  lines.add("decoder.output", model.output_layer());
  return lines.take();
}

}  // namespace vae
