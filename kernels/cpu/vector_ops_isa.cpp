// SPDX-License-Identifier: MIT
//
// Compiled once per instruction set: VAE_ISA is baseline, avx2 or avx512, and the compiler's flags
// say the same. Plain loops over the branch-free functions of kernels/; the compiler makes the
// vectors. Nothing here may call an inline function of the standard library: the linker keeps one
// copy of those, and it could be the one for a processor we are not on.
#include "kernels/activation.h"
#include "kernels/cpu/vector_ops.h"
#include "kernels/likelihood.h"
#include "kernels/math.h"
#include "kernels/philox.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

// Iterations are independent: outputs may be inputs, but only at the same index.
#if defined(__clang__)
#define VAE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define VAE_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace vae::cpu {

namespace {

constexpr int64_t kLanes = 16;  // of sums; a multiple of every vector length, so that bits agree

/// Sum of term(0) .. term(count - 1) in 16 interleaved lanes and a fixed tree.
template <typename Number, typename Term>
inline Number lane_sum(int64_t count, Term term) {
  Number lane[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    VAE_INDEPENDENT
    for (int64_t l = 0; l < kLanes; ++l) lane[l] += term(i + l);
  }
  for (int64_t l = 0; i + l < count; ++l) lane[l] += term(i + l);
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t l = 0; l < width; ++l) lane[l] += lane[l + width];
  }
  return lane[0];
}

// Random numbers come in blocks of quads, one array a word, so that the ten rounds run in vectors.
constexpr int64_t kBlockQuads = 64;
constexpr int64_t kBlock = 4 * kBlockQuads;

struct WordBlock {
  uint32_t word[4][kBlockQuads];
};

#if defined(__AVX2__)
// The compiler's own vectors of the ten rounds take three times as long: it cannot see that a
// 32 x 32 -> 64 bit product needs one instruction and that the upper halves may hold anything.
using Counters = __m256i;
inline Counters product(Counters a, Counters b) { return _mm256_mul_epu32(a, b); }
inline Counters high(Counters a) { return _mm256_srli_epi64(a, 32); }
inline Counters mixed(Counters a, Counters b, Counters c) {
  return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}
inline Counters all(uint32_t value) { return _mm256_set1_epi64x(value); }
inline Counters counting_from(uint32_t first) {
  return _mm256_add_epi64(all(first), _mm256_set_epi64x(3, 2, 1, 0));
}
inline void store_low(uint32_t* words, Counters a) {
  const __m256i even = _mm256_permutevar8x32_epi32(a, _mm256_set_epi32(6, 4, 2, 0, 6, 4, 2, 0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(words), _mm256_castsi256_si128(even));
}
constexpr int64_t kCounters = sizeof(Counters) / sizeof(uint64_t);

/// philox() on 2 kCounters quads at once, one counter in the low half of each 64-bit lane. Two
/// independent vectors hide the latency of the multiplications.
inline void draw(WordBlock& block, const PhiloxRow& noise, uint32_t first, int64_t quads) {
  const Counters multiplier0 = all(0xD2511F53u), multiplier1 = all(0xCD9E8D57u);
  for (int64_t q = 0; q < quads; q += 2 * kCounters) {
    Counters c0[2], c1[2], c2[2], c3[2];
    for (int64_t v = 0; v < 2; ++v) {
      c0[v] = counting_from(first + static_cast<uint32_t>(q + v * kCounters));
      c1[v] = all(noise.row);
      c2[v] = all(noise.step);
      c3[v] = all(noise.tag);
    }
    uint32_t key0 = noise.key0, key1 = noise.key1;
    for (int round = 0; round < 10; ++round) {
      for (int64_t v = 0; v < 2; ++v) {
        const Counters product0 = product(c0[v], multiplier0);
        const Counters product1 = product(c2[v], multiplier1);
        c0[v] = mixed(high(product1), c1[v], all(key0));
        c2[v] = mixed(high(product0), c3[v], all(key1));
        c1[v] = product1;
        c3[v] = product0;
      }
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    for (int64_t v = 0; v < 2; ++v) {
      const int64_t at = q + v * kCounters;
      store_low(&block.word[0][at], c0[v]);
      store_low(&block.word[1][at], c1[v]);
      store_low(&block.word[2][at], c2[v]);
      store_low(&block.word[3][at], c3[v]);
    }
  }
}
#else
/// Quads from `first` on; a whole number of vectors is made, the surplus is never read.
inline void draw(WordBlock& block, const PhiloxRow& noise, uint32_t first, int64_t quads) {
  const int64_t whole = (quads + kLanes - 1) / kLanes * kLanes;
  VAE_INDEPENDENT
  for (int64_t q = 0; q < whole; ++q) {
    const PhiloxWords words = philox_quad(noise, first + static_cast<uint32_t>(q));
    block.word[0][q] = words.word[0];
    block.word[1][q] = words.word[1];
    block.word[2][q] = words.word[2];
    block.word[3][q] = words.word[3];
  }
}
#endif

inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/// Elements first .. first + kBlock - 1 of a row of normals; `first` is a multiple of kBlock.
inline void draw_normals(float* normal, const PhiloxRow& noise, int64_t first, int64_t count) {
  WordBlock block;
  const int64_t quads = (count + 3) / 4;
  draw(block, noise, static_cast<uint32_t>(first / 4), quads);
  const int64_t whole = (quads + kLanes - 1) / kLanes * kLanes;
  float values[4][kBlockQuads];
  VAE_INDEPENDENT
  for (int64_t q = 0; q < whole; ++q) {
    normals_from_words(block.word[0][q], block.word[1][q], values[0][q], values[1][q]);
  }
  VAE_INDEPENDENT
  for (int64_t q = 0; q < whole; ++q) {
    normals_from_words(block.word[2][q], block.word[3][q], values[2][q], values[3][q]);
  }
  for (int64_t q = 0; q < quads; ++q) {
    for (int64_t j = 0; j < 4; ++j) normal[4 * q + j] = values[j][q];
  }
}

/// Calls body(first, count, eps) for blocks of a row, with eps its normals.
template <typename Body>
inline void for_normal_blocks(int64_t count, const PhiloxRow& noise, Body body) {
  float eps[kBlock];
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t length = smaller(kBlock, count - first);
    draw_normals(eps, noise, first, length);
    body(first, length, eps);
  }
}

void load_grey(float* x, const uint8_t* pixels, int64_t count) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) x[i] = static_cast<float>(pixels[i]) / 255.0f;
}

void load_threshold(float* x, const uint8_t* pixels, int64_t count) {
  VAE_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) x[i] = pixels[i] >= 128 ? 1.0f : 0.0f;
}

void load_bernoulli(float* x, const uint8_t* pixels, int64_t count, PhiloxRow noise) {
  WordBlock block;
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t length = smaller(kBlock, count - first);
    draw(block, noise, static_cast<uint32_t>(first / 4), (length + 3) / 4);
    uint32_t words[kBlock];
    for (int64_t q = 0; q < (length + 3) / 4; ++q) {
      for (int64_t j = 0; j < 4; ++j) words[4 * q + j] = block.word[j][q];
    }
    VAE_INDEPENDENT
    for (int64_t i = 0; i < length; ++i) {
      x[first + i] = bernoulli_pixel(words[i], pixels[first + i]) ? 1.0f : 0.0f;
    }
  }
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

void normals(float* z, int64_t count, PhiloxRow noise) {
  for_normal_blocks(count, noise, [&](int64_t first, int64_t length, const float* eps) {
    for (int64_t i = 0; i < length; ++i) z[first + i] = eps[i];
  });
}

float reparameterize(float* z, const float* mu, const float* logvar, int64_t count,
                     LogvarRange range, PhiloxRow noise) {
  // log p(z) - log q(z|x) = 1/2 sum (eps^2 + logvar - z^2); the 2 pi terms cancel.
  float log_ratio = 0.0f;
  for_normal_blocks(count, noise, [&](int64_t first, int64_t length, const float* eps) {
    log_ratio += lane_sum<float>(length, [&](int64_t i) {
      const float lv = clamped(logvar[first + i], range.low, range.high);
      const float value = fused_multiply_add(exponential(0.5f * lv), eps[i], mu[first + i]);
      z[first + i] = value;
      return 0.5f * (fused_multiply_add(eps[i], eps[i], lv) - value * value);
    });
  });
  return log_ratio;
}

float kl(const float* mu, const float* logvar, int64_t count, LogvarRange range) {
  return lane_sum<float>(count, [&](int64_t i) {
    const float lv = clamped(logvar[i], range.low, range.high);
    return 0.5f * (fused_multiply_add(mu[i], mu[i], exponential(lv) - 1.0f) - lv);
  });
}

void gaussian_backward(float* dmu, float* dlogvar, const float* dz, const float* mu,
                       const float* logvar, int64_t count, LogvarRange range, float kl_scale,
                       PhiloxRow noise) {
  for_normal_blocks(count, noise, [&](int64_t first, int64_t length, const float* eps) {
    VAE_INDEPENDENT
    for (int64_t i = 0; i < length; ++i) {
      const int64_t at = first + i;
      const float raw = logvar[at];
      const float lv = clamped(raw, range.low, range.high);
      const float deviation = exponential(0.5f * lv);
      const float slope = 0.5f * fused_multiply_add(dz[at] * eps[i], deviation,
                                                    kl_scale * (exponential(lv) - 1.0f));
      dmu[at] = fused_multiply_add(kl_scale, mu[at], dz[at]);
      dlogvar[at] = raw == lv || raw != raw ? slope : 0.0f;
    }
  });
}

float bernoulli(float* doutputs, const float* logits, const float* x, int64_t count, float scale) {
  if (doutputs == nullptr) {
    return lane_sum<float>(count, [&](int64_t i) { return bernoulli_term(logits[i], x[i]).log_p; });
  }
  return lane_sum<float>(count, [&](int64_t i) {
    const PixelTerm term = bernoulli_term(logits[i], x[i]);
    doutputs[i] = -scale * term.slope;
    return term.log_p;
  });
}

float gaussian(float* doutputs, const float* means, const float* x, int64_t count,
               float inverse_variance, float scale) {
  if (doutputs == nullptr) {
    return lane_sum<float>(
        count, [&](int64_t i) { return gaussian_term(means[i], x[i], inverse_variance).log_p; });
  }
  return lane_sum<float>(count, [&](int64_t i) {
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
  return lane_sum<double>(count, [&](int64_t i) {
    const double value = values[i];
    return value * value;
  });
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

inline float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

constexpr int64_t kPanel = 16;   // columns of c held in registers
constexpr int64_t kDepth = 256;  // terms summed before c is touched: a panel of b fits in L1

/// c[0 .. rows) [kPanel] += a [rows, depth] times a packed panel of b.
template <int64_t kRows>
inline void gemm_block(float* c, int64_t ldc, const float* a, int64_t a_row, int64_t a_col,
                       const float* panel, int64_t depth, int64_t columns, bool first) {
  float sum[kRows][kPanel] = {};
  for (int64_t p = 0; p < depth; ++p) {
    for (int64_t r = 0; r < kRows; ++r) {
      const float factor = a[r * a_row + p * a_col];
      for (int64_t j = 0; j < kPanel; ++j) {
        sum[r][j] = multiply_add(factor, panel[p * kPanel + j], sum[r][j]);
      }
    }
  }
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t j = 0; j < columns; ++j) {
      c[r * ldc + j] = first ? sum[r][j] : c[r * ldc + j] + sum[r][j];
    }
  }
}

void gemm(float* c, int64_t ldc, const float* a, int64_t a_row, int64_t a_col, const float* b,
          int64_t b_row, int64_t b_col, int64_t m, int64_t n, int64_t k) {
  float panel[kDepth * kPanel];
  for (int64_t j = 0; j < n; j += kPanel) {
    const int64_t columns = smaller(kPanel, n - j);
    for (int64_t p = 0; p < k; p += kDepth) {
      const int64_t depth = smaller(kDepth, k - p);
      for (int64_t q = 0; q < depth; ++q) {
        for (int64_t l = 0; l < kPanel; ++l) {
          panel[q * kPanel + l] = l < columns ? b[(p + q) * b_row + (j + l) * b_col] : 0.0f;
        }
      }
      int64_t i = 0;
      for (; i + 4 <= m; i += 4) {
        gemm_block<4>(c + i * ldc + j, ldc, a + i * a_row + p * a_col, a_row, a_col, panel, depth,
                      columns, p == 0);
      }
      for (; i < m; ++i) {
        gemm_block<1>(c + i * ldc + j, ldc, a + i * a_row + p * a_col, a_row, a_col, panel, depth,
                      columns, p == 0);
      }
    }
  }
}

#define VAE_TEXT_OF(name) #name
#define VAE_TEXT(name) VAE_TEXT_OF(name)
#define VAE_JOIN_OF(a, b) a##b
#define VAE_JOIN(a, b) VAE_JOIN_OF(a, b)

}  // namespace

extern const VectorOps VAE_JOIN(kVectorOps_, VAE_ISA);
const VectorOps VAE_JOIN(kVectorOps_, VAE_ISA) = {
    VAE_TEXT(VAE_ISA),
    load_grey,
    load_threshold,
    load_bernoulli,
    bias_activate,
    multiply_slope,
    add,
    normals,
    reparameterize,
    kl,
    gaussian_backward,
    bernoulli,
    gaussian,
    sigmoid_row,
    sum_of_squares,
    adam,
    gemm,
};

}  // namespace vae::cpu
