// SPDX-License-Identifier: MIT
#include "host/report/network_text.h"

#include <algorithm>

namespace vae {
namespace {

/// Whether all layers are dense and say no more than their widths.
bool is_plain(const ModelConfig& model) {
  const auto plain = [](const Layer& layer) { return layer.is_plain(); };
  return std::ranges::all_of(model.encoder, plain) && std::ranges::all_of(model.decoder, plain) &&
         std::ranges::all_of(model.top, plain) && model.output == Layer() && model.heads == Layer();
}

/// "28x28x1"
std::string image_text(const ModelConfig& model) {
  return std::to_string(model.height) + "x" + std::to_string(model.width) + "x" +
         std::to_string(model.channels);
}

/// The end of the decoder: `image` where that is the target.
std::string target_text(const ModelConfig& model, const std::string& image) {
  switch (model.target) {
    case Target::image:
      break;
    case Target::label:
      return std::to_string(model.target_classes);
    case Target::mask:
      return std::to_string(model.height) + "x" + std::to_string(model.width) + "x" +
             std::to_string(model.target_classes);
    case Target::boxes:
      return std::to_string(model.grid.height) + "x" + std::to_string(model.grid.width) +
             " cells of " + std::to_string(model.target_classes) + " classes";
  }
  return image;
}

/// "784-400-20", or with commas.
std::string text_along(const std::vector<std::string>& stations, bool plain) {
  std::string text;
  for (const std::string& station : stations) {
    text += (text.empty() ? "" : plain ? "-" : ", ") + station;
  }
  return text;
}

}  // namespace

std::string network_text(const ModelConfig& model) {
  const bool plain = is_plain(model);
  std::vector<std::string> stations = {plain ? std::to_string(model.pixels()) : image_text(model)};
  for (const Layer& layer : model.encoder) stations.push_back(to_string(layer));
  if (model.heads != Layer()) stations.push_back(to_string(model.heads));
  stations.push_back(std::to_string(model.latent));
  for (const Layer& layer : model.decoder) stations.push_back(to_string(layer));
  if (!plain) stations.push_back(to_string(model.output));
  stations.push_back(target_text(model, stations.front()));
  std::string text = text_along(stations, plain);
  if (model.top_latent == 0) return text;
  std::vector<std::string> above = {std::to_string(model.latent)};
  for (const Layer& layer : model.top) above.push_back(to_string(layer));
  above.push_back(std::to_string(model.top_latent));
  return text + " under " + text_along(above, plain);
}

}  // namespace vae
