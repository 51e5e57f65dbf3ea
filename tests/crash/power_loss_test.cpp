// SPDX-License-Identifier: MIT
//
// A power cut before every change that a training makes to its run folder. kill -9 never loses the
// page cache, so only a model of a disk finds a missing fsync: it keeps what was synced, and of all
// else nothing, everything, the names alone, the bytes alone, or a choice by chance with torn
// writes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/crash/interposed.h"
#include "tests/support/effort.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/trainer.h"

namespace vae::crash {
namespace {

namespace fs = std::filesystem;
using test::comparable_files;
using test::ScratchFolder;

constexpr int64_t kEpochs = 3, kStepsPerEpoch = 3;  // of the tiny data set
const char* const kRun = "/runs/run";               // two folders that the training has to make

bool every_sync_counts(const Operation&) { return true; }

/// What a training did to an empty folder, or to one that a power cut left.
struct Story {
  FileTree initial;
  std::vector<Operation> operations;
  /// (number of operations, step): before that operation the checkpoint of that step was promised,
  /// because the library had come back from saving it.
  std::vector<std::pair<std::size_t, int64_t>> promises;
  int64_t first_step = -1;  // where the training began; none when it had nothing to do
};

/// Trains to the end in `root`/runs/run, resuming where there is a run.
Story train(const std::string& root) {
  Story story;
  story.initial = FileTree::read(root);
  const Recording recording(root, story.initial);
  TrainOptions options;
  options.run_folder = root + kRun;
  options.resume = fs::exists(options.run_folder);
  options.device = Device::cpu(1);
  options.pictures = false;
  options.on_step = [&](const Progress& progress) {
    if (story.first_step < 0) story.first_step = progress.step - 1;
    const int64_t saved = (progress.step - 1) / kStepsPerEpoch * kStepsPerEpoch;
    story.promises.emplace_back(recording.operations().size(), saved);
    return Command::proceed;
  };
  const TrainResult result = Trainer(test::tiny_config(kEpochs), test::tiny_data(), options).run();
  if (story.first_step < 0) story.first_step = result.steps;
  story.promises.emplace_back(recording.operations().size(), result.steps);
  story.operations = recording.operations();
  const FileTree found = FileTree::read(root);
  EXPECT_TRUE(found.text() == recording.tree().text())
      << "the recording missed a change; replace the function that made it, too. On the disk:\n"
      << found.names() << "recorded:\n"
      << recording.tree().names();
  return story;
}

int64_t promised_before(const Story& story, std::size_t operation) {
  int64_t step = 0;
  for (const auto& [count, saved] : story.promises) {
    if (count <= operation) step = saved;
  }
  return step;
}

class PowerLossTest : public ::testing::Test {
 protected:
  PowerLossTest() {
    const std::string root = fresh_folder();
    story_ = train(root);
    expected_ = comparable_files(root + kRun);
  }

  std::string fresh_folder() {
    const std::string name = scratch_ / std::to_string(++folders_);
    fs::create_directories(name);
    return name;
  }

  /// Restarts on what a power cut left. Empty when all is well; else what is wrong.
  std::string judge(const FileTree& tree, int64_t promised, Story* restart = nullptr) {
    const std::string root = fresh_folder();
    tree.materialize(root);
    std::string problem;
    try {
      const Story story = train(root);
      if (story.first_step != promised && story.first_step != promised + kStepsPerEpoch) {
        problem = "went on from step " + std::to_string(story.first_step);
      } else if (comparable_files(root + kRun) != expected_) {
        problem = "other bits at the end";
      }
      if (restart != nullptr) *restart = story;
    } catch (const std::exception& error) {
      problem = error.what();
    }
    fs::remove_all(root);
    if (problem.empty()) return {};
    return problem + "; promised was step " + std::to_string(promised);
  }

  /// The states that power cuts leave, each once, with the most that was promised before one.
  std::map<std::string, std::pair<FileTree, int64_t>> states_of(
      const Story& story, const std::function<bool(const Operation&)>& counts = every_sync_counts) {
    std::vector<Loss> losses = {{},
                                {true, true, true, 0},
                                {true, false, false, 0},
                                {true, false, true, 0},
                                {false, true, true, 0}};
    for (uint64_t seed = 1; seed <= (test::full_effort() ? 8u : 1u); ++seed) {
      losses.push_back({false, false, false, seed});
    }
    std::map<std::string, std::pair<FileTree, int64_t>> states;
    for (std::size_t cut = 0; cut <= story.operations.size(); ++cut) {
      const int64_t promised = promised_before(story, cut);
      for (const Loss& loss : losses) {
        FileTree tree = after_power_cut(story.initial, story.operations, cut, loss, counts);
        auto& state = states[tree.text()];
        state = {std::move(tree), std::max(state.second, promised)};
      }
    }
    return states;
  }

  /// Whether a power cut breaks a promise when the disk ignores the syncs that do not count.
  bool breaks_without(const std::function<bool(const Operation&)>& counts) {
    for (const auto& [text, state] : states_of(story_, counts)) {
      if (!judge(state.first, state.second).empty()) return true;
    }
    return false;
  }

  ScratchFolder scratch_;
  int folders_ = 0;
  Story story_;
  std::map<std::string, std::string> expected_;
};

TEST_F(PowerLossTest, ARestartKeepsWhatWasPromisedAndReachesTheSameBits) {
  const auto states = states_of(story_);
  EXPECT_GT(story_.operations.size(), 50u);
  EXPECT_GT(states.size(), 50u);
  for (const auto& [text, state] : states) {
    const std::string problem = judge(state.first, state.second);
    ASSERT_EQ(problem, "") << "left by the power cut:\n" << state.first.names();
  }
}

TEST_F(PowerLossTest, ASecondPowerCutDuringTheRestartDoesNotMatterEither) {
  const auto states = states_of(story_);
  // Each has hundreds of its own. Quickly: the one in the middle.
  const std::size_t every = states.size() / (test::full_effort() ? 6 : 2) + 1;
  std::size_t number = 0;
  for (const auto& [text, state] : states) {
    if (++number % every != 0) continue;
    Story restart;
    ASSERT_EQ(judge(state.first, state.second, &restart), "");
    // What the restart found was there: it may not be lost again.
    for (const auto& [second_text, second] : states_of(restart)) {
      const std::string problem = judge(second.first, std::max(second.second, restart.first_step));
      ASSERT_EQ(problem, "") << "left by the power cut:\n" << second.first.names();
    }
  }
}

TEST_F(PowerLossTest, TheModelFindsFilesAndFoldersThatAreNotSynced) {
  std::map<int, bool> is_folder = {{0, true}};
  for (const Operation& operation : story_.operations) {
    if (operation.kind == Operation::Kind::make_folder) is_folder[operation.inode] = true;
  }
  EXPECT_TRUE(breaks_without([&](const Operation& sync) { return is_folder[sync.inode]; }));
  EXPECT_TRUE(breaks_without([&](const Operation& sync) { return !is_folder[sync.inode]; }));
}

}  // namespace
}  // namespace vae::crash
