// SPDX-License-Identifier: MIT
#pragma once

#include "host/graph/graph.h"

namespace vae {

/// The first half of each row of `heads` times the sigmoid of its second half, seen as `item`.
Value& gate(Graph& graph, Value& heads, Shape item);

}  // namespace vae
