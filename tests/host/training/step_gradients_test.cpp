// SPDX-License-Identifier: MIT
//
// Whole models whose parts read one another across the latent: skips from encoder to decoder,
// priors of what is known of an image. Gradients of the training step against central differences
// of its own loss; what such models can and cannot do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "host/model/image_reader.h"
#include "host/model/model_impl.h"
#include "kernels/philox.h"
#include "tests/host/training/first_step.h"
#include "tests/support/refusal.h"
#include "vae/doubts.h"
#include "vae/model.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::FirstStep;

constexpr int64_t kClasses = 3;

/// tiny_data() with a label each.
Dataset step_data() {
  Dataset data = test::tiny_data();
  for (ImageSet* images : {&data.train, &data.test}) {
    std::vector<uint8_t> labels;
    for (int64_t i = 0; i < images->count(); ++i) labels.push_back(static_cast<uint8_t>(i * 2 % 3));
    *images = images->with_labels(labels);
  }
  return data;
}

Config step_config(int64_t samples = 1) {
  Config config = test::tiny_config(3);
  config.model.activation = Activation::tanh;
  config.training.batch_size = 5;
  config.training.importance_samples = samples;
  config.training.beta = 0.7;
  return config;
}

Config with_chains(Config config, const char* encoder, const char* decoder) {
  config.model.encoder = layers_from_string(encoder);
  config.model.decoder = layers_from_string(decoder);
  return config;
}

/// Images of 6x6 to 3x3, codes that are images, and back with both sizes beside.
Config u_net(int64_t samples = 1) {
  Config config = with_chains(step_config(samples), "conv 3 3x3, pool 2, conv 4 3x3",
                              "conv 4 3x3, skip 2, upsample 2, skip 0, conv 3 3x3");
  config.model.heads = conv_output(1);
  config.model.latent = 18;
  config.model.output = conv_output(3);
  return config;
}

Config with_prior_of_label(std::vector<Layer> layers, int64_t samples = 1) {
  Config config = step_config(samples);
  config.model.condition = Condition::label;
  config.model.classes = kClasses;
  config.model.prior = Prior::conditional;
  config.model.prior_layers = std::move(layers);
  return config;
}

/// Its last layer begins with zeros, through which no gradient goes to those below.
void move_computed_prior(Parameters& parameters) {
  for (const Parameter& parameter : parameters.all()) {
    if (!parameter.spec.name.starts_with("prior.")) continue;
    std::vector<float> numbers;
    for (int64_t i = 0; i < parameter.value.count(); ++i) {
      numbers.push_back(0.15f * static_cast<float>(i % 7) - 0.4f);
    }
    parameters.upload(parameter.value, numbers);
  }
}

double loss_at(const Config& config, const std::string& name, std::size_t index, float shift) {
  const auto prepare = [&](Parameters& parameters) {
    move_computed_prior(parameters);
    const View value = parameters.find(name).value;
    std::vector<float> numbers = parameters.download(value);
    numbers[index] += shift;
    parameters.upload(value, numbers);
  };
  return FirstStep(config, prepare, step_data().train).loss();
}

void expect_step_gradients(const Config& config, const std::string& what) {
  constexpr float kStep = 1e-2f;
  const FirstStep step(config, move_computed_prior, step_data().train);
  for (const auto& [name, gradient] : step.gradients()) {
    for (std::size_t i = 0; i < gradient.size(); i += 1 + gradient.size() / 3) {
      const double above = loss_at(config, name, i, kStep);
      const double numeric = (above - loss_at(config, name, i, -kStep)) / (2.0 * kStep);
      EXPECT_NEAR(gradient[i], numeric, 3e-3 + 1e-2 * std::abs(numeric))
          << name << '[' << i << "] " << what;
    }
  }
}

using test::refusal_of;

bool message_says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// ---- what is seen of an image as the condition

TEST(SeenTest, GradientsAreThoseOfTheObjective) {
  for (const int64_t samples : {1, 4}) {
    for (const Corruption& corrupt :
         {Corruption{CorruptionKind::quadrants, 1}, Corruption{CorruptionKind::noise, 0.5}}) {
      Config config = step_config(samples);
      config.training.binarization = Binarization::none;
      config.model.condition = Condition::seen;
      config.model.prior = Prior::conditional;
      config.model.prior_layers = {5};
      config.data.corrupt = corrupt;
      expect_step_gradients(config, to_string(corrupt) + ", K = " + std::to_string(samples));
    }
  }
}

// ---- skips

TEST(SkipTest, GradientsAreThoseOfTheObjective) {
  for (const int64_t samples : {1, 4}) {
    expect_step_gradients(u_net(samples), "u-net, K = " + std::to_string(samples));
    const Config vectors =
        with_chains(step_config(samples), "9, residual (9), gated dense 4", "5, skip 2, skip 1, 6");
    expect_step_gradients(vectors, "vectors, K = " + std::to_string(samples));
  }
}

TEST(SkipTest, WhatIsDecodedDependsOnTheImageBesideItsCode) {
  Config config = u_net();
  Model model(config.model, Device::cpu(1));
  const ImageSet images = test::tiny_data().test;
  const Array all = model.reconstruct(images);
  EXPECT_EQ(all.shape, (std::vector<int64_t>{17, 36}));
  const Array third = model.reconstruct(images.slice(3, 1));
  EXPECT_EQ(third.values, std::vector<float>(all.row(3), all.row(4))) << "its own image";
  // Without the latent there is the skip alone.
  Network& network = *model.impl().network;
  for (const char* head : {"encoder.mu", "encoder.logvar"}) {
    const View weight = network.parameters().find(std::string(head) + ".weight").value;
    network.parameters().upload(weight, std::vector<float>(weight.count()));
  }
  const Array from_skips = model.reconstruct(images);
  EXPECT_NE(std::vector<float>(from_skips.row(0), from_skips.row(1)),
            std::vector<float>(from_skips.row(1), from_skips.row(2)));
}

TEST(SkipTest, TakesTheLayerThatItNames) {
  for (const int64_t named : {0, 1}) {
    const Config config =
        with_chains(step_config(1), "5, 5", named == 0 ? "4, skip 0" : "4, skip 1");
    Model model(config.model, Device::cpu(1));
    Parameters& parameters = model.impl().network->parameters();
    // Layer 1 and the code say nothing of the image any more.
    for (const char* name : {"encoder.1", "encoder.mu", "encoder.logvar"}) {
      const View weight = parameters.find(std::string(name) + ".weight").value;
      parameters.upload(weight, std::vector<float>(weight.count()));
    }
    const Array rows = model.reconstruct(step_data().test);
    const bool differ = !std::equal(rows.row(0), rows.row(1), rows.row(1));
    EXPECT_EQ(differ, named == 0) << named;
  }
}

TEST(SkipTest, EverySampleOfAnImageHasTheImagesValue) {
  Config config = u_net();
  const auto backend = make_backend(Device::cpu(1));
  Network network(*backend, config.model, {5, 4, /*training=*/false});
  network.initialize(11);
  const ImageSet images = test::tiny_data().test;
  ImageReader reader(network, images.slice(0, 5), Binarization::none, 5, Reading::targets);
  network.encode(reader.batch(0, 5));
  network.sample_posterior(5, 4, reader.noise());
  const auto log_p = network.parameters().download(network.score(5, 4, false));
  const auto codes = network.parameters().download(network.latent(20));
  for (int64_t row = 0; row < 20; ++row) {
    ImageReader one(network, images.slice(row / 4, 1), Binarization::none, 5, Reading::targets);
    network.encode(one.batch(0, 1));
    network.parameters().upload(
        network.latent(1),
        std::vector<float>(codes.begin() + row * 18, codes.begin() + row * 18 + 18));
    EXPECT_EQ(network.parameters().download(network.score(1, 1, false)).front(), log_p[row]) << row;
  }
}

TEST(SkipTest, ACodeWithoutItsImageIsRefused) {
  Model model(u_net().model, Device::cpu(1));
  EXPECT_TRUE(message_says(refusal_of([&] { model.sample(2); }),
                           "sample: this model's decoder reads layers "
                           "of the encoder (skip)"));
  const Array code{{1, 18}, std::vector<float>(18)};
  EXPECT_TRUE(message_says(refusal_of([&] { model.decode(code); }), "reconstruct does"));
}

TEST(SkipTest, ATrainingWithThemSaysWhatTheyMean) {
  const auto doubts = find_doubts(test::tiny_data(), u_net());
  EXPECT_TRUE(std::any_of(doubts.begin(), doubts.end(), [](const std::string& doubt) {
    return message_says(doubt, "has a skip");
  }));
}

using SkipRunTest = test::RunFolderTest;

TEST_F(SkipRunTest, GoesOnAfterAStopWithTheSameBytes) { expect_same_bytes_after_a_stop(u_net(3)); }

TEST_F(SkipRunTest, IsLoadedMeasuredAndReconstructs) {
  TrainOptions wanted = options("run");
  wanted.pictures = true;
  Config config = u_net();
  Trainer(config, test::tiny_data(), wanted).run();
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run/report.html"));
  Model model = Model::load(folder_ / "run", Device::cpu(1));
  EXPECT_EQ(model.config(), config.model);
  const ImageSet images = test::tiny_data().test;
  EvaluateOptions measured;
  measured.importance_samples = 8;
  const Evaluation one = model.evaluate(images, {}), several = model.evaluate(images, measured);
  EXPECT_EQ(one.elbo, several.elbo);
  EXPECT_LT(*several.nll, -one.elbo);
  EXPECT_EQ(model.reconstruct(images).rows(), 17);
}

// ---- the prior of what is known

TEST(ConditionalPriorTest, GradientsAreThoseOfTheObjective) {
  for (const int64_t samples : {1, 4}) {
    Config two_layers = with_prior_of_label({4}, samples);
    two_layers.model.top = {5};
    two_layers.model.top_latent = 3;
    for (const Config& config : {with_prior_of_label({}, samples), two_layers}) {
      expect_step_gradients(config, std::to_string(config.model.top_latent) +
                                        " above, K = " + std::to_string(samples));
    }
  }
}

TEST(ConditionalPriorTest, FreeBitsAreThoseOfTheDistanceToIt) {
  Config config = with_prior_of_label({});
  config.training.free_bits = 1e6;
  const FirstStep step(config, move_computed_prior, step_data().train);
  for (const char* name : {"prior.mu.weight", "prior.logvar.bias"}) {
    for (const double gradient : step.gradients().at(name)) EXPECT_EQ(gradient, 0.0) << name;
  }
}

TEST(ConditionalPriorTest, StartsAsTheStandardOne) {
  Model model(with_prior_of_label({6}).model, Device::cpu(1));
  const Array codes{{3, 2}, {1, -2, 0.25f, 0, 3, -1}};
  const Array told = model.conditions(std::vector<uint8_t>{0, 1, 2});
  EXPECT_EQ(model.in_prior(codes, told).values, codes.values);
  EXPECT_TRUE(message_says(refusal_of([&] { model.in_prior(codes); }), "conditioned on labels"));
}

TEST(ConditionalPriorTest, SamplesAreOfTheClassesPrior) {
  const Config config = with_prior_of_label({6});
  TrainOptions wanted;
  wanted.device = Device::cpu(1);
  Model model = train(config, step_data(), wanted);
  const Array told = model.conditions(std::vector<uint8_t>{0, 1, 2, 0});
  Array noise{{4, 2}, {}};
  for (uint32_t row = 0; row < 4; ++row) {
    for (uint32_t z = 0; z < 2; ++z) {
      noise.values.push_back(normal_element(philox_row(9, Stream::prior, 0, 3 + row), z));
    }
  }
  const Array found = model.sample(told, 9, 3);  // before others leave their priors in memory
  const Array codes = model.in_prior(noise, told);
  EXPECT_NE(codes.values, noise.values);
  const Array expected = model.decode(codes, told);
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    EXPECT_NEAR(found.values[i], expected.values[i], 1e-5f);
  }
  EXPECT_GT(model.evaluate(step_data().test).kl, 0.0);
}

TEST(ConditionalPriorTest, NeedsACondition) {
  Config config = step_config();
  config.model.prior = Prior::conditional;
  EXPECT_TRUE(message_says(refusal_of([&] { validate(config); }), "--condition label"));
  config.model.prior = Prior::learned;
  config.model.prior_layers = {4};
  EXPECT_TRUE(message_says(refusal_of([&] { validate(config); }), "needs model.prior conditional"));
  config = with_prior_of_label({conv(3, 3)});
  EXPECT_TRUE(message_says(refusal_of([&] { validate(config); }), "takes dense layers"));
}

using ConditionalPriorRunTest = test::RunFolderTest;

TEST_F(ConditionalPriorRunTest, GoesOnAfterAStopWithTheSameBytes) {
  expect_same_bytes_after_a_stop(with_prior_of_label({4}), step_data());
}

}  // namespace
}  // namespace vae
