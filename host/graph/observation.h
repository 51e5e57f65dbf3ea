// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "host/graph/graph.h"

namespace vae {

/// log p(target|z) of each code from the decoder's outputs: the end of a graph. A forward pass with
/// gradient leaves -1/images dlog p/doutputs, times the code's weight where the pass has weights,
/// in the place of the outputs.
class ObservationNode : public Node {
 public:
  using Node::Node;

  void backward(Pass&) override {}

  /// Writes mean().
  virtual void issue_mean(Pass& pass) const = 0;

  const Value& outputs() const { return input(0); }
  /// E[target|z]; perhaps in the place of the outputs.
  virtual const View& mean() const { return outputs().data; }
  const View& log_p() const { return log_p_; }  // [codes]

 protected:
  View log_p_;
};

}  // namespace vae
