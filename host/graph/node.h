// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "host/graph/arena.h"
#include "host/graph/parameters.h"
#include "host/graph/pass.h"
#include "host/graph/value.h"

namespace vae {

/// What a backward pass does to memory that several nodes may write a gradient to. Fixed when a
/// graph is planned, so that the order of sums is too.
enum class Gradient {
  none,       // nobody needs it
  overwrite,  // this is the first node of the pass to write there
  add,        // others were before
};

/// Parameters: named tensors. A module may be applied several times in one graph; the gradients of
/// its applications add up.
class Module {
 public:
  virtual ~Module() = default;
  virtual void declare(std::vector<ParameterSpec>& specs) const = 0;
  /// Takes its tensors, which declare() named.
  virtual void bind(const Parameters& parameters) = 0;
};

/// One step of a graph, from input values to an output value; often the application of a module. A
/// new kind of node implements this, and nothing else knows its kind.
class Node {
 public:
  struct Input {
    Value* value;
    Gradient gradient = Gradient::none;  // set by Graph::plan()
  };

  Node(std::vector<Value*> inputs, const Module* module = nullptr) : module_(module) {
    for (Value* value : inputs) inputs_.push_back({value});
  }
  virtual ~Node() = default;

  /// Requests memory of its own for up to so many rows.
  virtual void plan(Arena&, int64_t /*images*/, int64_t /*codes*/, bool /*training*/) {}
  /// Fills that memory, where it has to be before the first pass.
  virtual void prepare(Backend&) {}

  virtual void forward(Pass& pass) = 0;
  /// From the gradient of its output: those of the module's parameters, then those of its inputs
  /// that have one. Nodes that are the end of a graph left it in the forward pass.
  virtual void backward(Pass& pass) = 0;

  std::vector<Input>& inputs() { return inputs_; }
  const std::vector<Input>& inputs() const { return inputs_; }
  const Module* module() const { return module_; }
  /// Whether gradients may be added to what another node left.
  virtual bool adds_gradients() const { return false; }
  void set_parameter_gradient(Gradient gradient) { parameter_gradient_ = gradient; }

 protected:
  const Value& input(std::size_t i = 0) const { return *inputs_[i].value; }
  Gradient input_gradient(std::size_t i = 0) const { return inputs_[i].gradient; }
  Gradient parameter_gradient() const { return parameter_gradient_; }

  /// Sets what every operation with a `dx` is told of the input that it is the gradient of.
  template <typename Args>
  void set_input(Args& args, const Pass& pass, std::size_t i = 0) const {
    const Value& x = input(i);
    args.dx = pass.gradient(x);
    args.x = pass.data(x);
    args.pre = pass.pre(x);
    args.activation = x.activation;
    args.accumulate = input_gradient(i) == Gradient::add;
  }

 private:
  std::vector<Input> inputs_;
  const Module* module_;
  Gradient parameter_gradient_ = Gradient::none;
};

}  // namespace vae
