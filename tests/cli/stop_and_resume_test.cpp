// SPDX-License-Identifier: MIT
//
// Signals, the lock on the run folder, and going on where a run stopped.
#include <signal.h>

#include "tests/cli/cli_test.h"
#include "tests/support/effort.h"

namespace vae::test {
namespace {

using nlohmann::json;

class StopAndResumeTest : public CliTest {
 protected:
  /// Command line of a training that goes on until it is stopped.
  std::vector<std::string> endless(const std::string& run,
                                   std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--epochs", "1000000"});
    return program(train_words(run, more));
  }

  static std::vector<std::string> program(std::vector<std::string> words) {
    words.insert(words.begin(), VAE_PROGRAM);
    return words;
  }
};

TEST_F(StopAndResumeTest, ARunInUseHasStatusSeven) {
  Process first(endless("run"));
  ASSERT_TRUE(first.wait_until([&] { return !checkpoints("run").empty(); })) << first.wait().err;
  expect_failure(run_vae({"train", "--data", data(), "--out", path("run"), "--resume"}), 7,
                 {path("run")});
  first.signal(SIGINT);
  EXPECT_EQ(first.wait().status, 130);
}

TEST_F(StopAndResumeTest, SignalsSaveAndStop) {
  for (const auto& [number, status] : {std::pair(SIGINT, 130), std::pair(SIGTERM, 143)}) {
    const std::string run = "run" + std::to_string(number);
    Process process(endless(run));
    ASSERT_TRUE(process.wait_until([&, &run = run] { return !checkpoints(run).empty(); }));
    process.signal(number);
    const Outcome outcome = process.wait();
    EXPECT_EQ(outcome.status, status) << outcome.err;
    EXPECT_FALSE(outcome.killed);
    EXPECT_TRUE(contains(outcome.err, "--resume")) << outcome.err;
    EXPECT_TRUE(contains(outcome.out, "steps in")) << outcome.out;
    EXPECT_EQ(run_vae({"eval", path(run), "--data", data()}).status, 0);
  }
}

TEST_F(StopAndResumeTest, ASignalBeforeTheFirstCheckpointSavesToo) {
  Process process(endless("run", {"--checkpoint-every", "1000000000"}));
  ASSERT_TRUE(process.wait_until([&] { return exists("run/config.json"); }));
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait().status, 143);
  EXPECT_FALSE(checkpoints("run").empty());
}

TEST_F(StopAndResumeTest, AStoppedAndResumedRunEqualsAnUninterruptedOne) {
  const int epochs = repetitions(300, 300, 100);
  const std::vector<std::string> sizes = {"--epochs", std::to_string(epochs), "--checkpoint-every",
                                          "50"};
  trained("whole", sizes);
  Process process(program(train_words("parts", sizes)));
  ASSERT_TRUE(process.wait_until([&] { return !checkpoints("parts").empty(); }));
  process.signal(SIGTERM);
  const Outcome stopped = process.wait();
  ASSERT_EQ(stopped.status, 143) << stopped.err;
  const json summary = json_of({"train", "--data", data(), "--out", path("parts"), "--resume",
                                "--json", "--no-pictures", "--threads", "1"});
  EXPECT_EQ(summary["steps"], 4 * epochs);
  json whole = json_of({"eval", path("whole"), "--data", data(), "--json"});
  json parts = json_of({"eval", path("parts"), "--data", data(), "--json"});
  whole.erase("checkpoint");
  parts.erase("checkpoint");
  EXPECT_EQ(whole, parts);
}

TEST_F(StopAndResumeTest, ResumeUsesTheConfigurationOfTheRunAndMoreEpochsAreAllowed) {
  trained("run");
  const json summary = json_of({"train", "--data", data(), "--out", path("run"), "--resume",
                                "--epochs", "5", "--json", "--no-pictures"});
  EXPECT_EQ(summary["steps"], 20);
  EXPECT_EQ(summary["epochs"], 5);
}

TEST_F(StopAndResumeTest, ResumingWithTheRunsOwnConfigurationFileIsNoDifference) {
  trained("run");
  EXPECT_EQ(run_vae({"train", "--data", data(), "--out", path("run"), "--resume", "--config",
                     path("run/config.json"), "--no-pictures"})
                .status,
            0);
}

TEST_F(StopAndResumeTest, ResumeWithOtherFlagsListsEveryDifference) {
  trained("run");
  expect_failure(run_vae({"train", "--data", data(), "--out", path("run"), "--resume", "--beta",
                          "4", "--latent", "9", "--epochs", "1"}),
                 2,
                 {"--beta: the run has 1", "--latent: the run has 3, asked for 9",
                  "--epochs: the run has 2, asked for 1"});
}

TEST_F(StopAndResumeTest, ResumeWithoutARunIsAFileError) {
  expect_failure(run_vae({"train", "--data", data(), "--out", path("other"), "--resume"}), 4,
                 {path("other")});
}

TEST_F(StopAndResumeTest, Usr1SavesACheckpointAtOnce) {
  Process process(endless("run", {"--checkpoint-every", "1000000000"}));
  ASSERT_TRUE(process.wait_until([&] { return exists("run/config.json"); }));
  process.signal(SIGUSR1);
  EXPECT_TRUE(process.wait_until([&] { return !checkpoints("run").empty(); }));
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait().status, 143);
}

TEST_F(StopAndResumeTest, GoesOnWhenTheReaderOfItsOutputLeaves) {
  std::string command = "{ { $VAE";
  for (const std::string& word : train_words("run", {"--epochs", "50"})) command += " " + word;
  const Outcome outcome = run_shell(command + " 2>&1; echo $? >&3; } | head -1; } 3>&2");
  EXPECT_EQ(outcome.err, "0\n");
  EXPECT_TRUE(contains(outcome.out, "epoch")) << outcome.out;
}

}  // namespace
}  // namespace vae::test
