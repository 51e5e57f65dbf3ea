// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>

#include "host/graph/graph.h"
#include "vae/layers.h"

namespace vae {

/// The shape of a value between layers.
Shape shape_of(const ItemShape& item);

/// Adds a layer to a graph, behind `x`. Its parameters are named "<name>.weight", "<name>.bias",
/// and those of a residual's inner layers "<name>.0.weight", ... `activation` is the model's.
Value& add_layer(Graph& graph, Value& x, const std::string& name, const Layer& layer,
                 Activation activation);

/// A chain of them, named "<name>.0", "<name>.1", ...
Value& add_layers(Graph& graph, Value& x, const std::string& name, std::span<const Layer> layers,
                  Activation activation);

}  // namespace vae
