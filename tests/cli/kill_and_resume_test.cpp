// SPDX-License-Identifier: MIT
//
// The program is killed or signalled where it hurts and started again; the finished run must hold
// the same bits as one that was never disturbed.
#include <signal.h>

#include <array>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "tests/cli/cli_test.h"
#include "tests/support/effort.h"
#include "tests/support/tiny_run.h"

namespace vae::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kKilled = 128 + SIGKILL;

class KillAndResumeTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    const Clock::time_point begin = Clock::now();
    const Outcome outcome = run_vae(words("whole"));
    whole_seconds_ = std::chrono::duration<double>(Clock::now() - begin).count();
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    whole_ = files("whole");
  }

  std::vector<std::string> words(const std::string& run) const {
    std::vector<std::string> more = sizes_;
    // A run killed before its config.json has left nothing to resume.
    if (exists(run + "/config.json")) more.emplace_back("--resume");
    std::vector<std::string> words = train_words(run, more);
    if (pictures_) std::erase(words, "--no-pictures");
    return words;
  }
  std::vector<std::string> program(const std::string& run,
                                   std::vector<std::string> command = {}) const {
    command.emplace_back(VAE_PROGRAM);
    for (const std::string& word : words(run)) command.push_back(word);
    return command;
  }
  std::map<std::string, std::string> files(const std::string& run) const {
    std::map<std::string, std::string> files = comparable_files(path(run));
    if (only_newest_) keep_newest_checkpoint(files);
    return files;
  }

  /// A checkpoint made for a signal takes the place of an older one.
  static void keep_newest_checkpoint(std::map<std::string, std::string>& files) {
    std::string newest;
    for (const auto& [name, content] : files) {
      if (name.starts_with("checkpoints/step-")) newest = name;
    }
    std::erase_if(files, [&](const auto& file) {
      return file.first.starts_with("checkpoints/step-") && file.first != newest;
    });
  }

  /// Runs under strace with SIGKILL before the k-th call of this name; whether it was reached.
  bool killed_before(const std::string& call, int k, const std::string& run) const {
    const Outcome outcome =
        Process(program(run,
                        {"/usr/bin/env", "strace", "-f", "-o", path("trace"), "-e", "trace=" + call,
                         "-e", "inject=" + call + ":signal=KILL:when=" + std::to_string(k)}),
                {{"ASAN_OPTIONS", "detect_leaks=0"}})  // which would need ptrace for itself
            .wait();
    EXPECT_TRUE(outcome.status == 0 || outcome.status == kKilled) << outcome.err;
    return outcome.status == kKilled;
  }
  static bool strace_works() {
    return run_shell("strace -o /dev/null -e trace=write true").status == 0;
  }

  /// Lets the run end and compares; `trace` names the kill in a failure.
  void finish_and_compare(const std::string& run, const std::string& trace) {
    const Outcome outcome = run_vae(words(run));
    ASSERT_EQ(outcome.status, 0) << trace << ": " << outcome.err;
    const auto ours = files(run);
    for (const auto& [name, content] : whole_) {
      ASSERT_TRUE(ours.contains(name)) << trace << ": " << name << " is missing";
      ASSERT_TRUE(ours.at(name) == content) << trace << ": " << name << " differs";
    }
    for (const auto& [name, content] : ours) {
      ASSERT_TRUE(whole_.contains(name)) << trace << ": " << name << " is left over";
    }
  }

  /// Twelve steps in three epochs; checkpoints after steps 3, 6, 9 and 12.
  /// The best checkpoint is chosen on validation images, from the second epoch on.
  std::vector<std::string> sizes_ = {"--epochs",     "3", "--checkpoint-every", "3",
                                     "--validation", "3", "--kl-warmup-epochs", "2",
                                     "--beta",       "2"};
  bool pictures_ = false;
  bool only_newest_ = false;  // of the checkpoints is compared
  double whole_seconds_ = 0.0;
  std::map<std::string, std::string> whole_;
};

class KillWithPicturesTest : public KillAndResumeTest {
 protected:
  KillWithPicturesTest() { pictures_ = true; }
};

/// Until so many kills met a living process, however busy the machine is and was in SetUp.
TEST_F(KillWithPicturesTest, AtRandomMomentsTheBitsAreTheSame) {
  std::mt19937_64 random(20240229);
  double longest = whole_seconds_;
  const int wanted = repetitions(60, 15, 4);
  int kills = 0;
  for (int round = 0; kills < wanted; ++round) {
    const std::string run = "run" + std::to_string(round);
    std::string trace = "killed after";
    bool killed = true;
    for (int attempt = 0; attempt < 3 && killed; ++attempt) {
      const double share = static_cast<double>(random() >> 11) * 0x1p-53;
      const std::chrono::duration<double> moment(share * longest);
      trace += ' ' + std::to_string(moment.count()) + " s";
      Process process(program(run));
      std::this_thread::sleep_for(moment);
      process.signal(SIGKILL);
      killed = process.wait().status == kKilled;
      kills += killed;
      if (!killed && attempt == 0) longest = moment.count();  // a whole run takes less
    }
    finish_and_compare(run, trace);
    if (HasFatalFailure()) return;
  }
}

/// Each place is the moment before the k-th call of one kind: within a checkpoint, between its
/// write and its rename, between a rename and the deletion of an old file, within the log.
TEST_F(KillAndResumeTest, BeforeSystemCallsThatChangeFilesTheBitsAreTheSame) {
  if (!strace_works()) GTEST_SKIP() << "strace is missing or not permitted here";
  const int stride_factor = repetitions(1, 1, 4);
  int places = 0;
  const std::vector<std::pair<std::string, int>> calls = {
      {"mkdir", 1}, {"flock", 1},    {"ftruncate", 1}, {"fallocate", 4}, {"unlink,unlinkat", 3},
      {"write", 9}, {"renameat", 1}, {"fsync", 6},     {"openat", 17}};
  for (const auto& [call, stride] : calls) {
    for (int k = 1; k < 1000; k += stride * stride_factor) {
      const std::string run = call.substr(0, 6) + std::to_string(k);
      if (!killed_before(call, k, run)) break;  // fewer than k of these calls
      ++places;
      finish_and_compare(run, "killed before " + call + " " + std::to_string(k));
      if (HasFatalFailure()) return;
      std::filesystem::remove_all(path(run));
    }
  }
  EXPECT_GT(places, 30 / stride_factor);
}

TEST_F(KillAndResumeTest, KilledAgainWhileResumingTheBitsAreTheSame) {
  if (!strace_works()) GTEST_SKIP() << "strace is missing or not permitted here";
  const int last = repetitions(4, 4, 2);
  int places = 0;
  for (const std::string call : {"renameat", "unlink,unlinkat", "ftruncate", "fsync"}) {
    for (int k = 1; k <= last; ++k) {
      const std::string run = call.substr(0, 6) + std::to_string(k);
      ASSERT_TRUE(killed_before("renameat", 9, run)) << "the first kill, within the training";
      places += killed_before(call, k, run);
      finish_and_compare(run, "resuming killed before " + call + " " + std::to_string(k));
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(places, last + 2);
}

/// The whole state of everything that an update can do beside plain Adam.
class KillWithOptimizerTest : public KillAndResumeTest {
 protected:
  KillWithOptimizerTest() {
    for (const char* word : {"--weight-decay", "0.1", "--learning-rate-warmup-epochs", "1.5",
                             "--skip-norm", "1.02", "--clip-norm", "20", "--ema", "0.9"}) {
      sizes_.emplace_back(word);
    }
  }
};

TEST_F(KillWithOptimizerTest, BeforeARenameOfACheckpointTheBitsAreTheSame) {
  if (!strace_works()) GTEST_SKIP() << "strace is missing or not permitted here";
  ASSERT_TRUE(contains(read("whole/metrics.jsonl"), "\"skipped_steps\":"));
  int places = 0;
  for (int k = 2; k < 1000; k += 3) {
    const std::string run = "run" + std::to_string(k);
    if (!killed_before("renameat", k, run)) break;
    ++places;
    finish_and_compare(run, "killed before renameat " + std::to_string(k));
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(places, 3);
}

/// A second of training in wide layers.
class SignalAndResumeTest : public KillAndResumeTest {
 protected:
  SignalAndResumeTest() {
    only_newest_ = true;
    const std::string epochs = std::to_string(repetitions(300, 300, 60));
    const std::string width = std::to_string(repetitions(1000, 1000, 300));
    sizes_ = {"--epochs",  epochs, "--checkpoint-every", "20",  "--batch-size", "50",
              "--encoder", width,  "--decoder",          width, "--threads",    "2"};
  }

  int one_of(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  void wait_a_little() { std::this_thread::sleep_for(std::chrono::microseconds(one_of(30000))); }

  /// Starts or resumes the run and sends signals until one stops it; whether the run ended.
  bool disturb(const std::string& run, const std::string& trace) {
    const std::vector<std::string> before = checkpoints(run);
    Process process(program(run));
    process.wait_until([&] { return checkpoints(run) != before; });
    for (; one_of(3) == 0; ++signals_) {
      wait_a_little();
      process.signal(SIGUSR1);
    }
    wait_a_little();
    const int signal = std::array{SIGINT, SIGTERM, SIGHUP}[static_cast<std::size_t>(one_of(3))];
    process.signal(signal);
    const Outcome outcome = process.wait();
    if (outcome.status == 0) return true;
    ++signals_;
    EXPECT_FALSE(outcome.killed) << trace << ": " << outcome.err;
    EXPECT_EQ(outcome.status, 128 + signal) << trace << ": " << outcome.err;
    EXPECT_TRUE(contains(outcome.err, "the state is saved")) << trace << ": " << outcome.err;
    return HasFailure();
  }

  std::mt19937_64 random_{20240301};
  int signals_ = 0;
};

TEST_F(SignalAndResumeTest, AtRandomMomentsTheBitsAreTheSame) {
  const int wanted = repetitions(300, 20, 5);
  for (int round = 0; signals_ < wanted; ++round) {
    const std::string run = "run" + std::to_string(round);
    const int first = signals_;
    while (!disturb(run, run + " after " + std::to_string(signals_ - first) + " signals")) {
    }
    if (HasFailure()) return;
    finish_and_compare(run, run);
    if (HasFailure()) return;
  }
  RecordProperty("signals", signals_);
}

class FaultTest : public CliTest {};

TEST_F(FaultTest, DivergenceExitsWithSix) {
  const Outcome outcome =
      run_vae(train_words("run", {"--learning-rate", "1e9", "--epochs", "300"}));
  EXPECT_EQ(outcome.status, 6) << outcome.err;
  EXPECT_TRUE(contains(read("run/run.json"), "\"diverged\""));
}

/// A small file system of its own holds the run; a file fills it up while the training goes on.
TEST_F(FaultTest, AFullDiskKeepsTheOldCheckpointsAndExitsWithFour) {
  if (run_shell("unshare -m mount -t tmpfs -o size=1m none " + data()).status != 0) {
    GTEST_SKIP() << "no file system can be mounted here";
  }
  std::filesystem::create_directory(path("disk"));
  std::string train = "$VAE";
  for (const std::string& word : train_words("disk/run", {"--epochs", "1000000"})) {
    train += " '" + word + "'";
  }
  const std::string disk = path("disk");
  write("script", "mount -t tmpfs -o size=1m none " + disk + " || exit 99\n" + train +
                      " & pid=$!\n"
                      "until ls " +
                      disk +
                      "/run/checkpoints/step-* >/dev/null 2>&1; do\n"
                      "  kill -0 $pid || exit 98; sleep 0.01\n"
                      "done\n"
                      "cat /dev/zero >" +
                      disk +
                      "/filler 2>/dev/null\n"
                      "wait $pid; status=$?\n"
                      "rm " +
                      disk + "/filler; cp -r " + disk + "/run " + path("kept") +
                      "\n"
                      "exit $status\n");
  const Outcome outcome = run_shell("timeout 100 unshare -m bash " + path("script"));
  EXPECT_EQ(outcome.status, 4) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "CHECKPOINT NOT SAVED")) << outcome.err;
  ASSERT_FALSE(checkpoints("kept").empty());
  for (const std::string& name : checkpoints("kept")) {
    const Outcome sample = run_vae(
        {"sample", path("kept/checkpoints/" + name), "--count", "4", "--out", path("s.png")});
    EXPECT_EQ(sample.status, 0) << name << ": " << sample.err;
  }
}

}  // namespace
}  // namespace vae::test
