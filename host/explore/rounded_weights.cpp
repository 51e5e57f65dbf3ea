// SPDX-License-Identifier: MIT
#include "host/explore/rounded_weights.h"

#include <algorithm>
#include <cmath>

#include "host/model/model_impl.h"

namespace vae {

RoundedRows rounded_tensor(const Parameters& parameters, const std::string& name) {
  const Parameter& tensor = parameters.find(name);
  return round_rows(parameters.download(tensor.value), tensor.spec.shape[0]);
}

RoundedWeights::RoundedWeights(Parameters& parameters, const std::vector<std::string>& names)
    : parameters_(parameters) {
  for (const std::string& name : names) {
    const View value = parameters.find(name).value;
    before_.emplace_back(value, parameters.download(value));
  }
  for (const std::string& name : names) {
    parameters.upload(parameters.find(name).value, rounded_tensor(parameters, name).values());
  }
}

RoundedWeights::~RoundedWeights() {
  for (const auto& [view, numbers] : before_) parameters_.upload(view, numbers);
}

double rounding_difference(Model& model, const std::vector<std::string>& names, const Array& codes,
                           const Array& conditions) {
  const Array exact = model.decode(codes, conditions);
  const RoundedWeights rounded(model.impl().network->parameters(), names);
  const Array near = model.decode(codes, conditions);
  double largest = 0.0;
  for (std::size_t i = 0; i < exact.values.size(); ++i) {
    const double difference = std::abs(static_cast<double>(exact.values[i]) - near.values[i]);
    largest = std::max(largest, difference);
  }
  return largest;
}

}  // namespace vae
