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
  float initial = 0.0f;  // of scalars
  bool drawn = true;     // how weights and biases start; else they are zero
  bool joined = false;   // follows the previous tensor without a gap, so that both form one matrix
};

/// A parameter with its gradient and moments; these are empty outside training, and so is its
/// average where none is kept.
struct Parameter {
  ParameterSpec spec;
  View value, gradient, first_moment, second_moment, average;
};

/// All parameters of a model in flat device arenas of one common layout.
class Parameters {
 public:
  Parameters(Backend& backend, std::vector<ParameterSpec> specs, bool training);

  std::span<const Parameter> all() const { return parameters_; }
  const Parameter& find(const std::string& name) const;

  /// Makes room for a second set of values, their running means, which begin as the values are.
  /// Throws Error(out_of_memory).
  void keep_averages();
  /// Lets the running means, where they are kept, begin anew.
  void restart_averages();

  /// The parameters `first` to `last` seen as one tensor: joined heads.
  View joined_value(const std::string& first, Shape shape) const;
  View joined_gradient(const std::string& first, Shape shape) const;

  View values() const { return values_; }  // [P], padding included
  View gradients() const { return gradients_; }
  View first_moments() const { return first_moments_; }
  View second_moments() const { return second_moments_; }
  View averages() const { return averages_; }  // empty where none are kept
  int64_t count() const { return count_; }     // without padding

  std::vector<float> download(ConstView view) const;
  void upload(View view, std::span<const float> numbers);

 private:
  Backend& backend_;
  Arena arena_;
  Arena averages_arena_;
  std::vector<Parameter> parameters_;
  View values_, gradients_, first_moments_, second_moments_, averages_;
  int64_t count_ = 0;
};

/// While one of these lives the values are the running means, where such are kept: what an
/// evaluation or a picture is made with. Nothing may train meanwhile.
class AveragedValues {
 public:
  explicit AveragedValues(Parameters& parameters);
  ~AveragedValues();
  AveragedValues(const AveragedValues&) = delete;
  AveragedValues& operator=(const AveragedValues&) = delete;

 private:
  Parameters& parameters_;
  std::vector<float> trained_;  // the values to go on with
};

}  // namespace vae
