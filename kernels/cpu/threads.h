// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace vae::cpu {

/// CPUs this process may use: the affinity mask, limited by the cgroup's quota.
int available_threads();

/// A fixed team of threads that runs one loop at a time. A waiting thread spins for a few
/// microseconds, because the operations of a training step follow each other closely, and then
/// sleeps, because the machine may be shared. Each thread starts with the same share of the tasks
/// every time, so that consecutive loops over the same memory find it in its core's cache, and then
/// helps the others.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(task) once for each task in 0 .. tasks - 1, from any thread, and returns when all
  /// are done. `body` must not throw and must not call parallel_for again.
  template <typename Body>
  void parallel_for(int64_t tasks, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    run(
        tasks, [](void* context, int64_t task) { (*static_cast<Plain*>(context))(task); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Task = void (*)(void* context, int64_t task);

  /// The next task of one thread's share; on its own cache line.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  void run(int64_t tasks, Task task, void* context);
  void work(int thread);
  void take_tasks(int thread);
  uint64_t wait_for_round(uint64_t last) const;

  std::vector<std::thread> workers_;
  Task task_ = nullptr;
  void* context_ = nullptr;
  std::unique_ptr<Share[]> shares_;  // one a thread
  int spins_ = 0;
  std::atomic<uint64_t> round_{0};
  std::atomic<int> working_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace vae::cpu
