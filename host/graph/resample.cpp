// SPDX-License-Identifier: MIT
#include "host/graph/resample.h"

#include "kernels/check.h"

namespace vae {

namespace {

/// Both directions differ in the operations that they issue.
template <typename ForwardArgs, typename BackwardArgs>
class ResampleNode final : public Node {
 public:
  ResampleNode(const ScaleGeometry& geometry, Value& x, const Value& y)
      : Node({&x}), geometry_(geometry), y_(y) {}

  void forward(Pass& pass) override {
    ForwardArgs args;
    args.y = pass.data(y_);
    args.x = pass.data(input());
    args.geometry = geometry_;
    pass.issue(args);
  }

  void backward(Pass& pass) override {
    if (input_gradient() == Gradient::none) return;
    BackwardArgs args;
    set_input(args, pass);
    args.dy = pass.gradient(y_);
    args.geometry = geometry_;
    pass.issue(args);
  }

  bool adds_gradients() const override { return true; }

 private:
  ScaleGeometry geometry_;
  const Value& y_;
};

void check_image(const Value& x, const char* what) {
  VAE_CHECK(x.item.rank() == 3, what, " takes images [H, W, C], not ", x.item);
}

}  // namespace

Value& upsample(Graph& graph, Value& x, int64_t factor) {
  check_image(x, "upsample");
  const int64_t height = x.item[0], width = x.item[1], channels = x.item[2];
  Value& y = graph.add_value({height * factor, width * factor, channels}, x.rows);
  const ScaleGeometry geometry{height, width, channels, factor};
  graph.add_node<ResampleNode<UpsampleArgs, UpsampleBackwardArgs>>(&y, geometry, x, y);
  return y;
}

Value& average_pool(Graph& graph, Value& x, int64_t factor) {
  check_image(x, "pool");
  VAE_CHECK(x.item[0] % factor == 0 && x.item[1] % factor == 0, "pool ", factor,
            " takes images whose sides are multiples of it, not ", x.item);
  const int64_t height = x.item[0] / factor, width = x.item[1] / factor, channels = x.item[2];
  Value& y = graph.add_value({height, width, channels}, x.rows);
  const ScaleGeometry geometry{height, width, channels, factor};
  graph.add_node<ResampleNode<AveragePoolArgs, AveragePoolBackwardArgs>>(&y, geometry, x, y);
  return y;
}

}  // namespace vae
