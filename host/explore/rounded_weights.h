// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "host/explore/packed_numbers.h"
#include "host/graph/parameters.h"
#include "vae/model.h"

namespace vae {

/// A tensor of weights by rows, as a page holds it.
RoundedRows rounded_tensor(const Parameters& parameters, const std::string& name);

/// While one of these lives a model's tensors of these names are as a page reads them.
class RoundedWeights {
 public:
  RoundedWeights(Parameters& parameters, const std::vector<std::string>& names);
  ~RoundedWeights();
  RoundedWeights(const RoundedWeights&) = delete;
  RoundedWeights& operator=(const RoundedWeights&) = delete;

 private:
  Parameters& parameters_;
  std::vector<std::pair<View, std::vector<float>>> before_;
};

/// The largest |difference| that this makes of what is decoded from codes [n, Z] with conditions.
double rounding_difference(Model& model, const std::vector<std::string>& names, const Array& codes,
                           const Array& conditions);

}  // namespace vae
