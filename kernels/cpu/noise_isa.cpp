// SPDX-License-Identifier: MIT
//
// Everything that draws random numbers: binarisation, normals, reparameterisation and its gradient.
// Philox runs on a block of quads at a time, each quad with its own row, so that short rows fill
// the vectors too.
#include "kernels/cpu/vector_ops_isa.h"
#include "kernels/philox.h"
#include "kernels/rules/binarization.h"
#include "kernels/rules/categorical.h"
#include "kernels/rules/corruption.h"
#include "kernels/rules/likelihoods.h"
#include "kernels/rules/objectives.h"
#include "kernels/rules/posterior.h"

namespace vae::cpu::VAE_ISA_NAMESPACE {

namespace {

constexpr int64_t kBlockQuads = 64;
constexpr int64_t kBlock = 4 * kBlockQuads;  // numbers of a block
static_assert(kBlock % kSumGroup == 0);

/// The counters of a block, one entry a quad.
struct Counters {
  uint32_t quad[kBlockQuads] = {};
  uint32_t row[kBlockQuads] = {};
  uint32_t tag[kBlockQuads] = {};
};

struct Keys {
  uint32_t step, key0, key1;
};

inline WideVector widened(const uint32_t* words) {
  return __builtin_convertvector(load<HalfWordVector>(words), WideVector);
}

/// philox() of kernels/philox.h on a block: word[4 q + j] is word j of quad q. Lanes hold 64 bits
/// whose upper halves are rubbish that no product reads. A whole number of vectors is made.
inline void draw(uint32_t* word, const Counters& counters, int64_t quads, Keys keys) {
  uint64_t low[kBlockQuads], high[kBlockQuads], pair[2 * kBlockQuads];
  for (int64_t q = 0; q < quads; q += kWides) {
    WideVector c0 = widened(counters.quad + q), c1 = widened(counters.row + q);
    WideVector c2 = WideVector{} + keys.step, c3 = widened(counters.tag + q);
    uint32_t key0 = keys.key0, key1 = keys.key1;
    VAE_UNROLL
    for (int round = 0; round < 10; ++round) {
      const WideVector product0 = multiply_lower(c0, WideVector{} + uint64_t{0xD2511F53u});
      const WideVector product1 = multiply_lower(c2, WideVector{} + uint64_t{0xCD9E8D57u});
      c0 = (product1 >> 32) ^ c1 ^ (WideVector{} + uint64_t{key0});
      c1 = product1;
      c2 = (product0 >> 32) ^ c3 ^ (WideVector{} + uint64_t{key1});
      c3 = product0;
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    store(low + q, (c0 & 0xffffffffu) | (c1 << 32));
    store(high + q, (c2 & 0xffffffffu) | (c3 << 32));
  }
  VAE_INDEPENDENT
  for (int64_t q = 0; q < quads; ++q) {
    pair[2 * q] = low[q];
    pair[2 * q + 1] = high[q];
  }
  // The lower half of a pair is its first word: little-endian, as all our devices are.
  __builtin_memcpy(word, pair, static_cast<size_t>(quads) * 16);
}

inline void draw_normals(float* normal, const Counters& counters, int64_t quads, Keys keys) {
  uint32_t word[kBlock];
  draw(word, counters, quads, keys);
  VAE_INDEPENDENT
  for (int64_t p = 0; p < 2 * quads; ++p) {
    normals_from_words(word[2 * p], word[2 * p + 1], normal[2 * p], normal[2 * p + 1]);
  }
}

/// Calls body(m, first, count, eps) for pieces of the noise rows m of [begin, end), each `width`
/// wide; eps are the normals of elements first .. first + count - 1.
template <typename Body>
inline void for_normals(const NoiseRows& noise, int64_t begin, int64_t end, int64_t width,
                        Body body) {
  const int64_t row_quads = (width + 3) / 4;
  const int64_t piece = smaller(row_quads, kBlockQuads);
  const int64_t rows = larger(1, kBlockQuads / row_quads);
  const Keys keys{noise.step, static_cast<uint32_t>(noise.seed),
                  static_cast<uint32_t>(noise.seed >> 32)};
  Counters counters;
  float eps[kBlock];
  for (int64_t block = begin; block < end; block += rows) {
    const int64_t count = smaller(rows, end - block);
    for (int64_t quad = 0; quad < row_quads; quad += piece) {
      const int64_t quads = smaller(piece, row_quads - quad);
      for (int64_t r = 0; r < count; ++r) {
        const int64_t image = (block + r) / noise.samples, sample = (block + r) % noise.samples;
        for (int64_t q = 0; q < quads; ++q) {
          counters.quad[r * quads + q] = static_cast<uint32_t>(quad + q);
          counters.row[r * quads + q] = noise.first_row + static_cast<uint32_t>(image);
          counters.tag[r * quads + q] = noise.first_tag + static_cast<uint32_t>(sample);
        }
      }
      draw_normals(eps, counters, count * quads, keys);
      for (int64_t r = 0; r < count; ++r) {
        const int64_t first = 4 * quad;
        body(block + r, first, smaller(4 * quads, width - first), eps + r * 4 * quads);
      }
    }
  }
}

/// Calls body(first, length, word) for pieces of a row of `count` values, each with a random word.
template <typename Body>
inline void for_words(const PhiloxRow& noise, int64_t count, Body body) {
  Counters counters;
  for (int64_t q = 0; q < kBlockQuads; ++q) {
    counters.row[q] = noise.row;
    counters.tag[q] = noise.tag;
  }
  uint32_t word[kBlock];
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t length = smaller(kBlock, count - first);
    for (int64_t q = 0; q < kBlockQuads; ++q) {
      counters.quad[q] = static_cast<uint32_t>(first / 4 + q);
    }
    draw(word, counters, (length + 3) / 4, {noise.step, noise.key0, noise.key1});
    body(first, length, word);
  }
}

/// x where each pixel has a random word.
template <typename Rule>
inline void draw_pixels(Rule rule, float* x, const uint8_t* pixels, int64_t count,
                        const PhiloxRow& noise) {
  for_words(noise, count, [&](int64_t first, int64_t length, const uint32_t* word) {
    VAE_INDEPENDENT
    for (int64_t i = 0; i < length; ++i) {
      x[first + i] = rule.value(pixels[first + i], word[i]);
    }
  });
}

/// With constants(i) what value i is drawn with.
template <typename Rule, typename Constants>
inline void observe_by(Rule rule, float* x, const float* outputs, int64_t count,
                       Constants constants, const PhiloxRow& noise) {
  for_words(noise, count, [&](int64_t first, int64_t length, const uint32_t* word) {
    VAE_INDEPENDENT
    for (int64_t i = 0; i < length; ++i) {
      const int64_t at = first + i;
      x[at] = rule.draw(outputs + Rule::kPerValue * at, constants(at), middle_of_word(word[i]));
    }
  });
}

template <typename Rule>
inline void corrupt_by_noise(Rule rule, float* y, const float* x, int64_t count, float amount,
                             const PhiloxRow& noise) {
  for_words(noise, count, [&](int64_t first, int64_t length, const uint32_t* word) {
    float normal[kBlock];
    VAE_INDEPENDENT
    for (int64_t p = 0; p < (length + 1) / 2; ++p) {
      normals_from_words(word[2 * p], word[2 * p + 1], normal[2 * p], normal[2 * p + 1]);
    }
    VAE_INDEPENDENT
    for (int64_t i = 0; i < length; ++i) {
      y[first + i] = rule.value(x[first + i], normal[i], false, amount);
    }
  });
}

template <typename Rule>
inline void corrupt_by_quadrants(Rule rule, float* y, float* counted, const float* x,
                                 const CorruptionModel& model, const PhiloxRow& noise) {
  const uint32_t shown = rule.quadrants(noise, static_cast<int>(model.amount));
  int64_t at = 0;
  for (int64_t row = 0; row < model.height; ++row) {
    for (int64_t column = 0; column < model.width; ++column) {
      const bool is_seen = is_shown(shown, row, column, model.height, model.width);
      for (const int64_t end = at + model.channels; at < end; ++at) {
        y[at] = rule.value(x[at], 0.0f, is_seen, model.amount);
        if (counted != nullptr) counted[at] = rule.counted(is_seen);
      }
    }
  }
}

template <typename Rule>
inline void corrupt_by_frames(Rule rule, float* y, float* counted, const float* x,
                              const CorruptionModel& model) {
  const auto frames = static_cast<int64_t>(model.amount);
  int64_t at = 0;
  for (int64_t pixel = 0; pixel < model.height * model.width; ++pixel) {
    for (int64_t channel = 0; channel < model.channels; ++channel, ++at) {
      const bool is_seen = channel < frames;
      y[at] = rule.value(x[at], 0.0f, is_seen, model.amount);
      if (counted != nullptr) counted[at] = rule.counted(is_seen);
    }
  }
}

}  // namespace

void corrupt(float* y, float* counted, const float* x, const CorruptionModel& model,
             const PhiloxRow& noise) {
  const int64_t count = model.height * model.width * model.channels;
  visit(model.kind, [&](auto rule) {
    if constexpr (rule.kQuadrants) {
      corrupt_by_quadrants(rule, y, counted, x, model, noise);
      return;
    }
    if constexpr (rule.kFrames) {
      corrupt_by_frames(rule, y, counted, x, model);
      return;
    }
    if constexpr (rule.kNormals) {
      corrupt_by_noise(rule, y, x, count, model.amount, noise);
    } else {
      for (int64_t i = 0; i < count; ++i) y[i] = rule.value(x[i], 0.0f, true, model.amount);
    }
    for (int64_t i = 0; counted != nullptr && i < count; ++i) counted[i] = rule.counted(true);
  });
}

void load_pixels(float* x, const uint8_t* pixels, int64_t count, Binarization binarization,
                 const PhiloxRow& noise) {
  visit(binarization, [&](auto rule) {
    if constexpr (rule.kDraws) {
      draw_pixels(rule, x, pixels, count, noise);
    } else {
      VAE_INDEPENDENT
      for (int64_t i = 0; i < count; ++i) x[i] = rule.value(pixels[i], 0);
    }
  });
}

void normals(float* z, int64_t begin, int64_t end, int64_t width, const NoiseRows& noise) {
  for_normals(noise, begin, end, width,
              [&](int64_t m, int64_t first, int64_t count, const float* eps) {
                float* const out = z + m * width + first;
                for (int64_t i = 0; i < count; ++i) out[i] = eps[i];
              });
}

void reparameterize(float* z, float* log_ratio, const GaussianRows& posterior, int64_t begin,
                    int64_t end, int64_t width, LogvarRange range, const NoiseRows& noise) {
  for_normals(noise, begin, end, width,
              [&](int64_t m, int64_t first, int64_t count, const float* eps) {
                const float* const mu = posterior.mu(m, width, first);
                const float* const logvar = mu + width;
                float* const out = z + m * width + first;
                VAE_INDEPENDENT
                for (int64_t i = 0; i < count; ++i) {
                  const float lv = rules::Posterior::logvar(logvar[i], range);
                  out[i] = rules::Posterior::sample(mu[i], lv, eps[i]);
                }
                if (log_ratio == nullptr) return;
                // Pieces of a row are whole groups.
                const float before = first == 0 ? 0.0f : log_ratio[m];
                log_ratio[m] = with_row_sum(before, count, [&](int64_t i) {
                  const float lv = rules::Posterior::logvar(logvar[i], range);
                  return rules::Prior::log_ratio(eps[i], lv, out[i]);
                });
              });
}

void prior_log_ratio(float* log_ratio, const float* z, const GaussianRows& posterior,
                     const GaussianRows& prior, int64_t begin, int64_t end, int64_t width,
                     LogvarRange range, const NoiseRows& noise) {
  for_normals(noise, begin, end, width,
              [&](int64_t m, int64_t first, int64_t count, const float* eps) {
                const float* const logvar = posterior.mu(m, width, first) + width;
                const float* const own = z + m * width + first;
                const float before = first == 0 ? 0.0f : log_ratio[m];
                with_prior(prior.mu(m, width, first), width, range, [&](auto prior_of) {
                  log_ratio[m] = with_row_sum(before, count, [&](int64_t i) {
                    const float lv = rules::Posterior::logvar(logvar[i], range);
                    return prior_of(i).log_ratio(eps[i], lv, own[i]);
                  });
                });
              });
}

void gaussian_backward(float* dheads, const float* dz, const float* heads,
                       const GaussianRows& prior, int64_t begin, int64_t end, int64_t width,
                       LogvarRange range, float kl_scale, float free_bits, const NoiseRows& noise) {
  for_normals(
      noise, begin, end, width, [&](int64_t m, int64_t first, int64_t count, const float* eps) {
        const float* const mu = heads + m * 2 * width + first;
        const float* const logvar = mu + width;
        const float* const dz_row = dz + m * width + first;
        float* const dmu = dheads + m * 2 * width + first;
        float* const dlogvar = dmu + width;
        with_prior(prior.mu(m, width, first), width, range, [&](auto prior_of) {
          VAE_INDEPENDENT
          for (int64_t i = 0; i < count; ++i) {
            const HeadGradient gradient = rules::Posterior::gradient(
                prior_of(i), dz_row[i], eps[i], mu[i], logvar[i], range, kl_scale, free_bits);
            dmu[i] = gradient.mu;
            dlogvar[i] = gradient.logvar;
          }
        });
      });
}

void observe(float* x, const float* outputs, int64_t count, const ObservationModel& model,
             const PhiloxRow& noise) {
  visit(model.likelihood, model.variance, [&](auto rule) {
    with_constants(rule, model,
                   [&](auto constants) { observe_by(rule, x, outputs, count, constants, noise); });
  });
}

void draw_classes(uint8_t* targets, const float* logits, int64_t count, int64_t classes,
                  const PhiloxRow& noise) {
  for_words(noise, count, [&](int64_t first, int64_t length, const uint32_t* word) {
    for (int64_t i = 0; i < length; ++i) {
      targets[first + i] = static_cast<uint8_t>(rules::Categorical::draw(
          logits + (first + i) * classes, classes, middle_of_word(word[i])));
    }
  });
}

namespace {

template <typename Rule>
void weighted_gaussian_backward_by(Rule rule, float* dheads, const float* dz,
                                   const GaussianRows& posterior, const GaussianRows& prior,
                                   int64_t begin, int64_t end, int64_t width, LogvarRange range,
                                   const WeightedGradient& shared, const NoiseRows& noise) {
  const float beta = shared.beta, kl_scale = shared.kl_scale;
  for_normals(
      noise, begin, end, width, [&](int64_t m, int64_t first, int64_t count, const float* eps) {
        const float* const mu = posterior.mu(m, width, first);
        const float* const logvar = mu + width;
        const float* const dz_row = dz + m * width + first;
        float* const dmu = dheads + (mu - posterior.heads);
        float* const dlogvar = dmu + width;
        const float weight = shared.weights[m];
        if (m % posterior.repeat == 0) {
          for (int64_t i = 0; i < count; ++i) dmu[i] = dlogvar[i] = 0.0f;
        }
        with_prior(prior.mu(m, width, first), width, range, [&](auto prior_of) {
          VAE_INDEPENDENT
          for (int64_t i = 0; i < count; ++i) {
            const HeadGradient gradient =
                rules::Posterior::weighted_gradient(rule, prior_of(i), weight, dz_row[i], eps[i],
                                                    mu[i], logvar[i], range, beta, kl_scale);
            dmu[i] += gradient.mu;
            dlogvar[i] += gradient.logvar;
          }
        });
      });
}

}  // namespace

void weighted_gaussian_backward(float* dheads, const float* dz, const GaussianRows& posterior,
                                const GaussianRows& prior, int64_t begin, int64_t end,
                                int64_t width, LogvarRange range, const WeightedGradient& gradient,
                                const NoiseRows& noise) {
  visit(gradient.objective, [&](auto rule) {
    if constexpr (rule.kWeighted) {
      weighted_gaussian_backward_by(rule, dheads, dz, posterior, prior, begin, end, width, range,
                                    gradient, noise);
    }
  });
}

}  // namespace vae::cpu::VAE_ISA_NAMESPACE
