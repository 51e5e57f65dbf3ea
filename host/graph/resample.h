// SPDX-License-Identifier: MIT
#pragma once

#include "host/graph/graph.h"

namespace vae {

/// Images [H, W, C] enlarged to [H*factor, W*factor, C], by the nearest neighbour.
Value& upsample(Graph& graph, Value& x, int64_t factor);

/// Images [H*factor, W*factor, C] reduced to [H, W, C], by means over squares.
Value& average_pool(Graph& graph, Value& x, int64_t factor);

}  // namespace vae
