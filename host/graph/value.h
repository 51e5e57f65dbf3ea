// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "kernels/tensor.h"
#include "vae/types.h"

namespace vae {

/// What a value has one row for: every picture of a pass, or every code, of which a picture may
/// have several.
enum class Rows { images, codes };

/// An edge of a graph: what one node writes and others read. Graph::plan() gives it memory.
struct Value {
  Shape item;                                // of one row: [W], or [H, W, C], channels innermost
  Rows rows = Rows::images;                  // whose they are, images or codes
  Activation activation = Activation::none;  // whose result `data` is

  // [most rows, width]; empty where nothing needs it.
  View data;
  View pre;   // what the activation was applied to, where its derivative needs that
  View grad;  // of the objective with respect to `pre`: with the activation's derivative

  bool needs_gradient = false;    // there are parameters below it
  bool gradient_in_data = false;  // its gradient may take the place of its data

  int64_t width() const { return item.count(); }
  const View& gradient() const { return gradient_in_data ? data : grad; }
};

}  // namespace vae
