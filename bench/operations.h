// SPDX-License-Identifier: MIT
//
// The operations that ops_bench measures: each with the tensors it needs and what it costs at
// least.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/workloads.h"
#include "kernels/backend.h"

namespace vae::ops {

/// Issues the operation once, on tensors that live as long as this does.
using Call = std::function<void()>;

struct Operation {
  std::string name;            ///< "dense_forward/mnist-b128/128x784x400"
  double flops = 0.0;          ///< of its matrix product
  double bytes = 0.0;          ///< each number read or written once
  double bytes_of_memory = 0;  ///< all its tensors
  std::string product;         ///< of workloads::Product; empty where it has none
  std::function<Call(Backend&)> make;
  std::function<Call(Backend&)> make_gemm;  ///< the product alone; empty where there is none
};

/// gemm, dense_forward, dense_backward_input if wanted, dense_backward_weights of one layer.
std::vector<Operation> layer_operations(const std::string& workload, const workloads::Layer& layer,
                                        bool input_gradient);

/// The same of every layer, as a training step needs them.
std::vector<Operation> dense_operations(const workloads::Workload& workload);

/// What else a training step does, with the workload's first and last width.
std::vector<Operation> other_operations(const workloads::Workload& workload);

/// The likelihood alone, of these rows and this width.
Operation likelihood_operation(const std::string& workload, int64_t rows, int64_t width);

}  // namespace vae::ops
