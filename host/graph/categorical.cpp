// SPDX-License-Identifier: MIT
#include "host/graph/categorical.h"

#include "kernels/check.h"

namespace vae {

CategoricalNode& CategoricalNode::add(Graph& graph, Value& outputs, int64_t classes) {
  VAE_CHECK(classes > 0 && outputs.width() % classes == 0, outputs.width(),
            " outputs are not of targets of ", classes, " classes");
  outputs.gradient_in_data = true;
  return graph.add_node<CategoricalNode>(nullptr, outputs, classes);
}

void CategoricalNode::plan(Arena& arena, int64_t images, int64_t codes, bool) {
  arena.request(log_p_, {codes});
  arena.request(targets_, {images, outputs().width() / classes_});
}

void CategoricalNode::forward(Pass& pass) {
  CategoricalArgs args;
  args.log_px = pass.head(log_p_, Rows::codes);
  args.outputs = pass.data(outputs());
  args.targets = targets_.head(pass.images());
  args.classes = classes_;
  args.samples = pass.samples();
  args.scale = 1.0f / static_cast<float>(pass.images());
  if (pass.with_gradient) {
    args.weights = pass.weights;
    args.doutputs = pass.gradient(outputs());
  }
  pass.issue(args);
}

void CategoricalNode::issue_mean(Pass& pass) const {
  const View outputs_of_pass = pass.data(outputs());
  pass.issue(CategoricalMeanArgs{outputs_of_pass, outputs_of_pass, classes_});
}

}  // namespace vae
