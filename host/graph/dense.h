// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "host/graph/graph.h"
#include "host/graph/weights.h"

namespace vae {

/// x w^T + b, of rows.
class Dense final : public Module {
 public:
  /// The parts are side by side in a row of the output (see Weights); of a single part others see
  /// the outputs as `item`.
  Dense(std::vector<std::string> parts, int64_t input_width, Shape item,
        Start start = Start::drawn);

  void declare(std::vector<ParameterSpec>& specs) const override { weights_.declare(specs); }
  void bind(const Parameters& parameters) override { weights_.bind(parameters); }

  /// activation(x w^T + b).
  Value& apply(Graph& graph, Value& x, Activation activation);

 private:
  int64_t input_width_;
  Shape item_;
  Weights weights_;
};

}  // namespace vae
