// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "host/graph/graph.h"

namespace vae {

/// activation(a + b): the end of a residual connection.
Value& add(Graph& graph, Value& a, Value& b, Activation activation);

/// Values side by side along their channels: vectors, or images of one size; a vector among images
/// is the same at every position. Where one of them has a row for each code so has the result, and
/// those with a row for each image are repeated.
Value& concatenate(Graph& graph, const std::vector<Value*>& values);

/// The same of all their numbers, as if they were vectors.
Value& concatenate_flat(Graph& graph, const std::vector<Value*>& values);

}  // namespace vae
