// SPDX-License-Identifier: MIT
#include "host/graph/conv.h"

#include <utility>

#include "kernels/check.h"

namespace vae {

namespace {

class ConvNode final : public Node {
 public:
  ConvNode(const Module& module, const Weights& weights, const ConvGeometry& geometry,
           bool transposed, Value& x, const Value& y)
      : Node({&x}, &module),
        weights_(weights),
        geometry_(geometry),
        transposed_(transposed),
        y_(y) {}

  void forward(Pass& pass) override {
    ConvForwardArgs args;
    args.y = pass.data(y_);
    args.pre = pass.pre(y_);
    args.x = pass.data(input());
    args.w = weights_.w;
    args.b = weights_.b;
    args.activation = y_.activation;
    args.geometry = geometry_;
    args.transposed = transposed_;
    pass.issue(args);
  }

  void backward(Pass& pass) override {
    ConvBackwardWeightsArgs weights;
    weights.dw = weights_.dw;
    weights.db = weights_.db;
    weights.dy = pass.gradient(y_);
    weights.x = pass.data(input());
    weights.geometry = geometry_;
    weights.transposed = transposed_;
    weights.samples = y_.rows == Rows::codes ? pass.samples() : 1;
    weights.accumulate = parameter_gradient() == Gradient::add;
    pass.issue(weights);
    if (input_gradient() == Gradient::none) return;
    ConvBackwardInputArgs args;
    set_input(args, pass);
    args.dy = pass.gradient(y_);
    args.w = weights_.w;
    args.geometry = geometry_;
    args.transposed = transposed_;
    pass.issue(args);
  }

  bool adds_gradients() const override { return true; }

 private:
  const Weights& weights_;
  ConvGeometry geometry_;
  bool transposed_;
  const Value& y_;
};

/// The fans are those of PyTorch, which counts a transposed convolution's as those of the
/// convolution that has its weight.
Weights::Options weights_of(std::vector<std::string> parts, const ConvGeometry& geometry,
                            bool transposed, Start start) {
  const auto count = static_cast<int64_t>(parts.size());
  VAE_CHECK(geometry.filters % count == 0 && (count == 1 || !transposed), parts.front(),
            ": its filters are not those of ", count, " equal parts");
  const int64_t filters = geometry.filters / count;
  Weights::Options options;
  options.parts = std::move(parts);
  options.weight = {filters, geometry.kernel_height, geometry.kernel_width, geometry.channels};
  options.bias = transposed ? geometry.channels : filters;
  options.fan_in = geometry.row_weights();
  options.fan_out = filters * geometry.taps();
  options.start = start;
  return options;
}

}  // namespace

Conv::Conv(std::vector<std::string> parts, const ConvGeometry& geometry, bool transposed,
           Start start)
    : geometry_(geometry),
      transposed_(transposed),
      weights_(weights_of(std::move(parts), geometry, transposed, start)) {}

Value& Conv::apply(Graph& graph, Value& x, Activation activation) {
  const ConvGeometry& g = geometry_;
  const Shape large{g.height, g.width, g.channels}, small{g.out_height, g.out_width, g.filters};
  const Shape& taken = transposed_ ? small : large;
  VAE_CHECK(x.item == taken, weights_.name(), " takes images ", taken, ", not ", x.item);
  Value& y = graph.add_value(transposed_ ? large : small, x.rows, activation);
  graph.add_node<ConvNode>(&y, *this, weights_, geometry_, transposed_, x, y);
  return y;
}

}  // namespace vae
