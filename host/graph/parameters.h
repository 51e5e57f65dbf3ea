// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/graph/arena.h"
#include "kernels/backend.h"

namespace vae {

/// What a layer declares: one named tensor of the model.
struct ParameterSpec {
  enum class Role { weight, bias, scalar };

  std::string name;  // as in checkpoints: "encoder.0.weight"
  Shape shape;       // [O, I], [O] or [1]
  Role role = Role::weight;
  int64_t fan_in = 1;
  int64_t fan_out = 1;
  float initial = 0.0f;  // of biases and scalars
  bool joined = false;   // follows the previous tensor without a gap, so that both form one matrix
};

/// A parameter with its gradient and moments; the last three are empty outside training.
struct Parameter {
  ParameterSpec spec;
  View value, gradient, first_moment, second_moment;
};

/// All parameters of a model in flat device arenas of one common layout.
class Parameters {
 public:
  Parameters(Backend& backend, std::vector<ParameterSpec> specs, bool training);

  std::span<const Parameter> all() const { return parameters_; }
  const Parameter& find(const std::string& name) const;

  /// The parameters `first` to `last` seen as one tensor: joined heads.
  View joined_value(const std::string& first, Shape shape) const;
  View joined_gradient(const std::string& first, Shape shape) const;

  View values() const { return values_; }  // [P], padding included
  View gradients() const { return gradients_; }
  View first_moments() const { return first_moments_; }
  View second_moments() const { return second_moments_; }
  int64_t count() const { return count_; }  // without padding

  std::vector<float> download(ConstView view) const;
  void upload(View view, std::span<const float> numbers);

 private:
  Backend& backend_;
  Arena arena_;
  std::vector<Parameter> parameters_;
  View values_, gradients_, first_moments_, second_moments_;
  int64_t count_ = 0;
};

}  // namespace vae
