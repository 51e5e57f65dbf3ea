// SPDX-License-Identifier: MIT
#include "host/model/network.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "host/graph/initialization.h"
#include "kernels/check.h"
#include "kernels/rules/likelihoods.h"

namespace vae {

namespace {

bool has_memory(Backend& backend, std::size_t bytes) {
  try {
    backend.deallocate(backend.allocate(bytes));
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    return false;
  }
}

/// The means of `count` groups: pixel i belongs to group i % count. A convolution has one bias for
/// all positions of a channel.
std::vector<double> means_of(std::span<const double> pixels, int64_t count) {
  std::vector<double> means(static_cast<std::size_t>(count));
  const double share = static_cast<double>(count) / static_cast<double>(pixels.size());
  if (share == 1.0) return {pixels.begin(), pixels.end()};
  for (std::size_t i = 0; i < pixels.size(); ++i) means[i % means.size()] += pixels[i] * share;
  return means;
}

}  // namespace

std::vector<ParameterSpec> parameter_specs(const ModelConfig& config) {
  return Vae(config).graph.parameter_specs();
}

Network::Network(Backend& backend, const ModelConfig& config, const Options& options)
    : backend_(backend),
      config_(config),
      training_(options.training),
      corruption_(options.corruption),
      vae_(config, options.corruption.kind),
      parameters_(backend, vae_.graph.parameter_specs(), options.training) {
  vae_.graph.bind(parameters_);
  reserve_batch(options.max_rows, options.max_rows * options.max_samples);
}

int64_t Network::most_rows() const {
  return pins_ > 0 ? std::min(images_, codes_) : std::numeric_limits<int64_t>::max();
}

void Network::reserve(int64_t images, int64_t codes) {
  if (images <= images_ && codes <= codes_) return;
  VAE_CHECK(pins_ == 0, "the network has room for ", images_, " rows and recordings hold their ",
            "addresses: it cannot grow to ", std::max(images, codes));
  images = std::max(images, images_);
  codes = std::max(codes, codes_);
  images_ = codes_ = 0;
  arena_.reset();  // before the larger one is taken
  arena_.emplace(backend_);
  vae_.graph.plan(*arena_, images, codes, training_);
  arena_->allocate("the activations");
  vae_.graph.prepare(backend_);
  images_ = images;
  codes_ = codes;
}

/// The advice is tried out, by halving, with a margin for what libraries take.
void Network::reserve_batch(int64_t images, int64_t codes, int64_t samples) {
  try {
    reserve(images, codes);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    constexpr std::size_t kMargin = std::size_t{16} << 20;
    const auto fits = [&](int64_t rows) {
      const std::size_t bytes =
          activation_bytes(std::min(images, rows), std::min(codes, rows * samples));
      return has_memory(backend_, bytes + kMargin);
    };
    const int64_t batch = std::max(images, codes / samples);
    int64_t fitting = batch / 2;
    while (fitting > 0 && !fits(fitting)) fitting /= 2;
    const std::string of_samples =
        samples > 1 ? concat(" with ", samples, " importance_samples") : std::string();
    fail(ErrorCode::out_of_memory, "batch_size ", batch, of_samples, ": ", error.what(),
         fitting > 0 ? concat("; the activations of batch_size ", fitting, " would fit")
                     : std::string("; those of no batch_size would fit: use a smaller model"));
  }
}

std::size_t Network::activation_bytes(int64_t images, int64_t codes) {
  Arena plan(backend_);
  vae_.graph.plan(plan, images, codes, training_);
  return plan.bytes();
}

void Network::initialize(uint64_t seed, std::span<const double> mean_pixels) {
  initialize_parameters(parameters_, config_.initialization, seed);
  if (config_.output_bias_from_mean) start_output_bias(mean_pixels);
  parameters_.restart_averages();
}

void Network::start_output_bias(std::span<const double> mean_pixels) {
  VAE_CHECK(static_cast<int64_t>(mean_pixels.size()) == config_.pixels(),
            "output_bias_from_mean needs the mean of each of the ", config_.pixels(),
            " pixels, got ", mean_pixels.size(), " numbers");
  const View bias = parameters_.find("decoder.output.bias").value;
  const int64_t values = bias.count() / outputs_per_value(config_.likelihood, config_.variance);
  parameters_.upload(
      bias, output_bias(means_of(mean_pixels, values), config_.likelihood, config_.variance));
}

View Network::input(int64_t rows) const { return images_of(vae_.x, rows); }
View Network::clean(int64_t rows) const { return images_of(vae_.clean, rows); }
View Network::shown(int64_t rows) const { return images_of(vae_.shown, rows); }
View Network::counted(int64_t rows) const { return images_of(vae_.counted, rows); }

/// `rows` images; of no value none.
View Network::images_of(const Value* value, int64_t rows) const {
  VAE_CHECK(rows >= 1 && rows <= images_, "the network has room for up to ", images_, " rows, not ",
            rows);
  return value != nullptr ? value->data.head(rows) : View();
}

void Network::set_corruption(const Corruption& corruption) {
  VAE_CHECK(restores() || corruption == Corruption(), "the model was trained without corruption ",
            "(data.corrupt, --corrupt): its target is its input, and nothing is restored");
  corruption_ = corruption;
}

View Network::condition(int64_t rows) const {
  if (vae_.condition == nullptr) return {};
  VAE_CHECK(rows >= 1 && rows <= images_, "the network has room for the conditions of up to ",
            images_, " rows, not ", rows);
  return vae_.condition->data.head(rows);
}

BasicView<uint8_t> Network::classes(int64_t rows) const {
  if (vae_.classes == nullptr && vae_.boxes == nullptr) return {};
  VAE_CHECK(rows >= 1 && rows <= images_, "the network has room for the targets of up to ", images_,
            " rows, not ", rows);
  return (vae_.boxes ? vae_.boxes->targets() : vae_.classes->targets()).head(rows);
}

View Network::boxes(int64_t rows) const {
  if (vae_.boxes == nullptr) return {};
  VAE_CHECK(rows >= 1 && rows <= images_, "the network has room for the boxes of up to ", images_,
            " rows, not ", rows);
  return vae_.boxes->boxes().head(rows);
}

void Network::run(Pass& pass, Graph::Section section) {
  vae_.graph.forward(pass, section);
  pass.finish();
}

void Network::load(const BatchLoad& load) {
  Pass pass(backend_, load.rows());
  load.issue(pass);
  pass.finish();
}

ConstView Network::encode(const BatchLoad& load) {
  const int64_t rows = load.rows();
  Pass pass(backend_, rows);
  load.issue(pass);
  run(pass, vae_.encoder);
  return heads(rows);
}

ConstView Network::encode(int64_t rows) {
  Pass pass(backend_, rows);
  run(pass, vae_.encoder);
  return heads(rows);
}

ConstView Network::infer(const BatchLoad& load, const NoiseKey& noise) {
  const int64_t rows = load.rows();
  Pass pass(backend_, rows);
  pass.noise = noise;
  load.issue(pass);
  run(pass, vae_.inference());
  return latent(rows);
}

ConstView Network::sample_posterior(int64_t rows, int64_t samples, const NoiseKey& noise) {
  Pass pass(backend_, rows, samples);
  pass.noise = noise;
  pass.importance = true;
  run(pass, vae_.sampling);
  return latent(rows * samples);
}

/// The first half of the heads' columns: what a concatenation's backward pass takes apart.
ConstView Network::take_posterior_mean(int64_t rows) {
  ConcatBackwardArgs args;
  args.dx = latent(rows);
  args.dy = heads(rows);
  backend_.issue(args);
  return latent(rows);
}

ConstView Network::sample_prior(int64_t rows, const NoiseKey& noise) {
  Pass pass(backend_, rows);
  pass.noise = noise;
  for_priors(pass, [&](const PosteriorNode& node) { node.issue_prior_sample(pass); });
  return latent(rows);
}

ConstView Network::take_prior_mean(int64_t rows) {
  Pass pass(backend_, rows);
  for_priors(pass, [&](const PosteriorNode& node) {
    pass.finish();
    const View z = pass.data(node.z());
    if (node.prior() == nullptr) backend_.fill_zero(z.data, z.count() * sizeof(float));
    if (node.prior() != nullptr) node.issue_prior_mean(pass);
  });
  return latent(rows);
}

/// Calls take(posterior) from the highest latents down, each when its prior is computed.
template <typename Take>
void Network::for_priors(Pass& pass, Take take) {
  vae_.graph.forward(pass, vae_.conditional_prior);
  for (std::size_t i = vae_.posteriors.size(); i-- > 0;) {
    if (i == 0) vae_.graph.forward(pass, vae_.prior);
    take(*vae_.posteriors[i]);
  }
  pass.finish();
}

ConstView Network::prior_heads(int64_t rows) {
  Pass pass(backend_, rows);
  run(pass, vae_.conditional_prior);
  return vae_.posterior->prior()->heads(pass);
}

ConstView Network::decode(int64_t rows) {
  Pass pass(backend_, rows);
  run(pass, vae_.decoder);
  return vae_.likelihood->outputs().data.head(rows);
}

ConstView Network::score(int64_t rows, int64_t samples, bool with_gradient) {
  Pass pass(backend_, rows, samples);
  pass.with_gradient = with_gradient;
  run(pass, vae_.scoring());
  return log_px(rows * samples);
}

ConstView Network::score_keeping_outputs(int64_t rows, int64_t samples) {
  Pass pass(backend_, rows, samples);
  run(pass, vae_.decoder);  // by itself: a device that joins it with the next loses the outputs
  run(pass, vae_.observation);
  return log_px(rows * samples);
}

void Network::weigh(int64_t rows, int64_t samples, ConstView weights) {
  Pass pass(backend_, rows, samples);
  pass.with_gradient = true;
  pass.weights = weights;
  run(pass, vae_.observation);
}

ConstView Network::output_mean(int64_t rows) {
  Pass pass(backend_, rows);
  vae_.likelihood->issue_mean(pass);
  return vae_.likelihood->mean().head(rows);
}

void Network::backward(int64_t rows, const NoiseKey& noise, float free_bits) {
  Pass pass(backend_, rows);
  pass.noise = noise;
  pass.free_bits = free_bits;
  run_backward(pass);
}

void Network::backward(int64_t rows, int64_t samples, const NoiseKey& noise, Objective objective,
                       ConstView weights) {
  Pass pass(backend_, rows, samples);
  pass.noise = noise;
  pass.objective = objective;
  pass.weights = weights;
  run_backward(pass);
}

void Network::run_backward(Pass& pass) {
  vae_.graph.backward(pass);
  pass.finish();
}

std::vector<int64_t> Network::latent_widths() const {
  std::vector<int64_t> widths;
  for (const PosteriorNode* posterior : vae_.posteriors) widths.push_back(posterior->z().width());
  return widths;
}

void Network::add_statistics(int64_t rows, std::size_t layer, DoubleView sums) {
  Pass pass(backend_, rows);
  vae_.posteriors.at(layer)->issue_statistics(pass, sums);
}

View Network::latent(int64_t rows) const {
  VAE_CHECK(rows >= 1 && rows <= codes_, "the network has room for up to ", codes_, " codes, not ",
            rows);
  return vae_.posterior->z().data.head(rows);
}

ConstView Network::heads(int64_t rows) const { return vae_.posterior->heads().data.head(rows); }
ConstView Network::kl(int64_t rows) const { return vae_.divergence->kl().head(rows); }
ConstView Network::log_ratio(int64_t rows) const { return vae_.divergence->log_ratio().head(rows); }
ConstView Network::log_px(int64_t rows) const { return vae_.likelihood->log_p().head(rows); }

}  // namespace vae
