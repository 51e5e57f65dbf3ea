// SPDX-License-Identifier: MIT
#include "host/graph/likelihood.h"

#include <utility>

#include "kernels/rules/likelihoods.h"

namespace vae {

void LogVariance::declare(std::vector<ParameterSpec>& specs) const {
  ParameterSpec spec;
  spec.name = name_;
  spec.shape = {count_};
  spec.role = ParameterSpec::Role::scalar;
  spec.initial = initial_;
  specs.push_back(std::move(spec));
}

void LogVariance::bind(const Parameters& parameters) {
  value_ = parameters.find(name_).value;
  gradient_ = parameters.find(name_).gradient;
}

LikelihoodNode& LikelihoodNode::add(Graph& graph, Value& outputs, Value& target,
                                    const Options& options) {
  outputs.gradient_in_data = true;
  return graph.add_node<LikelihoodNode>(nullptr, outputs, target, options);
}

void LikelihoodNode::plan(Arena& arena, int64_t, int64_t codes, bool) {
  arena.request(log_p_, {codes});
  arena.request(fixed_log_variance_, {1});
  const int64_t width = target().width();
  if (outputs().width() != width) arena.request(mean_, {codes, width});
}

void LikelihoodNode::prepare(Backend& backend) {
  backend.copy_to_device(fixed_log_variance_.data, &options_.log_variance, sizeof(float));
}

void LikelihoodNode::forward(Pass& pass) {
  LikelihoodArgs args;
  args.log_px = pass.head(log_p_, Rows::codes);
  args.outputs = pass.data(outputs());
  args.x = pass.data(target());
  if (variance_count(options_.likelihood, options_.variance, 1) > 0) {
    args.log_variance = options_.learned_variance != nullptr
                            ? ConstView(options_.learned_variance->value())
                            : ConstView(fixed_log_variance_);
  }
  if (options_.weights != nullptr) args.element_weights = pass.data(*options_.weights);
  if (pass.with_gradient) {
    args.weights = pass.weights;
    args.doutputs = pass.gradient(outputs());
    if (options_.learned_variance != nullptr) {
      args.dlog_variance = options_.learned_variance->gradient();
    }
  }
  args.samples = pass.samples();
  args.likelihood = options_.likelihood;
  args.scale = 1.0f / static_cast<float>(pass.images());
  args.variance = options_.variance;
  pass.issue(args);
}

void LikelihoodNode::issue_mean(Pass& pass) const {
  pass.issue(LikelihoodMeanArgs{pass.head(mean(), Rows::codes), pass.data(outputs()),
                                options_.likelihood, options_.variance});
}

}  // namespace vae
