// SPDX-License-Identifier: MIT
#include "host/config/layer_ranges.h"

#include <initializer_list>

#include "kernels/check.h"

namespace vae::config_detail {
namespace {

std::string outside(int64_t value, const char* what, int64_t low, int64_t high) {
  if (value >= low && value <= high) return {};
  return concat(" has ", what, " ", value, ", expected ", low, "..", high);
}

std::string outside(Extent extent, const char* what, int64_t low, int64_t high) {
  const std::string down = outside(extent.height, what, low, high);
  return down.empty() ? outside(extent.width, what, low, high) : down;
}

std::string first_of(std::initializer_list<std::string> problems) {
  for (const std::string& problem : problems) {
    if (!problem.empty()) return problem;
  }
  return {};
}

std::string image_shape_problem(const ItemShape& shape) {
  const std::string sides = first_of({outside(shape[0], "height", 1, kLongestSide),
                                      outside(shape[1], "width", 1, kLongestSide),
                                      outside(shape[2], "channels", 1, kWidest)});
  if (!sides.empty() || shape[0] * shape[1] * shape[2] <= kMostValues) return sides;
  return concat(" has more than ", kMostValues, " numbers");
}

std::string dense_problem(const Layer& layer) {
  if (layer.shape.size() == 1) return outside(layer.shape[0], "width", 1, kWidest);
  if (is_image(layer.shape)) return image_shape_problem(layer.shape);
  return " has no width and no shape (height x width x channels)";
}

/// Padding below the kernel: no output may see zeros only.
std::string padding_problem(const Layer& layer) {
  if (layer.padding) {
    return first_of({outside(layer.padding->height, "padding", 0, layer.kernel.height - 1),
                     outside(layer.padding->width, "padding", 0, layer.kernel.width - 1)});
  }
  const auto keeps_no_size = [](int64_t kernel, int64_t stride) {
    return stride == 1 && kernel % 2 == 0;
  };
  if (!keeps_no_size(layer.kernel.height, layer.stride.height) &&
      !keeps_no_size(layer.kernel.width, layer.stride.width)) {
    return {};
  }
  return " has an even kernel, which at stride 1 keeps the size with no padding: say which, as in "
         "\"pad 0\"";
}

std::string kernel_problem(const Layer& layer) {
  return first_of({outside(layer.kernel, "a kernel of", 1, kLongestSide),
                   outside(layer.stride, "a stride of", 1, kLongestSide), padding_problem(layer)});
}

std::string residual_problem(const Layer& layer) {
  if (layer.layers.empty()) return " holds no layer";
  if (static_cast<int64_t>(layer.layers.size()) > kMostLayers) {
    return concat(" holds ", layer.layers.size(), " layers, at most ", kMostLayers, " are allowed");
  }
  for (const Layer& inner : layer.layers) {
    if (inner.kind == LayerKind::residual) return " holds a residual itself";
    if (inner.kind == LayerKind::skip)
      return " holds a skip, which is a layer of the decoder itself";
    if (inner.kind == LayerKind::transport) return " holds a transport, which makes outputs";
    const std::string problem = layer_problem(inner);
    if (!problem.empty()) return ": " + problem;
  }
  return {};
}

std::string transport_problem(const Layer& layer) {
  return first_of({outside(layer.of, "frames seen", 1, kWidest), kernel_problem(layer)});
}

std::string kind_problem(const Layer& layer) {
  switch (layer.kind) {
    case LayerKind::dense:
    case LayerKind::gated_dense:
      return dense_problem(layer);
    case LayerKind::conv:
    case LayerKind::deconv:
      return first_of({outside(layer.filters, "filters", 1, kWidest), kernel_problem(layer)});
    case LayerKind::upsample:
    case LayerKind::pool:
      return outside(layer.factor, "factor", 1, kLargestFactor);
    case LayerKind::residual:
      return residual_problem(layer);
    case LayerKind::skip:
      return outside(layer.of, "the number", 0, kMostLayers - 1);
    case LayerKind::transport:
      return transport_problem(layer);
  }
  return " is of no kind";
}

std::string after_name(const Layer& layer, const std::string& problem) {
  return problem.empty() ? problem : named(layer) + problem;
}

}  // namespace

std::string named(const Layer& layer) { return concat('"', shortened(to_string(layer), 200), '"'); }

bool takes_activation(LayerKind kind) {
  switch (kind) {
    case LayerKind::gated_dense:  // the gate is one
    case LayerKind::upsample:     // the layer before has one
    case LayerKind::pool:
    case LayerKind::skip:       // both parts have theirs
    case LayerKind::transport:  // outputs are linear
      return false;
    case LayerKind::dense:
    case LayerKind::conv:
    case LayerKind::deconv:
    case LayerKind::residual:
      break;
  }
  return true;
}

std::string layer_problem(const Layer& layer) {
  if (layer.activation && !takes_activation(layer.kind)) {
    return after_name(layer, " takes no activation");
  }
  return after_name(layer, kind_problem(layer));
}

std::string output_problem(const Layer& output) {
  const bool transport = output.kind == LayerKind::transport;
  const bool convolution = output.kind == LayerKind::conv || output.kind == LayerKind::deconv;
  if (output.kind != LayerKind::dense && !convolution && !transport) {
    return after_name(output, " makes no outputs, expected dense, conv, deconv or transport");
  }
  if (output.activation) return after_name(output, " has an activation, but outputs are linear");
  if (output.filters != 0 || !output.shape.empty()) {
    return after_name(output, " has a size of its own, but that follows from the images");
  }
  if (transport) return after_name(output, transport_problem(output));
  return convolution ? after_name(output, kernel_problem(output)) : "";
}

}  // namespace vae::config_detail
