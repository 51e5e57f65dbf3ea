// SPDX-License-Identifier: MIT
//
// Elementwise loops and row sums of one instruction set, and its table. See isa.h.
#include "kernels/cpu/vector_ops_isa.h"

#include "kernels/math.h"
#include "kernels/rules/activations.h"
#include "kernels/rules/adam.h"
#include "kernels/rules/categorical.h"
#include "kernels/rules/detection.h"
#include "kernels/rules/likelihoods.h"
#include "kernels/rules/muon.h"
#include "kernels/rules/posterior.h"
#include "kernels/rules/running_mean.h"

namespace vae::cpu {

namespace VAE_ISA_NAMESPACE {

namespace {

template <typename Rule>
void bias_activate_by(Rule rule, float* y, float* pre, const float* b, int64_t count) {
  if (pre != nullptr) {
    VAE_INDEPENDENT
    for (int64_t i = 0; i < count; ++i) {
      pre[i] = y[i] + b[i];
      y[i] = rule.value(pre[i]);
    }
    return;
  }
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) y[i] = rule.value(y[i] + b[i]);
}

void bias_activate(float* y, float* pre, const float* b, int64_t count, Activation activation) {
  visit(activation, [&](auto rule) { bias_activate_by(rule, y, pre, b, count); });
}

void multiply_slope(float* dx, const float* y_or_pre, int64_t count, Activation activation) {
  visit(activation, [&](auto rule) {
    VAE_INDEPENDENT
    for (int64_t i = 0; i < count; ++i) dx[i] *= rule.slope(y_or_pre[i]);
  });
}

void add(float* sum, const float* row, int64_t count) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) sum[i] += row[i];
}

float kl(const float* posterior, const float* prior, int64_t width, LogvarRange range) {
  const float *const mu = posterior, *const logvar = posterior + width;
  return with_prior(prior, width, range, [&](auto prior_of) {
    return row_sum(width, [&](int64_t i) {
      return prior_of(i).kl(mu[i], rules::Posterior::logvar(logvar[i], range));
    });
  });
}

/// With constants(i) what value i is computed with.
template <typename Rule, typename Constants>
float log_p_by(Rule rule, float* doutputs, const float* outputs, const float* x, int64_t count,
               Constants constants, float scale) {
  constexpr int kPerValue = Rule::kPerValue;
  if (doutputs == nullptr) {
    return row_sum(count, [&](int64_t i) {
      return rule.term(outputs + kPerValue * i, x[i], constants(i)).log_p;
    });
  }
  return row_sum(count, [&](int64_t i) {
    const auto term = rule.term(outputs + kPerValue * i, x[i], constants(i));
    for (int j = 0; j < kPerValue; ++j) doutputs[kPerValue * i + j] = -scale * term.slope[j];
    return term.log_p;
  });
}

float log_p(float* doutputs, const float* outputs, const float* x, int64_t count,
            const ObservationModel& model, float scale) {
  return visit(model.likelihood, model.variance, [&](auto rule) {
    return with_constants(rule, model, [&](auto constants) {
      return log_p_by(rule, doutputs, outputs, x, count, constants, scale);
    });
  });
}

template <typename Rule, typename Constants>
float weighted_log_p_by(Rule rule, float* doutputs, const float* outputs, const float* x,
                        const float* weights, int64_t count, Constants constants, float scale) {
  constexpr int kPerValue = Rule::kPerValue;
  if (doutputs == nullptr) {
    return row_sum(count, [&](int64_t i) {
      const LikelihoodConstants own = constants(i);
      const float log_p = rule.term(outputs + kPerValue * i, x[i], own).log_p;
      return vae::weighted_log_p(weights[i], log_p, own.normalizer);
    });
  }
  return row_sum(count, [&](int64_t i) {
    const LikelihoodConstants own = constants(i);
    const auto term = rule.term(outputs + kPerValue * i, x[i], own);
    const float own_scale = scale * weights[i];
    for (int j = 0; j < kPerValue; ++j) doutputs[kPerValue * i + j] = -own_scale * term.slope[j];
    return vae::weighted_log_p(weights[i], term.log_p, own.normalizer);
  });
}

float weighted_log_p(float* doutputs, const float* outputs, const float* x, const float* weights,
                     int64_t count, const ObservationModel& model, float scale) {
  return visit(model.likelihood, model.variance, [&](auto rule) {
    return with_constants(rule, model, [&](auto constants) {
      return weighted_log_p_by(rule, doutputs, outputs, x, weights, count, constants, scale);
    });
  });
}

void mean(float* mean, const float* outputs, int64_t count, Likelihood likelihood,
          Variance variance) {
  visit(likelihood, variance, [&](auto rule) {
    VAE_INDEPENDENT
    for (int64_t i = 0; i < count; ++i) mean[i] = rule.mean(outputs + rule.kPerValue * i);
  });
}

/// log p of one target, see class_log_p().
inline float target_log_p(float* dlogits, const float* logits, int64_t target, int64_t classes,
                          float scale) {
  const rules::Categorical::Softmax softmax = rules::Categorical::softmax(logits, classes);
  const bool observed = target < classes;
  const float log_p = observed ? rules::Categorical::log_p(logits[target], softmax) : 0.0f;
  if (dlogits == nullptr) return log_p;
  VAE_INDEPENDENT
  for (int64_t j = 0; j < classes; ++j) {
    const float slope = rules::Categorical::slope(logits[j], j == target, softmax);
    dlogits[j] = observed ? -scale * slope : 0.0f;
  }
  return log_p;
}

float class_log_p(float* dlogits, const float* logits, const uint8_t* targets, int64_t count,
                  int64_t classes, float scale) {
  return row_sum(count, [&](int64_t i) {
    float* const own = dlogits != nullptr ? dlogits + i * classes : nullptr;
    return target_log_p(own, logits + i * classes, targets[i], classes, scale);
  });
}

void class_probabilities(float* probabilities, const float* logits, int64_t count,
                         int64_t classes) {
  for (int64_t at = 0; at < count * classes; at += classes) {
    const rules::Categorical::Softmax softmax = rules::Categorical::softmax(logits + at, classes);
    VAE_INDEPENDENT
    for (int64_t j = at; j < at + classes; ++j) {
      probabilities[j] = rules::Categorical::probability(logits[j], softmax);
    }
  }
}

float cell_log_p(float* doutputs, const float* outputs, const uint8_t* targets, const float* boxes,
                 int64_t count, int64_t classes, float scale) {
  const int64_t per_cell = rules::GridCell::outputs(classes);
  return row_sum(count, [&](int64_t i) {
    float* const own = doutputs != nullptr ? doutputs + i * per_cell : nullptr;
    return rules::GridCell::log_p(own, outputs + i * per_cell, targets[i],
                                  boxes + i * rules::GridCell::kBoxNumbers, classes, scale);
  });
}

void cell_means(float* means, const float* outputs, int64_t count, int64_t classes) {
  const int64_t per_cell = rules::GridCell::outputs(classes);
  for (int64_t at = 0; at < count * per_cell; at += per_cell) {
    rules::GridCell::mean(means + at, outputs + at, classes);
  }
}

/// sum + value^2: the square of a float is exact in binary64, so that fusing changes no bit.
inline double with_square(double sum, double value) {
#if defined(VAE_FUSES)
  return __builtin_fma(value, value, sum);
#else
  return sum + value * value;
#endif
}

constexpr int64_t kAhead = 8 * kLine;  // that arrays as long as the parameters are fetched

/// The squares of a block in the lanes of its long sum.
inline void add_squares(double* lane, const float* values, int64_t count) {
  double sum[kSumLanes] = {};
  int64_t i = 0;
  for (; i + kSumLanes <= count; i += kSumLanes) {
    for (int64_t line = 0; line < kSumLanes; line += kLine) {
      __builtin_prefetch(values + i + kAhead + line);
    }
    VAE_INDEPENDENT
    for (int64_t l = 0; l < kSumLanes; ++l) sum[l] = with_square(sum[l], values[i + l]);
  }
  for (int64_t l = 0; l < kSumLanes; ++l) lane[l] = sum[l];
  for (int64_t l = 0; i + l < count; ++l) lane[l] = with_square(lane[l], values[i + l]);
}

void sums_of_squares(double* sums, const float* values, int64_t count) {
  constexpr int64_t kBlocks = 16;  // at once, so that their trees are long loops
  double lane[kBlocks * kSumLanes], half[kBlocks * kSumLanes / 2];
  for (int64_t first = 0; first < count; first += kBlocks * kSumBlock) {
    const int64_t length = smaller(kBlocks * kSumBlock, count - first);
    const int64_t blocks = (length + kSumBlock - 1) / kSumBlock;
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t at = block * kSumBlock;
      add_squares(lane + block * kSumLanes, values + first + at, smaller(kSumBlock, length - at));
    }
    add_neighbours(half, lane, 16 * blocks);
    add_neighbours(lane, half, 8 * blocks);
    add_neighbours(half, lane, 4 * blocks);
    add_neighbours(lane, half, 2 * blocks);
    add_neighbours(sums + first / kSumBlock, lane, blocks);
  }
}

/// By prior_of(i), of dimension i, from row m alone.
template <typename PriorOf>
inline HeadGradient prior_gradient(PriorOf prior_of, int64_t m, int64_t i, int64_t width,
                                   const PriorGradient& shared) {
  if (shared.weights != nullptr) {
    return prior_of(i).sample_gradient(shared.z[m * width + i],
                                       shared.kl_scale * shared.weights[m]);
  }
  const float* const mu = shared.posterior.mu(m, width, i);
  return prior_of(i).kl_gradient(mu[0], rules::Posterior::logvar(mu[width], shared.range),
                                 shared.kl_scale, shared.free_bits);
}

void prior_backward(float* dprior, const float* prior, int64_t begin, int64_t end, int64_t samples,
                    int64_t width, const PriorGradient& gradient) {
  const PriorGradient shared = gradient;
  for (int64_t row = begin; row < end; ++row) {
    const float* const mu = prior + row * 2 * width;
    const auto prior_of = [=](int64_t i) {
      return rules::GivenNormal::of(mu[i], mu[width + i], shared.range);
    };
    float *const dmu = dprior + row * 2 * width, *const dlogvar = dmu + width;
    for (int64_t i = 0; i < 2 * width; ++i) dmu[i] = 0.0f;
    for (int64_t m = row * samples; m < (row + 1) * samples; ++m) {
      VAE_INDEPENDENT
      for (int64_t i = 0; i < width; ++i) {
        const HeadGradient own = prior_gradient(prior_of, m, i, width, shared);
        dmu[i] += own.mu;
        dlogvar[i] += own.logvar;
      }
    }
  }
}

constexpr int64_t kDimensions = 8;  // whose long sums over rows are made at once

/// `Count` numbers of each dimension.
template <int Count>
struct DimensionSums {
  double value[Count][kDimensions];
};

template <int Count>
inline DimensionSums<Count> operator+(const DimensionSums<Count>& a,
                                      const DimensionSums<Count>& b) {
  DimensionSums<Count> sum;
  for (int s = 0; s < Count; ++s) {
    for (int64_t i = 0; i < kDimensions; ++i) sum.value[s][i] = a.value[s][i] + b.value[s][i];
  }
  return sum;
}

/// The long sums over rows of what add_row(lane, row) adds.
template <int Count, typename AddRow>
inline DimensionSums<Count> sums_over_rows(int64_t rows, AddRow add_row) {
  DimensionSums<Count> levels[BalancedSum<DimensionSums<Count>>::kMost];
  BalancedSum<DimensionSums<Count>> blocks{levels, 0, 0};
  for (int64_t first = 0; first < rows; first += kSumBlock) {
    DimensionSums<Count> lane[kSumLanes] = {};
    for (int64_t row = first; row < smaller(first + kSumBlock, rows); ++row) {
      add_row(lane[row % kSumLanes], row);
    }
    add(blocks, sum_of_lanes(lane));
  }
  return total(blocks);
}

void posterior_statistics(double* sums, const float* heads, const GaussianRows& prior, int64_t rows,
                          int64_t latent, LogvarRange range) {
  for (int64_t z = 0; z < latent; z += kDimensions) {
    const int64_t count = smaller(kDimensions, latent - z);
    const auto all = sums_over_rows<3>(rows, [&](DimensionSums<3>& lane, int64_t row) {
      const float *const mu = heads + row * 2 * latent + z, *const logvar = mu + latent;
      with_prior(prior.mu(row, latent, z), latent, range, [&](auto prior_of) {
        VAE_INDEPENDENT
        for (int64_t i = 0; i < count; ++i) {
          const LatentStatistics own =
              rules::Posterior::statistics(prior_of(i), mu[i], logvar[i], range);
          lane.value[0][i] += own.kl;
          lane.value[1][i] += own.mean;
          lane.value[2][i] += own.square;
        }
      });
    });
    for (int s = 0; s < 3; ++s) {
      for (int64_t i = 0; i < count; ++i) sums[s * latent + z + i] += all.value[s][i];
    }
  }
}

void shared_prior_backward(float* dprior, const float* prior, int64_t begin, int64_t end,
                           int64_t rows, int64_t width, const PriorGradient& gradient) {
  const PriorGradient shared = gradient;
  const auto prior_of = [=](int64_t i) {
    return rules::GivenNormal::of(prior[i], prior[width + i], shared.range);
  };
  for (int64_t z = begin; z < end; z += kDimensions) {
    const int64_t count = smaller(kDimensions, end - z);
    const auto all = sums_over_rows<2>(rows, [&](DimensionSums<2>& lane, int64_t row) {
      VAE_INDEPENDENT
      for (int64_t i = 0; i < count; ++i) {
        const HeadGradient own = prior_gradient(prior_of, row, z + i, width, shared);
        lane.value[0][i] += own.mu;
        lane.value[1][i] += own.logvar;
      }
    });
    for (int64_t i = 0; i < count; ++i) {
      dprior[z + i] = static_cast<float>(all.value[0][i]);
      dprior[width + z + i] = static_cast<float>(all.value[1][i]);
    }
  }
}

static_assert(kLine == kDecayLine);

void decay(float* w, int64_t count, const AdamStep& step) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) w[i] = decayed(w[i], step.decay);
}

void adam(float* w, float* m, float* v, const float* g, int64_t count, const uint8_t* decays,
          const AdamStep& shared) {
  const AdamStep step = shared;
  const auto decays_at = [=](int64_t i) { return decays != nullptr && decays[i / kLine] != 0; };
  int64_t i = 0;
  for (; i + kLine <= count; i += kLine) {
    __builtin_prefetch(w + i + kAhead, 1);
    __builtin_prefetch(m + i + kAhead, 1);
    __builtin_prefetch(v + i + kAhead, 1);
    __builtin_prefetch(g + i + kAhead);
    if (decays_at(i)) decay(w + i, kLine, step);
    VAE_INDEPENDENT
    for (int64_t j = i; j < i + kLine; ++j) adam_update(w[j], m[j], v[j], g[j], step);
  }
  if (i < count && decays_at(i)) decay(w + i, count - i, step);
  for (; i < count; ++i) adam_update(w[i], m[i], v[i], g[i], step);
}

void muon_directions(float* x, float* m, const float* g, int64_t count, float beta,
                     float gradient_scale) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) x[i] = muon_direction(m[i], g[i], beta, gradient_scale);
}

void multiply_by(float* x, int64_t count, float factor) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) x[i] *= factor;
}

void blend(float* y, const float* x, int64_t count, float a, float b) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) y[i] = blended(x[i], y[i], a, b);
}

void muon_updates(float* w, const float* x, int64_t count, const MuonStep& shared) {
  const MuonStep step = shared;
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) w[i] = muon_update(w[i], x[i], step);
}

void move_means(float* means, const float* newest, int64_t count, float share) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) means[i] = moved_mean(means[i], newest[i], share);
}

}  // namespace

}  // namespace VAE_ISA_NAMESPACE

#define VAE_TEXT_OF(name) #name
#define VAE_TEXT(name) VAE_TEXT_OF(name)

extern const VectorOps VAE_JOIN(kVectorOps_, VAE_ISA);
const VectorOps VAE_JOIN(kVectorOps_, VAE_ISA) = {
    VAE_TEXT(VAE_ISA),
    VAE_ISA_NAMESPACE::load_pixels,
    VAE_ISA_NAMESPACE::corrupt,
    VAE_ISA_NAMESPACE::bias_activate,
    VAE_ISA_NAMESPACE::multiply_slope,
    VAE_ISA_NAMESPACE::add,
    VAE_ISA_NAMESPACE::normals,
    VAE_ISA_NAMESPACE::reparameterize,
    VAE_ISA_NAMESPACE::prior_log_ratio,
    VAE_ISA_NAMESPACE::kl,
    VAE_ISA_NAMESPACE::gaussian_backward,
    VAE_ISA_NAMESPACE::weighted_gaussian_backward,
    VAE_ISA_NAMESPACE::prior_backward,
    VAE_ISA_NAMESPACE::shared_prior_backward,
    VAE_ISA_NAMESPACE::posterior_statistics,
    VAE_ISA_NAMESPACE::log_p,
    VAE_ISA_NAMESPACE::weighted_log_p,
    VAE_ISA_NAMESPACE::mean,
    VAE_ISA_NAMESPACE::observe,
    VAE_ISA_NAMESPACE::class_log_p,
    VAE_ISA_NAMESPACE::class_probabilities,
    VAE_ISA_NAMESPACE::draw_classes,
    VAE_ISA_NAMESPACE::cell_log_p,
    VAE_ISA_NAMESPACE::cell_means,
    VAE_ISA_NAMESPACE::add_spot,
    VAE_ISA_NAMESPACE::slopes_of_spot,
    VAE_ISA_NAMESPACE::sums_of_squares,
    VAE_ISA_NAMESPACE::adam,
    VAE_ISA_NAMESPACE::muon_directions,
    VAE_ISA_NAMESPACE::multiply_by,
    VAE_ISA_NAMESPACE::blend,
    VAE_ISA_NAMESPACE::muon_updates,
    VAE_ISA_NAMESPACE::move_means,
    VAE_ISA_NAMESPACE::kProductTile,
    VAE_ISA_NAMESPACE::product_scratch,
    VAE_ISA_NAMESPACE::multiply,
    VAE_ISA_NAMESPACE::pack_panels,
};

}  // namespace vae::cpu
