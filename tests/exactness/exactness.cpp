// SPDX-License-Identifier: MIT
//
// vae_exactness: one hash of everything that trainings compute, the same on every machine
// (docs/arithmetic.md). Small networks of odd sizes are trained for 50 steps on images made by
// integers, measured, and made to draw.
//
//   vae_exactness               every instruction set of this processor, with 1, 2 and 3 threads
//   vae_exactness --device cuda the card
//   vae_exactness --wide        preset mlp-400-20 in place of the small ones
//   vae_exactness --layers      networks with every kind of layer in their place
//   vae_exactness --optimizer   a network trained with all that is there beside plain Adam
//   vae_exactness --codec       images that small networks compress, and that come back
//   vae_exactness --samples     the same with up to four samples of an image
//   vae_exactness --isa NAME --threads N    one of them
//   vae_exactness --steps N     so many steps, as one thread of this processor takes them: for a
//   card
//                               on which 50 take minutes
//   vae_exactness --list        the hash of each network too
//
// Exit status 1 if a hash is not the one below, or with --steps not the processor's.
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/codec/chain.h"
#include "host/graph/arena.h"
#include "host/io/sha256.h"
#include "host/model/evaluator.h"
#include "host/model/network.h"
#include "host/training/train_step.h"
#include "kernels/backend.h"
#include "kernels/cpu/vector_ops.h"
#include "vae/config.h"
#include "vae/error.h"

namespace vae {

namespace {

// What docs/arithmetic.md comes to. These change only if that does.
constexpr std::string_view kSmallNetworks =
    "117c0e701ab1e108d1c4527a6cde2e71365a6b805c5f76003fcd92fee75beb0d";
constexpr std::string_view kWideNetwork =
    "3284c2addae4a4202ae61163908ddaea267a0ba0b07434abf961d5e9f5175b03";
constexpr std::string_view kLayeredNetworks =
    "cb8c21dd702a7b19e3b1869c02a6ba41eb50df743bac3137de2b9afbe0afc06b";

constexpr std::string_view kCompressedImages =
    "d3e3288717759378e3f79bfd911d5656ff94a2a519febd4172442fa9ac68f637";

constexpr std::string_view kImagesOfSamples =
    "52b023f57c5dc575f8ff418f0a3cdf57f4493a38934eec5363973dd1d28d04b9";

constexpr std::string_view kOptimizedNetwork =
    "40e445b12ce0cc5786f7c7a9cd709eb6494b2e8c1b30deff90fecf6716f4fa5b";

constexpr int64_t kSteps = 50;

/// A network, how it is trained, and on how many images.
struct Story {
  std::string name;
  Config config;
  int64_t images;
};

/// Discs at different places; no floating-point number takes part.
ImageSet discs(const ModelConfig& model, int64_t count) {
  std::vector<uint8_t> pixels;
  for (int64_t n = 0; n < count; ++n) {
    const int64_t left = n * 7 % model.width, top = n * 13 % model.height;
    for (int64_t y = 0; y < model.height; ++y) {
      for (int64_t x = 0; x < model.width; ++x) {
        const int64_t distance = (x - left) * (x - left) + (y - top) * (y - top);
        const int64_t brightness = 255 - (5 + n % 11) * distance;
        pixels.push_back(static_cast<uint8_t>(brightness < 0 ? 0 : brightness));
      }
    }
  }
  return ImageSet(model.height, model.width, 1, std::move(pixels));
}

Config network(int64_t height, int64_t width, std::vector<Layer> encoder, int64_t latent,
               std::vector<Layer> decoder, Activation activation) {
  Config config;
  config.model.height = height;
  config.model.width = width;
  config.model.encoder = std::move(encoder);
  config.model.latent = latent;
  config.model.decoder = std::move(decoder);
  config.model.activation = activation;
  config.training.batch_size = 20;
  config.training.learning_rate = 3e-3;
  return config;
}

/// More than 128 features and more than 128 rows, neither a multiple of anything.
Story long_sums() {
  Story story{"long sums", network(11, 13, {133}, 5, {35}, Activation::relu), 200};
  story.config.training.batch_size = 131;
  story.config.training.schedule = LearningRateSchedule::cosine;
  story.config.training.kl_warmup_epochs = 3.0;
  story.config.training.clip_norm = 40.0;
  story.config.model.output_bias_from_mean = true;
  return story;
}

Story learned_variance() {
  Story story{"learned variance", network(5, 9, {37, 19}, 3, {29}, Activation::gelu), 70};
  story.config.model.likelihood = Likelihood::gaussian;
  story.config.model.variance = Variance::learned;
  story.config.model.initialization = Initialization::he_normal;
  story.config.training.binarization = Binarization::none;
  story.config.training.schedule = LearningRateSchedule::step;
  story.config.training.step_epochs = {4, 9};
  return story;
}

Story fixed_variance() {
  Story story{"fixed variance", network(7, 3, {}, 33, {31}, Activation::tanh), 41};
  story.config.model.likelihood = Likelihood::gaussian;
  story.config.model.sigma = 0.3;
  story.config.training.binarization = Binarization::threshold;
  return story;
}

/// Every activation and every way to draw the weights that the others leave out.
std::vector<Story> further_choices() {
  std::vector<Story> stories;
  const std::pair<Activation, Initialization> kChoices[] = {
      {Activation::leaky_relu, Initialization::glorot_uniform},
      {Activation::sigmoid, Initialization::glorot_normal},
      {Activation::softplus, Initialization::he_uniform},
      {Activation::elu, Initialization::lecun_normal},
      {Activation::silu, Initialization::pytorch},
      {Activation::none, Initialization::pytorch},
  };
  for (const auto& [activation, initialization] : kChoices) {
    Story story{std::string(to_string(activation)), network(6, 6, {17}, 2, {9}, activation), 45};
    story.config.model.initialization = initialization;
    story.config.training.binarization = Binarization::fixed;
    story.config.training.seed = 7;
    stories.push_back(story);
  }
  return stories;
}

std::vector<Story> small_networks() {
  std::vector<Story> stories = {long_sums(), learned_variance(), fixed_variance()};
  for (const Story& story : further_choices()) stories.push_back(story);
  return stories;
}

/// Images, channels and kernels of sizes that no tile is a multiple of; codes that are images.
std::vector<Story> layered_networks() {
  Story every{"every layer", network(12, 10, {}, 7, {}, Activation::silu), 70};
  every.config.model.encoder = layers_from_string(
      "conv 5 3x3, residual (conv 5 3x3, conv 5 1x1), pool 2, conv 33 3x5/1x2 pad 1x2, gated dense "
      "37");
  every.config.model.decoder =
      layers_from_string("dense 3x5x9, upsample 2, deconv 17 4x3/2x1 pad 1x1, conv 6 3x3 tanh");
  every.config.model.output = conv_output({3, 1});
  every.config.training.batch_size = 33;
  Story image{"codes that are images", network(8, 8, {}, 32, {}, Activation::relu), 150};
  image.config.model.encoder = {conv(6, {4, 4}, 2)};
  image.config.model.heads = conv_output({1, 1});
  image.config.model.decoder = {conv(7, {3, 3})};
  image.config.model.output = deconv_output({4, 4}, 2);
  image.config.training.batch_size = 131;
  return {every, image};
}

std::vector<Story> optimized_network() {
  Story story{"optimizer", network(11, 13, {133}, 5, {35}, Activation::relu), 200};
  TrainConfig& training = story.config.training;
  training.batch_size = 67;
  training.schedule = LearningRateSchedule::cosine;
  training.learning_rate_warmup_epochs = 2.5;
  training.weight_decay = 0.5;
  training.clip_norm = 40.0;
  training.skip_norm = 1.03;
  training.ema = 0.95;
  training.free_bits = 0.1;
  return {story};
}

std::vector<Story> wide_network() {
  Story story{"wide", preset("mlp-400-20"), 300};
  story.config.training.batch_size = 128;
  return {story};
}

/// A network for each likelihood that compresses, with more than a slice of 128 features.
std::vector<Story> compressing_networks() {
  std::vector<Story> stories;
  for (const Likelihood likelihood :
       {Likelihood::bernoulli, Likelihood::logistic, Likelihood::beta_binomial}) {
    Story story{std::string(to_string(likelihood)),
                network(11, 13, {133}, 5, {35}, Activation::silu), 43};
    story.config.model.likelihood = likelihood;
    stories.push_back(story);
  }
  return stories;
}

template <typename Number>
void add(Sha256& hash, std::span<const Number> numbers) {
  hash.update(std::as_bytes(numbers));
}

void add(Sha256& hash, const Evaluation& evaluation) {
  for (const double number :
       {evaluation.elbo, evaluation.reconstruction, evaluation.kl, evaluation.elbo_standard_error,
        evaluation.nll.value_or(0.0), evaluation.nll_standard_error}) {
    add(hash, std::span<const double>(&number, 1));
  }
  add(hash, std::span<const double>(evaluation.kl_per_dimension));
  add(hash, std::span<const double>(evaluation.mean_variance));
}

/// Means of draws from the prior.
std::vector<float> drawn(Network& network, int64_t rows) {
  Backend& backend = network.backend();
  network.reserve(1, rows);
  Arena arena(backend);
  StepState* state = nullptr;
  arena.request(state);
  arena.allocate("the state");
  const StepState start;
  backend.copy_to_device(state, &start, sizeof start);
  backend.issue(PriorSampleArgs{network.latent(rows), {1, Stream::prior, state, 0}});
  network.decode(rows);
  return network.parameters().download(network.output_mean(rows));
}

/// The hash of parameters and moments, of an evaluation and of a batch that was decoded.
std::string hash_of_training(const Story& story, const Device& device, int64_t steps) {
  const std::unique_ptr<Backend> backend = make_backend(device);
  const Config& config = story.config;
  const ImageSet images = discs(config.model, story.images);
  TrainConfig training = config.training;
  const int64_t steps_per_epoch = (story.images + training.batch_size - 1) / training.batch_size;
  training.epochs = (kSteps + steps_per_epoch - 1) / steps_per_epoch;
  Network network(*backend, config.model, {training.batch_size, 1, /*training=*/true});
  network.initialize(training.seed, images.mean_pixels());
  {
    TrainStep step(network, images, training);
    while (step.steps_done() < steps) step.run(steps - step.steps_done());
  }
  Sha256 hash;
  Parameters& parameters = network.parameters();
  for (const View view :
       {parameters.values(), parameters.first_moments(), parameters.second_moments()}) {
    add(hash, std::span<const float>(parameters.download(view)));
  }
  if (const View averages = parameters.averages()) {
    add(hash, std::span<const float>(parameters.download(averages)));
  }
  EvaluateOptions options;
  options.importance_samples = 3;
  add(hash, evaluate(network, images.slice(0, 37), options, training));
  add(hash, std::span<const float>(drawn(network, 21)));
  return hash.finish();
}

/// The hash of compressed images. They come back, or Error(corrupt) is thrown.
std::string hash_of_stacks(const Story& story, const Device& device, int sample_bits) {
  const std::unique_ptr<Backend> backend = make_backend(device);
  Network network(*backend, story.config.model, {});
  network.initialize(story.config.training.seed);
  Chain chain(network, 4, sample_bits);
  const auto to_the_end = [](double) { return true; };
  const ImageSet images = discs(story.config.model, story.images);
  std::vector<BitStack> stacks = chain.push(images.pixels(), to_the_end);
  Sha256 hash;
  for (const BitStack& stack : stacks) {
    const uint64_t state = stack.state();
    add(hash, std::span<const uint64_t>(&state, 1));
    add(hash, stack.words());
  }
  const std::vector<uint8_t> again = chain.pop(stacks, story.images, story.name, to_the_end);
  add(hash, std::span<const uint8_t>(again));
  return hash.finish();
}

std::string hash_of_one_sample(const Story& story, const Device& device, int64_t) {
  return hash_of_stacks(story, device, 0);
}

std::string hash_of_samples(const Story& story, const Device& device, int64_t) {
  return hash_of_stacks(story, device, 2);
}

/// Stories, what is done with each, and what their hash is.
struct Networks {
  std::vector<Story> (*stories)();
  std::string_view hash;
  std::string (*hash_of)(const Story&, const Device&, int64_t steps) = hash_of_training;
};

std::string hash_of(const Networks& networks, const Device& device, int64_t steps, bool list) {
  Sha256 hash;
  for (const Story& story : networks.stories()) {
    const std::string own = networks.hash_of(story, device, steps);
    if (list) std::printf("  %s %s\n", own.c_str(), story.name.c_str());
    add(hash, std::span<const char>(own));
  }
  return hash.finish();
}

constexpr Networks kSmall = {small_networks, kSmallNetworks};
constexpr Networks kLayers = {layered_networks, kLayeredNetworks};
constexpr Networks kOptimizer = {optimized_network, kOptimizedNetwork};
constexpr Networks kWide = {wide_network, kWideNetwork};
constexpr Networks kCodec = {compressing_networks, kCompressedImages, hash_of_one_sample};
constexpr Networks kSamples = {compressing_networks, kImagesOfSamples, hash_of_samples};

struct Options {
  std::vector<Device> devices;
  Networks networks = kSmall;
  int64_t steps = kSteps;
  bool list = false;
};

std::vector<Device> all_of_the_processor() {
  std::vector<Device> devices;
  for (const std::string_view isa : cpu::available_isas()) {
    for (const int threads : {1, 2, 3}) {
      devices.push_back(Device::cpu(threads));
      devices.back().cpu_isa = isa;
    }
  }
  return devices;
}

Options parse(const std::vector<std::string>& words) {
  Options options;
  Device device = Device::cpu(1);
  bool one = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool has_value = i + 1 < words.size();
    if (words[i] == "--wide") {
      options.networks = kWide;
    } else if (words[i] == "--layers") {
      options.networks = kLayers;
    } else if (words[i] == "--optimizer") {
      options.networks = kOptimizer;
    } else if (words[i] == "--codec") {
      options.networks = kCodec;
    } else if (words[i] == "--samples") {
      options.networks = kSamples;
    } else if (words[i] == "--list") {
      options.list = true;
    } else if (words[i] == "--steps" && has_value) {
      options.steps = std::stoi(words[++i]);
    } else if (words[i] == "--isa" && has_value) {
      device.cpu_isa = words[++i];
      one = true;
    } else if (words[i] == "--threads" && has_value) {
      device.threads = std::stoi(words[++i]);
      one = true;
    } else if (words[i] == "--device" && has_value) {
      device = Device::parse(words[++i]);
      device.precision = Precision::fp32;
      one = true;
    } else {
      throw Error(ErrorCode::invalid_argument, "vae_exactness: what is '" + words[i] + "'?");
    }
  }
  options.devices = one ? std::vector<Device>{device} : all_of_the_processor();
  return options;
}

int run(const Options& options) {
  const bool known = options.steps == kSteps;
  const std::string expected =
      known ? std::string(options.networks.hash)
            : hash_of(options.networks, Device::cpu(1), options.steps, options.list);
  bool good = true;
  for (const Device& device : options.devices) {
    const std::string name = make_backend(device)->description();
    const std::string hash = hash_of(options.networks, device, options.steps, options.list);
    std::printf("%s  %s%s\n", hash.c_str(), name.c_str(),
                hash == expected ? "" : "  IS NOT WHAT IT SHOULD BE");
    std::fflush(stdout);
    good = good && hash == expected;
  }
  return good ? 0 : 1;
}

}  // namespace

}  // namespace vae

int main(int argc, char** argv) {
  try {
    return vae::run(vae::parse({argv + 1, argv + argc}));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
