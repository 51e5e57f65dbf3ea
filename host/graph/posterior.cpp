// SPDX-License-Identifier: MIT
#include "host/graph/posterior.h"

#include <utility>

#include "kernels/check.h"
#include "kernels/rules/objectives.h"

namespace vae {

// ---- the posterior

PosteriorNode& PosteriorNode::add(Graph& graph, Value& heads, Shape item, const Options& options) {
  VAE_CHECK(heads.width() == 2 * item.count(), "posterior: its heads are mu and logvar of ", item,
            ", ", 2 * item.count(), " numbers, not ", heads.width());
  Value& z = graph.add_value(item, Rows::codes);
  return graph.add_node<PosteriorNode>(&z, heads, z, options);
}

void PosteriorNode::plan(Arena& arena, int64_t images, int64_t codes, bool) {
  arena.request(kl_, {heads().rows == Rows::images ? images : codes});
  arena.request(log_ratio_, {codes});
}

NoiseKey PosteriorNode::noise(const Pass& pass) const {
  NoiseKey noise = pass.noise;
  noise.stream = posterior_stream(options_.ordinal);
  return noise;
}

template <typename Args>
void PosteriorNode::set_common(Args& args) const {
  args.logvar_min = options_.logvar_min;
  args.logvar_max = options_.logvar_max;
}

void PosteriorNode::forward(Pass& pass) {
  GaussianForwardArgs args;
  args.z = pass.data(z_);
  args.heads = pass.data(heads());
  if (prior_ == nullptr) {
    (pass.importance ? args.log_ratio : args.kl) =
        pass.importance ? pass.head(log_ratio_, Rows::codes) : pass.head(kl_, heads().rows);
  }
  args.samples = pass.samples();
  args.noise = noise(pass);
  set_common(args);
  pass.issue(args);
}

void PosteriorNode::backward(Pass& pass) {
  GaussianBackwardArgs args;
  args.dheads = pass.gradient(heads());
  args.dz = pass.gradient(z_);
  args.heads = pass.data(heads());
  args.scale = 1.0f / static_cast<float>(pass.images());
  args.noise = noise(pass);
  args.samples = pass.samples();
  args.free_bits = prior_ != nullptr ? prior_->free_bits(pass) : pass.free_bits;
  args.objective = prior_ != nullptr ? prior_->objective(pass) : pass.objective;
  args.weights = prior_ != nullptr ? prior_->weights(pass) : pass.weights;
  if (prior_ != nullptr) args.prior = prior_->heads(pass);
  set_common(args);
  pass.issue(args);
}

void PosteriorNode::issue_prior_sample(Pass& pass) const {
  PriorSampleArgs args;
  args.z = pass.data(z_);
  args.noise = pass.noise;
  args.noise.stream = prior_stream(options_.ordinal);
  if (prior_ != nullptr) args.prior = prior_->heads(pass);
  set_common(args);
  pass.issue(args);
}

/// The first half of its columns: what a concatenation's backward pass takes apart. A prior that
/// all rows share has one row.
void PosteriorNode::issue_prior_mean(Pass& pass) const {
  const ConstView prior = prior_->heads(pass);
  const View z = pass.data(z_);
  if (prior.rows() == z.rows()) {
    ConcatBackwardArgs halves;
    halves.dx = z;
    halves.dy = prior;
    pass.issue(halves);
  } else {
    ConcatArgs repeated;
    repeated.y = z;
    repeated.x = ConstView(prior.data, {1, z.cols()});
    repeated.repeat = z.rows();
    pass.issue(repeated);
  }
}

void PosteriorNode::issue_statistics(Pass& pass, DoubleView sums) const {
  PosteriorStatisticsArgs args;
  args.sums = sums;
  args.heads = pass.data(heads());
  if (prior_ != nullptr) args.prior = prior_->heads(pass);
  set_common(args);
  pass.issue(args);
}

// ---- its prior

void LearnedPrior::declare(std::vector<ParameterSpec>& specs) const {
  for (const char* part : {".mu", ".logvar"}) {
    ParameterSpec spec;
    spec.name = name_ + part;
    spec.shape = {latent_};
    spec.role = ParameterSpec::Role::scalar;
    spec.joined = part != std::string_view(".mu");
    specs.push_back(std::move(spec));
  }
}

void LearnedPrior::bind(const Parameters& parameters) {
  heads_ = parameters.joined_value(name_ + ".mu", {1, 2 * latent_});
  gradient_ = parameters.joined_gradient(name_ + ".mu", {1, 2 * latent_});
}

PriorNode::PriorNode(PosteriorNode& posterior, Value& heads, Kl kl)
    : Node({&heads}), posterior_(posterior), kl_(kl) {
  posterior.prior_ = this;
}

PriorNode::PriorNode(PosteriorNode& posterior, LearnedPrior& prior)
    : Node({}, &prior), posterior_(posterior), learned_(&prior) {
  posterior.prior_ = this;
}

PriorNode& PriorNode::add(Graph& graph, PosteriorNode& posterior, Value& heads, Kl kl) {
  const int64_t width = posterior.heads().width();
  VAE_CHECK(heads.width() == width && heads.activation == Activation::none, "prior: its heads are ",
            width, " linear numbers, not ", heads.width());
  VAE_CHECK(
      kl == Kl::sampled || heads.rows == Rows::images || posterior.heads().rows == Rows::codes,
      "prior: the KL of an image's posterior has no closed form with a prior of codes");
  return graph.add_node<PriorNode>(nullptr, posterior, heads, kl);
}

PriorNode& PriorNode::add(Graph& graph, PosteriorNode& posterior, LearnedPrior& prior) {
  return graph.add_node<PriorNode>(nullptr, posterior, prior);
}

void PriorNode::plan(Arena& arena, int64_t images, int64_t, bool training) {
  images_ = 0;
  if (kl_ != Kl::sampled || !training) return;
  arena.request(ones_, {images});
  images_ = images;
}

void PriorNode::prepare(Backend& backend) {
  const std::vector<float> ones(static_cast<std::size_t>(images_), 1.0f);
  if (images_ > 0) backend.copy_to_device(ones_.data, ones.data(), ones.size() * sizeof(float));
}

ConstView PriorNode::heads(const Pass& pass) const {
  return learned_ != nullptr ? ConstView(learned_->heads()) : ConstView(pass.data(input()));
}

/// In a pass of the ELBO.
bool PriorNode::is_sampled(const Pass& pass) const {
  return kl_ == Kl::sampled && !is_weighted(pass.objective);
}

Objective PriorNode::objective(const Pass& pass) const {
  return is_sampled(pass) ? Objective::iwae : pass.objective;
}

ConstView PriorNode::weights(const Pass& pass) const {
  return is_sampled(pass) ? ConstView(pass.head(ones_, Rows::images)) : pass.weights;
}

float PriorNode::free_bits(const Pass& pass) const {
  return is_sampled(pass) ? 0.0f : pass.free_bits;
}

void PriorNode::forward(Pass& pass) {
  PriorForwardArgs args;
  if (pass.importance) {
    args.log_ratio = pass.head(posterior_.log_ratio_, Rows::codes);
  } else {
    args.kl = pass.head(posterior_.kl_, posterior_.heads().rows);
    args.sampled_kl = kl_ == Kl::sampled;
  }
  args.z = pass.data(posterior_.z_);
  args.heads = pass.data(posterior_.heads());
  args.prior = heads(pass);
  args.samples = pass.samples();
  args.noise = posterior_.noise(pass);
  posterior_.set_common(args);
  pass.issue(args);
}

void PriorNode::backward(Pass& pass) {
  if (learned_ == nullptr && input_gradient() == Gradient::none) return;
  PriorBackwardArgs args;
  args.dprior = learned_ != nullptr ? learned_->gradient() : pass.gradient(input());
  args.prior = heads(pass);
  args.heads = pass.data(posterior_.heads());
  args.z = pass.data(posterior_.z_);
  args.scale = 1.0f / static_cast<float>(pass.images());
  args.state = pass.noise.state;
  args.objective = objective(pass);
  args.weights = weights(pass);
  args.samples = pass.samples();
  args.free_bits = free_bits(pass);
  posterior_.set_common(args);
  pass.issue(args);
}

// ---- the sum over several

PosteriorSum& PosteriorSum::add(Graph& graph, std::vector<const PosteriorNode*> posteriors) {
  VAE_CHECK(!posteriors.empty(), "the sum over posteriors takes at least one");
  return graph.add_node<PosteriorSum>(nullptr, std::move(posteriors));
}

void PosteriorSum::plan(Arena& arena, int64_t images, int64_t codes, bool) {
  if (posteriors_.size() == 1) return;
  arena.request(kl_, {images});
  arena.request(log_ratio_, {codes});
}

const View& PosteriorSum::kl() const { return kl_ ? kl_ : posteriors_.front()->kl(); }

const View& PosteriorSum::log_ratio() const {
  return log_ratio_ ? log_ratio_ : posteriors_.front()->log_ratio();
}

void PosteriorSum::forward(Pass& pass) {
  const int64_t rows = pass.importance ? pass.rows(Rows::codes) : pass.images();
  const auto column = [&](const View& view) { return View(view.data, {rows, 1}); };
  const auto part = [&](std::size_t i) {
    return column(pass.importance ? posteriors_[i]->log_ratio() : posteriors_[i]->kl());
  };
  for (std::size_t i = 1; i < posteriors_.size(); ++i) {
    AddArgs args;
    args.y = column(pass.importance ? log_ratio_ : kl_);
    args.a = i == 1 ? part(0) : args.y;
    args.b = part(i);
    pass.issue(args);
  }
}

}  // namespace vae
