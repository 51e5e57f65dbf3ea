// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "host/graph/parameters.h"

namespace vae {

/// How weights and biases begin.
enum class Start { drawn, zero };

/// The weight matrix and the bias of a linear module. Several named parts of equal shape lie one
/// below the other and form one matrix: the two heads mu and logvar share one product.
class Weights {
 public:
  struct Options {
    std::vector<std::string> parts;  // prefixes of names: {"encoder.0"}, {"encoder.mu", ...}
    Shape weight;                    // of a part, [rows, ...]
    int64_t bias = 1;                // numbers, of a part
    int64_t fan_in = 1, fan_out = 1;
    Start start = Start::drawn;
  };

  explicit Weights(Options options) : options_(std::move(options)) {}

  void declare(std::vector<ParameterSpec>& specs) const;
  void bind(const Parameters& parameters);

  const std::string& name() const { return options_.parts.front(); }
  int64_t parts() const { return static_cast<int64_t>(options_.parts.size()); }

  View w, b;    // [parts * rows, ...], [parts * bias]
  View dw, db;  // likewise, empty outside training

 private:
  Options options_;
};

}  // namespace vae
