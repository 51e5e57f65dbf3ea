// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <string_view>

namespace vae {

// The choices of a configuration, apart from it: what computes with them depends on nothing else.

/// Elementwise non-linearity of a dense layer; each as PyTorch's function of that name.
enum class Activation {
  none,        ///< x
  relu,        ///< max(x, 0)
  leaky_relu,  ///< x, and 0.01 x below 0
  tanh,        ///< tanh x
  sigmoid,     ///< 1 / (1 + exp(-x))
  softplus,    ///< log(1 + exp(x))
  elu,         ///< x, and exp(x) - 1 below 0
  gelu,        ///< x Phi(x), Phi the normal distribution function
  silu,        ///< x sigmoid(x)
};

/// How a weight matrix is drawn at the start; biases start at zero except under `pytorch`.
enum class Initialization {
  glorot_uniform,  ///< U(-a, a), a = sqrt(6 / (fan_in + fan_out)). Glorot & Bengio 2010.
  glorot_normal,   ///< N(0, 2 / (fan_in + fan_out)).
  he_uniform,      ///< U(-a, a), a = sqrt(6 / fan_in). He et al. 2015.
  he_normal,       ///< N(0, 2 / fan_in).
  lecun_normal,    ///< N(0, 1 / fan_in).
  pytorch,         ///< U(-a, a), a = 1 / sqrt(fan_in), biases too: what torch.nn.Linear does.
};

/// The observation model p(x|z).
enum class Likelihood {
  bernoulli,  ///< One logit per value.
  gaussian,   ///< One mean per value; the variance is where Variance says.
  /// Of the 256 levels of an 8-bit value: the bin that a draw of a logistic distribution falls
  /// into, whose location and scale each value has from the network. [PixelCNN++ eq. 2]
  logistic,
  /// Of the same levels: the successes of 255 trials with a common chance from Beta(alpha, beta),
  /// which each value has from the network. [BB-ANS section 3.2] Named "beta-binomial" in files.
  beta_binomial,
};

/// Where the variance of the Gaussian likelihood comes from.
enum class Variance {
  fixed,    ///< `sigma` squared, never trained.
  learned,  ///< A trained scalar shared by all values, starting at `sigma` squared.
  /// A trained scalar for each channel, likewise. Named "per-channel" in files.
  per_channel,
  /// Of each value its own, an output of the network. Named "per-pixel" in files.
  per_pixel,
};

/// The prior p(z) of the latents, of the highest where there are several layers of them.
enum class Prior {
  standard,  ///< N(0, I).
  learned,  ///< A Gaussian whose mean and log-variance of each dimension are trained, from N(0, I).
  conditional,  ///< p(z|c): likewise, computed from what the model is told of an image. [CVAE]
};

/// How 8-bit pixels become the model's input x. Every result names the protocol it was made with.
enum class Binarization {
  none,       ///< Grey levels pixel / 255. With a Bernoulli likelihood no true likelihood results.
  fixed,      ///< x ~ Bernoulli(pixel / 255), drawn once per image. Named "static" in files.
  dynamic,    ///< x ~ Bernoulli(pixel / 255), drawn afresh at every read; the test set drawn once.
  threshold,  ///< x = 1 where pixel >= 128.
};

/// What is done to an image before the model sees it; what is decoded is the image as it was.
enum class CorruptionKind {
  none,   ///< Nothing: input and target are one.
  noise,  ///< x + amount eps with eps ~ N(0, 1), clipped to [0, 1].
  /// Only `amount` of its four quadrants are shown, and the others are 0; log p(x|z) counts those
  /// that are not shown. The lower left one is shown first, then the upper left, then the upper
  /// right one, of every image the same: the protocol of Pyro's example of [CVAE].
  quadrants,
  /// The same with quadrants chosen at random. Named "random-quadrants" in files.
  random_quadrants,
  /// Of an image whose channels are the frames of a clip only the first `amount` are shown, and the
  /// others are 0; log p(x|z) counts those that are not shown: what comes next is predicted.
  frames,
};

/// What training makes as large as it can. The last two draw K samples of each image.
enum class Objective {
  elbo,  ///< E_q[log p(x|z)] - beta KL(q(z|x) || p(z)). [AEVB]
  iwae,  ///< L_K = E[log 1/K sum_k p(x|z_k) (p(z_k) / q(z_k|x))^beta]. [IWAE]
  dreg,  ///< L_K, with an encoder gradient of the same mean that K makes less noisy. [DReG]
};

/// What makes steps of gradients.
enum class Optimizer {
  adam,  ///< Adam, or with a weight decay AdamW. [Adam] [AdamW]
  muon,  ///< Muon for matrices of weights, Adam for everything else. [Muon]
};

/// How the learning rate moves over the run.
enum class LearningRateSchedule {
  constant,  ///< Always the base rate.
  step,      ///< Multiplied by `step_factor` at each epoch listed in `step_epochs`.
  cosine,    ///< Half a cosine from the base rate to `final_factor` times it at the last step.
};

/// The word of a value in files and flags: "relu", "he_normal", "static" for Binarization::fixed.
std::string_view to_string(Activation value);
/// Likewise.
std::string_view to_string(Initialization value);
/// Likewise.
std::string_view to_string(Likelihood value);
/// Likewise.
std::string_view to_string(Variance value);
/// Likewise.
std::string_view to_string(Prior value);
/// Likewise.
std::string_view to_string(Binarization value);
/// Likewise.
std::string_view to_string(CorruptionKind value);
/// Likewise.
std::string_view to_string(Objective value);
/// Likewise.
std::string_view to_string(Optimizer value);
/// Likewise.
std::string_view to_string(LearningRateSchedule value);

}  // namespace vae
