// SPDX-License-Identifier: MIT
#include "host/graph/join.h"

#include <algorithm>

#include "kernels/check.h"

namespace vae {

namespace {

class AddNode final : public Node {
 public:
  AddNode(Value& a, Value& b, const Value& y) : Node({&a, &b}), y_(y) {}

  void forward(Pass& pass) override {
    AddArgs args;
    args.y = pass.data(y_);
    args.pre = pass.pre(y_);
    args.a = pass.data(input(0));
    args.b = pass.data(input(1));
    args.activation = y_.activation;
    pass.issue(args);
  }

  void backward(Pass& pass) override {
    for (std::size_t i = 0; i < 2; ++i) {
      if (input_gradient(i) == Gradient::none) continue;
      AddBackwardArgs args;
      set_input(args, pass, i);
      args.dy = pass.gradient(y_);
      pass.issue(args);
    }
  }

  bool adds_gradients() const override { return true; }

 private:
  const Value& y_;
};

int64_t positions_of(const Shape& item) { return item.rank() == 3 ? item[0] * item[1] : 1; }

Rows rows_of_all(const std::vector<Value*>& values) {
  const auto of_codes = [](const Value* value) { return value->rows == Rows::codes; };
  return std::any_of(values.begin(), values.end(), of_codes) ? Rows::codes : Rows::images;
}

class ConcatenateNode final : public Node {
 public:
  ConcatenateNode(const std::vector<Value*>& values, const Value& y) : Node(values), y_(y) {}

  void forward(Pass& pass) override {
    int64_t first = 0;
    for (const Input& part : inputs()) {
      ConcatArgs args;
      args.y = pass.data(y_);
      args.x = pass.data(*part.value);
      args.positions = positions_of(y_.item);
      args.first = first;
      args.repeat = repeat(pass, *part.value);
      pass.issue(args);
      first += channels(*part.value);
    }
  }

  void backward(Pass& pass) override {
    int64_t first = 0;
    for (std::size_t i = 0; i < inputs().size(); ++i) {
      if (input_gradient(i) != Gradient::none) issue_gradient(pass, i, first);
      first += channels(input(i));
    }
  }

  bool adds_gradients() const override { return true; }

 private:
  int64_t channels(const Value& x) const { return x.width() / positions_of(y_.item); }

  int64_t repeat(const Pass& pass, const Value& x) const {
    return pass.rows(y_.rows) / pass.rows(x.rows);
  }

  void issue_gradient(Pass& pass, std::size_t i, int64_t first) {
    ConcatBackwardArgs args;
    set_input(args, pass, i);
    args.dy = pass.gradient(y_);
    args.positions = positions_of(y_.item);
    args.first = first;
    args.repeat = repeat(pass, input(i));
    pass.issue(args);
  }

  const Value& y_;
};

}  // namespace

Value& add(Graph& graph, Value& a, Value& b, Activation activation) {
  VAE_CHECK(a.item == b.item && a.rows == b.rows, "add takes two values of one shape, not ", a.item,
            " and ", b.item);
  Value& y = graph.add_value(a.item, a.rows, activation);
  graph.add_node<AddNode>(&y, a, b, y);
  return y;
}

Value& concatenate(Graph& graph, const std::vector<Value*>& values) {
  VAE_CHECK(!values.empty(), "concatenate takes at least one value");
  const Shape& first = values.front()->item;
  int64_t channels = 0;
  for (const Value* value : values) {
    const Shape& item = value->item;
    const bool alike = item.rank() == first.rank() &&
                       (item.rank() != 3 || (item[0] == first[0] && item[1] == first[1]));
    VAE_CHECK(alike, "concatenate takes vectors, or images of one size, not ", first, " and ",
              item);
    channels += item[item.rank() - 1];
  }
  const Shape item = first.rank() == 3 ? Shape{first[0], first[1], channels} : Shape{channels};
  Value& y = graph.add_value(item, rows_of_all(values));
  graph.add_node<ConcatenateNode>(&y, values, y);
  return y;
}

Value& concatenate_flat(Graph& graph, const std::vector<Value*>& values) {
  int64_t width = 0;
  for (const Value* value : values) width += value->width();
  Value& y = graph.add_value({width}, rows_of_all(values));
  graph.add_node<ConcatenateNode>(&y, values, y);
  return y;
}

}  // namespace vae
