// SPDX-License-Identifier: MIT
#include "host/graph/dense.h"

#include <utility>

#include "kernels/check.h"

namespace vae {

/// One application of a dense module.
class DenseNode final : public Node {
 public:
  DenseNode(const Dense& module, Value& x, const Value& y)
      : Node({&x}, &module), module_(module), y_(y) {}

  void forward(Pass& pass) override {
    DenseForwardArgs args;
    args.y = pass.data(y_);
    args.pre = pass.pre(y_);
    args.x = pass.data(input());
    args.w = module_.w_;
    args.b = module_.b_;
    args.activation = y_.activation;
    pass.issue(args);
  }

  void backward(Pass& pass) override {
    DenseBackwardWeightsArgs weights;
    weights.dw = module_.dw_;
    weights.db = module_.db_;
    weights.dy = pass.gradient(y_);
    weights.x = pass.data(input());
    weights.accumulate = parameter_gradient() == Gradient::add;
    pass.issue(weights);
    if (input_gradient() == Gradient::none) return;
    DenseBackwardInputArgs args;
    args.dx = pass.gradient(input());
    args.dy = pass.gradient(y_);
    args.w = module_.w_;
    args.x = pass.data(input());
    args.pre = pass.pre(input());
    args.activation = input().activation;
    args.accumulate = input_gradient() == Gradient::add;
    pass.issue(args);
  }

  bool adds_gradients() const override { return true; }

 private:
  const Dense& module_;
  const Value& y_;
};

Dense::Dense(std::vector<std::string> parts, int64_t input_width, Shape item)
    : parts_(std::move(parts)), input_width_(input_width), item_(item) {}

void Dense::declare(std::vector<ParameterSpec>& specs) const {
  using Role = ParameterSpec::Role;
  for (const Role role : {Role::weight, Role::bias}) {
    bool joined = false;
    for (const std::string& part : parts_) {
      ParameterSpec spec;
      spec.name = part + (role == Role::weight ? ".weight" : ".bias");
      spec.shape = role == Role::weight ? Shape{part_width(), input_width_} : Shape{part_width()};
      spec.role = role;
      spec.fan_in = input_width_;
      spec.fan_out = part_width();
      spec.joined = joined;
      specs.push_back(std::move(spec));
      joined = true;
    }
  }
}

void Dense::bind(const Parameters& parameters) {
  const std::string& first = parts_.front();
  const Shape matrix{output_width(), input_width_};
  const Shape vector{output_width()};
  w_ = parameters.joined_value(first + ".weight", matrix);
  b_ = parameters.joined_value(first + ".bias", vector);
  dw_ = parameters.joined_gradient(first + ".weight", matrix);
  db_ = parameters.joined_gradient(first + ".bias", vector);
}

Value& Dense::apply(Graph& graph, Value& x, Activation activation) {
  VAE_CHECK(x.width() == input_width_, "dense ", parts_.front(), ": it takes ", input_width_,
            " numbers a row, not ", x.width());
  const Shape item = parts_.size() == 1 ? item_ : Shape{output_width()};
  Value& y = graph.add_value(item, x.rows, activation);
  graph.add_node<DenseNode>(&y, *this, x, y);
  return y;
}

}  // namespace vae
