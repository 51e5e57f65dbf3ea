// SPDX-License-Identifier: MIT
#include "host/graph/initialization.h"

#include <cmath>

#include "kernels/philox.h"
#include "kernels/rules/likelihoods.h"

namespace vae {

namespace {

/// Half-width of a uniform or deviation of a normal distribution.
struct Distribution {
  bool normal = false;
  double spread = 0.0;
};

Distribution weight_distribution(Initialization scheme, const ParameterSpec& spec) {
  const auto in = static_cast<double>(spec.fan_in);
  const auto out = static_cast<double>(spec.fan_out);
  switch (scheme) {
    case Initialization::glorot_uniform:
      return {false, std::sqrt(6.0 / (in + out))};
    case Initialization::glorot_normal:
      return {true, std::sqrt(2.0 / (in + out))};
    case Initialization::he_uniform:
      return {false, std::sqrt(6.0 / in)};
    case Initialization::he_normal:
      return {true, std::sqrt(2.0 / in)};
    case Initialization::lecun_normal:
      return {true, std::sqrt(1.0 / in)};
    case Initialization::pytorch:
      return {false, 1.0 / std::sqrt(in)};
  }
  return {};
}

void draw(std::vector<float>& numbers, Distribution distribution, const PhiloxRow& row) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto element = static_cast<uint32_t>(i);
    const double unit = distribution.normal ? normal_element(row, element)
                                            : 2.0 * uniform_element(row, element) - 1.0;
    numbers[i] = static_cast<float>(distribution.spread * unit);
  }
}

}  // namespace

void initialize_parameters(Parameters& parameters, Initialization scheme, uint64_t seed) {
  uint32_t index = 0;
  for (const Parameter& parameter : parameters.all()) {
    const ParameterSpec& spec = parameter.spec;
    const bool random_bias =
        spec.role == ParameterSpec::Role::bias && scheme == Initialization::pytorch;
    std::vector<float> numbers(spec.shape.count(), spec.initial);
    if (spec.drawn && (spec.role == ParameterSpec::Role::weight || random_bias)) {
      draw(numbers, weight_distribution(scheme, spec),
           philox_row(seed, Stream::initialize, 0, index));
    }
    parameters.upload(parameter.value, numbers);
    if (spec.role != ParameterSpec::Role::scalar) ++index;
  }
}

std::vector<float> output_bias(std::span<const double> mean_pixels, Likelihood likelihood,
                               Variance variance) {
  std::vector<float> bias;
  visit(likelihood, variance, [&](auto rule) {
    for (const double pixel : mean_pixels) {
      for (const double output : rule.output_of(pixel).output) {
        bias.push_back(static_cast<float>(output));
      }
    }
  });
  return bias;
}

}  // namespace vae
