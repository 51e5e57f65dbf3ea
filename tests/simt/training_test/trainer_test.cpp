// SPDX-License-Identifier: MIT
//
// The trainer where steps are issued many at once: what must be exact although the host looks at
// the device between them only.
#include "vae/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "host/io/run_folder.h"
#include "host/model/model_impl.h"
#include "host/training/train_step.h"
#include "kernels/backend.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"

namespace vae::test {
namespace {

TrainOptions on_the_card(const std::string& folder = {}) {
  TrainOptions options;
  options.run_folder = folder;
  options.pictures = false;
  options.device.kind = DeviceKind::cuda;
  return options;
}

/// 45 steps an epoch.
Config single_images() {
  Config config = tiny_config(2);
  config.training.batch_size = 1;
  config.training.precision = Precision::fp32;
  return config;
}

std::vector<float> weights(Trainer& trainer) {
  const Parameters& parameters = trainer.model().impl().network->parameters();
  return parameters.download(parameters.values());
}

TEST(CudaTrainerTest, StepsRecordedTogetherAreTheSameSteps) {
  for (const int64_t batch_size : {2, 20, 45}) {
    Config config = single_images();
    config.training.batch_size = batch_size;
    std::vector<float> found[2];
    for (const int64_t at_once : {0, 1}) {
      const auto backend = make_backend(on_the_card().device);
      Network network(*backend, config.model, {batch_size, 1, /*training=*/true});
      network.initialize(config.training.seed);
      TrainStep step(network, tiny_data().train, config.training, at_once);
      EXPECT_EQ(step.steps_at_once(), at_once == 1 ? 1 : 45 / batch_size);
      while (step.steps_done() < step.total_steps()) step.run(at_once == 1 ? 1 : 1000);
      found[at_once] = network.parameters().download(network.parameters().values());
    }
    EXPECT_EQ(found[0], found[1]) << batch_size;
  }
}

TEST(CudaTrainerTest, ChecksAndSavesAtTheStepsAskedFor) {
  const ScratchFolder scratch;
  Config config = single_images();
  config.training.checkpoint_every = 7;
  std::vector<int64_t> seen;
  TrainOptions options = on_the_card(scratch / "run");
  options.on_step = [&](const Progress& progress) {
    seen.push_back(progress.step);
    return Command::proceed;
  };
  EXPECT_TRUE(Trainer(config, tiny_data(), options).run().finished);
  for (int64_t step = 7; step <= 84; step += 7) {
    EXPECT_NE(std::find(seen.begin(), seen.end(), step), seen.end()) << step;
  }
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  // How many later ones are depends on their speed; before any is measured it is all there are.
  EXPECT_EQ(seen.front(), 7) << "steps are issued together";
  const std::vector<std::string> left = list_checkpoints(scratch / "run");
  ASSERT_EQ(left.size(), 2u);
  EXPECT_NE(left[0].find("step-00000090"), std::string::npos);
  EXPECT_NE(left[1].find("step-00000084"), std::string::npos);
}

TEST(CudaTrainerTest, AStoppedAndResumedRunHasTheSameBits) {
  Trainer whole(single_images(), tiny_data(), on_the_card());
  const TrainResult expected = whole.run();
  const ScratchFolder scratch;
  TrainOptions options = on_the_card(scratch / "run");
  int64_t runs = 0;
  options.on_step = [](const Progress&) { return Command::stop; };
  TrainResult result;
  std::vector<float> found;
  do {
    Trainer trainer(single_images(), tiny_data(), options);
    result = trainer.run();
    found = weights(trainer);
    options.resume = true;
    ++runs;
  } while (!result.finished && runs < 100);
  EXPECT_GT(runs, 1);
  EXPECT_EQ(found, weights(whole));
  EXPECT_EQ(result.test.elbo, expected.test.elbo);
  EXPECT_EQ(result.train.elbo, expected.train.elbo);
}

TEST(CudaTrainerTest, ADivergedRunNamesTheStepThatCompletedTheStreak) {
  for (const int64_t limit : {1, 4, 44, 45}) {
    Config config = single_images();
    config.training.max_nonfinite_steps = limit;
    Trainer trainer(config, tiny_data(), on_the_card());
    Parameters& parameters = trainer.model().impl().network->parameters();
    const View bias = parameters.find("decoder.output.bias").value;
    parameters.upload(bias, std::vector<float>(static_cast<std::size_t>(bias.count()),
                                               std::numeric_limits<float>::quiet_NaN()));
    try {
      trainer.run();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::diverged);
      const std::string expected = "from step 1 to step " + std::to_string(limit);
      EXPECT_NE(std::string(error.what()).find(expected + " no loss"), std::string::npos)
          << error.what();
    }
  }
}

TEST(CudaTrainerTest, PrecisionIsTheConfigurationsUnlessTheDeviceSaysOtherwise) {
  const auto description = [](const Config& config, const TrainOptions& options) {
    return Trainer(config, tiny_data(), options).model().impl().backend->description();
  };
  Config config = single_images();
  config.training.precision = Precision::bf16;
  EXPECT_NE(description(config, on_the_card()).find(", bf16,"), std::string::npos);
  TrainOptions options = on_the_card();
  options.device.precision = Precision::fp32;
  EXPECT_NE(description(config, options).find(", fp32,"), std::string::npos);
  config.training.precision = Precision::automatic;
  EXPECT_NE(description(config, on_the_card()).find(", tf32,"), std::string::npos);
}

}  // namespace
}  // namespace vae::test
