// SPDX-License-Identifier: MIT
//
// What others do to a run folder while a training writes to it.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/tiny_run.h"
#include "vae/error.h"
#include "vae/trainer.h"

namespace vae {
namespace {

namespace fs = std::filesystem;
using test::comparable_files;
using test::ScratchFolder;
using test::tiny_config;
using test::tiny_data;

/// The working directory of the process for one scope.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(const std::string& path) : before_(fs::current_path()) {
    fs::current_path(path);
  }
  ~WorkingDirectory() { fs::current_path(before_); }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;

 private:
  fs::path before_;
};

class RunFolderFaultsTest : public ::testing::Test {
 protected:
  RunFolderFaultsTest() { fs::create_directories(elsewhere_); }

  /// Trains four epochs of three steps into `folder`; `fault` happens after `step`.
  TrainResult train(const std::string& folder, int64_t step, const std::function<void()>& fault) {
    TrainOptions options;
    options.run_folder = folder;
    options.device = Device::cpu(1);
    options.pictures = pictures_;
    options.log = [this](LogLevel, std::string_view line) { log_.append(line).append("\n"); };
    options.on_step = [&, step](const Progress& progress) {
      last_step_ = progress.step;
      if (progress.step == step) fault();
      return Command::proceed;
    };
    return Trainer(tiny_config(), tiny_data(), options).run();
  }

  /// The message of the Error(io) that ends the training.
  std::string failure(int64_t step, const std::function<void()>& fault) {
    try {
      train(run_, step, fault);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::io);
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return {};
  }

  ScratchFolder scratch_;
  std::string run_ = scratch_ / "run", elsewhere_ = scratch_ / "elsewhere";
  bool pictures_ = false;
  int64_t last_step_ = 0;
  std::string log_;
};

TEST_F(RunFolderFaultsTest, ARelativeFolderSurvivesAChangeOfDirectory) {
  pictures_ = true;
  train(run_, 0, [] {});
  const WorkingDirectory working(scratch_ / ".");
  const TrainResult result = train("relative/run", 2, [&] { fs::current_path(elsewhere_); });
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(log_, "");
  EXPECT_TRUE(fs::is_empty(elsewhere_));
  EXPECT_EQ(comparable_files(scratch_ / "relative/run"), comparable_files(run_));
  EXPECT_TRUE(fs::exists(scratch_ / "relative/run/report.html"));
}

TEST_F(RunFolderFaultsTest, ADeletedFolderIsNamedAndEndsTheTrainingAfterThreeSaves) {
  const std::string message = failure(4, [&] { fs::remove_all(run_); });
  EXPECT_NE(message.find("3 times in a row"), std::string::npos) << message;
  EXPECT_NE(message.find(run_ + " was deleted or moved"), std::string::npos) << message;
  EXPECT_EQ(last_step_, 12);
  EXPECT_FALSE(fs::exists(run_)) << "half a run folder would be taken for a run";
}

TEST_F(RunFolderFaultsTest, AMovedFolderKeepsItsCheckpointsAndCanBeResumed) {
  const std::string message = failure(4, [&] { fs::rename(run_, elsewhere_ + "/run"); });
  EXPECT_NE(message.find(run_ + " was deleted or moved"), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(run_));
  TrainOptions resumed;
  resumed.run_folder = elsewhere_ + "/run";
  resumed.resume = true;
  resumed.pictures = false;
  resumed.device = Device::cpu(1);
  EXPECT_TRUE(Trainer(tiny_config(), tiny_data(), resumed).run().finished);
  train(run_, 0, [] {});
  EXPECT_EQ(comparable_files(elsewhere_ + "/run"), comparable_files(run_));
}

TEST_F(RunFolderFaultsTest, AFolderThatIsPutBackInTimeLosesNothing) {
  train(elsewhere_ + "/whole", 0, [] {});
  const std::string away = scratch_ / "away";
  TrainOptions options;
  options.run_folder = run_;
  options.device = Device::cpu(1);
  options.pictures = false;
  options.on_step = [&](const Progress& progress) {
    if (progress.step == 4) fs::rename(run_, away);  // the save after step 6 fails
    if (progress.step == 7) fs::rename(away, run_);
    return Command::proceed;
  };
  EXPECT_TRUE(Trainer(tiny_config(), tiny_data(), options).run().finished);
  auto files = comparable_files(run_), whole = comparable_files(elsewhere_ + "/whole");
  for (const char* name : {"checkpoints/best.safetensors", "checkpoints/step-00000009.safetensors",
                           "checkpoints/step-00000012.safetensors"}) {
    EXPECT_TRUE(files.at(name) == whole.at(name)) << name;
  }
}

TEST_F(RunFolderFaultsTest, AnotherRunInItsPlaceIsNotTouched) {
  std::map<std::string, std::string> before;
  const std::string message = failure(4, [&] {
    fs::rename(run_, elsewhere_ + "/run");
    fs::create_directories(run_ + "/checkpoints");
    fs::create_directories(run_ + "/images");
    test::write_text(run_ + "/metrics.jsonl", "somebody else's\n");
    before = test::read_tree(run_);
  });
  EXPECT_NE(message.find(run_ + " was replaced by another one"), std::string::npos) << message;
  EXPECT_EQ(test::read_tree(run_), before);
}

/// Runs `child` as a user without rights, in a process of its own; its exit status.
int as_nobody(const std::function<int()>& child) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::seteuid(kNobody) != 0) ::_exit(99);
    ::_exit(child());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(RunFolderFaultsTest, AFolderThatCannotBeWrittenIsRefusedBeforeAnyWork) {
  fs::create_directories(run_);
  for (const std::string& folder : {scratch_ / ".", run_, run_ + "/new"}) {
    fs::permissions(run_, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read |
                              fs::perms::others_exec);
    fs::permissions(scratch_ / ".", fs::perms::owner_all | fs::perms::others_exec);
    TrainOptions options;
    options.run_folder = folder == scratch_ / "." ? scratch_ / "other" : folder;
    options.device = Device::cpu(1);
    const int status = as_nobody([&] {
      try {
        Trainer(tiny_config(), tiny_data(), options);
        return 1;
      } catch (const Error& error) {
        const std::string message = error.what();
        const bool clear = error.code() == ErrorCode::io &&
                           message.find(options.run_folder) != std::string::npos &&
                           message.find("check the permissions") != std::string::npos;
        if (!clear) std::fprintf(stderr, "%s\n", error.what());
        return clear ? 0 : 2;
      }
    });
    EXPECT_EQ(status, 0) << options.run_folder;
  }
  fs::permissions(run_, fs::perms::owner_all);
  EXPECT_TRUE(fs::is_empty(run_));
}

TEST_F(RunFolderFaultsTest, ANameThatIsTooLongIsRefusedBeforeAnyWork) {
  TrainOptions options;
  options.device = Device::cpu(1);
  for (const std::string& folder :
       {scratch_ / std::string(300, 'n'),
        scratch_ / std::string(255, 'n') + "/" + std::string(5000, '/') + std::string(300, 'n')}) {
    options.run_folder = folder;
    try {
      Trainer(tiny_config(), tiny_data(), options);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::io);
      EXPECT_NE(std::string(error.what()).find("shorter name"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace vae
