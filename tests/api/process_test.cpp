// SPDX-License-Identifier: MIT
//
// What the library meets in programs that fork and handle signals.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tests/support/rude_mode.h"
#include "tests/support/tiny_run.h"
#include "vae/model.h"
#include "vae/trainer.h"

namespace vae {
namespace {

/// Images and layers large enough that a second thread gets a share of the products.
Config wide_config(int64_t epochs) {
  Config config = test::tiny_config(epochs);
  config.model.height = config.model.width = 28;
  config.model.encoder = config.model.decoder = {200};
  config.training.batch_size = 32;
  return config;
}

Dataset wide_data() { return {"blobs", test::blobs(96, 28), test::blobs(40, 28, 1000)}; }

TrainOptions on_cpu(int threads) {
  TrainOptions options;
  options.device = Device::cpu(threads);
  return options;
}

/// A handler of the application's, as greedy for stack as one that formats a backtrace, called
/// every 100 us of real time and at every tick of the time spent computing. It looks where it was
/// put: anywhere but on the stack of the thread that made this, it writes over something.
class Alarms {
 public:
  Alarms() {
    pthread_attr_t attributes;
    void* lowest = nullptr;
    std::size_t size = 0;
    ::pthread_getattr_np(::pthread_self(), &attributes);
    ::pthread_attr_getstack(&attributes, &lowest, &size);
    ::pthread_attr_destroy(&attributes);
    stack_ = reinterpret_cast<uintptr_t>(lowest);
    stack_end_ = stack_ + size;
    struct sigaction action = {};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    count_ = strays_ = 0;
    ::sigaction(SIGALRM, &action, &alarm_);
    ::sigaction(SIGPROF, &action, &profile_);
    set({{0, 100}, {0, 100}});
  }
  ~Alarms() {
    set({});
    ::sigaction(SIGALRM, &alarm_, nullptr);
    ::sigaction(SIGPROF, &profile_, nullptr);
  }
  Alarms(const Alarms&) = delete;
  Alarms& operator=(const Alarms&) = delete;

  int count() const { return count_; }
  int strays() const { return strays_; }

 private:
  static void handle(int) {
    volatile char frame[4096];
    for (volatile char& byte : frame) byte = 85;
    const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    if (here < stack_ || here >= stack_end_) ++strays_;
    ++count_;
  }
  static void set(const itimerval& every) {
    ::setitimer(ITIMER_REAL, &every, nullptr);
    ::setitimer(ITIMER_PROF, &every, nullptr);
  }

  static inline std::atomic<int> count_{0}, strays_{0};
  static inline uintptr_t stack_ = 0, stack_end_ = 0;
  struct sigaction alarm_ = {}, profile_ = {};
};

TEST(ProcessTest, SignalHandlersChangeNoBitOfATraining) {
  constexpr int kSignals = 1000;
  const Dataset data = wide_data();
  const Config config = wide_config(20);
  for (const int threads : {1, 2}) {
    const Array quiet = train(config, data, on_cpu(threads)).encode(data.test).mean;
    const Alarms alarms;
    while (alarms.count() < kSignals) {
      const Array disturbed = train(config, data, on_cpu(threads)).encode(data.test).mean;
      ASSERT_EQ(disturbed.values, quiet.values) << threads << " threads";
      ASSERT_EQ(alarms.strays(), 0) << "of " << alarms.count() << ", " << threads << " threads";
    }
  }
}

TEST(ProcessTest, AForkedChildGoesOnWithTheModelItInherits) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer allows no threads after a fork";
#endif
  const Dataset data = wide_data();
  Trainer trainer(wide_config(2), data, on_cpu(2));
  trainer.run();
  const Array expected = trainer.model().encode(data.test).mean;
  const Array trained = train(wide_config(2), data, on_cpu(2)).encode(data.test).mean;
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    const bool same =
        trainer.model().encode(data.test).mean.values == expected.values &&
        train(wide_config(2), data, on_cpu(2)).encode(data.test).mean.values == trained.values;
    ::_exit(same ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(trainer.model().encode(data.test).mean.values, expected.values);
}

TEST(ProcessTest, TheCallersFloatingPointModeChangesNoNumberAndStaysAsItWas) {
  const Dataset data = wide_data();
  const Config config = wide_config(2);
  Model expected = train(config, data, on_cpu(2));
  const Evaluation evaluation = expected.evaluate(data.test);
  const test::RudeMode rude;
  const uint64_t theirs = test::floating_point_mode();
  Model found = train(config, data, on_cpu(2));
  EXPECT_EQ(test::floating_point_mode(), theirs);
  EXPECT_EQ(found.evaluate(data.test).elbo, evaluation.elbo);
  EXPECT_EQ(found.encode(data.test).mean.values, expected.encode(data.test).mean.values);
  EXPECT_EQ(test::floating_point_mode(), theirs);
}

}  // namespace
}  // namespace vae
