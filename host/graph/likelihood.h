// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "host/graph/observation.h"

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

/// Of a target of floats, with outputs_per_value() neighbouring outputs for each of its values.
class LikelihoodNode final : public ObservationNode {
 public:
  struct Options {
    Likelihood likelihood;
    Variance variance = Variance::fixed;
    float log_variance = 0.0f;                // where it is fixed
    LogVariance* learned_variance = nullptr;  // where it is trained
    const Value* weights = nullptr;           // of the target's values; none: all count alike
  };

  /// Adds the node to the graph. `target` has a row for each image.
  static LikelihoodNode& add(Graph& graph, Value& outputs, Value& target, const Options& options);

  void plan(Arena& arena, int64_t images, int64_t codes, bool training) override;
  void prepare(Backend& backend) override;
  void forward(Pass& pass) override;
  void issue_mean(Pass& pass) const override;

  /// In the place of the outputs where each value has one.
  const View& mean() const override { return mean_ ? mean_ : outputs().data; }

  LikelihoodNode(Value& outputs, Value& target, const Options& options)
      : ObservationNode({&outputs, &target}, options.learned_variance), options_(options) {}

 private:
  const Value& target() const { return input(1); }

  Options options_;
  View fixed_log_variance_;  // [1]
  View mean_;                // [codes, target's width] where values have several outputs
};

}  // namespace vae
