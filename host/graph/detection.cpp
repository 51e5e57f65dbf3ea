// SPDX-License-Identifier: MIT
#include "host/graph/detection.h"

#include "kernels/check.h"
#include "kernels/rules/detection.h"

namespace vae {

DetectionNode& DetectionNode::add(Graph& graph, Value& outputs, int64_t classes) {
  VAE_CHECK(classes > 0 && outputs.width() % rules::GridCell::outputs(classes) == 0,
            outputs.width(), " outputs are not of cells with ", classes, " classes");
  outputs.gradient_in_data = true;
  return graph.add_node<DetectionNode>(nullptr, outputs, classes);
}

void DetectionNode::plan(Arena& arena, int64_t images, int64_t codes, bool) {
  const int64_t cells = outputs().width() / rules::GridCell::outputs(classes_);
  arena.request(log_p_, {codes});
  arena.request(targets_, {images, cells});
  arena.request(boxes_, {images, cells * rules::GridCell::kBoxNumbers});
}

void DetectionNode::forward(Pass& pass) {
  DetectionArgs args;
  args.log_px = pass.head(log_p_, Rows::codes);
  args.outputs = pass.data(outputs());
  args.targets = targets_.head(pass.images());
  args.boxes = boxes_.head(pass.images());
  args.classes = classes_;
  args.samples = pass.samples();
  args.scale = 1.0f / static_cast<float>(pass.images());
  if (pass.with_gradient) {
    args.weights = pass.weights;
    args.doutputs = pass.gradient(outputs());
  }
  pass.issue(args);
}

void DetectionNode::issue_mean(Pass& pass) const {
  const View outputs_of_pass = pass.data(outputs());
  pass.issue(DetectionMeanArgs{outputs_of_pass, outputs_of_pass, classes_});
}

}  // namespace vae
