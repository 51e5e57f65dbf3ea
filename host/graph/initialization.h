// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/graph/parameters.h"
#include "vae/config.h"

namespace vae {

/// Draws every weight (and, under `pytorch`, every bias) on the host from stream initialize:
/// tensor i is row i, so a tensor's numbers depend on nothing but the seed and its place among the
/// weights and biases.
void initialize_parameters(Parameters& parameters, Initialization scheme, uint64_t seed);

/// Output bias under which the untrained decoder predicts the mean image: its logit for the
/// Bernoulli (pixels kept away from 0 and 1), the mean itself for the Gaussian; scales are a
/// guess [kernels/rules, output_of()].
std::vector<float> output_bias(std::span<const double> mean_pixels, Likelihood likelihood,
                               Variance variance);

}  // namespace vae
