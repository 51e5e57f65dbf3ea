// SPDX-License-Identifier: MIT
#include "host/training/train_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/backend.h"
#include "kernels/permutation.h"
#include "tests/support/tiny_run.h"
#include "vae/model.h"

namespace vae {
namespace {

/// A training whose recordings hold `at_once` steps.
class Training {
 public:
  Training(const Config& config, int64_t at_once)
      : backend_(make_backend(Device::cpu(1))),
        network_(*backend_, config.model, {config.training.batch_size, 1, /*training=*/true}),
        step_(network_, test::tiny_data().train, config.training, at_once) {
    network_.initialize(config.training.seed);
  }

  TrainStep& step() { return step_; }
  /// x of the batch trained on last.
  std::vector<float> inputs(int64_t rows) {
    return network_.parameters().download(network_.input(rows));
  }
  std::vector<float> weights() {
    return network_.parameters().download(network_.parameters().values());
  }

 private:
  std::unique_ptr<Backend> backend_;
  Network network_;
  TrainStep step_;
};

Config batches_of(int64_t size) {
  Config config = test::tiny_config(2);
  config.training.batch_size = size;
  return config;
}

TEST(TrainStepTest, StepsRecordedTogetherAreTheSameSteps) {
  // 45 images: with and without a short last batch, parts that fit an epoch and parts that do not.
  for (const int64_t batch_size : {1, 2, 3, 5, 20, 44, 45}) {
    Training alone(batches_of(batch_size), 1);
    const int64_t total = alone.step().total_steps();
    while (alone.step().steps_done() < total) EXPECT_EQ(alone.step().run(), 1);
    for (const int64_t at_once : {2, 4, 7, 15, 1000}) {
      for (const int64_t most : {1, 3, 8, 1000}) {
        Training together(batches_of(batch_size), at_once);
        TrainStep& step = together.step();
        while (step.steps_done() < total) {
          const int64_t before = step.steps_done();
          const int64_t left = step.steps_per_epoch() - before % step.steps_per_epoch();
          EXPECT_EQ(step.run(most), std::min(most, left)) << "after step " << before;
          EXPECT_EQ(step.state().step, step.steps_done());
        }
        EXPECT_EQ(together.weights(), alone.weights())
            << batch_size << " images a batch, " << at_once << " steps recorded, " << most;
        EXPECT_EQ(step.totals().images, 45);
        EXPECT_EQ(step.totals().kl, alone.step().totals().kl);
      }
    }
  }
}

TEST(TrainStepTest, StaticTrainingReadsTheImagesThatAnEvaluationReads) {
  Config config = batches_of(20);
  config.training.binarization = Binarization::fixed;
  config.training.seed = 7;
  const ImageSet images = test::tiny_data().train;
  Model model(config.model, Device::cpu(1));
  const Array expected = model.inputs(images, Binarization::fixed, 7);
  Training training(config, 1);
  for (uint32_t epoch = 0; epoch < 2; ++epoch) {
    const Permutation order = make_permutation(7, epoch, 45);
    for (uint32_t position = 0; position < 45;) {
      training.step().run();
      const int64_t rows = std::min<int64_t>(20, 45 - position);
      const std::vector<float> seen = training.inputs(rows);
      for (int64_t row = 0; row < rows; ++row) {
        const float* image = expected.row(permute(order, position++));
        ASSERT_TRUE(std::equal(image, image + 36, &seen[36 * row])) << "image " << position - 1;
      }
    }
  }
  EXPECT_NE(expected.values, model.inputs(images.as(Split::test), Binarization::fixed, 7).values);
}

TEST(TrainStepTest, ARestoredStateGoesOnFromAnywhereInAnEpoch) {
  for (int64_t first = 1; first < 15; ++first) {
    Training whole(batches_of(3), 1), resumed(batches_of(3), 4);
    for (int64_t i = 0; i < first; ++i) whole.step().run();
    for (int64_t i = 0; i < first; ++i) resumed.step().run();
    resumed.step().set_state(whole.step().state());
    while (whole.step().steps_done() < 15) whole.step().run();
    EXPECT_EQ(resumed.step().run(1000), 15 - first);
    EXPECT_EQ(resumed.weights(), whole.weights()) << first;
  }
}

TEST(TrainStepTest, AStreakThatIsOverIsStillReported) {
  Config config = batches_of(3);
  config.training.max_nonfinite_steps = 4;
  Training run(config, 5);
  StepState state;
  state.step = 6;
  state.skipped_in_a_row = state.skipped = 4;  // by step 6
  run.step().set_state(state);
  run.step().run(5);
  EXPECT_EQ(run.step().state().skipped_in_a_row, 0u);
  EXPECT_EQ(run.step().state().diverged_at, 6u);
}

}  // namespace
}  // namespace vae
