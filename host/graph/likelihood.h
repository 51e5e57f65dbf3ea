// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "host/graph/graph.h"

namespace vae {

/// The logarithm of a variance that all values share: one trained number.
class LogVariance final : public Module {
 public:
  LogVariance(std::string name, float initial) : name_(std::move(name)), initial_(initial) {}

  void declare(std::vector<ParameterSpec>& specs) const override;
  void bind(const Parameters& parameters) override;

  const View& value() const { return value_; }        // [1]
  const View& gradient() const { return gradient_; }  // [1], empty outside training

 private:
  std::string name_;
  float initial_;
  View value_, gradient_;
};

/// log p(target|z) of each code from the decoder's outputs: the end of a graph. A forward pass with
/// gradient leaves -1/images dlog p/doutputs in the place of the outputs.
class LikelihoodNode final : public Node {
 public:
  struct Options {
    Likelihood likelihood;
    float log_variance = 0.0f;                // where it is fixed
    LogVariance* learned_variance = nullptr;  // where it is trained
  };

  /// Adds the node to the graph. `target` has a row for each image.
  static LikelihoodNode& add(Graph& graph, Value& outputs, Value& target, const Options& options);

  void plan(Arena& arena, int64_t images, int64_t codes, bool training) override;
  void prepare(Backend& backend) override;
  void forward(Pass& pass) override;
  void backward(Pass&) override {}

  /// E[target|z] in the place of the outputs.
  void issue_mean(Pass& pass) const;

  const Value& outputs() const { return input(0); }
  const View& log_p() const { return log_p_; }  // [codes]

  LikelihoodNode(Value& outputs, Value& target, const Options& options)
      : Node({&outputs, &target}, options.learned_variance), options_(options) {}

 private:
  const Value& target() const { return input(1); }

  Options options_;
  View log_p_;
  View fixed_log_variance_;  // [1]
};

}  // namespace vae
