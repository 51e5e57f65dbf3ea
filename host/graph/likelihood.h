// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "host/graph/graph.h"

namespace vae {

/// The logarithm of a variance that all values share, or of one for each channel: trained numbers.
class LogVariance final : public Module {
 public:
  LogVariance(std::string name, int64_t count, float initial)
      : name_(std::move(name)), count_(count), initial_(initial) {}

  void declare(std::vector<ParameterSpec>& specs) const override;
  void bind(const Parameters& parameters) override;

  const View& value() const { return value_; }        // [count]
  const View& gradient() const { return gradient_; }  // [count], empty outside training

 private:
  std::string name_;
  int64_t count_;
  float initial_;
  View value_, gradient_;
};

/// log p(target|z) of each code from the decoder's outputs, outputs_per_value() neighbouring ones
/// for each value of the target: the end of a graph. A forward pass with gradient leaves -1/images
/// dlog p/doutputs, times the code's weight where the pass has weights, in the place of the
/// outputs.
class LikelihoodNode final : public Node {
 public:
  struct Options {
    Likelihood likelihood;
    Variance variance = Variance::fixed;
    float log_variance = 0.0f;                // where it is fixed
    LogVariance* learned_variance = nullptr;  // where it is trained
  };

  /// Adds the node to the graph. `target` has a row for each image.
  static LikelihoodNode& add(Graph& graph, Value& outputs, Value& target, const Options& options);

  void plan(Arena& arena, int64_t images, int64_t codes, bool training) override;
  void prepare(Backend& backend) override;
  void forward(Pass& pass) override;
  void backward(Pass&) override {}

  /// Writes mean().
  void issue_mean(Pass& pass) const;

  const Value& outputs() const { return input(0); }
  /// E[target|z], in the place of the outputs where each value has one.
  const View& mean() const { return mean_ ? mean_ : outputs().data; }
  const View& log_p() const { return log_p_; }  // [codes]

  LikelihoodNode(Value& outputs, Value& target, const Options& options)
      : Node({&outputs, &target}, options.learned_variance), options_(options) {}

 private:
  const Value& target() const { return input(1); }

  Options options_;
  View log_p_;
  View fixed_log_variance_;  // [1]
  View mean_;                // [codes, target's width] where values have several outputs
};

}  // namespace vae
