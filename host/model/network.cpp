// SPDX-License-Identifier: MIT
#include "host/model/network.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "host/graph/dense.h"
#include "host/graph/initialization.h"
#include "kernels/check.h"
#include "kernels/math.h"
#include "kernels/rules/likelihoods.h"

namespace vae {

namespace {

constexpr const char* kLogVariance = "decoder.log_variance";

std::unique_ptr<Layer> dense(std::vector<std::string> parts, int64_t in, int64_t out,
                             Activation activation, bool gradient_in_output = false) {
  DenseLayer::Options options;
  options.parts = std::move(parts);
  options.input_width = in;
  options.part_width = out;
  options.activation = activation;
  options.gradient_in_output = gradient_in_output;
  return std::make_unique<DenseLayer>(std::move(options));
}

/// Trunk, then the pair of heads.
std::vector<std::unique_ptr<Layer>> build_encoder(const ModelConfig& config) {
  std::vector<std::unique_ptr<Layer>> layers;
  int64_t width = config.pixels();
  for (std::size_t i = 0; i < config.encoder.size(); ++i) {
    layers.push_back(dense({concat("encoder.", i)}, width, config.encoder[i], config.activation));
    width = config.encoder[i];
  }
  layers.push_back(dense({"encoder.mu", "encoder.logvar"}, width, config.latent, Activation::none));
  return layers;
}

/// Up to the likelihood's outputs.
std::vector<std::unique_ptr<Layer>> build_decoder(const ModelConfig& config) {
  std::vector<std::unique_ptr<Layer>> layers;
  int64_t width = config.latent;
  for (std::size_t i = 0; i < config.decoder.size(); ++i) {
    layers.push_back(dense({concat("decoder.", i)}, width, config.decoder[i], config.activation));
    width = config.decoder[i];
  }
  layers.push_back(dense({"decoder.output"}, width, config.pixels(), Activation::none,
                         /*gradient_in_output=*/true));
  return layers;
}

bool has_memory(Backend& backend, std::size_t bytes) {
  try {
    backend.deallocate(backend.allocate(bytes));
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    return false;
  }
}

bool has_learned_variance(const ModelConfig& config) {
  if (!has_variance(config.likelihood)) return false;
  switch (config.variance) {
    case Variance::fixed:
      return false;
    case Variance::learned:
      return true;
  }
  return false;
}

/// Runs the layers from number `first` up to before number `last`; `input` goes into the first one
/// and comes back where there is none.
const Signal& run_chain(Backend& backend, const std::vector<std::unique_ptr<Layer>>& layers,
                        std::size_t first, std::size_t last, const Signal& input, int64_t rows) {
  const Signal* signal = &input;
  for (std::size_t i = first; i < last; ++i) {
    layers[i]->forward(backend, *signal, rows);
    signal = &layers[i]->output();
  }
  return *signal;
}

/// Runs a chain backwards from its last layer's gradient; `dinput` may be empty.
void run_chain_backward(Backend& backend, const std::vector<std::unique_ptr<Layer>>& layers,
                        const Signal& input, View dinput, int64_t rows) {
  for (std::size_t i = layers.size(); i-- > 0;) {
    const Signal& below = i > 0 ? layers[i - 1]->output() : input;
    const View dbelow = i > 0 ? layers[i - 1]->gradient(rows) : dinput;
    layers[i]->backward(backend, layers[i]->gradient(rows), below, dbelow, rows);
  }
}

}  // namespace

std::vector<ParameterSpec> parameter_specs(const ModelConfig& config) {
  std::vector<ParameterSpec> specs;
  for (const auto& layer : build_encoder(config)) layer->declare(specs);
  for (const auto& layer : build_decoder(config)) layer->declare(specs);
  if (has_learned_variance(config)) {
    ParameterSpec spec;
    spec.name = kLogVariance;
    spec.shape = {1};
    spec.role = ParameterSpec::Role::scalar;
    spec.initial = static_cast<float>(2.0 * logarithm(config.sigma));
    specs.push_back(std::move(spec));
  }
  return specs;
}

Network::Network(Backend& backend, const ModelConfig& config, const Options& options)
    : backend_(backend),
      config_(config),
      training_(options.training),
      encoder_(build_encoder(config)),
      decoder_(build_decoder(config)),
      parameters_(backend, parameter_specs(config), options.training) {
  for (const auto& layer : encoder_) layer->bind(parameters_);
  for (const auto& layer : decoder_) layer->bind(parameters_);
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
  request_activations(*arena_, images, codes);
  arena_->allocate("the activations");
  place_log_variance();
  images_ = images;
  codes_ = codes;
}

/// The advice is tried out, by halving, with a margin for what libraries take.
void Network::reserve_batch(int64_t images, int64_t codes) {
  try {
    reserve(images, codes);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    constexpr std::size_t kMargin = std::size_t{16} << 20;
    const auto fits = [&](int64_t rows) {
      const std::size_t bytes = activation_bytes(std::min(images, rows), std::min(codes, rows));
      return has_memory(backend_, bytes + kMargin);
    };
    const int64_t batch = std::max(images, codes);
    int64_t fitting = batch / 2;
    while (fitting > 0 && !fits(fitting)) fitting /= 2;
    fail(ErrorCode::out_of_memory, "batch_size ", batch, ": ", error.what(),
         fitting > 0 ? concat("; the activations of batch_size ", fitting, " would fit")
                     : std::string("; those of no batch_size would fit: use a smaller model"));
  }
}

std::size_t Network::activation_bytes(int64_t images, int64_t codes) {
  Arena plan(backend_);
  request_activations(plan, images, codes);
  return plan.bytes();
}

void Network::request_activations(Arena& arena, int64_t images, int64_t codes) {
  arena.request(input_.value, {images, config_.pixels()});
  for (const auto& layer : encoder_) layer->plan(arena, images, training_);
  for (const auto& layer : decoder_) layer->plan(arena, codes, training_);
  arena.request(latent_.value, {codes, config_.latent});
  arena.request(kl_, {images});
  arena.request(log_ratio_, {codes});
  arena.request(log_px_, {codes});
  arena.request(fixed_log_variance_, {1});
  if (training_) arena.request(dlatent_, {codes, config_.latent});
}

void Network::place_log_variance() {
  if (!has_variance(config_.likelihood)) return;
  if (has_learned_variance(config_)) {
    log_variance_ = parameters_.find(kLogVariance).value;
    dlog_variance_ = parameters_.find(kLogVariance).gradient;
    return;
  }
  const auto value = static_cast<float>(2.0 * logarithm(config_.sigma));
  backend_.copy_to_device(fixed_log_variance_.data, &value, sizeof value);
  log_variance_ = fixed_log_variance_;
}

void Network::initialize(uint64_t seed, std::span<const double> mean_pixels) {
  initialize_parameters(parameters_, config_.initialization, seed);
  if (!config_.output_bias_from_mean) return;
  VAE_CHECK(static_cast<int64_t>(mean_pixels.size()) == config_.pixels(),
            "output_bias_from_mean needs the mean of each of the ", config_.pixels(),
            " pixels, got ", mean_pixels.size(), " numbers");
  parameters_.upload(parameters_.find("decoder.output.bias").value,
                     output_bias(mean_pixels, config_.likelihood));
}

View Network::input(int64_t rows) const {
  VAE_CHECK(rows >= 1 && rows <= images_, "the network has room for up to ", images_, " rows, not ",
            rows);
  return input_.value.head(rows);
}

/// Loads x and runs the first `layers` layers of the encoder.
const Signal& Network::run_encoder(const LoadBatchArgs& load, std::size_t layers) {
  const int64_t rows = load.x.rows();
  std::optional<DenseForwardArgs> first;
  if (layers > 0) first = encoder_.front()->as_dense(input_, rows);
  if (!first) {
    backend_.issue(load);
    return run_chain(backend_, encoder_, 0, layers, input_, rows);
  }
  backend_.issue(load, *first);
  return run_chain(backend_, encoder_, 1, layers, encoder_.front()->output(), rows);
}

ConstView Network::encode(const LoadBatchArgs& load) {
  return run_encoder(load, encoder_.size()).value.head(load.x.rows());
}

GaussianForwardArgs Network::posterior(int64_t rows, int64_t samples, const NoiseKey& noise) const {
  GaussianForwardArgs args;
  args.z = latent(rows * samples);
  args.heads = heads(rows);
  args.samples = samples;
  args.logvar_min = static_cast<float>(config_.logvar_min);
  args.logvar_max = static_cast<float>(config_.logvar_max);
  args.noise = noise;
  return args;
}

ConstView Network::infer(const LoadBatchArgs& load, const NoiseKey& noise) {
  const int64_t rows = load.x.rows();
  const Signal& below = run_encoder(load, encoder_.size() - 1);
  GaussianForwardArgs args = posterior(rows, 1, noise);
  args.kl = kl_.head(rows);
  if (const auto dense = encoder_.back()->as_dense(below, rows)) {
    backend_.issue(*dense, args);
  } else {
    encoder_.back()->forward(backend_, below, rows);
    backend_.issue(args);
  }
  return args.z;
}

ConstView Network::sample_posterior(int64_t rows, int64_t samples, const NoiseKey& noise) {
  GaussianForwardArgs args = posterior(rows, samples, noise);
  args.log_ratio = log_ratio_.head(rows * samples);
  backend_.issue(args);
  return args.z;
}

ConstView Network::decode(int64_t rows) {
  return run_chain(backend_, decoder_, 0, decoder_.size(), latent_, rows).value.head(rows);
}

LikelihoodArgs Network::likelihood(int64_t rows, int64_t samples, bool with_gradient) const {
  LikelihoodArgs args;
  args.log_px = log_px_.head(rows * samples);
  args.outputs = decoder_.back()->output().value.head(rows * samples);
  if (with_gradient) {
    args.doutputs = decoder_.back()->gradient(rows);
    args.dlog_variance = dlog_variance_;
  }
  args.x = input(rows);
  args.log_variance = log_variance_;
  args.samples = samples;
  args.likelihood = config_.likelihood;
  args.scale = 1.0f / static_cast<float>(rows);
  return args;
}

ConstView Network::score(int64_t rows, int64_t samples, bool with_gradient) {
  const int64_t codes = rows * samples;
  const Signal& below = run_chain(backend_, decoder_, 0, decoder_.size() - 1, latent_, codes);
  const LikelihoodArgs args = likelihood(rows, samples, with_gradient);
  if (const auto dense = decoder_.back()->as_dense(below, codes)) {
    backend_.issue(*dense, args);
  } else {
    decoder_.back()->forward(backend_, below, codes);
    backend_.issue(args);
  }
  return args.log_px;
}

ConstView Network::output_mean(int64_t rows) {
  const View outputs = decoder_.back()->output().value.head(rows);
  backend_.issue(LikelihoodMeanArgs{outputs, outputs, config_.likelihood});
  return outputs;
}

void Network::backward(int64_t rows, const NoiseKey& noise) {
  const View dz = dlatent_.head(rows);
  run_chain_backward(backend_, decoder_, latent_, dz, rows);
  GaussianBackwardArgs args;
  args.dheads = encoder_.back()->gradient(rows);
  args.dz = dz;
  args.heads = heads(rows);
  args.logvar_min = static_cast<float>(config_.logvar_min);
  args.logvar_max = static_cast<float>(config_.logvar_max);
  args.scale = 1.0f / static_cast<float>(rows);
  args.noise = noise;
  backend_.issue(args);
  run_chain_backward(backend_, encoder_, input_, View(), rows);
}

View Network::latent(int64_t rows) const {
  VAE_CHECK(rows >= 1 && rows <= codes_, "the network has room for up to ", codes_, " codes, not ",
            rows);
  return latent_.value.head(rows);
}
ConstView Network::heads(int64_t rows) const { return encoder_.back()->output().value.head(rows); }
ConstView Network::kl(int64_t rows) const { return kl_.head(rows); }
ConstView Network::log_ratio(int64_t rows) const { return log_ratio_.head(rows); }
ConstView Network::log_px(int64_t rows) const { return log_px_.head(rows); }

}  // namespace vae
