// SPDX-License-Identifier: MIT
//
// Elementwise loops and row sums of one instruction set, and its table. See isa.h.
#include "kernels/cpu/vector_ops_isa.h"

#include "kernels/math.h"
#include "kernels/rules/activations.h"
#include "kernels/rules/adam.h"
#include "kernels/rules/likelihoods.h"
#include "kernels/rules/posterior.h"

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

float kl(const float* mu, const float* logvar, int64_t count, LogvarRange range) {
  return lane_sum(count, [&](int64_t i) {
    return rules::Prior::kl(mu[i], rules::Posterior::logvar(logvar[i], range));
  });
}

template <typename Rule>
float log_p_by(Rule rule, float* doutputs, const float* outputs, const float* x, int64_t count,
               const LikelihoodConstants& shared, float scale) {
  const LikelihoodConstants constants = shared;
  if (doutputs == nullptr) {
    return lane_sum(count, [&](int64_t i) { return rule.term(outputs[i], x[i], constants).log_p; });
  }
  return lane_sum(count, [&](int64_t i) {
    const PixelTerm term = rule.term(outputs[i], x[i], constants);
    doutputs[i] = -scale * term.slope;
    return term.log_p;
  });
}

float log_p(float* doutputs, const float* outputs, const float* x, int64_t count,
            Likelihood likelihood, const LikelihoodConstants& constants, float scale) {
  return visit(likelihood, [&](auto rule) {
    return log_p_by(rule, doutputs, outputs, x, count, constants, scale);
  });
}

void mean(float* mean, const float* outputs, int64_t count, Likelihood likelihood) {
  visit(likelihood, [&](auto rule) {
    VAE_INDEPENDENT
    for (int64_t i = 0; i < count; ++i) mean[i] = rule.mean(outputs[i]);
  });
}

double sum_of_squares(const float* values, int64_t count) {
  constexpr int64_t kVectors = kLanes / kWides;
  DoubleVector sum[kVectors] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    VAE_UNROLL
    for (int64_t v = 0; v < kVectors; ++v) {
      const auto value =
          __builtin_convertvector(load<HalfFloatVector>(values + i + v * kWides), DoubleVector);
      sum[v] += value * value;
    }
  }
  double lane[kLanes];
  for (int64_t v = 0; v < kVectors; ++v) store(lane + v * kWides, sum[v]);
  for (int64_t l = 0; i + l < count; ++l) {
    const double value = values[i + l];
    lane[l] += value * value;
  }
  return sum_of_lanes(lane);
}

void adam(float* w, float* m, float* v, const float* g, int64_t count, const AdamStep& shared) {
  const AdamStep step = shared;
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) adam_update(w[i], m[i], v[i], g[i], step);
}

}  // namespace

}  // namespace VAE_ISA_NAMESPACE

#define VAE_TEXT_OF(name) #name
#define VAE_TEXT(name) VAE_TEXT_OF(name)

extern const VectorOps VAE_JOIN(kVectorOps_, VAE_ISA);
const VectorOps VAE_JOIN(kVectorOps_, VAE_ISA) = {
    VAE_TEXT(VAE_ISA),
    VAE_ISA_NAMESPACE::load_pixels,
    VAE_ISA_NAMESPACE::bias_activate,
    VAE_ISA_NAMESPACE::multiply_slope,
    VAE_ISA_NAMESPACE::add,
    VAE_ISA_NAMESPACE::normals,
    VAE_ISA_NAMESPACE::reparameterize,
    VAE_ISA_NAMESPACE::kl,
    VAE_ISA_NAMESPACE::gaussian_backward,
    VAE_ISA_NAMESPACE::log_p,
    VAE_ISA_NAMESPACE::mean,
    VAE_ISA_NAMESPACE::sum_of_squares,
    VAE_ISA_NAMESPACE::adam,
    VAE_ISA_NAMESPACE::gemm,
};

}  // namespace vae::cpu
