// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "host/graph/node.h"

namespace vae {

/// Values, the nodes between them, and the modules whose parameters they use. It is built without a
/// device; nodes run in the order in which they were added. Parts of it run by themselves: a
/// decoder without its encoder.
class Graph {
 public:
  /// The nodes from number `first` up to before number `last`.
  struct Section {
    std::size_t first = 0, last = 0;
  };

  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Building. What is returned lives as long as the graph.
  Value& add_value(Shape item, Rows rows, Activation activation = Activation::none);
  template <typename AModule, typename... Args>
  AModule& add_module(Args&&... args) {
    auto module = std::make_unique<AModule>(std::forward<Args>(args)...);
    AModule& result = *module;
    modules_.push_back(std::move(module));
    return result;
  }
  /// The node's output, if it has one, needs a gradient where an input or the node's module does.
  template <typename ANode, typename... Args>
  ANode& add_node(Value* output, Args&&... args) {
    auto node = std::make_unique<ANode>(std::forward<Args>(args)...);
    ANode& result = *node;
    append(std::move(node), output);
    return result;
  }
  std::size_t size() const { return nodes_.size(); }
  /// All nodes since there were `first` of them.
  Section since(std::size_t first) const { return {first, nodes_.size()}; }

  /// The tensors of all modules, in the order in which these were added.
  std::vector<ParameterSpec> parameter_specs() const;
  void bind(const Parameters& parameters);

  /// Requests memory for up to so many rows of images and of codes, and settles who writes each
  /// gradient first. Values keep the memory they have until the arena is allocated.
  void plan(Arena& arena, int64_t images, int64_t codes, bool training);
  /// After the arena was allocated.
  void prepare(Backend& backend);

  void forward(Pass& pass, Section section);
  /// The gradients of everything, after a forward pass with gradient over the same rows.
  void backward(Pass& pass);

 private:
  void append(std::unique_ptr<Node> node, Value* output);
  void plan_gradients();

  std::vector<std::unique_ptr<Value>> values_;
  std::vector<std::unique_ptr<Module>> modules_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace vae
