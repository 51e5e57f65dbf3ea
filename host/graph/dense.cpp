// SPDX-License-Identifier: MIT
#include "host/graph/dense.h"

#include "kernels/rules/activations.h"

namespace vae {

namespace {

View rows_of(const View& view, int64_t rows) { return view ? view.head(rows) : View(); }

}  // namespace

int64_t DenseLayer::output_width() const {
  return options_.part_width * static_cast<int64_t>(options_.parts.size());
}

void DenseLayer::declare(std::vector<ParameterSpec>& specs) const {
  using Role = ParameterSpec::Role;
  for (const Role role : {Role::weight, Role::bias}) {
    bool joined = false;
    for (const std::string& part : options_.parts) {
      ParameterSpec spec;
      spec.name = part + (role == Role::weight ? ".weight" : ".bias");
      spec.shape = role == Role::weight ? Shape{options_.part_width, options_.input_width}
                                        : Shape{options_.part_width};
      spec.role = role;
      spec.fan_in = options_.input_width;
      spec.fan_out = options_.part_width;
      spec.joined = joined;
      specs.push_back(std::move(spec));
      joined = true;
    }
  }
}

void DenseLayer::bind(const Parameters& parameters) {
  const std::string& first = options_.parts.front();
  const Shape matrix{output_width(), options_.input_width};
  const Shape vector{output_width()};
  w_ = parameters.joined_value(first + ".weight", matrix);
  b_ = parameters.joined_value(first + ".bias", vector);
  dw_ = parameters.joined_gradient(first + ".weight", matrix);
  db_ = parameters.joined_gradient(first + ".bias", vector);
}

void DenseLayer::plan(Arena& arena, int64_t rows, bool training) {
  const Shape shape{rows, output_width()};
  output_.activation = options_.activation;
  arena.request(output_.value, shape);
  if (needs_pre_activation(options_.activation)) arena.request(output_.pre, shape);
  if (training && !options_.gradient_in_output) arena.request(doutput_, shape);
}

void DenseLayer::forward(Backend& backend, const Signal& input, int64_t rows) {
  backend.issue(*as_dense(input, rows));
}

std::optional<DenseForwardArgs> DenseLayer::as_dense(const Signal& input, int64_t rows) const {
  DenseForwardArgs args;
  args.y = output_.value.head(rows);
  args.pre = rows_of(output_.pre, rows);
  args.x = input.value.head(rows);
  args.w = w_;
  args.b = b_;
  args.activation = options_.activation;
  return args;
}

void DenseLayer::backward(Backend& backend, ConstView doutput, const Signal& input, View dinput,
                          int64_t rows) {
  backend.issue(DenseBackwardWeightsArgs{dw_, db_, doutput, input.value.head(rows)});
  if (!dinput) return;
  DenseBackwardInputArgs args;
  args.dx = dinput;
  args.dy = doutput;
  args.w = w_;
  args.x = input.value.head(rows);
  args.pre = rows_of(input.pre, rows);
  args.activation = input.activation;
  backend.issue(args);
}

View DenseLayer::gradient(int64_t rows) const {
  return rows_of(options_.gradient_in_output ? output_.value : doutput_, rows);
}

}  // namespace vae
