// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "host/graph/graph.h"

namespace vae {

/// x w^T + b. Several named parts of equal width share one matrix product: the two linear heads mu
/// and logvar are one Dense with two parts.
class Dense final : public Module {
 public:
  /// `parts` are the prefixes of the parameters' names: {"encoder.0"}, {"encoder.mu", ...}. `item`
  /// is the shape that others see of a part's outputs.
  Dense(std::vector<std::string> parts, int64_t input_width, Shape item);

  void declare(std::vector<ParameterSpec>& specs) const override;
  void bind(const Parameters& parameters) override;

  /// activation(x w^T + b) of each row.
  Value& apply(Graph& graph, Value& x, Activation activation);

 private:
  friend class DenseNode;

  int64_t part_width() const { return item_.count(); }
  int64_t output_width() const { return part_width() * static_cast<int64_t>(parts_.size()); }

  std::vector<std::string> parts_;
  int64_t input_width_;
  Shape item_;
  View w_, b_;    // [O, I], [O]
  View dw_, db_;  // likewise, empty outside training
};

}  // namespace vae
