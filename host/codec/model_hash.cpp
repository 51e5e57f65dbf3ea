// SPDX-License-Identifier: MIT
#include "host/codec/model_hash.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/io/atomic_file.h"
#include "host/io/sha256.h"
#include "kernels/arithmetic.h"
#include "kernels/check.h"

namespace vae {

namespace {

/// A line for everything that is computed with but no weight.
std::string description_of(const ModelConfig& model) {
  std::string text = concat(model.height, ' ', model.width, ' ', model.channels, '\n',
                            to_string(model.likelihood), '\n', to_string(model.activation), '\n');
  // As the floats that they are applied as, whose bits lose no digit.
  for (const double limit : {model.logvar_min, model.logvar_max}) {
    text += concat(bits_from_float(static_cast<float>(limit)), '\n');
  }
  for (const ModelLayer& layer : model_layers(model)) {
    text += concat(layer.name, ' ', to_string(layer.layer), '\n');
  }
  return text;
}

uint8_t digit(char letter) {
  return static_cast<uint8_t>(letter <= '9' ? letter - '0' : letter - 'a' + 10);
}

}  // namespace

ModelHash model_hash(const Network& network) {
  Sha256 hash;
  hash.update(as_bytes(std::string_view(description_of(network.config()))));
  const Parameters& parameters = network.parameters();
  for (const Parameter& parameter : parameters.all()) {
    const std::string name = concat(parameter.spec.name, ' ', parameter.spec.shape, '\n');
    hash.update(as_bytes(std::string_view(name)));
    const std::vector<float> numbers = parameters.download(parameter.value);
    hash.update(std::as_bytes(std::span(numbers)));
  }
  const std::string digits = hash.finish();
  ModelHash result;
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<uint8_t>(16 * digit(digits[2 * i]) + digit(digits[2 * i + 1]));
  }
  return result;
}

}  // namespace vae
