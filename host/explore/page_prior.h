// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "vae/model.h"

namespace vae {

/// Where the prior has codes: a row where it is one for all, or one for each row of conditions that
/// a page may be told.
struct PagePrior {
  Array mean, deviation;  ///< [rows, Z]
  /// Of latents above z, whose p(z) is no Gaussian: codes to choose from [rows x draws_of_row, Z],
  /// of which the above are mean and deviation. Else empty.
  Array draws;
  int64_t draws_of_row = 0;
};

/// Nothing for N(0, I). `told` has the rows of conditions, as find_dots() does.
std::optional<PagePrior> find_prior(Model& model, const Array& told);

/// Of an array, the first rows.
Array first_rows(const Array& all, int64_t rows);

}  // namespace vae
