// SPDX-License-Identifier: MIT
#include "host/bench/gemm_floor.h"

#include <functional>
#include <numeric>
#include <utility>

#include "host/config/layer_shapes.h"
#include "kernels/philox.h"

namespace vae {

namespace {

/// A matrix product of a layer: [rows of an image, in] by [in, out].
struct Product {
  int64_t rows, in, out;
};

void add_products(const Layer& layer, const ItemShape& input, std::vector<Product>& products);

void add_chain(const std::vector<Layer>& layers, ItemShape shape, std::vector<Product>& products) {
  for (const Layer& layer : layers) {
    add_products(layer, shape, products);
    shape = output_shape(layer, shape);
  }
}

int64_t count(const ItemShape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

/// A convolution is the product of its taps [pixels, kernel x channels] with the filters, a
/// transposed one that of the smaller image's pixels with its taps.
void add_products(const Layer& layer, const ItemShape& input, std::vector<Product>& products) {
  const ItemShape output = output_shape(layer, input);
  const int64_t taps = layer.kernel.height * layer.kernel.width;
  switch (layer.kind) {
    case LayerKind::dense:
      products.push_back({1, count(input), count(output)});
      break;
    case LayerKind::gated_dense:
      products.push_back({1, count(input), 2 * count(output)});
      break;
    case LayerKind::conv:
      products.push_back({output[0] * output[1], taps * input[2], layer.filters});
      break;
    case LayerKind::deconv:
      products.push_back({input[0] * input[1], input[2], taps * layer.filters});
      break;
    case LayerKind::residual:
      add_chain(layer.layers, input, products);
      break;
    case LayerKind::transport:
      add_products(config_detail::motion_layer(layer), input, products);
      break;
    case LayerKind::upsample:
    case LayerKind::pool:
    case LayerKind::skip:
      break;
  }
}

/// In order; both heads count as one where they are dense.
std::vector<Product> products_of(const ModelConfig& model) {
  std::vector<Product> products;
  add_chain(model.encoder, model.image_shape(), products);
  const ItemShape trunk = model.heads_input_shape();
  if (model.heads.kind == LayerKind::dense) {
    products.push_back({1, count(trunk), 2 * model.latent});
  } else {
    for (int head = 0; head < 2; ++head) add_products(model.heads_layer(), trunk, products);
  }
  std::vector<Layer> decoder = model.decoder_layers();
  decoder.push_back(model.output_layer());
  add_chain(decoder, model.decoder_input_shape(), products);
  return products;
}

void fill_with_noise(Backend& backend, const View& view, uint32_t row) {
  std::vector<float> numbers(view.count());
  const PhiloxRow noise = philox_row(0, Stream::initialize, 0, row);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = uniform_element(noise, static_cast<uint32_t>(i)) - 0.5f;
  }
  backend.copy_to_device(view.data, numbers.data(), numbers.size() * sizeof(float));
}

}  // namespace

GemmFloor::GemmFloor(Backend& backend, const ModelConfig& model, int64_t batch_size)
    : backend_(backend), arena_(backend), layers_(products_of(model).size()) {
  const std::vector<Product> products = products_of(model);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto [rows, in, out] = products[i];
    arena_.request(layers_[i].x, {batch_size * rows, in});
    arena_.request(layers_[i].w, {out, in});
    arena_.request(layers_[i].y, {batch_size * rows, out});
    arena_.request(layers_[i].dw, {out, in});
    if (i > 0) arena_.request(layers_[i].dx, {batch_size * rows, in});
  }
  arena_.allocate("the matrices");
  uint32_t row = 0;
  for (const LayerProducts& layer : layers_) {
    fill_with_noise(backend, layer.x, row++);
    fill_with_noise(backend, layer.w, row++);
    fill_with_noise(backend, layer.y, row++);
  }
}

void GemmFloor::run() {
  for (const LayerProducts& layer : layers_) {
    backend_.issue(GemmArgs{layer.y, layer.x, layer.w, false, /*transpose_b=*/true});
  }
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const LayerProducts& layer = layers_[i];
    backend_.issue(GemmArgs{layer.dw, layer.y, layer.x, /*transpose_a=*/true, false});
    if (layer.dx) backend_.issue(GemmArgs{layer.dx, layer.y, layer.w, false, false});
  }
}

double GemmFloor::gflop() const {
  double flop = 0.0;
  for (const LayerProducts& layer : layers_) {
    const double products = static_cast<double>(layer.x.count() * layer.w.rows());
    flop += 2.0 * products * (layer.dx ? 3.0 : 2.0);
  }
  return flop * 1e-9;
}

}  // namespace vae
