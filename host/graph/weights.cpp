// SPDX-License-Identifier: MIT
#include "host/graph/weights.h"

namespace vae {

void Weights::declare(std::vector<ParameterSpec>& specs) const {
  using Role = ParameterSpec::Role;
  for (const Role role : {Role::weight, Role::bias}) {
    bool joined = false;
    for (const std::string& part : options_.parts) {
      ParameterSpec spec;
      spec.name = part + (role == Role::weight ? ".weight" : ".bias");
      spec.shape = role == Role::weight ? options_.weight : Shape{options_.bias};
      spec.role = role;
      spec.fan_in = options_.fan_in;
      spec.fan_out = options_.fan_out;
      spec.drawn = options_.start == Start::drawn;
      spec.joined = joined;
      specs.push_back(std::move(spec));
      joined = true;
    }
  }
}

void Weights::bind(const Parameters& parameters) {
  const int64_t rows = options_.weight[0];
  const Shape matrix{parts() * rows, options_.weight.count() / rows};
  const Shape vector{parts() * options_.bias};
  w = parameters.joined_value(name() + ".weight", matrix);
  b = parameters.joined_value(name() + ".bias", vector);
  dw = parameters.joined_gradient(name() + ".weight", matrix);
  db = parameters.joined_gradient(name() + ".bias", vector);
}

}  // namespace vae
