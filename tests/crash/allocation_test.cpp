// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/crash/counted_new.h"
#include "tests/support/tiny_run.h"
#include "vae/trainer.h"

namespace vae {
namespace {

TEST(AllocationTest, NoStepAfterTheFirstOfItsKindAllocates) {
  Config config = test::tiny_config(3);
  config.training.batch_size = 8;  // five full batches and a short one
  TrainOptions options;
  options.device = Device::cpu(2);
  int64_t before = 0;
  std::vector<int64_t> of_step;
  of_step.reserve(100);
  options.on_step = [&](const Progress&) {
    of_step.push_back(test::allocation_count() - before);
    before = test::allocation_count();
    return Command::proceed;
  };
  Trainer(config, test::tiny_data(), options).run();
  ASSERT_EQ(of_step.size(), 18u);
  EXPECT_GT(of_step[0], 0) << "the counter does not count";
  for (std::size_t step = 1; step < of_step.size(); ++step) {
    // The sixth is the first short batch; the seventh and thirteenth follow an evaluation.
    if (step == 5 || step % 6 == 0) continue;
    EXPECT_EQ(of_step[step], 0) << "step " << step + 1;
  }
}

}  // namespace
}  // namespace vae
