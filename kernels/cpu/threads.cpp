// SPDX-License-Identifier: MIT
#include "kernels/cpu/threads.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <string>

namespace vae::cpu {

namespace {

// A few microseconds: longer than the serial code between two operations, short enough not to
// matter on a machine where somebody else wants the core.
constexpr int kSpins = 4000;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

int affinity_count() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

double number(const std::string& text) {
  double value = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// CPUs the cgroup grants per period; 0 when there is no limit ("max" or -1).
double cgroup_quota() {
  std::string quota, period;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); !(v2 >> quota >> period)) {
    std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(quota_file >> quota && period_file >> period)) return 0.0;
  }
  const double granted = number(quota), each = number(period);
  return granted > 0.0 && each > 0.0 ? granted / each : 0.0;
}

}  // namespace

int available_threads() {
  const int cores = affinity_count();
  const double quota = cgroup_quota();
  if (quota <= 0.0) return cores;
  return std::clamp(static_cast<int>(std::ceil(quota)), 1, cores);
}

ThreadPool::ThreadPool(int threads)
    : shares_(std::make_unique<Share[]>(static_cast<std::size_t>(threads))),
      spins_(threads <= available_threads() ? kSpins : 0) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  round_.fetch_add(1);
  round_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int64_t tasks, Task task, void* context) {
  if (workers_.empty() || tasks <= 1) {
    for (int64_t i = 0; i < tasks; ++i) task(context, i);
    return;
  }
  task_ = task;
  context_ = context;
  for (int i = 0; i < size(); ++i) {
    shares_[i].next.store(i * tasks / size(), std::memory_order_relaxed);
    shares_[i].end = (i + 1) * tasks / size();
  }
  working_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  take_tasks(0);
  for (int i = 0; i < spins_ && working_.load(std::memory_order_acquire) != 0; ++i) relax();
  for (int left = working_.load(std::memory_order_acquire); left != 0;
       left = working_.load(std::memory_order_acquire)) {
    working_.wait(left, std::memory_order_acquire);
  }
}

void ThreadPool::work(int thread) {
  uint64_t last = 0;
  while (true) {
    last = wait_for_round(last);
    if (stopping_.load()) return;
    take_tasks(thread);
    if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) working_.notify_one();
  }
}

void ThreadPool::take_tasks(int thread) {
  for (int i = 0; i < size(); ++i) {
    Share& share = shares_[(thread + i) % size()];
    while (share.next.load(std::memory_order_relaxed) < share.end) {
      const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
      if (task < share.end) task_(context_, task);
    }
  }
}

uint64_t ThreadPool::wait_for_round(uint64_t last) const {
  for (int i = 0; i < spins_; ++i) {
    const uint64_t round = round_.load(std::memory_order_acquire);
    if (round != last) return round;
    relax();
  }
  round_.wait(last, std::memory_order_acquire);
  return round_.load(std::memory_order_acquire);
}

}  // namespace vae::cpu
