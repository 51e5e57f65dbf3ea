// SPDX-License-Identifier: MIT
#include "host/config/table.h"

#include <deque>
#include <limits>
#include <string>

#include "host/config/layer_ranges.h"
#include "host/config/value.h"
#include "kernels/step_state.h"

namespace vae::config_detail {
namespace {

constexpr Word<Activation> kActivations[] = {
    {Activation::none, "none"},
    {Activation::relu, "relu"},
    {Activation::leaky_relu, "leaky_relu"},
    {Activation::tanh, "tanh"},
    {Activation::sigmoid, "sigmoid"},
    {Activation::softplus, "softplus"},
    {Activation::elu, "elu"},
    {Activation::gelu, "gelu"},
    {Activation::silu, "silu"},
};
constexpr Word<Initialization> kInitializations[] = {
    {Initialization::glorot_uniform, "glorot_uniform"},
    {Initialization::glorot_normal, "glorot_normal"},
    {Initialization::he_uniform, "he_uniform"},
    {Initialization::he_normal, "he_normal"},
    {Initialization::lecun_normal, "lecun_normal"},
    {Initialization::pytorch, "pytorch"},
};
constexpr Word<Likelihood> kLikelihoods[] = {
    {Likelihood::bernoulli, "bernoulli"},
    {Likelihood::gaussian, "gaussian"},
    {Likelihood::logistic, "logistic"},
    {Likelihood::beta_binomial, "beta-binomial"},
};
constexpr Word<Variance> kVariances[] = {
    {Variance::fixed, "fixed"},
    {Variance::learned, "learned"},
    {Variance::per_channel, "per-channel"},
    {Variance::per_pixel, "per-pixel"},
};
constexpr Word<Prior> kPriors[] = {
    {Prior::standard, "standard"},
    {Prior::learned, "learned"},
    {Prior::conditional, "conditional"},
};
constexpr Word<Binarization> kBinarizations[] = {
    {Binarization::none, "none"},
    {Binarization::fixed, "static"},
    {Binarization::dynamic, "dynamic"},
    {Binarization::threshold, "threshold"},
};
constexpr Word<CorruptionKind> kCorruptions[] = {
    {CorruptionKind::none, "none"},
    {CorruptionKind::noise, "noise"},
    {CorruptionKind::quadrants, "quadrants"},
    {CorruptionKind::random_quadrants, "random-quadrants"},
    {CorruptionKind::frames, "frames"},
};
constexpr Word<Objective> kObjectives[] = {
    {Objective::elbo, "elbo"},
    {Objective::iwae, "iwae"},
    {Objective::dreg, "dreg"},
};
constexpr Word<Condition> kConditions[] = {
    {Condition::none, "none"},
    {Condition::label, "label"},
    {Condition::side, "side"},
    {Condition::seen, "seen"},
};
constexpr Word<Target> kTargets[] = {
    {Target::image, "image"},
    {Target::label, "label"},
    {Target::mask, "mask"},
    {Target::boxes, "boxes"},
};
constexpr Word<Optimizer> kOptimizers[] = {
    {Optimizer::adam, "adam"},
    {Optimizer::muon, "muon"},
};
constexpr Word<LearningRateSchedule> kSchedules[] = {
    {LearningRateSchedule::constant, "constant"},
    {LearningRateSchedule::step, "step"},
    {LearningRateSchedule::cosine, "cosine"},
};
constexpr Word<Precision> kPrecisions[] = {
    {Precision::automatic, "auto"},
    {Precision::fp32, "fp32"},
    {Precision::tf32, "tf32"},
    {Precision::bf16, "bf16"},
};

// Caps keep a slip of the hand from becoming a demand for all memory; they are far above any use.
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kMillion = 1e6;
constexpr Range kAnything = {-kInfinity, kInfinity, true, true};
constexpr Range kPositive = {0.0, kInfinity, true, true};
constexpr Range kNotNegative = {0.0, kInfinity, false, true};
constexpr Range kImageSide = {1, 4096};
constexpr Range kGridSide = {1, 256};
constexpr Range kChannels = {1, 1024};
constexpr Range kDecoderLayers = {0, 0, false, false, kMostLayers};  // layer_problem() has the rest
constexpr Range kEncoderLayers = {0, 0, false, false, kMostLayers, LayersOf::encoder};
constexpr Range kVectorLayers = {0, 0, false, false, kMostLayers, LayersOf::vectors};
constexpr Range kLogvar = {-80, 80};  // exp() of it stays a finite float

using M = ModelConfig;
using T = TrainConfig;
using D = DataConfig;

template <auto Member>
Field model(Config& c) {
  return &(c.model.*Member);
}

template <auto Member>
Field training(Config& c) {
  return &(c.training.*Member);
}

template <auto Member>
Field data(Config& c) {
  return &(c.data.*Member);
}

std::vector<Entry> model_entries() {
  return {
      {{"model", "height", "--height", "image height in pixels; train takes it from the data", ""},
       model<&M::height>,
       kImageSide},
      {{"model", "width", "--width", "image width in pixels; train takes it from the data", ""},
       model<&M::width>,
       kImageSide},
      {{"model", "channels", "--channels",
        "values of a pixel: 1 grey, 3 colour; train takes it from the data", ""},
       model<&M::channels>,
       kChannels},
      {{"model", "encoder", "--encoder",
        "layers from the pixels to the heads, as in \"400\" or \"conv 32 4x4/2, 256\"", ""},
       model<&M::encoder>,
       kEncoderLayers},
      {{"model", "heads", "--heads",
        "the layer of the posterior's mu and logvar, as in \"conv 1x1\"", ""},
       model<&M::heads>,
       kAnything,
       /*said_always=*/false},
      {{"model", "decoder", "--decoder",
        "layers from the latent on, as in \"400\" or \"256, dense 7x7x64, deconv 32 4x4/2\"", ""},
       model<&M::decoder>,
       kDecoderLayers},
      {{"model", "output", "--output", "the layer of the outputs, as in \"deconv 4x4/2\"", ""},
       model<&M::output>,
       kAnything,
       /*said_always=*/false},
      {{"model", "latent", "--latent", "number of latent dimensions", ""},
       model<&M::latent>,
       {1, 65536}},
      {{"model", "prior", "--prior",
        "p(z), of the highest latents: N(0, I), or learned, or computed from the condition", ""},
       model<&M::prior>,
       kAnything,
       /*said_always=*/false},
      {{"model", "prior_layers", "--prior-layers",
        "prior conditional: dense layers from the condition to it, as in \"128\"", ""},
       model<&M::prior_layers>,
       kVectorLayers,
       /*said_always=*/false},
      {{"model", "top", "--top",
        "dense layers between z and latents above it, both ways, as in \"100, 100\"", ""},
       model<&M::top>,
       kVectorLayers,
       /*said_always=*/false},
      {{"model", "top_latent", "--top-latent",
        "dimensions of the latents above z, which its prior is computed from; 0: none", ""},
       model<&M::top_latent>,
       {0, 65536},
       /*said_always=*/false},
      {{"model", "activation", "--activation", "non-linearity of layers without their own", ""},
       model<&M::activation>,
       kAnything},
      {{"model", "condition", "--condition",
        "what both nets are told of an image: its label, a side vector, or what is seen of it", ""},
       model<&M::condition>,
       kAnything,
       /*said_always=*/false},
      {{"model", "classes", "--classes",
        "condition label: how many labels there are; 0: train takes it from the data", ""},
       model<&M::classes>,
       {0, 256},
       /*said_always=*/false},
      {{"model", "side_size", "--side-size",
        "condition side: numbers of a vector; 0: train takes it from the data", ""},
       model<&M::side_size>,
       {0, 65536},
       /*said_always=*/false},
      {{"model", "target", "--target",
        "what is decoded: the image, its label, its mask, or boxes around what is in it", ""},
       model<&M::target>,
       kAnything,
       /*said_always=*/false},
      {{"model", "target_classes", "--target-classes",
        "target label, mask or boxes: how many classes there are; 0: train takes it from the data",
        ""},
       model<&M::target_classes>,
       {0, 256},
       /*said_always=*/false},
      {{"model", "grid", "--grid",
        "target boxes: cells across and down the image, each for one box", ""},
       model<&M::grid>,
       kGridSide,
       /*said_always=*/false},
      {{"model", "initialization", "--initialization", "how the weights are drawn", ""},
       model<&M::initialization>,
       kAnything},
      {{"model", "output_bias_from_mean", "--output-bias-from-mean",
        "start the output bias at the mean training pixel", ""},
       model<&M::output_bias_from_mean>,
       kAnything},
      {{"model", "likelihood", "--likelihood", "observation model p(x|z)", ""},
       model<&M::likelihood>,
       kAnything},
      {{"model", "variance", "--variance",
        "gaussian: sigma squared fixed, learned from there, or from the network", ""},
       model<&M::variance>,
       kAnything},
      {{"model", "sigma", "--sigma", "gaussian: standard deviation (where learned: its start)", ""},
       model<&M::sigma>,
       {1e-6, kMillion}},
      {{"model", "logvar_min", "--logvar-min", "lower clamp of the posterior's log-variance", ""},
       model<&M::logvar_min>,
       kLogvar},
      {{"model", "logvar_max", "--logvar-max", "upper clamp of the posterior's log-variance", ""},
       model<&M::logvar_max>,
       kLogvar},
  };
}

std::vector<Entry> training_entries() {
  return {
      {{"training", "epochs", "--epochs", "passes over the training set", ""},
       training<&T::epochs>,
       {1, kMillion}},
      {{"training", "batch_size", "--batch-size", "images of one step", ""},
       training<&T::batch_size>,
       {1, 1 << 20}},
      {{"training", "seed", "--seed", "key of every random number of the run",
        "0..18446744073709551615"},
       training<&T::seed>,
       kAnything},
      {{"training", "binarization", "--binarization", "how pixels become the model's input", ""},
       training<&T::binarization>,
       kAnything},
      {{"training", "objective", "--objective",
        "what training raises: the ELBO, or the importance-weighted bound by two gradients", ""},
       training<&T::objective>,
       kAnything,
       /*said_always=*/false},
      {{"training", "importance_samples", "--importance-samples",
        "latent samples of an image, K of the bound L_K; more than 1 make elbo iwae", ""},
       training<&T::importance_samples>,
       {1, 1 << 20},
       /*said_always=*/false},
      {{"training", "beta", "--beta", "weight of the KL term in the objective", ""},
       training<&T::beta>,
       {0, kMillion}},
      {{"training", "kl_warmup_epochs", "--kl-warmup-epochs", "epochs over which beta rises from 0",
        ""},
       training<&T::kl_warmup_epochs>,
       {0, kMillion}},
      {{"training", "free_bits", "--free-bits",
        "nats of KL that each latent dimension of an image has for nothing", ""},
       training<&T::free_bits>,
       {0, kMillion},
       /*said_always=*/false},
      {{"training", "optimizer", "--optimizer",
        "what makes steps of gradients; muon: Muon for matrices of weights, Adam for the rest", ""},
       training<&T::optimizer>,
       kAnything,
       /*said_always=*/false},
      {{"training", "learning_rate", "--learning-rate", "base rate of the optimizer", ""},
       training<&T::learning_rate>,
       kPositive},
      {{"training", "learning_rate_warmup_epochs", "--learning-rate-warmup-epochs",
        "epochs over which the learning rate rises from 0", ""},
       training<&T::learning_rate_warmup_epochs>,
       {0, kMillion},
       /*said_always=*/false},
      {{"training", "adam_beta1", "--adam-beta1",
        "decay of Adam's first moment, and of Muon's momentum", ""},
       training<&T::adam_beta1>,
       {0, 1, false, true}},
      {{"training", "adam_beta2", "--adam-beta2", "decay of Adam's second moment", ""},
       training<&T::adam_beta2>,
       {0, 1, false, true}},
      {{"training", "adam_epsilon", "--adam-epsilon", "constant in Adam's denominator", ""},
       training<&T::adam_epsilon>,
       {1e-30, 1}},
      {{"training", "weight_decay", "--weight-decay",
        "AdamW: what weights lose at each step, times the learning rate; 0: nothing", ""},
       training<&T::weight_decay>,
       kNotNegative,
       /*said_always=*/false},
      {{"training", "clip_norm", "--clip-norm", "largest global gradient norm; 0: no clipping", ""},
       training<&T::clip_norm>,
       kNotNegative},
      {{"training", "skip_norm", "--skip-norm",
        "skip steps whose gradient norm is more than this times the usual one; 0: none", ""},
       training<&T::skip_norm>,
       kNotNegative,
       /*said_always=*/false},
      {{"training", "schedule", "--schedule", "how the learning rate moves over the run", ""},
       training<&T::schedule>,
       kAnything},
      {{"training", "step_epochs", "--step-epochs",
        "schedule step: epochs after which the rate is multiplied", ""},
       training<&T::step_epochs>,
       {1, kMillion, false, false, Schedule::kMaxStages}},
      {{"training", "step_factor", "--step-factor", "schedule step: the multiplier", ""},
       training<&T::step_factor>,
       kPositive},
      {{"training", "final_factor", "--final-factor", "schedule cosine: last rate over base rate",
        ""},
       training<&T::final_factor>,
       {0, 1}},
      {{"training", "ema", "--ema",
        "decay of a running mean of the weights, which is what is evaluated; 0: none", ""},
       training<&T::ema>,
       {0, 1, false, true},
       /*said_always=*/false},
      {{"training", "validation", "--validation",
        "training images set aside to choose the best checkpoint: a share below 1, or how many",
        ""},
       training<&T::validation>,
       {0, 1e9}},
      {{"training", "checkpoint_every", "--checkpoint-every",
        "steps between checkpoints; 0: at each epoch's end", ""},
       training<&T::checkpoint_every>,
       {0, 1e12}},
      {{"training", "max_nonfinite_steps", "--max-nonfinite-steps",
        "skipped steps in a row that stop the run", ""},
       training<&T::max_nonfinite_steps>,
       {1, kMillion}},
      {{"training", "precision", "--precision",
        "of matrix products on a GPU; auto: tf32 where the card has it", ""},
       training<&T::precision>,
       kAnything},
  };
}

std::vector<Entry> data_entries() {
  return {
      {{"data", "size", "--size", "scale images to cover this size and cut the centre out", ""},
       data<&D::size>,
       kImageSide},
      {{"data", "grey", "--grey", "make coloured images grey", ""}, data<&D::grey>, kAnything},
      {{"data", "rgb", "--rgb", "make grey images coloured, to mix with others", ""},
       data<&D::rgb>,
       kAnything},
      {{"data", "transpose", "--transpose", "turn rows into columns: EMNIST's files need it", ""},
       data<&D::transpose>,
       kAnything},
      {{"data", "test_share", "--test-share",
        "held out for testing where the data have no test images; 0: a tenth", ""},
       data<&D::test_share>,
       {0, 1, false, true}},
      {{"data", "corrupt", "--corrupt",
        "what the model sees of the images that it restores: noise added, some quadrants, or a "
        "clip's first frames",
        ""},
       data<&D::corrupt>,
       {0, 100, true, false},
       /*said_always=*/false},
      {{"data", "scene", "--scene",
        "make scenes of single images: at random places among clutter with masks and boxes, clips "
        "in which they move, or solid and turned",
        ""},
       data<&D::scene>,
       kAnything,
       /*said_always=*/false},
  };
}

std::vector<Entry> make_table() {
  std::vector<Entry> entries = model_entries();
  for (const Entry& entry : training_entries()) entries.push_back(entry);
  for (const Entry& entry : data_entries()) entries.push_back(entry);
  static std::deque<std::string> texts;  // keeps the views below alive
  Config config;
  for (Entry& entry : entries) {
    entry.key.placeholder = placeholder_text(entry.field(config));
    if (!entry.key.choices.empty()) continue;
    entry.key.choices = texts.emplace_back(choices_text(entry.field(config), entry.range));
  }
  return entries;
}

}  // namespace

const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = make_table();
  return entries;
}

std::span<const Word<Activation>> words(Activation) { return kActivations; }
std::span<const Word<Initialization>> words(Initialization) { return kInitializations; }
std::span<const Word<Likelihood>> words(Likelihood) { return kLikelihoods; }
std::span<const Word<Variance>> words(Variance) { return kVariances; }
std::span<const Word<Prior>> words(Prior) { return kPriors; }
std::span<const Word<Binarization>> words(Binarization) { return kBinarizations; }
std::span<const Word<CorruptionKind>> words(CorruptionKind) { return kCorruptions; }
std::span<const Word<Objective>> words(Objective) { return kObjectives; }
std::span<const Word<Condition>> words(Condition) { return kConditions; }
std::span<const Word<Target>> words(Target) { return kTargets; }
std::span<const Word<Optimizer>> words(Optimizer) { return kOptimizers; }
std::span<const Word<LearningRateSchedule>> words(LearningRateSchedule) { return kSchedules; }
std::span<const Word<Precision>> words(Precision) { return kPrecisions; }

}  // namespace vae::config_detail
