// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "host/graph/arena.h"
#include "host/graph/parameters.h"
#include "kernels/backend.h"

namespace vae {

/// What the layer below hands to the layer above: its output, and what the derivative of its
/// activation needs, so that the layer above can fuse it into its input gradient.
struct Signal {
  View value;  // [rows, width]
  View pre;    // [rows, width] pre-activation, where the activation needs it
  Activation activation = Activation::none;
};

/// One trainable stage of a chain. A new kind of layer implements this and is added to the
/// network's builder; nothing else knows its kind.
class Layer {
 public:
  virtual ~Layer() = default;

  virtual int64_t output_width() const = 0;

  // Planning, in this order: declare, bind, plan.
  virtual void declare(std::vector<ParameterSpec>& specs) const = 0;
  virtual void bind(const Parameters& parameters) = 0;
  virtual void plan(Arena& arena, int64_t rows, bool training) = 0;

  /// Reads `input` (first `rows` rows), fills the layer's own output.
  virtual void forward(Backend& backend, const Signal& input, int64_t rows) = 0;
  /// What forward() does, where it is one dense_forward(): the first and the last layer of a chain
  /// can then be joined with the operation before or after them.
  virtual std::optional<DenseForwardArgs> as_dense(const Signal&, int64_t) const { return {}; }
  /// The output of the last forward pass.
  virtual const Signal& output() const = 0;

  /// From the gradient with respect to the pre-activation of this layer's output, computes the
  /// parameters' gradients and, if `dinput` is not empty, the gradient with respect to the
  /// pre-activation of `input`.
  virtual void backward(Backend& backend, ConstView doutput, const Signal& input, View dinput,
                        int64_t rows) = 0;
  /// Where the layer above writes the gradient for this layer: [rows, output_width].
  virtual View gradient(int64_t rows) const = 0;
};

}  // namespace vae
