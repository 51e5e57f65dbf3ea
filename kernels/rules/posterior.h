// SPDX-License-Identifier: MIT
//
// The posterior and the priors that the operations compute with.
#pragma once

#include "kernels/rules/diagonal_gaussian.h"
#include "kernels/rules/given_normal.h"
#include "kernels/rules/standard_normal.h"

namespace vae::rules {

using Posterior = DiagonalGaussian;
using Prior = StandardNormal;  // where none is given

}  // namespace vae::rules
