// SPDX-License-Identifier: MIT
#include "host/explore/page_prior.h"

#include <algorithm>
#include <cmath>

#include "host/model/batches.h"
#include "host/model/model_impl.h"

namespace vae {
namespace {

constexpr int64_t kFewestDraws = 8, kMostDraws = 256, kMostDrawsOfAll = 4096;  // of codes
constexpr uint64_t kDrawSeed = 1;  // the same page whoever writes it

/// Each row so many times, one behind the other.
Array repeated_rows(const Array& rows, int64_t times) {
  if (rows.values.empty()) return {};
  Array all{{rows.rows() * times, rows.row_size()}, {}};
  for (int64_t row = 0; row < rows.rows(); ++row) {
    for (int64_t i = 0; i < times; ++i) {
      all.values.insert(all.values.end(), rows.row(row), rows.row(row) + rows.row_size());
    }
  }
  return all;
}

Array drawn_codes(Model::Impl& impl, int64_t count, const Array& conditions) {
  Array codes{{count, impl.config.model.latent}, {}};
  impl.for_draws(count, conditions, kDrawSeed, 0, [&](int64_t rows) {
    append(*impl.backend, impl.network->latent(rows), codes.values);
  });
  return codes;
}

/// Mean and deviation of each column over `count` rows from `first` on, behind those of others.
void add_moments(const Array& codes, int64_t first, int64_t count, PagePrior& prior) {
  for (int64_t k = 0; k < codes.row_size(); ++k) {
    double sum = 0.0, squares = 0.0;
    for (int64_t row = first; row < first + count; ++row) sum += codes.row(row)[k];
    const double mean = sum / static_cast<double>(count);
    for (int64_t row = first; row < first + count; ++row) {
      squares += (codes.row(row)[k] - mean) * (codes.row(row)[k] - mean);
    }
    prior.mean.values.push_back(static_cast<float>(mean));
    prior.deviation.values.push_back(
        static_cast<float>(std::sqrt(squares / static_cast<double>(count))));
  }
}

PagePrior drawn_prior(Model& model, const Array& conditions, int64_t rows) {
  PagePrior prior;
  prior.draws_of_row = std::clamp(kMostDrawsOfAll / rows, kFewestDraws, kMostDraws);
  prior.draws = drawn_codes(model.impl(), rows * prior.draws_of_row,
                            repeated_rows(conditions, prior.draws_of_row));
  prior.mean.shape = prior.deviation.shape = {rows, model.config().latent};
  for (int64_t row = 0; row < rows; ++row) {
    add_moments(prior.draws, row * prior.draws_of_row, prior.draws_of_row, prior);
  }
  return prior;
}

PagePrior gaussian_prior(Model& model, const Array& conditions, int64_t rows) {
  const int64_t latent = model.config().latent;
  Array codes{{rows, latent}, std::vector<float>(static_cast<std::size_t>(rows * latent))};
  PagePrior prior;
  prior.mean = model.in_prior(codes, conditions);
  std::fill(codes.values.begin(), codes.values.end(), 1.0f);
  prior.deviation = model.in_prior(codes, conditions);
  for (std::size_t i = 0; i < codes.values.size(); ++i) {
    prior.deviation.values[i] -= prior.mean.values[i];
  }
  return prior;
}

}  // namespace

Array first_rows(const Array& all, int64_t rows) {
  if (all.values.empty()) return {};
  return {{rows, all.row_size()}, {all.row(0), all.row(rows)}};
}

std::optional<PagePrior> find_prior(Model& model, const Array& told) {
  const ModelConfig& config = model.config();
  const bool has_top = config.top_latent > 0;
  if (config.prior == Prior::standard && !has_top) return {};
  const int64_t rows = config.prior == Prior::conditional ? told.rows() : 1;
  const Array conditions = first_rows(told, rows);
  return has_top ? drawn_prior(model, conditions, rows) : gaussian_prior(model, conditions, rows);
}

}  // namespace vae
