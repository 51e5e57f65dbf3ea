// SPDX-License-Identifier: MIT
#include "host/graph/dense.h"

#include <utility>

#include "kernels/check.h"

namespace vae {

namespace {

class DenseNode final : public Node {
 public:
  DenseNode(const Module& module, const Weights& weights, Value& x, const Value& y)
      : Node({&x}, &module), weights_(weights), y_(y) {}

  void forward(Pass& pass) override {
    DenseForwardArgs args;
    args.y = pass.data(y_);
    args.pre = pass.pre(y_);
    args.x = pass.data(input());
    args.w = weights_.w;
    args.b = weights_.b;
    args.activation = y_.activation;
    pass.issue(args);
  }

  void backward(Pass& pass) override {
    DenseBackwardWeightsArgs weights;
    weights.dw = weights_.dw;
    weights.db = weights_.db;
    weights.dy = pass.gradient(y_);
    weights.x = pass.data(input());
    weights.accumulate = parameter_gradient() == Gradient::add;
    pass.issue(weights);
    if (input_gradient() == Gradient::none) return;
    DenseBackwardInputArgs args;
    set_input(args, pass);
    args.dy = pass.gradient(y_);
    args.w = weights_.w;
    pass.issue(args);
  }

  bool adds_gradients() const override { return true; }

 private:
  const Weights& weights_;
  const Value& y_;
};

}  // namespace

Dense::Dense(std::vector<std::string> parts, int64_t input_width, Shape item, Start start)
    : input_width_(input_width),
      item_(item),
      weights_({std::move(parts),
                {item.count(), input_width},
                item.count(),
                input_width,
                item.count(),
                start}) {}

Value& Dense::apply(Graph& graph, Value& x, Activation activation) {
  VAE_CHECK(x.width() == input_width_, weights_.name(), " takes ", input_width_,
            " numbers a row, not ", x.width());
  const Shape item = weights_.parts() == 1 ? item_ : Shape{weights_.parts() * item_.count()};
  Value& y = graph.add_value(item, x.rows, activation);
  graph.add_node<DenseNode>(&y, *this, weights_, x, y);
  return y;
}

}  // namespace vae
