// SPDX-License-Identifier: MIT
#include "host/io/run_folder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "host/run/checkpoint_rotation.h"
#include "host/run/metrics_log.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"

namespace vae {
namespace {

namespace fs = std::filesystem;
using test::ScratchFolder;
using Mode = RunFolder::Mode;

class RunFolderTest : public ::testing::Test {
 protected:
  ErrorCode refusal(Mode mode) {
    try {
      RunFolder folder(run_, mode);
    } catch (const Error& error) {
      message_ = error.what();
      return error.code();
    }
    ADD_FAILURE() << "accepted";
    return ErrorCode::device;
  }
  void put(const std::string& name, const std::string& text = "x") {
    fs::create_directories(fs::path(run_ + "/" + name).parent_path());
    test::write_text(run_ + "/" + name, text);
  }

  ScratchFolder temporary_;
  std::string run_ = temporary_ / "a/run";
  std::string message_;
};

TEST_F(RunFolderTest, IsCreatedWithItsParents) {
  const RunFolder folder(run_, Mode::fresh);
  EXPECT_TRUE(fs::is_directory(run_ + "/checkpoints"));
  EXPECT_TRUE(fs::is_directory(run_ + "/images"));
  EXPECT_TRUE(fs::exists(run_ + "/.lock"));
  EXPECT_EQ(fs::path(folder.checkpoint_path(1234)).filename(), "step-00001234.safetensors");
  EXPECT_TRUE(fs::is_empty(run_ + "/checkpoints")) << "the probe must be gone";
}

TEST_F(RunFolderTest, AFolderWithOtherFilesIsRefusedAndLeftAsItWas) {
  put("thesis.tex");
  for (const Mode mode : {Mode::fresh, Mode::resume, Mode::overwrite}) {
    EXPECT_EQ(refusal(mode), ErrorCode::invalid_argument);
    EXPECT_NE(message_.find(run_), std::string::npos);
  }
  EXPECT_EQ(test::read_tree(run_).size(), 1u) << "not even a lock may be left in it";
}

TEST_F(RunFolderTest, SomebodyElsesConfigIsNotOverwritten) {
  put("config.json", "{}");
  put("checkpoints/step-00000001.safetensors");
  EXPECT_EQ(refusal(Mode::overwrite), ErrorCode::invalid_argument);
  EXPECT_EQ(test::read_tree(run_).size(), 2u);
}

TEST_F(RunFolderTest, ResumeNeedsAFolder) {
  EXPECT_EQ(refusal(Mode::resume), ErrorCode::invalid_argument);
  EXPECT_FALSE(fs::exists(run_));
}

TEST_F(RunFolderTest, AFileInItsPlaceIsRefused) {
  fs::create_directories(temporary_ / "a");
  test::write_text(run_, "x");
  EXPECT_EQ(refusal(Mode::fresh), ErrorCode::invalid_argument);
}

TEST_F(RunFolderTest, WhatARunKilledAtItsStartLeavesIsNoObstacle) {
  { const RunFolder folder(run_, Mode::fresh); }
  put("checkpoints/.tmp-.probe-1-0011223344556677");
  put(".tmp-config.json-1-0011223344556677");
  for (const Mode mode : {Mode::fresh, Mode::resume, Mode::overwrite}) {
    const RunFolder folder(run_, mode);
  }
  EXPECT_EQ(test::read_tree(run_).size(), 1u) << "temporaries are swept away, the lock stays";
}

TEST_F(RunFolderTest, IsBusyWhileAnotherHoldsItAndSaysWho) {
  const RunFolder first(run_, Mode::fresh);
  for (const Mode mode : {Mode::fresh, Mode::resume, Mode::overwrite}) {
    EXPECT_EQ(refusal(mode), ErrorCode::busy);
    EXPECT_NE(message_.find("pid " + std::to_string(::getpid())), std::string::npos) << message_;
  }
}

TEST_F(RunFolderTest, TheLockOfAKilledProcessIsFree) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const RunFolder folder(run_, Mode::fresh);
    [[maybe_unused]] const ssize_t sent = ::write(ready[1], "x", 1);
    ::pause();
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(refusal(Mode::fresh), ErrorCode::busy);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  const RunFolder folder(run_, Mode::fresh);
}

TEST_F(RunFolderTest, OverwriteDeletesOnlyWhatARunWrites) {
  { const RunFolder folder(run_, Mode::fresh); }
  const std::vector<std::string> ours = {"config.json",
                                         "run.json",
                                         "metrics.jsonl",
                                         "report.html",
                                         "explore.html",
                                         "checkpoints/best.safetensors",
                                         "checkpoints/best.safetensors.corrupt",
                                         "checkpoints/step-00000012.safetensors",
                                         "checkpoints/step-00000012.safetensors.corrupt",
                                         "images/epoch-001-samples.png",
                                         "images/epoch-001-map.svg"};
  const std::vector<std::string> theirs = {"notes.txt",
                                           "metrics.jsonl.bak",
                                           "checkpoints/mine.safetensors",
                                           "checkpoints/step-12a.safetensors",
                                           "checkpoints/notes.corrupt",
                                           "images/cat.png",
                                           "data/config.json"};
  for (const std::string& name : ours) put(name);
  for (const std::string& name : theirs) put(name);
  { const RunFolder folder(run_, Mode::overwrite); }
  const auto left = test::read_tree(run_);
  for (const std::string& name : ours) EXPECT_FALSE(left.contains(name)) << name;
  for (const std::string& name : theirs) EXPECT_TRUE(left.contains(name)) << name;
}

TEST_F(RunFolderTest, PruningKeepsTheNewestTheBestAndLaterSteps) {
  const RunFolder folder(run_, Mode::fresh);
  for (const int64_t step : {3, 6, 9, 100'000'000, 200'000'000}) {
    put("checkpoints/" + fs::path(folder.checkpoint_path(step)).filename().string());
  }
  put("checkpoints/best.safetensors");
  folder.prune_checkpoints(2, 100'000'000);
  const std::vector<std::string> expected = {folder.checkpoint_path(200'000'000),
                                             folder.checkpoint_path(100'000'000),
                                             folder.checkpoint_path(9)};
  EXPECT_EQ(list_checkpoints(run_), expected);
  EXPECT_TRUE(fs::exists(best_checkpoint_path(run_)));
}

/// A rotation whose writer fails on demand.
class CheckpointRotationTest : public RunFolderTest {
 protected:
  CheckpointRotationTest()
      : folder_(run_, Mode::fresh),
        rotation_(folder_, [this](const std::string& text) { warnings_.push_back(text); }) {}

  void write(const std::string& path) {
    ++writes_;
    if (failing_) throw Error(ErrorCode::io, "disk full");
    test::write_text(path, "x");
  }
  void save(int64_t step) {
    rotation_.save(step, [this](const std::string& path) { write(path); });
  }
  bool save_best() {
    return rotation_.save_best([this](const std::string& path) { write(path); });
  }
  std::size_t count() { return list_checkpoints(run_).size(); }

  RunFolder folder_;
  std::vector<std::string> warnings_;
  CheckpointRotation rotation_;
  bool failing_ = false;
  int writes_ = 0;
};

TEST_F(CheckpointRotationTest, KeepsTwoAndDoesNotWriteOneTwice) {
  for (const int64_t step : {1, 2, 3, 3}) save(step);
  EXPECT_EQ(writes_, 3);
  EXPECT_EQ(count(), 2u);
  EXPECT_EQ(list_checkpoints(run_).front(), folder_.checkpoint_path(3));
}

TEST_F(CheckpointRotationTest, AFailedSaveKeepsTheOldOnesAndWarns) {
  save(1);
  save(2);
  failing_ = true;
  save(3);
  EXPECT_EQ(count(), 2u);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("disk full"), std::string::npos);
  EXPECT_THROW(rotation_.require_saved(), Error);
  failing_ = false;
  save(4);
  EXPECT_NO_THROW(rotation_.require_saved());
  EXPECT_EQ(list_checkpoints(run_).front(), folder_.checkpoint_path(4));
}

TEST_F(CheckpointRotationTest, TheThirdFailureInARowIsAnError) {
  failing_ = true;
  save(1);
  save(2);
  try {
    save(3);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
  }
}

TEST_F(CheckpointRotationTest, SavedStepsDoNotHideABestOneThatCannotBeSaved) {
  EXPECT_TRUE(save_best());
  failing_ = true;
  EXPECT_FALSE(save_best());
  failing_ = false;
  save(1);
  EXPECT_THROW(rotation_.require_saved(), Error);
  EXPECT_TRUE(save_best());
  EXPECT_NO_THROW(rotation_.require_saved());
}

TEST_F(CheckpointRotationTest, KnowsWhetherACheckpointWasSaved) {
  EXPECT_EQ(rotation_.saved_step(), std::nullopt);
  failing_ = true;
  save(1);
  EXPECT_EQ(rotation_.saved_step(), std::nullopt);
  failing_ = false;
  save(2);
  EXPECT_EQ(rotation_.saved_step(), 2);
}

class MetricsLogTest : public ::testing::Test {
 protected:
  Metrics line(int64_t step) {
    Metrics metrics;
    metrics.split = "test";
    metrics.epoch = metrics.step = step;
    metrics.elbo = -100.0 / 3.0;
    return metrics;
  }
  void append(int64_t step) { log_.append(line(step), Binarization::dynamic, false); }
  std::vector<int64_t> steps() {
    std::vector<int64_t> steps;
    for (const Metrics& metrics : read_metrics(path_)) steps.push_back(metrics.step);
    return steps;
  }

  ScratchFolder temporary_;
  std::string path_ = temporary_ / "metrics.jsonl";
  MetricsLog log_{path_};
  std::vector<std::string> warnings_;
  std::function<void(const std::string&)> warn_ = [this](const std::string& text) {
    warnings_.push_back(text);
  };
};

TEST_F(MetricsLogTest, ReadsBackWhatItWrote) {
  append(7);
  const Metrics read = read_metrics(path_).at(0);
  EXPECT_EQ(read.elbo, -100.0 / 3.0);
  EXPECT_EQ(read.split, "test");
  EXPECT_NE(test::read_text(path_).find("\"binarization\":\"dynamic\""), std::string::npos);
}

TEST_F(MetricsLogTest, RewindingDropsLaterRowsAndATornTailAtEveryLength) {
  for (const int64_t step : {1, 2, 3}) append(step);
  const std::string whole = test::read_text(path_);
  const std::string row = whole.substr(0, whole.find('\n') + 1);
  for (std::size_t length = 0; length < row.size(); ++length) {
    test::write_text(path_, whole + row.substr(0, length));
    log_.rewind(2, warn_);
    ASSERT_EQ(steps(), (std::vector<int64_t>{1, 2})) << length;
    ASSERT_EQ(test::read_text(path_), whole.substr(0, 2 * row.size())) << length;
  }
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(MetricsLogTest, ADamagedRowIsDroppedWithAWarning) {
  append(1);
  test::write_text(path_, test::read_text(path_) + std::string(20, '\0') + "\n");
  append(2);
  log_.rewind(2, warn_);
  EXPECT_EQ(steps(), (std::vector<int64_t>{1, 2}));
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("line 2"), std::string::npos) << warnings_[0];
}

TEST_F(MetricsLogTest, AMissingFileHasNoRows) {
  log_.rewind(2, warn_);
  EXPECT_TRUE(steps().empty());
}

}  // namespace
}  // namespace vae
