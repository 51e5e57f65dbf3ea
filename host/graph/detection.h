// SPDX-License-Identifier: MIT
#pragma once

#include "host/graph/observation.h"

namespace vae {

/// Targets that are boxes on a grid: of each cell whether there is an object, its class and four
/// numbers of its box. What is known of the cells (DetectionMeanArgs) comes in the place of the
/// outputs.
class DetectionNode final : public ObservationNode {
 public:
  /// Adds the node to the graph; the outputs' width is a whole number of cells.
  static DetectionNode& add(Graph& graph, Value& outputs, int64_t classes);

  void plan(Arena& arena, int64_t images, int64_t codes, bool training) override;
  void forward(Pass& pass) override;
  void issue_mean(Pass& pass) const override;

  // To be loaded before a pass.
  /// [images, G], a class of 255 and any other that is none of the classes: no object.
  const BasicView<uint8_t>& targets() const { return targets_; }
  /// [images, G 4]
  const View& boxes() const { return boxes_; }

  DetectionNode(Value& outputs, int64_t classes) : ObservationNode({&outputs}), classes_(classes) {}

 private:
  int64_t classes_;
  BasicView<uint8_t> targets_;
  View boxes_;
};

}  // namespace vae
