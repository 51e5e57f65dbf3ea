// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "host/graph/graph.h"
#include "host/graph/weights.h"

namespace vae {

/// A convolution of images [H, W, C], or a transposed one, which makes the large image of the small
/// one. Its weight is [F, KH, KW, C] with F the channels of the small image.
class Conv final : public Module {
 public:
  /// `geometry` is that of all parts together: their filters are side by side. A transposed
  /// convolution has one part.
  Conv(std::vector<std::string> parts, const ConvGeometry& geometry, bool transposed = false,
       Start start = Start::drawn);

  void declare(std::vector<ParameterSpec>& specs) const override { weights_.declare(specs); }
  void bind(const Parameters& parameters) override { weights_.bind(parameters); }

  Value& apply(Graph& graph, Value& x, Activation activation);

 private:
  ConvGeometry geometry_;
  bool transposed_;
  Weights weights_;
};

}  // namespace vae
