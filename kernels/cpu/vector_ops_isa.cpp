// SPDX-License-Identifier: MIT
//
// Elementwise loops and row sums of one instruction set, and its table. See isa.h.
#include "kernels/cpu/vector_ops_isa.h"

#include "kernels/activation.h"
#include "kernels/likelihood.h"
#include "kernels/math.h"

namespace vae::cpu {

namespace VAE_ISA_NAMESPACE {

namespace {

void load_grey(float* x, const uint8_t* pixels, int64_t count) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) x[i] = static_cast<float>(pixels[i]) / 255.0f;
}

void load_threshold(float* x, const uint8_t* pixels, int64_t count) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) x[i] = pixels[i] >= 128 ? 1.0f : 0.0f;
}

template <Activation kActivation>
void bias_activate_as(float* y, float* pre, const float* b, int64_t count) {
  if (pre != nullptr) {
    VAE_INDEPENDENT
    for (int64_t i = 0; i < count; ++i) {
      pre[i] = y[i] + b[i];
      y[i] = activate<kActivation>(pre[i]);
    }
    return;
  }
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) y[i] = activate<kActivation>(y[i] + b[i]);
}

template <Activation kActivation>
void multiply_slope_as(float* dx, const float* y_or_pre, int64_t count) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) dx[i] *= activation_slope<kActivation>(y_or_pre[i]);
}

/// Calls body with the activation as a compile-time constant.
template <typename Body>
inline void visit(Activation activation, Body body) {
  switch (activation) {
#define VAE_CASE(name)   \
  case Activation::name: \
    return body.template operator()<Activation::name>()
    VAE_CASE(none);
    VAE_CASE(relu);
    VAE_CASE(leaky_relu);
    VAE_CASE(tanh);
    VAE_CASE(sigmoid);
    VAE_CASE(softplus);
    VAE_CASE(elu);
    VAE_CASE(gelu);
    VAE_CASE(silu);
#undef VAE_CASE
  }
}

void bias_activate(float* y, float* pre, const float* b, int64_t count, Activation activation) {
  visit(activation,
        [&]<Activation kActivation>() { bias_activate_as<kActivation>(y, pre, b, count); });
}

void multiply_slope(float* dx, const float* y_or_pre, int64_t count, Activation activation) {
  visit(activation,
        [&]<Activation kActivation>() { multiply_slope_as<kActivation>(dx, y_or_pre, count); });
}

void add(float* sum, const float* row, int64_t count) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) sum[i] += row[i];
}

float kl(const float* mu, const float* logvar, int64_t count, LogvarRange range) {
  return lane_sum(count, [&](int64_t i) {
    const float lv = clamped(logvar[i], range.low, range.high);
    return 0.5f * (fused_multiply_add(mu[i], mu[i], exponential(lv) - 1.0f) - lv);
  });
}

float bernoulli(float* doutputs, const float* logits, const float* x, int64_t count, float scale) {
  if (doutputs == nullptr) {
    return lane_sum(count, [&](int64_t i) { return bernoulli_term(logits[i], x[i]).log_p; });
  }
  return lane_sum(count, [&](int64_t i) {
    const PixelTerm term = bernoulli_term(logits[i], x[i]);
    doutputs[i] = -scale * term.slope;
    return term.log_p;
  });
}

float gaussian(float* doutputs, const float* means, const float* x, int64_t count,
               float inverse_variance, float scale) {
  if (doutputs == nullptr) {
    return lane_sum(
        count, [&](int64_t i) { return gaussian_term(means[i], x[i], inverse_variance).log_p; });
  }
  return lane_sum(count, [&](int64_t i) {
    const PixelTerm term = gaussian_term(means[i], x[i], inverse_variance);
    doutputs[i] = -scale * term.slope;
    return term.log_p;
  });
}

void sigmoid_row(float* mean, const float* logits, int64_t count) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) mean[i] = sigmoid(logits[i]);
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

void adam(float* w, float* m, float* v, const float* g, int64_t count,
          const AdamConstants& constants) {
  const AdamConstants c = constants;
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = g[i] * c.gradient_scale;
    const float first = fused_multiply_add(c.beta1, m[i] - gradient, gradient);
    const float square = gradient * gradient;
    const float second = fused_multiply_add(c.beta2, v[i] - square, square);
    m[i] = first;
    v[i] = second;
    const float root =
        fused_multiply_add(square_root(second), c.inverse_sqrt_correction, c.epsilon);
    w[i] = fused_multiply_add(-c.step_size, first / root, w[i]);
  }
}

}  // namespace

}  // namespace VAE_ISA_NAMESPACE

#define VAE_TEXT_OF(name) #name
#define VAE_TEXT(name) VAE_TEXT_OF(name)

extern const VectorOps VAE_JOIN(kVectorOps_, VAE_ISA);
const VectorOps VAE_JOIN(kVectorOps_, VAE_ISA) = {
    VAE_TEXT(VAE_ISA),
    VAE_ISA_NAMESPACE::load_grey,
    VAE_ISA_NAMESPACE::load_threshold,
    VAE_ISA_NAMESPACE::load_bernoulli,
    VAE_ISA_NAMESPACE::bias_activate,
    VAE_ISA_NAMESPACE::multiply_slope,
    VAE_ISA_NAMESPACE::add,
    VAE_ISA_NAMESPACE::normals,
    VAE_ISA_NAMESPACE::reparameterize,
    VAE_ISA_NAMESPACE::kl,
    VAE_ISA_NAMESPACE::gaussian_backward,
    VAE_ISA_NAMESPACE::bernoulli,
    VAE_ISA_NAMESPACE::gaussian,
    VAE_ISA_NAMESPACE::sigmoid_row,
    VAE_ISA_NAMESPACE::sum_of_squares,
    VAE_ISA_NAMESPACE::adam,
    VAE_ISA_NAMESPACE::gemm,
};

}  // namespace vae::cpu
