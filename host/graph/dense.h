// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "host/graph/layer.h"

namespace vae {

/// activation(x w^T + b). Several named parts of equal width share one matrix product: the two
/// linear heads mu and logvar are one DenseLayer with two parts.
class DenseLayer final : public Layer {
 public:
  struct Options {
    std::vector<std::string> parts;  // parameter prefixes: {"encoder.0"}, {"encoder.mu", ...}
    int64_t input_width = 1;         // I
    int64_t part_width = 1;          // O = parts * part_width
    Activation activation = Activation::none;
    bool gradient_in_output = false;  // the gradient overwrites the output: the last layer
  };

  explicit DenseLayer(Options options) : options_(std::move(options)) {}

  int64_t output_width() const override;
  void declare(std::vector<ParameterSpec>& specs) const override;
  void bind(const Parameters& parameters) override;
  void plan(Arena& arena, int64_t rows, bool training) override;
  void forward(Backend& backend, const Signal& input, int64_t rows) override;
  std::optional<DenseForwardArgs> as_dense(const Signal& input, int64_t rows) const override;
  const Signal& output() const override { return output_; }
  void backward(Backend& backend, ConstView doutput, const Signal& input, View dinput,
                int64_t rows) override;
  View gradient(int64_t rows) const override;

 private:
  Options options_;
  View w_, b_;    // [O, I], [O]
  View dw_, db_;  // likewise, empty outside training
  Signal output_;
  View doutput_;  // [rows, O]
};

}  // namespace vae
