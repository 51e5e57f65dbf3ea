// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "host/graph/graph.h"

namespace vae {

/// The clip [H, W, T] whose first `seen` frames are those of `clip`, and whose others are the last
/// of these, moved on as `motion` says, an image of linear numbers [h, w, 3 (T - seen)] whose cells
/// divide the frames. `clip` is data and gets no gradient.
Value& transport(Graph& graph, Value& clip, Value& motion, Shape item, int64_t seen);

}  // namespace vae
