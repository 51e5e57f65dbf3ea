// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace vae::cpu {

/// CPUs this process may use: the affinity mask, limited by the cgroup's quota.
int available_threads();

/// The calling thread and a fixed team of workers that help it with one loop at a time.
///
/// The caller waits for tasks that a worker has begun and for nothing else: a worker that sleeps,
/// or that the system keeps from its CPU, costs no time, and the others do its share. So a second
/// thread never makes a loop slower, whatever else the machine does. A worker between two loops
/// spins for a moment, because the operations of a training step follow each other closely, and
/// then sleeps. It is woken when the caller has worked without it for as long as waking takes, so
/// small work stays on the caller's thread. Where workers are kept from their CPUs in the midst of
/// tasks so often that the caller would have been quicker alone, it goes on alone for a while.
///
/// Which thread runs a task depends on all that; results must not. A child made by fork() gets
/// workers of its own when it first runs a loop.
class ThreadPool {
 public:
  /// A pool for loops cut into pieces for `threads` threads. Of these no more are started than
  /// there are `cpus`; the pieces, and with them the numbers, stay those of `threads`.
  explicit ThreadPool(int threads, int cpus = available_threads());
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// The number of threads asked for.
  int size() const { return threads_; }
  /// The number of threads there are, the calling one among them.
  int started() const;
  /// What that number never exceeds.
  int most_threads() const { return workers_ > 0 ? workers_ + 1 : 1; }

  /// Calls body(task) or body(task, thread) once for each task in 0 .. tasks - 1, from any thread,
  /// and returns when all are done. The threads are numbered; the calling one is 0. `body` must not
  /// throw and must not call parallel_for again.
  template <typename Body>
  void parallel_for(int64_t tasks, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    const auto call = [](void* context, int64_t task, int thread) {
      if constexpr (std::is_invocable_v<Plain&, int64_t, int>) {
        (*static_cast<Plain*>(context))(task, thread);
      } else {
        (*static_cast<Plain*>(context))(task);
      }
    };
    run(tasks, call, const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  class Team;
  using Task = void (*)(void* context, int64_t task, int thread);

  void run(int64_t tasks, Task task, void* context);
  void form_team();
  bool forked() const;

  const int threads_;
  const int workers_;
  int forks_ = 0;  // of the process, when the team was formed
  std::unique_ptr<Team> team_;
};

}  // namespace vae::cpu
