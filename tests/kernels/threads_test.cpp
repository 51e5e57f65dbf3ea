// SPDX-License-Identifier: MIT
#include "kernels/cpu/threads.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

namespace vae::cpu {
namespace {

constexpr int kManyCpus = 8;  // the pool starts its threads even if this machine has fewer

/// Keeps the calling thread busy, so that it has not slept and nobody else needed its CPU.
void work_for(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

TEST(ThreadPoolTest, RunsEveryTaskOnceForAnyCounts) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads, kManyCpus);
    EXPECT_EQ(pool.size(), threads);
    EXPECT_EQ(pool.started(), threads);
    for (const int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<int> hits(tasks, 0);
      pool.parallel_for(tasks, [&](int64_t task) { ++hits[task]; });
      for (const int hit : hits) EXPECT_EQ(hit, 1);
    }
  }
}

TEST(ThreadPoolTest, ResultsOfOneLoopAreVisibleToTheNext) {
  ThreadPool pool(4, kManyCpus);
  std::vector<int64_t> here(512, 0), there(512, 0);
  for (int round = 0; round < 500; ++round) {
    pool.parallel_for(512, [&](int64_t i) { there[i] = here[511 - i] + 1; });
    pool.parallel_for(512, [&](int64_t i) { here[i] = there[511 - i] + 1; });
  }
  for (const int64_t value : here) EXPECT_EQ(value, 1000);
}

/// Loops shorter and longer than the patience, and pauses in which the workers fall asleep.
TEST(ThreadPoolTest, WorkersThatSleepAndAreWokenLoseNoTask) {
  ThreadPool pool(4, kManyCpus);
  std::atomic<int64_t> sum{0};
  int64_t expected = 0;
  for (int round = 0; round < 60; ++round) {
    const int64_t tasks = 2 + round % 9;
    pool.parallel_for(tasks, [&](int64_t task) {
      work_for(std::chrono::microseconds(round % 4 * 60));
      sum += task;
    });
    expected += tasks * (tasks - 1) / 2;
    if (round % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(round % 5));
  }
  EXPECT_EQ(sum.load(), expected);
}

TEST(ThreadPoolTest, WorkersTakePartInWorkThatLasts) {
  ThreadPool pool(2, kManyCpus);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the worker falls asleep
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<bool> helped{false};
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!helped && std::chrono::steady_clock::now() < end) {
    pool.parallel_for(8, [&](int64_t) {
      work_for(std::chrono::microseconds(50));
      if (std::this_thread::get_id() != caller) helped = true;
    });
  }
  EXPECT_TRUE(helped);
}

/// The only worker shares the CPU of the caller, which is scheduled before it and so keeps it from
/// running. Waiting for it shows as a switch away from the caller.
TEST(ThreadPoolTest, AWorkerThatDoesNotRunIsNotWaitedFor) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    ThreadPool pool(2, kManyCpus);  // the worker inherits the affinity
    sched_param first{};
    first.sched_priority = 1;
    if (::sched_setscheduler(0, SCHED_FIFO, &first) != 0) ::_exit(77);
    rusage before{}, after{};
    ::getrusage(RUSAGE_THREAD, &before);
    int64_t done = 0;
    for (int round = 0; round < 100; ++round) {
      pool.parallel_for(4, [&](int64_t) {
        work_for(std::chrono::microseconds(5));
        ++done;
      });
    }
    ::getrusage(RUSAGE_THREAD, &after);
    ::_exit(done == 400 && after.ru_nvcsw == before.ru_nvcsw ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no real-time priority here";
  EXPECT_EQ(status, 0);
}

/// As with --threads 64 in a container of two CPUs: 17 times slower was seen elsewhere.
TEST(ThreadPoolTest, NoMoreThreadsAreStartedThanThereAreCpus) {
  ThreadPool pool(64, 2);
  EXPECT_EQ(pool.size(), 64);
  EXPECT_EQ(pool.started(), 2);
  EXPECT_EQ(ThreadPool(64, 1).started(), 1);
  std::vector<int> hits(1000, 0);
  pool.parallel_for(1000, [&](int64_t task) { ++hits[task]; });
  EXPECT_EQ(std::accumulate(hits.begin(), hits.end(), 0), 1000);
}

TEST(ThreadPoolTest, ThreadsFollowTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(::sched_getcpu(), &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_threads(), 1);
  EXPECT_EQ(ThreadPool(8).started(), 1);
  ::sched_setaffinity(0, sizeof before, &before);
}

/// As if the system took the workers' CPUs away in the midst of each task.
TEST(ThreadPoolTest, AloneWhereWorkersOnlyKeepTheCallerWaiting) {
  ThreadPool pool(2, kManyCpus);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> others{0};
  const auto loop = [&] {
    pool.parallel_for(8, [&](int64_t) {
      if (std::this_thread::get_id() == caller) {
        work_for(std::chrono::microseconds(50));
      } else {
        ++others;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    });
  };
  // Each helped loop costs as much as 25 alone, and the pause after it is as long as 160 or more:
  // without pauses nearly every loop would be helped, however busy the machine is.
  constexpr int kLoops = 400;
  for (int round = 0; round < kLoops; ++round) loop();
  EXPECT_LT(others.load(), kLoops / 8);
}

TEST(ThreadPoolTest, ManyPoolsCanLiveAtOnce) {
  std::atomic<int> total{0};
  std::vector<std::thread> users;
  for (int user = 0; user < 3; ++user) {
    users.emplace_back([&] {
      ThreadPool pool(2, kManyCpus);
      for (int round = 0; round < 100; ++round) pool.parallel_for(5, [&](int64_t) { ++total; });
    });
  }
  for (std::thread& user : users) user.join();
  EXPECT_EQ(total.load(), 1500);
}

TEST(ThreadPoolTest, AForkedChildGetsWorkersOfItsOwn) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer allows no threads after a fork";
#endif
  ThreadPool pool(3, kManyCpus);
  std::atomic<int> total{0};
  const auto loop = [&] {
    for (int round = 0; round < 50; ++round) {
      pool.parallel_for(6, [&](int64_t) {
        work_for(std::chrono::microseconds(20));
        ++total;
      });
    }
  };
  loop();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    loop();
    const pid_t grandchild = ::fork();
    if (grandchild == 0) {
      ::alarm(20);
      { ThreadPool unused(2, kManyCpus); }
      loop();
      pool.~ThreadPool();
      ::_exit(total == 900 ? 0 : 1);
    }
    int status = 0;
    ::waitpid(grandchild, &status, 0);
    ::_exit(total == 600 ? status : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  loop();
  EXPECT_EQ(total.load(), 600);
}

/// Handlers belong to the application and run on its threads.
TEST(ThreadPoolTest, WorkersTakeNoSignals) {
  static std::atomic<int> elsewhere{0}, taken{0};
  static thread_local bool ours = false;
  ours = true;
  taken = elsewhere = 0;
  struct sigaction action = {}, before = {};
  action.sa_handler = [](int) { ours ? ++taken : ++elsewhere; };
  ASSERT_EQ(::sigaction(SIGUSR2, &action, &before), 0);
  ThreadPool pool(4, kManyCpus);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);  // only a worker could take it now
  for (int signal = 0; signal < 20; ++signal) {
    ::kill(::getpid(), SIGUSR2);
    pool.parallel_for(8, [](int64_t) { work_for(std::chrono::microseconds(20)); });
  }
  EXPECT_EQ(taken + elsewhere, 0);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  EXPECT_GE(taken, 1);
  EXPECT_EQ(elsewhere, 0);
  ::sigaction(SIGUSR2, &before, nullptr);
}

TEST(ThreadPoolTest, AtLeastOneThreadIsAvailable) { EXPECT_GE(available_threads(), 1); }

}  // namespace
}  // namespace vae::cpu
