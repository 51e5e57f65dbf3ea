// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/graph/graph.h"
#include "vae/layers.h"

namespace vae {

/// The shape of a value between layers.
Shape shape_of(const ItemShape& item);

/// What the layers of a chain make, from first to last.
using LayerValues = std::vector<Value*>;

/// Adds a layer to a graph, behind `x`. Its parameters are named "<name>.weight", "<name>.bias",
/// and those of a residual's inner layers "<name>.0.weight", ... `activation` is the model's. A
/// skip takes its value from those of the `encoder`.
Value& add_layer(Graph& graph, Value& x, const std::string& name, const Layer& layer,
                 Activation activation, const LayerValues& encoder = {});

/// Likewise the last layer of a decoder, whose outputs are linear. A transport moves frames of the
/// clip that is `shown`, and its motions begin at rest.
Value& add_output(Graph& graph, Value& x, const std::string& name, const Layer& layer,
                  Value& shown);

/// A chain of them, named "<name>.0", "<name>.1", ...
Value& add_layers(Graph& graph, Value& x, const std::string& name, std::span<const Layer> layers,
                  Activation activation, const LayerValues& encoder = {});
/// The same, and what each of them makes.
LayerValues add_each_layer(Graph& graph, Value& x, const std::string& name,
                           std::span<const Layer> layers, Activation activation,
                           const LayerValues& encoder = {});

}  // namespace vae
