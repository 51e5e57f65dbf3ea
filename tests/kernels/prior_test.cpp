// SPDX-License-Identifier: MIT
//
// Posteriors against a prior N(m, exp(l)) that is given: one for all rows, of each image or of each
// sample. Formulas against float64 and its central differences; bits against kernels/rules and the
// sums of docs/arithmetic.md.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/philox.h"
#include "kernels/rules/objectives.h"
#include "kernels/rules/posterior.h"
#include "tests/support/backend_test.h"
#include "tests/support/canonical_sums.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

constexpr uint64_t kPriorSeed = 79;
constexpr uint32_t kPriorStep = 3, kPriorRow = 10;
constexpr LogvarRange kWide{-30.0f, 20.0f};

/// What a row of heads, or of the prior, belongs to.
enum class Shared { all, image, sample };

struct PriorCase {
  int64_t images, samples, latent;
  Shared heads, prior;

  int64_t codes() const { return images * samples; }
  int64_t rows(Shared of) const {
    return of == Shared::all ? 1 : of == Shared::image ? images : codes();
  }
  int64_t head_of(int64_t m) const { return heads == Shared::image ? m / samples : m; }
  int64_t prior_of(int64_t m) const {
    return prior == Shared::all ? 0 : prior == Shared::image ? m / samples : m;
  }
  std::string name() const {
    return concat(images, 'x', samples, 'x', latent, " heads ", static_cast<int>(heads), " prior ",
                  static_cast<int>(prior));
  }
};

/// All ways of sharing, of shapes around the widths of quads, groups and blocks.
std::vector<PriorCase> prior_cases(bool one_sample) {
  struct Sizes {
    int64_t images, samples, latent;
  };
  const std::vector<Sizes> single = {
      {1, 1, 1}, {5, 1, 7}, {33, 1, 20}, {3, 1, 300}, {test::kRaceDetector ? 520 : 1100, 1, 2}};
  const std::vector<Sizes> several = {
      {2, 3, 1}, {5, 4, 33}, {3, 50, 9}, {test::kRaceDetector ? 70 : 300, 4, 5}};
  std::vector<PriorCase> cases;
  for (const Sizes& s : one_sample ? single : several) {
    for (const Shared heads : {Shared::image, Shared::sample}) {
      for (const Shared prior : {Shared::all, Shared::image, Shared::sample}) {
        if (one_sample && (heads == Shared::sample || prior == Shared::sample))
          continue;  // the same
        cases.push_back({s.images, s.samples, s.latent, heads, prior});
      }
    }
  }
  return cases;
}

/// The numbers of a case, drawn at random.
struct Numbers {
  PriorCase c;
  std::vector<float> heads, prior, dz, weights;

  explicit Numbers(const PriorCase& shape)
      : c(shape),
        heads(random_values(c.rows(c.heads) * 2 * c.latent, 1, -1.5f, 1.5f)),
        prior(random_values(c.rows(c.prior) * 2 * c.latent, 2, -1.2f, 1.2f)),
        dz(random_values(c.codes() * c.latent, 3)),
        weights(random_values(c.codes(), 4, 0.0f)) {}

  const float* mu(int64_t m) const { return &heads[c.head_of(m) * 2 * c.latent]; }
  const float* prior_mu(int64_t m) const { return &prior[c.prior_of(m) * 2 * c.latent]; }
  float eps(int64_t m, int64_t j) const {
    return normal_element(philox_row(kPriorSeed, Stream::posterior, kPriorStep,
                                     kPriorRow + static_cast<uint32_t>(m / c.samples),
                                     static_cast<uint32_t>(m % c.samples)),
                          static_cast<uint32_t>(j));
  }
};

struct Results {
  std::vector<float> z, kl, log_ratio, dheads, dprior;
};

class PriorTest : public BackendTest {
 protected:
  StepState state_with(float beta) const {
    StepState state;
    state.step = kPriorStep;
    state.first_row = kPriorRow;
    state.beta = beta;
    return state;
  }

  /// Everything that the operations make of the numbers. The KL only where it has a closed form.
  template <typename Tensor = FloatTensor>
  Results run(const Numbers& n, Objective objective, float beta, float scale,
              LogvarRange range = kWide, bool sampled_kl = false, float free_bits = 0.0f) {
    const PriorCase& c = n.c;
    const Shape of_heads{c.rows(c.heads), 2 * c.latent}, of_prior{c.rows(c.prior), 2 * c.latent};
    const Tensor heads(backend(), of_heads, n.heads), prior(backend(), of_prior, n.prior);
    const Tensor dz(backend(), {c.codes(), c.latent}, n.dz);
    const Tensor weights(backend(), {c.codes()}, n.weights);
    const Tensor z(backend(), {c.codes(), c.latent}), kl(backend(), {of_heads[0]});
    const Tensor ratio(backend(), {c.codes()});
    const Tensor dheads(backend(), of_heads), dprior(backend(), of_prior);
    const DeviceState state(backend(), state_with(beta));

    GaussianForwardArgs draw;
    draw.z = z.view();
    draw.heads = heads.view();
    draw.samples = c.samples;
    draw.logvar_min = range.low;
    draw.logvar_max = range.high;
    draw.noise = {kPriorSeed, Stream::posterior, state.get(), 0};
    backend().issue(draw);

    const bool closed = of_prior[0] == 1 || of_prior[0] == of_heads[0];
    PriorForwardArgs forward;
    if (closed) forward.kl = kl.view();
    if (!sampled_kl) forward.log_ratio = ratio.view();
    forward.z = z.view();
    forward.heads = heads.view();
    forward.prior = prior.view();
    forward.samples = c.samples;
    forward.sampled_kl = sampled_kl;
    forward.logvar_min = range.low;
    forward.logvar_max = range.high;
    forward.noise = draw.noise;
    backend().issue(forward);

    GaussianBackwardArgs backward;
    backward.dheads = dheads.view();
    backward.dz = dz.view();
    backward.heads = heads.view();
    backward.logvar_min = range.low;
    backward.logvar_max = range.high;
    backward.scale = scale;
    backward.noise = draw.noise;
    backward.samples = c.samples;
    backward.objective = objective;
    backward.prior = prior.view();
    backward.free_bits = free_bits;
    PriorBackwardArgs of_the_prior;
    of_the_prior.free_bits = free_bits;
    of_the_prior.dprior = dprior.view();
    of_the_prior.prior = prior.view();
    of_the_prior.heads = heads.view();
    of_the_prior.logvar_min = range.low;
    of_the_prior.logvar_max = range.high;
    of_the_prior.scale = scale;
    of_the_prior.state = state.get();
    of_the_prior.objective = objective;
    of_the_prior.samples = c.samples;
    if (objective != Objective::elbo) {
      of_the_prior.weights = backward.weights = weights.view();
      of_the_prior.z = z.view();
    }
    backend().issue(backward);
    backend().issue(of_the_prior);
    return {z.values(), closed ? kl.values() : std::vector<float>(), ratio.values(),
            dheads.values(), dprior.values()};
  }
};

// ---- float64

double kl_of(double mu, double logvar, double m, double l) {
  return 0.5 * (((mu - m) * (mu - m) + std::exp(logvar)) / std::exp(l) - 1.0 + l - logvar);
}

/// log p(z) - log q(z) as densities.
double log_ratio_of(double z, double mu, double logvar, double m, double l) {
  const double of_q = (z - mu) * (z - mu) / std::exp(logvar) + logvar;
  return 0.5 * (of_q - (z - m) * (z - m) / std::exp(l) - l);
}

/// What dimension j of row m has in the loss whose gradient the operations give, at fixed noise.
double loss_of(const Numbers& n, Objective objective, double weight, int64_t m, int64_t j,
               const std::vector<double>& heads, const std::vector<double>& prior) {
  const double* const mu = &heads[n.c.head_of(m) * 2 * n.c.latent + j];
  const double* const of_p = &prior[n.c.prior_of(m) * 2 * n.c.latent + j];
  const double logvar = mu[n.c.latent], l = of_p[n.c.latent];
  const double z = mu[0] + std::exp(0.5 * logvar) * n.eps(m, j);
  const double path = n.dz[m * n.c.latent + j] * z;
  if (objective == Objective::elbo) return path + weight * kl_of(mu[0], logvar, of_p[0], l);
  return path - weight * n.weights[m] * log_ratio_of(z, mu[0], logvar, of_p[0], l);
}

/// The derivative by entry i of `numbers`, heads or prior, of the rows in which it takes part.
template <typename OwnerOf>
double central_difference(const Numbers& n, Objective objective, double weight,
                          std::vector<double>& heads, std::vector<double>& prior,
                          std::vector<double>& numbers, int64_t i, OwnerOf owner_of) {
  const int64_t owner = i / (2 * n.c.latent), j = i % n.c.latent;
  const double original = numbers[i], h = 1e-5;
  const auto at = [&](double shift) {
    numbers[i] = original + shift;
    double sum = 0.0;
    for (int64_t m = 0; m < n.c.codes(); ++m) {
      if (owner_of(m) == owner) sum += loss_of(n, objective, weight, m, j, heads, prior);
    }
    numbers[i] = original;
    return sum;
  };
  return (at(h) - at(-h)) / (2 * h);
}

TEST_P(PriorTest, ForwardMatchesFloat64) {
  for (const bool one_sample : {true, false}) {
    for (const PriorCase& c : prior_cases(one_sample)) {
      const Numbers n(c);
      const Results found = run(n, one_sample ? Objective::elbo : Objective::iwae, 1.0f, 1.0f);
      for (int64_t m = 0; m < c.codes(); m += 1 + c.codes() / 40) {
        double kl = 0.0, ratio = 0.0;
        for (int64_t j = 0; j < c.latent; ++j) {
          const float *const mu = n.mu(m) + j, *const of_p = n.prior_mu(m) + j;
          const double z = mu[0] + std::exp(0.5 * mu[c.latent]) * n.eps(m, j);
          ASSERT_NEAR(found.z[m * c.latent + j], z, 1e-5) << c.name();
          kl += kl_of(mu[0], mu[c.latent], of_p[0], of_p[c.latent]);
          ratio += log_ratio_of(z, mu[0], mu[c.latent], of_p[0], of_p[c.latent]);
        }
        ASSERT_NEAR(found.log_ratio[m], ratio, 2e-4 * (1.0 + std::abs(ratio))) << c.name();
        if (!found.kl.empty()) {
          ASSERT_NEAR(found.kl[c.head_of(m)], kl, 1e-5 * (1.0 + kl)) << c.name();
        }
      }
    }
  }
}

TEST_P(PriorTest, GradientsMatchCentralDifferences) {
  const float beta = 0.7f, scale = 0.25f;
  for (const Objective objective : {Objective::elbo, Objective::iwae}) {
    for (const PriorCase& c : prior_cases(objective == Objective::elbo)) {
      const Numbers n(c);
      const Results found = run(n, objective, beta, scale);
      std::vector<double> heads(n.heads.begin(), n.heads.end());
      std::vector<double> prior(n.prior.begin(), n.prior.end());
      const double weight = beta * scale;
      const auto step = [](std::size_t count) { return static_cast<int64_t>(1 + count / 23); };
      for (int64_t i = 0; i < std::ssize(heads); i += step(heads.size())) {
        const double expected = central_difference(n, objective, weight, heads, prior, heads, i,
                                                   [&](int64_t m) { return c.head_of(m); });
        ASSERT_NEAR(found.dheads[i], expected, 3e-5 * (1.0 + std::abs(expected)))
            << c.name() << " head " << i;
      }
      for (int64_t i = 0; i < std::ssize(prior); i += step(prior.size())) {
        const double expected = central_difference(n, objective, weight, heads, prior, prior, i,
                                                   [&](int64_t m) { return c.prior_of(m); });
        ASSERT_NEAR(found.dprior[i], expected, 3e-5 * (1.0 + std::abs(expected)))
            << c.name() << " prior " << i;
      }
    }
  }
}

TEST_P(PriorTest, DregMatchesFloat64AndLeavesThePriorItsGradient) {
  const double beta = 0.6f, scale = 0.5;
  for (const PriorCase& c : prior_cases(/*one_sample=*/false)) {
    const Numbers n(c);
    const Results found = run(n, Objective::dreg, 0.6f, 0.5f);
    std::vector<double> expected(n.heads.size(), 0.0);
    for (int64_t m = 0; m < c.codes(); ++m) {
      for (int64_t j = 0; j < c.latent; ++j) {
        const float *const mu = n.mu(m) + j, *const of_p = n.prior_mu(m) + j;
        const double sigma = std::exp(0.5 * mu[c.latent]), eps = n.eps(m, j), w = n.weights[m];
        const double of_prior = (mu[0] + sigma * eps - of_p[0]) / std::exp(of_p[c.latent]);
        const double slope = scale * beta * w * (of_prior - eps / sigma);
        const double g = (1.0 - beta + beta * w) * (n.dz[m * c.latent + j] + slope);
        const int64_t at = c.head_of(m) * 2 * c.latent + j;
        expected[at] += g;
        expected[at + c.latent] += 0.5 * g * eps * sigma;
      }
    }
    EXPECT_LT(worst_error(found.dheads, expected, 1.0), 2e-5) << c.name();
    EXPECT_EQ(bits_of(found.dprior), bits_of(run(n, Objective::iwae, 0.6f, 0.5f).dprior));
  }
}

// ---- bits

rules::GivenNormal rule_of(const Numbers& n, int64_t m, int64_t j, const LogvarRange& range) {
  const float* const mu = n.prior_mu(m) + j;
  return rules::GivenNormal::of(mu[0], mu[n.c.latent], range);
}

/// The gradient of the prior, by the rule of an element and the sum of docs/arithmetic.md.
std::vector<float> canonical_dprior(const Numbers& n, Objective objective, float kl_scale,
                                    const std::vector<float>& z, const LogvarRange& range,
                                    float free_bits) {
  const PriorCase& c = n.c;
  std::vector<float> result(n.prior.size(), 0.0f);
  for (int64_t j = 0; j < c.latent; ++j) {
    std::vector<double> mu_terms, logvar_terms;
    for (int64_t m = 0; m < c.codes(); ++m) {
      const float* const mu = n.mu(m) + j;
      const HeadGradient own =
          objective == Objective::elbo
              ? rule_of(n, m, j, range)
                    .kl_gradient(mu[0], rules::Posterior::logvar(mu[c.latent], range), kl_scale,
                                 free_bits)
              : rule_of(n, m, j, range)
                    .sample_gradient(z[m * c.latent + j], kl_scale * n.weights[m]);
      const int64_t at = c.prior_of(m) * 2 * c.latent + j;
      result[at] += own.mu;
      result[at + c.latent] += own.logvar;
      mu_terms.push_back(own.mu);
      logvar_terms.push_back(own.logvar);
    }
    if (c.rows(c.prior) > 1) continue;
    result[j] = static_cast<float>(canonical_long_sum(mu_terms));
    result[j + c.latent] = static_cast<float>(canonical_long_sum(logvar_terms));
  }
  return result;
}

TEST_P(PriorTest, NumbersAreThoseOfTheRulesToTheBit) {
  const LogvarRange range{-1.0f, 0.8f};
  const float beta = 0.7f, scale = 0.25f;
  for (const Objective objective : {Objective::elbo, Objective::iwae, Objective::dreg}) {
    for (const PriorCase& c : prior_cases(objective == Objective::elbo)) {
      const Numbers n(c);
      const float free_bits = objective == Objective::elbo && c.latent % 2 == 1 ? 0.4f : 0.0f;
      const Results found = run(n, objective, beta, scale, range, false, free_bits);
      std::vector<float> kl, ratios, dheads(n.heads.size(), 0.0f);
      for (int64_t m = 0; m < c.codes(); ++m) {
        std::vector<float> kl_terms, ratio_terms;
        for (int64_t j = 0; j < c.latent; ++j) {
          const rules::GivenNormal prior = rule_of(n, m, j, range);
          const float* const mu = n.mu(m) + j;
          const float lv = rules::Posterior::logvar(mu[c.latent], range), eps = n.eps(m, j);
          const int64_t at = c.head_of(m) * 2 * c.latent + j, own = m * c.latent + j;
          kl_terms.push_back(prior.kl(mu[0], lv));
          ratio_terms.push_back(prior.log_ratio(eps, lv, found.z[own]));
          visit(objective, [&](auto rule) {
            HeadGradient gradient;
            if constexpr (rule.kWeighted) {
              gradient = rules::Posterior::weighted_gradient(rule, prior, n.weights[m], n.dz[own],
                                                             eps, mu[0], mu[c.latent], range, beta,
                                                             scale * beta);
            } else {
              gradient = rules::Posterior::gradient(prior, n.dz[own], eps, mu[0], mu[c.latent],
                                                    range, scale * beta, free_bits);
            }
            dheads[at] = rule.kWeighted ? dheads[at] + gradient.mu : gradient.mu;
            float& of_logvar = dheads[at + c.latent];
            of_logvar = rule.kWeighted ? of_logvar + gradient.logvar : gradient.logvar;
          });
        }
        ratios.push_back(canonical_row_sum(ratio_terms));
        if (m == 0 || c.head_of(m) != c.head_of(m - 1)) kl.push_back(canonical_row_sum(kl_terms));
      }
      ASSERT_EQ(bits_of(found.log_ratio), bits_of(ratios)) << c.name();
      if (!found.kl.empty()) {
        ASSERT_EQ(bits_of(found.kl), bits_of(kl)) << c.name();
      }
      ASSERT_EQ(bits_of(found.dheads), bits_of(dheads)) << c.name();
      const auto dprior = canonical_dprior(n, objective, scale * beta, found.z, range, free_bits);
      ASSERT_EQ(bits_of(found.dprior), bits_of(dprior)) << c.name();
    }
  }
}

TEST_P(PriorTest, APriorOfZerosIsTheStandardNormalToTheBit) {
  for (const Objective objective : {Objective::elbo, Objective::iwae, Objective::dreg}) {
    for (const PriorCase& c : prior_cases(objective == Objective::elbo)) {
      Numbers n(c);
      n.prior.assign(n.prior.size(), 0.0f);
      const Results found = run(n, objective, 0.7f, 0.25f);
      const FloatTensor heads(backend(), {c.rows(c.heads), 2 * c.latent}, n.heads);
      const FloatTensor dz(backend(), {c.codes(), c.latent}, n.dz);
      const FloatTensor weights(backend(), {c.codes()}, n.weights);
      const FloatTensor z(backend(), {c.codes(), c.latent}), kl(backend(), {c.rows(c.heads)});
      const FloatTensor ratio(backend(), {c.codes()}), dheads(backend(), heads.view().shape);
      const DeviceState state(backend(), state_with(0.7f));
      const NoiseKey noise{kPriorSeed, Stream::posterior, state.get(), 0};
      backend().issue(GaussianForwardArgs{z.view(), kl.view(), ratio.view(), heads.view(),
                                          c.samples, kWide.low, kWide.high, noise});
      GaussianBackwardArgs backward;
      backward.dheads = dheads.view();
      backward.dz = dz.view();
      backward.heads = heads.view();
      backward.scale = 0.25f;
      backward.noise = noise;
      backward.samples = c.samples;
      backward.objective = objective;
      if (objective != Objective::elbo) backward.weights = weights.view();
      backend().issue(backward);
      EXPECT_EQ(bits_of(found.z), bits_of(z.values())) << c.name();
      if (!found.kl.empty()) {
        EXPECT_EQ(bits_of(found.kl), bits_of(kl.values())) << c.name();
      }
      EXPECT_EQ(bits_of(found.log_ratio), bits_of(ratio.values())) << c.name();
      EXPECT_EQ(bits_of(found.dheads), bits_of(dheads.values())) << c.name();
    }
  }
}

TEST_P(PriorTest, ADimensionWithinItsFreeBitsFeelsNoKl) {
  for (const Shared prior : {Shared::all, Shared::image}) {
    const Numbers n({9, 1, 5, Shared::image, prior});
    const Results all = run(n, Objective::elbo, 1.0f, 1.0f, kWide, false, 1e3f);
    EXPECT_EQ(all.dprior, std::vector<float>(n.prior.size(), 0.0f));
    for (int64_t row = 0; row < 9; ++row) {
      for (int64_t j = 0; j < 5; ++j) EXPECT_EQ(all.dheads[row * 10 + j], n.dz[row * 5 + j]);
    }
    const Results some = run(n, Objective::elbo, 1.0f, 1.0f, kWide, false, 0.3f);
    std::vector<double> expected(n.prior.size(), 0.0);
    for (int64_t m = 0; m < 9; ++m) {
      for (int64_t j = 0; j < 5; ++j) {
        const float *const mu = n.mu(m) + j, *const of_p = n.prior_mu(m) + j;
        if (kl_of(mu[0], mu[5], of_p[0], of_p[5]) <= 0.3) continue;
        const double distance = mu[0] - of_p[0], precision = std::exp(-of_p[5]);
        const double square = (distance * distance + std::exp(mu[5])) * precision;
        expected[n.c.prior_of(m) * 10 + j] -= distance * precision;
        expected[n.c.prior_of(m) * 10 + 5 + j] += 0.5 * (1.0 - square);
      }
    }
    EXPECT_LT(worst_error(some.dprior, expected), 1e-5);
  }
}

TEST_P(PriorTest, ASampledKlIsTheNegativeRatio) {
  for (const Shared prior : {Shared::all, Shared::image}) {
    const Numbers n({7, 1, 37, Shared::image, prior});
    std::vector<float> expected = run(n, Objective::elbo, 1.0f, 1.0f).log_ratio;
    for (float& ratio : expected) ratio = -ratio;
    EXPECT_EQ(run(n, Objective::elbo, 1.0f, 1.0f, kWide, /*sampled_kl=*/true).kl, expected);
  }
}

TEST_P(PriorTest, AlignmentDoesNotMatter) {
  for (const int64_t latent : {1, 4, 20, 33}) {
    for (const Objective objective : {Objective::elbo, Objective::iwae}) {
      const int64_t samples = objective == Objective::elbo ? 1 : 3;
      const Numbers n({5, samples, latent, Shared::image, Shared::image});
      const Results a = run<FloatTensor>(n, objective, 1.0f, 0.1f);
      const Results b = run<UnalignedTensor<float>>(n, objective, 1.0f, 0.1f);
      EXPECT_EQ(a.kl, b.kl);
      EXPECT_EQ(a.log_ratio, b.log_ratio);
      EXPECT_EQ(a.dheads, b.dheads);
      EXPECT_EQ(a.dprior, b.dprior);
    }
  }
}

TEST_P(PriorTest, AClampedLogVarianceIsTheSameEverywhereAndHasNoGradient) {
  const LogvarRange range{-2.0f, 1.0f};
  for (const Objective objective : {Objective::elbo, Objective::iwae, Objective::dreg}) {
    for (const Shared of : {Shared::all, Shared::image}) {
      Numbers n({3, 1, 4, Shared::image, of}), clamped = n;
      for (std::size_t row = 0; row < n.prior.size(); row += 8) {
        n.prior[row + 4] = -1e3f;
        n.prior[row + 5] = 1e3f;
        clamped.prior[row + 4] = range.low;
        clamped.prior[row + 5] = range.high;
      }
      const Results found = run(n, objective, 1.0f, 1.0f, range);
      const Results expected = run(clamped, objective, 1.0f, 1.0f, range);
      EXPECT_EQ(found.kl, expected.kl);
      EXPECT_EQ(found.log_ratio, expected.log_ratio);
      EXPECT_EQ(found.dheads, expected.dheads);
      for (std::size_t row = 0; row < n.prior.size(); row += 8) {
        for (const std::size_t i : {0, 1, 2, 3, 6, 7}) {
          EXPECT_EQ(found.dprior[row + i], expected.dprior[row + i]);
          EXPECT_NE(found.dprior[row + i], 0.0f);
        }
        for (const std::size_t i : {4, 5}) EXPECT_EQ(found.dprior[row + i], 0.0f);
      }
    }
  }
}

TEST_P(PriorTest, NotANumberPassesThroughAndSpoilsItsRowOnly) {
  for (const Objective objective : {Objective::elbo, Objective::iwae}) {
    Numbers n({3, 1, 6, Shared::image, Shared::image});
    const int64_t bad = 12 + 6 + 5;  // a log-variance of row 1
    n.prior[bad] = std::numeric_limits<float>::quiet_NaN();
    const Results found = run(n, objective, 1.0f, 1.0f);
    for (int64_t row = 0; row < 3; ++row) {
      EXPECT_EQ(std::isnan(found.kl[row]), row == 1);
      EXPECT_EQ(std::isnan(found.log_ratio[row]), row == 1);
      EXPECT_EQ(std::isnan(found.dprior[row * 12 + 11]), row == 1);
      EXPECT_EQ(std::isnan(found.dheads[row * 12 + 5]), row == 1);
    }
  }
}

// ---- draws and statistics

TEST_P(PriorTest, SamplesAreDrawnFromIt) {
  const int64_t rows = 5;
  for (const int64_t latent : {3, 20, 130}) {
    for (const int64_t priors : {int64_t{1}, rows}) {
      const auto numbers = random_values(priors * 2 * latent, 5, -3.0f, 3.0f);
      const FloatTensor prior(backend(), {priors, 2 * latent}, numbers);
      const FloatTensor z(backend(), {rows, latent});
      const DeviceState state(backend(), state_with(1.0f));
      PriorSampleArgs args;
      args.z = z.view();
      args.noise = {kPriorSeed, Stream::prior, state.get(), 0};
      args.prior = prior.view();
      args.logvar_min = -2.0f;
      args.logvar_max = 2.0f;
      backend().issue(args);
      std::vector<float> expected;
      for (int64_t row = 0; row < rows; ++row) {
        const float* const mu = &numbers[(priors == 1 ? 0 : row) * 2 * latent];
        const PhiloxRow draws = philox_row(kPriorSeed, Stream::prior, kPriorStep,
                                           kPriorRow + static_cast<uint32_t>(row));
        for (int64_t j = 0; j < latent; ++j) {
          const float lv = rules::Posterior::logvar(mu[latent + j], {-2.0f, 2.0f});
          expected.push_back(
              rules::Posterior::sample(mu[j], lv, normal_element(draws, static_cast<uint32_t>(j))));
        }
      }
      EXPECT_EQ(bits_of(z.values()), bits_of(expected));
    }
  }
}

TEST_P(PriorTest, StatisticsAreOfTheKlAgainstIt) {
  const int64_t rows = 1030, latent = 9;
  const auto heads = random_values(rows * 2 * latent, 6, -2.0f, 2.0f);
  const FloatTensor heads_(backend(), {rows, 2 * latent}, heads);
  for (const int64_t priors : {int64_t{1}, rows}) {
    const auto numbers = random_values(priors * 2 * latent, 7, -2.0f, 2.0f);
    const FloatTensor prior(backend(), {priors, 2 * latent}, numbers);
    const DeviceTensor<double> sums(backend(), {3, latent}, std::vector<double>(3 * latent, 1.0));
    PosteriorStatisticsArgs args;
    args.sums = sums.view();
    args.heads = heads_.view();
    args.logvar_min = -1.0f;
    args.logvar_max = 1.5f;
    args.prior = prior.view();
    backend().issue(args);
    const auto found = sums.values();
    for (int64_t j = 0; j < latent; ++j) {
      double kl = 1.0, mean = 1.0;
      for (int64_t row = 0; row < rows; ++row) {
        const float* const mu = &heads[row * 2 * latent + j];
        const float* const m = &numbers[(priors == 1 ? 0 : row) * 2 * latent + j];
        const auto clamp = [](float lv) { return std::min(1.5f, std::max(-1.0f, lv)); };
        kl += kl_of(mu[0], clamp(mu[latent]), m[0], clamp(m[latent]));
        mean += mu[0];
      }
      EXPECT_NEAR(found[j], kl, 1e-9 * kl);
      EXPECT_NEAR(found[latent + j], mean, 1e-9);
    }
  }
}

// ---- what does not fit

TEST_P(PriorTest, ShapesThatDoNotFitAreRefused) {
  const int64_t latent = 3;
  const FloatTensor z(backend(), {6, latent}), heads(backend(), {3, 2 * latent});
  const FloatTensor prior(backend(), {2, 2 * latent}), per_code(backend(), {6, 2 * latent});
  const FloatTensor kl(backend(), {3}), narrow(backend(), {3, latent});
  const DeviceState state(backend(), state_with(1.0f));
  PriorForwardArgs args;
  args.z = z.view();
  args.kl = kl.view();
  args.heads = heads.view();
  args.samples = 2;
  args.noise = {kPriorSeed, Stream::posterior, state.get(), 0};
  for (const View& wrong : {View(), prior.view(), narrow.view(), per_code.view()}) {
    args.prior = wrong;  // none, of too few rows, too narrow, of samples though the KL is not
    EXPECT_THROW(backend().issue(args), Error);
  }
  args.prior = per_code.view().head(1);
  args.sampled_kl = true;  // of two samples
  EXPECT_THROW(backend().issue(args), Error);
  args.samples = 0;
  EXPECT_THROW(backend().issue(args), Error);
  PriorBackwardArgs backward;
  backward.prior = backward.heads = heads.view();
  backward.dprior = narrow.view();
  backward.state = state.get();
  EXPECT_THROW(backend().issue(backward), Error);
  const FloatTensor dprior(backend(), {3, 2 * latent});
  backward.dprior = dprior.view();
  backward.objective = Objective::iwae;  // without samples
  EXPECT_THROW(backend().issue(backward), Error);
}

VAE_INSTANTIATE_BACKENDS(PriorTest);

}  // namespace
}  // namespace vae::testing
