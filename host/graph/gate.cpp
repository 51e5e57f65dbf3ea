// SPDX-License-Identifier: MIT
#include "host/graph/gate.h"

#include "kernels/check.h"

namespace vae {

namespace {

class GateNode final : public Node {
 public:
  GateNode(Value& heads, const Value& y) : Node({&heads}), y_(y) {}

  void forward(Pass& pass) override { pass.issue(GateArgs{pass.data(y_), pass.data(input())}); }

  void backward(Pass& pass) override {
    if (input_gradient() == Gradient::none) return;
    pass.issue(GateBackwardArgs{pass.gradient(input()), pass.gradient(y_), pass.data(input())});
  }

 private:
  const Value& y_;
};

}  // namespace

Value& gate(Graph& graph, Value& heads, Shape item) {
  VAE_CHECK(heads.width() == 2 * item.count() && heads.activation == Activation::none,
            "gate takes twice as many linear numbers as it makes, ", 2 * item.count(), ", not ",
            heads.width());
  Value& y = graph.add_value(item, heads.rows);
  graph.add_node<GateNode>(&y, heads, y);
  return y;
}

}  // namespace vae
