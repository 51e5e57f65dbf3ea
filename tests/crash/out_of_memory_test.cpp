// SPDX-License-Identifier: MIT
//
// Memory that runs out, at every allocation there is: the 1st operator new fails, then the 2nd, and
// so on until the work gets through; each once alone and once with all that follow.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/crash/counted_new.h"
#include "tests/crash/interposed.h"
#include "tests/support/effort.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::FailingNew;
using test::ScratchFolder;
using test::tiny_config;
using test::tiny_data;

/// Every allocation in a full test, else every seventh or so: enough to meet each place that fails
/// in another way.
int64_t stride() { return test::repetitions(1, 7, 7); }

class OutOfMemoryTest : public ::testing::Test {
 protected:
  /// Calls `attempt` with the k-th allocation failing, for every k, until one gets through. It must
  /// end in an error that names memory, and leave no block behind.
  void fail_everywhere(const std::function<void(FailingNew&)>& attempt,
                       const std::function<void()>& check) {
    for (const bool for_good : {false, true}) {
      for (int64_t k = 1;; k += stride()) {
        SCOPED_TRACE(testing::Message()
                     << "allocation " << k << (for_good ? " and all after" : ""));
        const int64_t before = test::live_allocations();
        FailingNew failing(k, for_good);
        const std::string outcome = outcome_of([&] { attempt(failing); });
        failing.stop();
        if (!failing.reached()) {
          ASSERT_GT(k, 10 * stride()) << "nothing was allocated";
          break;
        }
        ASSERT_TRUE(outcome == "bad_alloc" || outcome == "out of memory" || outcome == "done")
            << outcome;
        ASSERT_TRUE(for_good || outcome != "bad_alloc") << "there was memory for a message";
        ASSERT_EQ(test::live_allocations(), before) << "a leak";
        check();
        if (HasFatalFailure()) return;
      }
    }
  }

 private:
  /// Allocates nothing of its own that outlives it.
  static std::string outcome_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.code() == ErrorCode::out_of_memory ? "out of memory" : error.what();
    } catch (const std::bad_alloc&) {
      return "bad_alloc";
    } catch (const std::exception& error) {
      return std::string("another exception: ") + error.what();
    }
    return "done";
  }
};

std::vector<float> samples_of(const std::string& run) {
  return Model::load(run, Device::cpu(1)).sample(2).values;
}

TEST_F(OutOfMemoryTest, LoadingACheckpoint) {
  const ScratchFolder scratch;
  const std::string path = scratch / "model.safetensors";
  Model model(tiny_config().model, Device::cpu(2));
  model.save(path);
  const std::string file = test::read_text(path);
  const std::vector<float> expected = model.sample(2).values;
  (void)Model::load(path, Device::cpu(2));  // what is made once, such as locales
  const Device device = Device::cpu(2);
  fail_everywhere(
      [&](FailingNew& failing) {
        failing.start();
        Model::load(path, device);
      },
      [] {});
  EXPECT_TRUE(test::read_text(path) == file);
  EXPECT_EQ(test::read_tree(scratch / ".").size(), 1u);
  EXPECT_EQ(Model::load(path, Device::cpu(2)).sample(2).values, expected);
}

TEST_F(OutOfMemoryTest, ATrainingInMemory) {
  const Config config = tiny_config(1);
  const Dataset data = tiny_data();
  TrainOptions options;
  options.device = Device::cpu(2);
  const auto trained = [&] {
    Trainer trainer(config, data, options);
    trainer.run();
    return trainer.model().sample(2).values;
  };
  const std::vector<float> expected = trained();
  fail_everywhere(
      [&](FailingNew& failing) {
        failing.start();
        Trainer(config, data, options).run();
      },
      [] {});
  EXPECT_EQ(trained(), expected);
}

/// What it writes last, a checkpoint and the log, is whole or not there, whichever allocation
/// failed.
TEST_F(OutOfMemoryTest, ATrainingThatWritesARunFolder) {
  if (std::filesystem::exists("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 1);  // syncs at once
  const ScratchFolder scratch;
  ::unsetenv("TMPDIR");
  const Config config = tiny_config(1);
  const Dataset data = tiny_data();
  TrainOptions options;
  options.device = Device::cpu(1);
  options.run_folder = scratch / "run";
  options.pictures = false;
  const auto run = [&] { Trainer(config, data, options).run(); };
  run();  // what is made once
  const std::vector<float> expected = samples_of(scratch / "run");
  std::filesystem::remove_all(scratch / "run");
  fail_everywhere(
      [&](FailingNew& failing) {
        failing.start();
        run();
      },
      [&] {
        if (!std::filesystem::exists(scratch / "run")) return;
        for (const auto& [name, content] : test::read_tree(scratch / "run")) {
          if (!name.ends_with(".safetensors")) continue;
          EXPECT_NO_THROW(Model::load(scratch / ("run/" + name), Device::cpu(1))) << name;
        }
        std::filesystem::remove_all(scratch / "run");
      });
  std::filesystem::remove_all(scratch / "run");
  run();
  EXPECT_EQ(samples_of(scratch / "run"), expected);
}

}  // namespace
}  // namespace vae
