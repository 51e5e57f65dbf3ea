// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "host/graph/graph.h"

namespace vae {

class PriorNode;

/// The diagonal Gaussian posterior q(z|x): from heads [images or codes, 2Z] (mu, then logvar) draws
/// z [codes, Z] by reparameterisation. A pass leaves the KL of each image or, where it asks for
/// importance weights, log p(z) - log q(z|x) of each code: the prior is N(0, I) unless a PriorNode
/// gives another.
class PosteriorNode final : public Node {
 public:
  struct Options {
    float logvar_min, logvar_max;
    int ordinal = 0;  // among the stochastic nodes of a graph: its noise has its own stream
  };

  /// Adds the node to the graph. Others see the codes as `item`, [Z] or an image.
  static PosteriorNode& add(Graph& graph, Value& heads, Shape item, const Options& options);

  void plan(Arena& arena, int64_t images, int64_t codes, bool training) override;
  void forward(Pass& pass) override;
  void backward(Pass& pass) override;

  const Value& heads() const { return input(); }
  Value& z() const { return z_; }
  const Options& options() const { return options_; }
  const PriorNode* prior() const { return prior_; }     // null: N(0, I)
  const View& kl() const { return kl_; }                // [images]
  const View& log_ratio() const { return log_ratio_; }  // [codes]

  /// z ~ p(z) where its prior's value is there already.
  void issue_prior_sample(Pass& pass) const;
  /// z = the mean of a prior that is no N(0, I), likewise.
  void issue_prior_mean(Pass& pass) const;
  /// Adds the statistics of its rows to sums [3, Z].
  void issue_statistics(Pass& pass, DoubleView sums) const;

  PosteriorNode(Value& heads, Value& z, const Options& options)
      : Node({&heads}), z_(z), options_(options) {}

 private:
  friend class PriorNode;

  NoiseKey noise(const Pass& pass) const;
  template <typename Args>
  void set_common(Args& args) const;

  Value& z_;
  Options options_;
  const PriorNode* prior_ = nullptr;
  View kl_, log_ratio_;
};

/// A Gaussian prior N(mu, exp(logvar)) of Z dimensions that is trained, starting at N(0, I).
class LearnedPrior final : public Module {
 public:
  LearnedPrior(std::string name, int64_t latent) : name_(std::move(name)), latent_(latent) {}

  void declare(std::vector<ParameterSpec>& specs) const override;
  void bind(const Parameters& parameters) override;

  const View& heads() const { return heads_; }        // [1, 2Z]
  const View& gradient() const { return gradient_; }  // [1, 2Z], empty outside training

 private:
  std::string name_;
  int64_t latent_;
  View heads_, gradient_;
};

/// Another prior of a posterior than N(0, I): heads like the posterior's that a graph computed, of
/// images (from labels, say) or of codes (from other latents), or a LearnedPrior. It stands behind
/// the posterior and whatever the prior is computed from.
class PriorNode final : public Node {
 public:
  /// How the KL of a pass without importance weights is got. The closed form has less noise. Where
  /// the prior was computed from latents whose posterior depends on z it is not the expectation of
  /// log q - log p, given them; then that itself is taken, of the sample.
  enum class Kl { closed_form, sampled };

  static PriorNode& add(Graph& graph, PosteriorNode& posterior, Value& heads, Kl kl);
  static PriorNode& add(Graph& graph, PosteriorNode& posterior, LearnedPrior& prior);

  void plan(Arena& arena, int64_t images, int64_t codes, bool training) override;
  void prepare(Backend& backend) override;
  void forward(Pass& pass) override;
  void backward(Pass& pass) override;

  /// The prior's heads in a pass.
  ConstView heads(const Pass& pass) const;
  /// How the samples of an image share in the gradients of a pass, and their weights.
  Objective objective(const Pass& pass) const;
  ConstView weights(const Pass& pass) const;
  /// Those of a KL in closed form.
  float free_bits(const Pass& pass) const;

  PriorNode(PosteriorNode& posterior, Value& heads, Kl kl);
  PriorNode(PosteriorNode& posterior, LearnedPrior& prior);

 private:
  bool is_sampled(const Pass& pass) const;

  PosteriorNode& posterior_;
  LearnedPrior* learned_ = nullptr;
  Kl kl_ = Kl::closed_form;
  View ones_;  // [images], the weights of sampled KLs
  int64_t images_ = 0;
};

/// The sums over several posteriors, in their order, of what a pass leaves of each.
class PosteriorSum final : public Node {
 public:
  static PosteriorSum& add(Graph& graph, std::vector<const PosteriorNode*> posteriors);

  void plan(Arena& arena, int64_t images, int64_t codes, bool training) override;
  void forward(Pass& pass) override;
  void backward(Pass&) override {}

  const View& kl() const;         // [images]
  const View& log_ratio() const;  // [codes]

  explicit PosteriorSum(std::vector<const PosteriorNode*> posteriors)
      : Node({}), posteriors_(std::move(posteriors)) {}

 private:
  std::vector<const PosteriorNode*> posteriors_;
  View kl_, log_ratio_;  // empty where there is one posterior
};

}  // namespace vae
