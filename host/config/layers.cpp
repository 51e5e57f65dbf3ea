// SPDX-License-Identifier: MIT
#include "vae/layers.h"

#include <algorithm>
#include <utility>

#include "host/config/layer_ranges.h"

namespace vae {

bool Layer::is_plain() const { return shape.size() == 1 && *this == Layer(shape[0]); }

Layer Layer::with(Activation word) const {
  Layer copy = *this;
  copy.activation = word;
  return copy;
}

Layer Layer::padded(Extent zeros) const {
  Layer copy = *this;
  copy.padding = zeros;
  return copy;
}

Layer dense(int64_t width) { return width; }

Layer dense(int64_t height, int64_t width, int64_t channels) {
  Layer layer;
  layer.shape = {height, width, channels};
  return layer;
}

namespace {

Layer as_gated(Layer layer) {
  layer.kind = LayerKind::gated_dense;
  return layer;
}

}  // namespace

Layer gated_dense(int64_t width) { return as_gated(dense(width)); }

Layer gated_dense(int64_t height, int64_t width, int64_t channels) {
  return as_gated(dense(height, width, channels));
}

Layer conv(int64_t filters, Extent kernel, Extent stride) {
  Layer layer;
  layer.kind = LayerKind::conv;
  layer.filters = filters;
  layer.kernel = kernel;
  layer.stride = stride;
  return layer;
}

Layer deconv(int64_t filters, Extent kernel, Extent stride) {
  Layer layer = conv(filters, kernel, stride);
  layer.kind = LayerKind::deconv;
  return layer;
}

Layer upsample(int64_t factor) {
  Layer layer;
  layer.kind = LayerKind::upsample;
  layer.factor = factor;
  return layer;
}

Layer pool(int64_t factor) {
  Layer layer = upsample(factor);
  layer.kind = LayerKind::pool;
  return layer;
}

Layer residual(std::vector<Layer> f) {
  Layer layer;
  layer.kind = LayerKind::residual;
  layer.layers = std::move(f);
  return layer;
}

Layer skip(int64_t of) {
  Layer layer;
  layer.kind = LayerKind::skip;
  layer.of = of;
  return layer;
}

std::vector<Layer> chain(std::initializer_list<std::vector<Layer>> parts) {
  std::vector<Layer> all;
  for (const std::vector<Layer>& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Layer conv_output(Extent kernel, Extent stride) { return conv(0, kernel, stride); }
Layer deconv_output(Extent kernel, Extent stride) { return deconv(0, kernel, stride); }

Layer transport_output(int64_t seen, Extent kernel, Extent stride) {
  Layer layer = conv(0, kernel, stride);
  layer.kind = LayerKind::transport;
  layer.of = seen;
  return layer;
}

Extent padding_of(const Layer& layer) {
  if (layer.padding) return *layer.padding;
  const auto side = [](int64_t kernel, int64_t stride) {
    return std::max<int64_t>(0, kernel - stride + 1) / 2;
  };
  return {side(layer.kernel.height, layer.stride.height),
          side(layer.kernel.width, layer.stride.width)};
}

Activation activation_of(const Layer& layer, Activation model) {
  if (!config_detail::takes_activation(layer.kind)) return Activation::none;
  return layer.activation.value_or(model);
}

}  // namespace vae
