// SPDX-License-Identifier: MIT
//
// The latent and the prior that the operations compute with.
#pragma once

#include "kernels/rules/diagonal_gaussian.h"
#include "kernels/rules/standard_normal.h"

namespace vae::rules {

using Prior = StandardNormal;
using Posterior = DiagonalGaussian<Prior>;

}  // namespace vae::rules
