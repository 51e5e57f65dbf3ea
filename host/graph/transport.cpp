// SPDX-License-Identifier: MIT
#include "host/graph/transport.h"

#include "kernels/check.h"

namespace vae {

namespace {

class TransportNode final : public Node {
 public:
  TransportNode(const TransportGeometry& geometry, Value& clip, Value& motion, const Value& y)
      : Node({&motion, &clip}), geometry_(geometry), y_(y) {}

  void forward(Pass& pass) override {
    pass.issue(TransportArgs{pass.data(y_), pass.data(input(1)), pass.data(input(0)), geometry_});
  }

  void backward(Pass& pass) override {
    if (input_gradient() == Gradient::none) return;
    pass.issue(TransportBackwardArgs{pass.gradient(input()), pass.gradient(y_), pass.data(input(1)),
                                     pass.data(input()), geometry_});
  }

 private:
  TransportGeometry geometry_;
  const Value& y_;
};

}  // namespace

Value& transport(Graph& graph, Value& clip, Value& motion, Shape item, int64_t seen) {
  VAE_CHECK(item.rank() == 3 && clip.width() == item.count() && clip.rows == Rows::images &&
                !clip.needs_gradient,
            "transport takes a clip of data, [H, W, T], one an image, not ", clip.item);
  VAE_CHECK(motion.item.rank() == 3 && motion.activation == Activation::none,
            "transport takes motions as an image of linear numbers, not ", motion.item);
  TransportGeometry geometry;
  geometry.height = item[0];
  geometry.width = item[1];
  geometry.frames = item[2];
  geometry.seen = seen;
  geometry.cells_down = motion.item[0];
  geometry.cells_across = motion.item[1];
  geometry.check("transport");
  VAE_CHECK(motion.item[2] == geometry.cell_numbers(), "transport takes ", geometry.cell_numbers(),
            " numbers a cell, not ", motion.item[2]);
  Value& y = graph.add_value(item, motion.rows);
  graph.add_node<TransportNode>(&y, geometry, clip, motion, y);
  return y;
}

}  // namespace vae
