// SPDX-License-Identifier: MIT
#include "vae/config.h"

#include "tests/fuzz/run_parser.h"

namespace vae::fuzz {
namespace {

void read_config(std::string_view text) {
  const Config config = config_from_json(text, Config(), "input");
  const Config again = config_from_json(config_to_json(config), Config(), "again");
  require(again == config, "what is written reads back the same");
  validate(config);
  require(config.model.encoder_shapes().size() == config.model.encoder.size() &&
              config.model.decoder_shapes().size() == config.model.decoder.size(),
          "a valid model has the shapes of all its layers");
}

void read_layers(std::string_view text) {
  const std::vector<Layer> layers = layers_from_string(text);
  require(layers_from_string(to_string(layers)) == layers, "words read back the same");
  ItemShape shape = ModelConfig().image_shape();
  for (const Layer& layer : layers) {
    require(parameter_count(layer, shape) >= 0, "no count overflows");
    shape = output_shape(layer, shape);
  }
}

}  // namespace
}  // namespace vae::fuzz

/// The input as a whole configuration, and as the text of a flag for layers.
VAE_FUZZ_TARGET(config) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  vae::fuzz::run_parser([&] { vae::fuzz::read_config(text); });
  vae::fuzz::run_parser([&] { vae::fuzz::read_layers(text); });
}
