// SPDX-License-Identifier: MIT
//
// Compiled once for each instruction set, like kernels/cpu/*_isa.cpp and under the same rules,
// which kernels/cpu/isa.h states. References are those of kernels/math_double.h, which has tests of
// its own, and of the C library.
#include "kernels/cpu/isa.h"
#include "kernels/math.h"
#include "kernels/special_functions.h"
#include "tests/ulp/functions.h"

extern "C" double erfc(double x);
extern "C" double lgamma_r(double x, int* sign);

namespace vae::ulp {

namespace {

constexpr double kInfinity = __builtin_inf();

// ---- references
// ----------------------------------------------------------------------------------

/// e^x - 1.
inline double exact_exponential_minus_one(double x) {
  double series = 1.0 / 3628800;  // Taylor's: of the next term 2^-50 is left for |x| < 0.06
  series = series * x + 1.0 / 362880;
  series = series * x + 1.0 / 40320;
  series = series * x + 1.0 / 5040;
  series = series * x + 1.0 / 720;
  series = series * x + 1.0 / 120;
  series = series * x + 1.0 / 24;
  series = series * x + 1.0 / 6;
  series = series * x + 1.0 / 2;
  series = series * x * x + x;
  return absolute(x) < 0.06 ? series : exponential(x) - 1.0;
}

/// ln(1 + e), by the error that 1 + e makes.
inline double exact_log1p(double e) {
  const double sum = 1.0 + e;
  return logarithm(sum) - ((sum - 1.0) - e) / sum;
}

inline double exact_tanh(double x) {
  const double e = exact_exponential_minus_one(-2.0 * absolute(x));
  const double magnitude = -e / (2.0 + e);
  return x < 0.0 ? -magnitude : magnitude;
}

inline double exact_log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

/// One step of Newton's method from the function under test, whose error it squares.
inline double exact_normal_quantile(double p) {
  const double x = normal_quantile(p);
  const double density = 0.39894228040143267794 * exponential(-0.5 * x * x);
  // From the nearer end, where the distribution keeps its digits.
  const double share = p < 0.5 ? p : 1.0 - p;
  const double excess = 0.5 * erfc(0.70710678118654752440 * absolute(x)) - share;
  const double step = excess / density;
  return density > 0.0 ? x + (p < 0.5 ? -step : step) : x;
}

inline double exact_digamma(double x) {
  // Stirling's series at x + 16, and the recurrence.
  double sum = 0.0;
  for (int i = 0; i < 16; ++i) sum += 1.0 / (x + i);
  const double y = x + 16.0, z = 1.0 / (y * y);
  double series = 691.0 / 32760;
  series = series * z - 1.0 / 132;
  series = series * z + 1.0 / 240;
  series = series * z - 1.0 / 252;
  series = series * z + 1.0 / 120;
  series = series * z - 1.0 / 12;
  return logarithm(y) - 0.5 / y + z * series - sum;
}

// ---- functions
// ----------------------------------------------------------------------------------- Each takes
// the 32 bits of its input.

#define VAE_FUNCTION_OF_FLOAT(name, found_expression, exact_expression) \
  struct name {                                                         \
    static float found(uint32_t bits) {                                 \
      const float x = float_from_bits(bits);                            \
      return found_expression;                                          \
    }                                                                   \
    static double exact(uint32_t bits) {                                \
      const double x = float_from_bits(bits);                           \
      return exact_expression;                                          \
    }                                                                   \
  };

VAE_FUNCTION_OF_FLOAT(Exponential, exponential(x), exponential(x))
VAE_FUNCTION_OF_FLOAT(ExponentialOfMinus, exponential_of_minus(x), exponential(-x))
VAE_FUNCTION_OF_FLOAT(ExponentialMinusOne, exponential_minus_one(x), exact_exponential_minus_one(x))
VAE_FUNCTION_OF_FLOAT(LogPositive, log_positive(x), logarithm(x))
VAE_FUNCTION_OF_FLOAT(Log1pUnit, log1p_unit(x), exact_log1p(x))
VAE_FUNCTION_OF_FLOAT(Sigmoid, sigmoid(x), 1.0 / (1.0 + exponential(-x)))
VAE_FUNCTION_OF_FLOAT(Softplus, softplus(x),
                      (x < 0.0 ? 0.0 : x) + exact_log1p(exponential(-absolute(x))))
VAE_FUNCTION_OF_FLOAT(HyperbolicTangent, hyperbolic_tangent(x), exact_tanh(x))
VAE_FUNCTION_OF_FLOAT(NormalCdf, normal_cdf(x), 0.5 * erfc(-0.70710678118654752440 * x))
VAE_FUNCTION_OF_FLOAT(LogGamma, log_gamma(x), exact_log_gamma(x))
VAE_FUNCTION_OF_FLOAT(Digamma, digamma(x), exact_digamma(x))
VAE_FUNCTION_OF_FLOAT(NormalQuantile, normal_quantile(x), exact_normal_quantile(x))

struct SineOfTurn {
  static float found(uint32_t word) {
    float sine, cosine;
    sincos_turn(word, sine, cosine);
    return sine;
  }
  static double exact(uint32_t word) { return cosine_of_half_turns((word + 0.5) * 0x1p-31 - 0.5); }
};

struct CosineOfTurn {
  static float found(uint32_t word) {
    float sine, cosine;
    sincos_turn(word, sine, cosine);
    return cosine;
  }
  static double exact(uint32_t word) { return cosine_of_half_turns((word + 0.5) * 0x1p-31); }
};

// ---- measuring
// -----------------------------------------------------------------------------------

/// |found - exact| in units of the last place that a float as large as `exact`, or as `unit`, has.
/// Beyond the largest float there is infinity alone.
inline double error_in_ulps(float found, double exact) {
  constexpr double kLimit = 0x1p128;
  const double truth = clamped(exact, -2.0 * kLimit, 2.0 * kLimit);
  const double size = absolute(truth) < kLimit ? kLimit : absolute(truth);
  const double value = clamped(static_cast<double>(found), -size, size);
  const uint64_t exponent = bits_from_double(clamped(absolute(truth), 0x1p-126, kLimit)) >> 52;
  const double per_place = double_from_bits((2046 + 23 - exponent) << 52);
  const double error = absolute(value - truth) * per_place;
  const double of_nan = (found != found) == (exact != exact) ? 0.0 : kInfinity;
  return found != found || exact != exact ? of_nan : error;
}

template <typename F>
void evaluate(float* results, uint32_t first, uint32_t stride, int64_t count) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) {
    results[i] = F::found(first + static_cast<uint32_t>(i) * stride);
  }
}

template <typename F>
inline void errors_of_block(double* error, uint32_t first, uint32_t stride) {
  float found[kBlock];
  double exact[kBlock];
  evaluate<F>(found, first, stride, kBlock);
  VAE_INDEPENDENT
  for (int64_t i = 0; i < kBlock; ++i) {
    exact[i] = F::exact(first + static_cast<uint32_t>(i) * stride);
  }
  VAE_INDEPENDENT
  for (int64_t i = 0; i < kBlock; ++i) error[i] = error_in_ulps(found[i], exact[i]);
}

template <typename F>
void measure(Errors* errors, uint32_t first, uint32_t stride, int64_t count) {
  constexpr int64_t kSums = 16;  // side by side, for vectors
  double sum[kSums] = {}, worst[kSums] = {}, error[kBlock];
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const uint32_t block = first + static_cast<uint32_t>(begin) * stride;
    errors_of_block<F>(error, block, stride);
    for (int64_t i = count - begin; i < kBlock; ++i) error[i] = 0.0;  // beyond the last input
    for (int64_t i = 0; i < kBlock; i += kSums) {
      VAE_INDEPENDENT
      for (int64_t l = 0; l < kSums; ++l) {
        sum[l] += error[i + l];
        worst[l] = worst[l] < error[i + l] ? error[i + l] : worst[l];
      }
    }
    bool worse = false;
    for (int64_t l = 0; l < kSums; ++l) worse = worse || worst[l] > errors->worst;
    if (!worse) continue;
    for (int64_t i = 0; i < kBlock; ++i) {
      if (error[i] <= errors->worst) continue;
      errors->worst = error[i];
      errors->worst_at = block + static_cast<uint32_t>(i) * stride;
    }
  }
  for (int64_t l = 0; l < kSums; ++l) errors->sum += sum[l];
}

// Bits of 0, of 1, of the smallest normal number, of infinity, and of the last NaN of either sign.
constexpr uint32_t kZero = 0, kOne = 0x3f800000u, kNormal = 0x00800000u, kInfinite = 0x7f800000u;
constexpr uint32_t kLastPositive = 0x7fffffffu, kMinusZero = 0x80000000u, kLast = 0xffffffffu;

#define VAE_ROW(function, name, domain, first, last) \
  { name, domain, first, last, 2.0, measure<function>, evaluate<function> }

constexpr Function kFunctions[] = {
    VAE_ROW(Exponential, "exponential", "all", kZero, kLast),
    VAE_ROW(ExponentialOfMinus, "exponential_of_minus", "x >= 0", kZero, kLastPositive),
    VAE_ROW(ExponentialMinusOne, "exponential_minus_one", "x <= 0", kMinusZero, kLast),
    VAE_ROW(LogPositive, "log_positive", "x >= 2^-126", kNormal, kInfinite - 1),
    VAE_ROW(Log1pUnit, "log1p_unit", "0 to 1", kZero, kOne),
    VAE_ROW(Sigmoid, "sigmoid", "all", kZero, kLast),
    VAE_ROW(Softplus, "softplus", "all", kZero, kLast),
    VAE_ROW(HyperbolicTangent, "hyperbolic_tangent", "all", kZero, kLast),
    VAE_ROW(NormalCdf, "normal_cdf", "all", kZero, kLast),
    VAE_ROW(LogGamma, "log_gamma", "x >= 0", kZero, kLastPositive),
    VAE_ROW(Digamma, "digamma", "x >= 0", kZero, kLastPositive),
    VAE_ROW(NormalQuantile, "normal_quantile", "0 to 1", kZero, kOne),
    VAE_ROW(SineOfTurn, "sincos_turn, sine", "all words", kZero, kLast),
    VAE_ROW(CosineOfTurn, "sincos_turn, cosine", "all words", kZero, kLast),
};

}  // namespace

extern const Table VAE_JOIN(kTable_, VAE_ISA);
#define VAE_TEXT_OF(name) #name
#define VAE_TEXT(name) VAE_TEXT_OF(name)
const Table VAE_JOIN(kTable_, VAE_ISA) = {VAE_TEXT(VAE_ISA), kFunctions,
                                          static_cast<int>(sizeof kFunctions / sizeof *kFunctions)};

}  // namespace vae::ulp
