// SPDX-License-Identifier: MIT
//
// A short training on MNIST under every likelihood: the bound rises.
#include <gtest/gtest.h>

#include <vector>

#include "host/model/evaluator.h"
#include "host/model/network.h"
#include "host/training/train_step.h"
#include "kernels/backend.h"
#include "tests/support/reference.h"
#include "vae/dataset.h"

namespace vae {
namespace {

Config short_training(const testing::Observation& observation) {
  Config config;
  config.model.encoder = {24};
  config.model.decoder = {24};
  config.model.latent = 4;
  config.model.likelihood = observation.likelihood;
  config.model.variance = observation.variance;
  config.model.sigma = 0.3;
  config.training.batch_size = 50;
  config.training.learning_rate = 3e-3;
  config.training.binarization = Binarization::none;
  return config;
}

TEST(LikelihoodTrainingTest, ImprovesTheBoundOnMnist) {
  const Dataset data = Dataset::load("mnist");
  const ImageSet train = data.train.slice(0, 200), test = data.test.slice(0, 50);
  for (const testing::Observation& observation : testing::all_observations()) {
    const Config config = short_training(observation);
    const auto backend = make_backend(Device::cpu(2));
    Network network(*backend, config.model, {50, 1, /*training=*/true});
    network.initialize(1);
    const auto bound = [&] { return evaluate(network, test, {}, config.training).elbo; };
    const double before = bound();
    TrainStep step(network, train, config.training);
    for (int i = 0; i < 40; ++i) step.run();
    // By a tenth of a nat a pixel at the least; untrained outputs are as uncertain as can be.
    EXPECT_GT(bound(), before + 78.4)
        << to_string(observation.likelihood) << ' ' << to_string(observation.variance);
    EXPECT_EQ(step.state().skipped, 0u);
  }
}

}  // namespace
}  // namespace vae
