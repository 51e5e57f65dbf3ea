// SPDX-License-Identifier: MIT
#include "kernels/cpu/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace vae::cpu {
namespace {

TEST(ThreadPoolTest, RunsEveryTaskOnceForAnyCounts) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (const int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<int> hits(tasks, 0);
      pool.parallel_for(tasks, [&](int64_t task) { ++hits[task]; });
      for (const int hit : hits) EXPECT_EQ(hit, 1);
    }
  }
}

TEST(ThreadPoolTest, ResultsOfOneLoopAreVisibleToTheNext) {
  ThreadPool pool(4);
  std::vector<int64_t> here(512, 0), there(512, 0);
  for (int round = 0; round < 500; ++round) {
    pool.parallel_for(512, [&](int64_t i) { there[i] = here[511 - i] + 1; });
    pool.parallel_for(512, [&](int64_t i) { here[i] = there[511 - i] + 1; });
  }
  for (const int64_t value : here) EXPECT_EQ(value, 1000);
}

TEST(ThreadPoolTest, ManyPoolsCanLiveAtOnce) {
  std::atomic<int> total{0};
  std::vector<std::thread> users;
  for (int user = 0; user < 3; ++user) {
    users.emplace_back([&] {
      ThreadPool pool(2);
      for (int round = 0; round < 100; ++round) pool.parallel_for(5, [&](int64_t) { ++total; });
    });
  }
  for (std::thread& user : users) user.join();
  EXPECT_EQ(total.load(), 1500);
}

TEST(ThreadPoolTest, AtLeastOneThreadIsAvailable) { EXPECT_GE(available_threads(), 1); }

}  // namespace
}  // namespace vae::cpu
