// SPDX-License-Identifier: MIT
#pragma once

#include "host/graph/observation.h"

namespace vae {

/// Targets that are classes, each under a softmax of neighbouring outputs. Their probabilities come
/// in the place of the outputs.
class CategoricalNode final : public ObservationNode {
 public:
  /// Adds the node to the graph; the outputs' width is a multiple of `classes`.
  static CategoricalNode& add(Graph& graph, Value& outputs, int64_t classes);

  void plan(Arena& arena, int64_t images, int64_t codes, bool training) override;
  void forward(Pass& pass) override;
  void issue_mean(Pass& pass) const override;

  /// [images, T], to be loaded before a pass; a class of 255 and any other that is none of the
  /// classes was not observed.
  const BasicView<uint8_t>& targets() const { return targets_; }

  CategoricalNode(Value& outputs, int64_t classes)
      : ObservationNode({&outputs}), classes_(classes) {}

 private:
  int64_t classes_;
  BasicView<uint8_t> targets_;
};

}  // namespace vae
