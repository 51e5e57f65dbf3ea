// SPDX-License-Identifier: MIT
#include "host/graph/join.h"

#include <algorithm>
#include <utility>

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
      set_place(args, pass, args.y, *part.value);
      args.first = first;
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
  bool is_everywhere(const Value& x) const { return x.item.rank() < y_.item.rank(); }

  int64_t channels(const Value& x) const {
    return is_everywhere(x) ? x.width() : x.width() / positions_of(y_.item);
  }

  /// Where a part stands in the rows of `whole`, y or its gradient. To a vector that is repeated at
  /// every position, positions are rows.
  template <typename Args, typename Whole>
  void set_place(Args& args, const Pass& pass, Whole& whole, const Value& x) const {
    args.positions = positions_of(y_.item);
    args.repeat = pass.rows(y_.rows) / pass.rows(x.rows);
    if (!is_everywhere(x)) return;
    whole.shape = {whole.rows() * args.positions, whole.cols() / args.positions};
    args.repeat *= std::exchange(args.positions, 1);
  }

  void issue_gradient(Pass& pass, std::size_t i, int64_t first) {
    ConcatBackwardArgs args;
    set_input(args, pass, i);
    args.dy = pass.gradient(y_);
    set_place(args, pass, args.dy, input(i));
    args.first = first;
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
  const auto is_image = [](const Value* value) { return value->item.rank() == 3; };
  const auto image = std::find_if(values.begin(), values.end(), is_image);
  int64_t channels = 0;
  for (const Value* value : values) {
    const Shape& item = value->item;
    if (is_image(value)) {
      const Shape& first = (*image)->item;
      VAE_CHECK(item[0] == first[0] && item[1] == first[1],
                "concatenate takes vectors and images of one size, not ", first, " and ", item);
    }
    channels += item[item.rank() - 1];
  }
  Shape item{channels};
  if (image != values.end()) item = {(*image)->item[0], (*image)->item[1], channels};
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
