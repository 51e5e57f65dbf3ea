// SPDX-License-Identifier: MIT
#include "host/graph/graph.h"

#include <algorithm>
#include <set>

#include "kernels/check.h"
#include "kernels/rules/activations.h"

namespace vae {

Value& Graph::add_value(Shape item, Rows rows, Activation activation) {
  values_.push_back(std::make_unique<Value>());
  Value& value = *values_.back();
  value.item = item;
  value.rows = rows;
  value.activation = activation;
  return value;
}

void Graph::append(std::unique_ptr<Node> node, Value* output) {
  if (output != nullptr) {
    const auto& inputs = node->inputs();
    output->needs_gradient =
        node->module() != nullptr ||
        std::any_of(inputs.begin(), inputs.end(),
                    [](const Node::Input& input) { return input.value->needs_gradient; });
  }
  nodes_.push_back(std::move(node));
}

std::vector<ParameterSpec> Graph::parameter_specs() const {
  std::vector<ParameterSpec> specs;
  for (const auto& module : modules_) module->declare(specs);
  return specs;
}

void Graph::bind(const Parameters& parameters) {
  for (const auto& module : modules_) module->bind(parameters);
}

void Graph::plan(Arena& arena, int64_t images, int64_t codes, bool training) {
  for (const auto& value : values_) {
    const Shape shape{value->rows == Rows::images ? images : codes, value->width()};
    arena.request(value->data, shape);
    if (needs_pre_activation(value->activation)) arena.request(value->pre, shape);
    if (training && value->needs_gradient && !value->gradient_in_data) {
      arena.request(value->grad, shape);
    }
  }
  for (const auto& node : nodes_) node->plan(arena, images, codes, training);
  plan_gradients();
}

/// In the order of the backward pass the first to write a gradient overwrites, the others add.
void Graph::plan_gradients() {
  std::set<const void*> written;
  const auto next = [&](const void* target) {
    return written.insert(target).second ? Gradient::overwrite : Gradient::add;
  };
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    if ((*node)->module() != nullptr) {
      const Gradient gradient = next((*node)->module());
      VAE_CHECK(gradient == Gradient::overwrite || (*node)->adds_gradients(),
                "graph: a module is applied twice by nodes that cannot add its gradients");
      (*node)->set_parameter_gradient(gradient);
    }
    for (Node::Input& input : (*node)->inputs()) {
      if (!input.value->needs_gradient) continue;
      input.gradient = next(input.value);
      VAE_CHECK(input.gradient == Gradient::overwrite ||
                    ((*node)->adds_gradients() && !input.value->gradient_in_data),
                "graph: a value is used twice by nodes that cannot add their gradients");
    }
  }
}

void Graph::prepare(Backend& backend) {
  for (const auto& node : nodes_) node->prepare(backend);
}

void Graph::forward(Pass& pass, Section section) {
  for (std::size_t i = section.first; i < section.last; ++i) nodes_[i]->forward(pass);
}

void Graph::backward(Pass& pass) {
  for (std::size_t i = nodes_.size(); i-- > 0;) nodes_[i]->backward(pass);
}

}  // namespace vae
