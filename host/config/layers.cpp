// SPDX-License-Identifier: MIT
#include "vae/layers.h"

#include <algorithm>
#include <utility>

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

Layer dense(int64_t height, int64_t width, int64_t channels) {
  Layer layer;
  layer.shape = {height, width, channels};
  return layer;
}

Layer gated_dense(int64_t width) {
  Layer layer = width;
  layer.kind = LayerKind::gated_dense;
  return layer;
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

Layer conv_output(Extent kernel, Extent stride) { return conv(0, kernel, stride); }
Layer deconv_output(Extent kernel, Extent stride) { return deconv(0, kernel, stride); }

Extent padding_of(const Layer& layer) {
  if (layer.padding) return *layer.padding;
  const auto side = [](int64_t kernel, int64_t stride) {
    return std::max<int64_t>(0, kernel - stride + 1) / 2;
  };
  return {side(layer.kernel.height, layer.stride.height),
          side(layer.kernel.width, layer.stride.width)};
}

Activation activation_of(const Layer& layer, Activation model) {
  switch (layer.kind) {
    case LayerKind::gated_dense:
    case LayerKind::upsample:
    case LayerKind::pool:
      return Activation::none;
    case LayerKind::dense:
    case LayerKind::conv:
    case LayerKind::deconv:
    case LayerKind::residual:
      break;
  }
  return layer.activation.value_or(model);
}

}  // namespace vae
