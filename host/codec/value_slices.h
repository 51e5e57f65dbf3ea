// SPDX-License-Identifier: MIT
//
// Values of images as symbols: p(x|z) of one value, from its outputs of the decoder, cut into
// slices of whole numbers. They are computed in binary64 from exactly rounded operations, so that
// they are the same wherever the outputs are (docs/arithmetic.md, rule 7). Every symbol has a slice
// of at least one, and all of them sum to 2^kValueBits exactly, whatever the outputs are: one that
// is no number counts as 0.
//
// A rule is made of a value's outputs and has
//   kOutputs        how many of these there are
//   kProtocol       how pixels become symbols
//   slice(symbol)   the symbol's slice
//   find(share)     the symbol in whose slice the share lies, and that slice
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

#include "host/codec/bit_stack.h"
#include "kernels/arithmetic.h"
#include "kernels/math_double.h"
#include "kernels/rules/beta_binomial.h"
#include "kernels/rules/discretised_logistic.h"
#include "kernels/rules/levels.h"
#include "kernels/special_functions.h"
#include "vae/types.h"

namespace vae {

inline constexpr int kValueBits = 24;  // what its rounding costs is not seen in any file's size
inline constexpr uint64_t kWholeScale = uint64_t{1} << kValueBits;

struct ValueSymbol {
  uint32_t symbol;
  Slice slice;
};

inline float number_or_zero(float output) { return output == output ? output : 0.0f; }

/// `mass` of what is left of the scale where `others` are given away by other rules.
inline uint64_t share_of_scale(double mass, uint64_t others) {
  return static_cast<uint64_t>(mass * static_cast<double>(kWholeScale - others));
}

/// 1 / (1 + e^-x).
inline double logistic_cdf(double x) {
  const double e = exponential(x < 0.0 ? x : -x);
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

/// Black and white under a Bernoulli [kernels/rules/bernoulli.h].
class BernoulliSlices {
 public:
  static constexpr int kOutputs = 1;
  static constexpr Binarization kProtocol = Binarization::threshold;

  explicit BernoulliSlices(const float* outputs)
      : black_(1 + share_of_scale(logistic_cdf(-double{number_or_zero(outputs[0])}), 2)) {}

  Slice slice(uint32_t symbol) const {
    return symbol == 0 ? Slice{0, black_} : Slice{black_, kWholeScale - black_};
  }
  ValueSymbol find(uint64_t share) const {
    const uint32_t symbol = share < black_ ? 0 : 1;
    return {symbol, slice(symbol)};
  }

 private:
  uint64_t black_;
};

/// 256 levels as the bins of a logistic distribution. [kernels/rules/discretised_logistic.h]
class LogisticSlices {
 public:
  static constexpr int kOutputs = 2;
  static constexpr Binarization kProtocol = Binarization::none;

  explicit LogisticSlices(const float* outputs) : location_(number_or_zero(outputs[0])) {
    using Rule = rules::DiscretisedLogistic;
    const double log_scale = clamped(number_or_zero(outputs[1]), Rule::kLowest, Rule::kHighest);
    inverse_scale_ = exponential(-log_scale);
  }

  Slice slice(uint32_t symbol) const {
    const uint64_t start = below(symbol);
    return {start, below(symbol + 1) - start};
  }

  ValueSymbol find(uint64_t share) const {
    uint32_t level = guess(share);
    uint64_t start = below(level);
    while (start > share) start = below(--level);
    uint64_t end = below(level + 1);
    while (end <= share) {
      start = end;
      end = below(++level + 1);
    }
    return {level, {start, end - start}};
  }

 private:
  /// What the levels below this one have together. Each has 2 beside its mass: a last bit of the
  /// sigmoid takes at most one of them away.
  uint64_t below(uint32_t level) const {
    constexpr uint64_t kOfEach = 2;
    if (level == 0) return 0;
    if (level > kHighestLevel) return kWholeScale;
    const double edge = (level - 0.5) / kHighestLevel;
    const double mass = logistic_cdf((edge - location_) * inverse_scale_);
    return kOfEach * level + share_of_scale(mass, kOfEach * (kHighestLevel + 1));
  }

  uint32_t guess(uint64_t share) const {
    const double p = (static_cast<double>(share) + 0.5) / static_cast<double>(kWholeScale);
    return static_cast<uint32_t>(level_of(location_ + logarithm(p / (1.0 - p)) / inverse_scale_));
  }

  double location_, inverse_scale_;
};

/// 256 levels as successes of 255 trials. They are numbered from that end which is the more
/// probable one, as for draws, and one's probability follows from that of the one before.
/// [kernels/rules/beta_binomial.h]
class BetaBinomialSlices {
 public:
  static constexpr int kOutputs = 2;
  static constexpr Binarization kProtocol = Binarization::none;

  explicit BetaBinomialSlices(const float* outputs) {
    const double alpha = rules::BetaBinomial::exponential_of(number_or_zero(outputs[0]));
    const double beta = rules::BetaBinomial::exponential_of(number_or_zero(outputs[1]));
    from_above_ = alpha > beta;
    a_ = from_above_ ? beta : alpha;
    b_ = from_above_ ? alpha : beta;
    // B(a, n + b) / B(a, b), B the beta function
    p_ = exponential((log_gamma(kTrials + b_) - log_gamma(b_)) -
                     (log_gamma(kTrials + (a_ + b_)) - log_gamma(a_ + b_)));
    sum_ = p_;
    end_ = end_of_step();
  }

  Slice slice(uint32_t symbol) {
    while (step_ < from_end(symbol)) advance();
    return {start_, end_ - start_};
  }

  ValueSymbol find(uint64_t share) {
    while (end_ <= share) advance();
    return {from_end(step_), {start_, end_ - start_}};
  }

 private:
  static constexpr uint32_t kTrials = kHighestLevel;

  uint32_t from_end(uint32_t level) const { return from_above_ ? kTrials - level : level; }

  void advance() {
    const double k = step_;
    p_ *= (kTrials - k) * (k + a_) / ((k + 1.0) * (kTrials - k - 1.0 + b_));
    sum_ += p_;
    ++step_;
    start_ = end_;
    end_ = end_of_step();
  }

  /// What the levels up to this one have together: each has 1 beside its mass.
  uint64_t end_of_step() const {
    if (step_ == kTrials) return kWholeScale;
    return step_ + 1 + share_of_scale(sum_ < 1.0 ? sum_ : 1.0, kTrials + 1);
  }

  bool from_above_;
  double a_, b_, p_, sum_;
  uint32_t step_ = 0;
  uint64_t start_ = 0, end_;
};

/// Calls body(std::type_identity<Rule>()) with the rule of a likelihood and returns true, or false
/// where there is none: a density has no slices.
template <typename Body>
bool with_value_slices(Likelihood likelihood, const Body& body) {
  if (likelihood == Likelihood::bernoulli) {
    body(std::type_identity<BernoulliSlices>());
  } else if (likelihood == Likelihood::logistic) {
    body(std::type_identity<LogisticSlices>());
  } else if (likelihood == Likelihood::beta_binomial) {
    body(std::type_identity<BetaBinomialSlices>());
  } else {
    return false;
  }
  return true;
}

/// How images become symbols of such a likelihood; nothing where it has none.
inline std::optional<Binarization> protocol_of(Likelihood likelihood) {
  std::optional<Binarization> protocol;
  with_value_slices(likelihood,
                    [&]<typename Rule>(std::type_identity<Rule>) { protocol = Rule::kProtocol; });
  return protocol;
}

}  // namespace vae
