// SPDX-License-Identifier: MIT
#include "host/model/layers.h"

#include <vector>

#include "host/config/layer_shapes.h"
#include "host/graph/conv.h"
#include "host/graph/dense.h"
#include "host/graph/gate.h"
#include "host/graph/join.h"
#include "host/graph/resample.h"
#include "host/graph/transport.h"
#include "kernels/check.h"

namespace vae {

Shape shape_of(const ItemShape& item) {
  return item.size() == 1 ? Shape{item[0]} : Shape{item.at(0), item.at(1), item.at(2)};
}

namespace {

ItemShape item_of(const Shape& shape) {
  ItemShape item;
  for (int axis = 0; axis < shape.rank(); ++axis) item.push_back(shape[axis]);
  return item;
}

Value& add_dense(Graph& graph, Value& x, const std::string& name, const Layer& layer,
                 Activation activation) {
  const std::vector<std::string> part = {name};
  return graph.add_module<Dense>(part, x.width(), shape_of(layer.shape))
      .apply(graph, x, activation);
}

Value& add_gated_dense(Graph& graph, Value& x, const std::string& name, const Layer& layer) {
  const std::vector<std::string> parts = {name, name + ".gate"};
  const Shape item = shape_of(layer.shape);
  Dense& dense = graph.add_module<Dense>(parts, x.width(), item);
  return gate(graph, dense.apply(graph, x, Activation::none), item);
}

/// Of a convolution, or a transposed one, whose large image is its output.
ConvGeometry geometry_of(const Layer& layer, const Shape& input) {
  const Shape output = shape_of(output_shape(layer, item_of(input)));
  const bool transposed = layer.kind == LayerKind::deconv;
  const Shape& large = transposed ? output : input;
  const Shape& small = transposed ? input : output;
  const Extent padding = padding_of(layer);
  ConvGeometry geometry;
  geometry.height = large[0];
  geometry.width = large[1];
  geometry.channels = large[2];
  geometry.kernel_height = layer.kernel.height;
  geometry.kernel_width = layer.kernel.width;
  geometry.stride_y = layer.stride.height;
  geometry.stride_x = layer.stride.width;
  geometry.top = padding.height;
  geometry.left = padding.width;
  geometry.out_height = small[0];
  geometry.out_width = small[1];
  geometry.filters = small[2];
  return geometry;
}

Value& add_conv(Graph& graph, Value& x, const std::string& name, const Layer& layer,
                Activation activation) {
  const std::vector<std::string> part = {name};
  const bool transposed = layer.kind == LayerKind::deconv;
  return graph.add_module<Conv>(part, geometry_of(layer, x.item), transposed)
      .apply(graph, x, activation);
}

Value& add_residual(Graph& graph, Value& x, const std::string& name, const Layer& layer,
                    Activation activation) {
  Value* value = &x;
  for (std::size_t i = 0; i < layer.layers.size(); ++i) {
    const bool last = i + 1 == layer.layers.size();
    // The sum has the activation of the last layer, which is without one.
    value = &add_layer(graph, *value, concat(name, ".", i), layer.layers[i],
                       last ? Activation::none : activation);
  }
  return add(graph, x, *value, activation_of(layer, activation));
}

}  // namespace

Value& add_layer(Graph& graph, Value& x, const std::string& name, const Layer& layer,
                 Activation activation, const LayerValues& encoder) {
  switch (layer.kind) {
    case LayerKind::dense:
      return add_dense(graph, x, name, layer, activation_of(layer, activation));
    case LayerKind::gated_dense:
      return add_gated_dense(graph, x, name, layer);
    case LayerKind::conv:
    case LayerKind::deconv:
      return add_conv(graph, x, name, layer, activation_of(layer, activation));
    case LayerKind::upsample:
      return upsample(graph, x, layer.factor);
    case LayerKind::pool:
      return average_pool(graph, x, layer.factor);
    case LayerKind::residual:
      return add_residual(graph, x, name, layer, activation);
    case LayerKind::skip:
      return concatenate(graph, {&x, encoder.at(static_cast<std::size_t>(layer.of))});
    case LayerKind::transport:
      break;  // no layer of a chain, see add_output()
  }
  __builtin_unreachable();
}

Value& add_output(Graph& graph, Value& x, const std::string& name, const Layer& layer,
                  Value& shown) {
  if (layer.kind != LayerKind::transport) {
    return add_layer(graph, x, name, layer, Activation::none);
  }
  const std::vector<std::string> part = {name};
  const ConvGeometry geometry = geometry_of(config_detail::motion_layer(layer), x.item);
  Value& motions =
      graph.add_module<Conv>(part, geometry, false, Start::zero).apply(graph, x, Activation::none);
  return transport(graph, shown, motions, shape_of(layer.shape), layer.of);
}

LayerValues add_each_layer(Graph& graph, Value& x, const std::string& name,
                           std::span<const Layer> layers, Activation activation,
                           const LayerValues& encoder) {
  LayerValues values;
  Value* value = &x;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    value = &add_layer(graph, *value, concat(name, ".", i), layers[i], activation, encoder);
    values.push_back(value);
  }
  return values;
}

Value& add_layers(Graph& graph, Value& x, const std::string& name, std::span<const Layer> layers,
                  Activation activation, const LayerValues& encoder) {
  const LayerValues values = add_each_layer(graph, x, name, layers, activation, encoder);
  return values.empty() ? x : *values.back();
}

}  // namespace vae
