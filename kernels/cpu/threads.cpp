// SPDX-License-Identifier: MIT
#include "kernels/cpu/threads.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cpu/signal_mask.h"
#include "kernels/floating_point_mode.h"

namespace vae::cpu {

namespace {

using Clock = std::chrono::steady_clock;

// Waking a thread takes some 10 us of the caller's time and 20 to 50 us until it runs; on a virtual
// machine under load, several times that. Whoever waits for as long before paying it has at worst
// doubled the price, and never pays it for less work than the price.
constexpr Clock::duration kPatience = std::chrono::microseconds(300);

// Longer than the serial code between two operations, short enough not to matter on a machine where
// somebody else wants the core.
constexpr Clock::duration kSpin = std::chrono::microseconds(100);

// A worker whose CPU is taken away keeps the caller waiting for a time slice, some milliseconds.
// The team may lose kStake on top of what it gained, then the caller goes on alone for so many
// times as long that the loss does not count, and for longer each time that it was no better.
constexpr Clock::duration kStake = std::chrono::milliseconds(1);
constexpr Clock::duration kShortestPause = 64 * kStake, kLongestPause = 1024 * kStake;

/// What the calling thread has computed: a call of the system, which takes 1 to 3 us.
Clock::duration cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

/// Waits for `condition` for kSpin; whether it came true.
template <typename Condition>
bool spin_until(Condition condition) {
  constexpr int kChecksPerLook = 16;  // at the clock, which costs as much as a check
  if (condition()) return true;
  const Clock::time_point end = Clock::now() + kSpin;
  do {
    for (int check = 0; check < kChecksPerLook; ++check) {
      relax();
      if (condition()) return true;
    }
  } while (Clock::now() < end);
  return false;
}

/// Forks between this process and the one that made the first pool.
std::atomic<int> forks{0};

void count_forks() {
  static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
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

/// The workers of one process, and the loop they are at.
class ThreadPool::Team {
 public:
  explicit Team(int workers);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int workers() const { return static_cast<int>(threads_.size()); }
  void run(int64_t tasks, Task task, void* context);

 private:
  /// The next task of one thread's share. Each thread starts with the same share of the tasks every
  /// time, so that consecutive loops over the same memory find it in its core's cache, and then
  /// helps the others. On its own cache line.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  /// The time for which the calling thread's CPU goes to somebody else. Only work that has taken
  /// long can have lost a time slice, so the system is asked no more often than once in kLong, and
  /// after pauses, in which the thread may have slept.
  class LostTime {
   public:
    void begin(Clock::time_point now) {
      const std::thread::id thread = std::this_thread::get_id();
      if (now - end_ > kSpin || now - read_ > kLong || thread != thread_) read(now);
      thread_ = thread;
    }

    /// Of the work from `begin` to `end`.
    Clock::duration of(Clock::time_point begin, Clock::time_point end) {
      end_ = end;
      if (end - begin < kLong) return {};
      const Clock::time_point before = read_;
      const Clock::duration computed_before = computed_;
      read(end);
      const Clock::duration lost = (read_ - before) - (computed_ - computed_before);
      return std::clamp(lost, Clock::duration::zero(), end - begin);
    }

   private:
    static constexpr Clock::duration kLong = kSpin;

    void read(Clock::time_point now) {
      read_ = now;
      computed_ = cpu_time();
    }

    std::thread::id thread_;
    Clock::time_point read_{}, end_{};
    Clock::duration computed_{};
  };

  /// Whether the team is worth its while: what each loop took, against what it would have taken the
  /// caller alone.
  class Ledger {
   public:
    bool team_pauses() {
      if (pause_end_ == Clock::time_point{}) return false;
      if (Clock::now() < pause_end_) return true;
      pause_end_ = {};
      return false;
    }

    /// The caller ran `own` of `tasks`. It computed for `working`, which leaves out when its CPU
    /// went to somebody else, such as a worker that was woken on it.
    void enter(int64_t tasks, int64_t own, Clock::duration working, Clock::duration elapsed) {
      if (own == 0 || own == tasks) return;  // nothing to compare
      const Clock::duration saved = working * tasks / own - elapsed;
      balance_ = std::min(balance_ + saved, kStake);
      if (balance_ == kStake) pause_ = Clock::duration::zero();
      if (balance_ < -kStake) begin_pause();
    }

   private:
    void begin_pause() {
      balance_ = Clock::duration::zero();
      pause_ = std::clamp(2 * pause_, kShortestPause, kLongestPause);
      pause_end_ = Clock::now() + pause_;
    }

    Clock::duration balance_{}, pause_{};  // no pause: the team has proved itself
    Clock::time_point pause_end_{};        // none: the team is at work
  };

  // gate_: whether workers may still enter the loop, and how many are inside. The last task taken
  // closes it, and the loop is over when nobody is inside.
  static constexpr uint32_t kOpen = 1, kInside = 2;

  void work(int thread);
  template <typename AfterTask>
  int64_t take_tasks(int thread, AfterTask after_task);
  bool enter();
  void leave();
  void close() { gate_.fetch_and(~kOpen, std::memory_order_relaxed); }
  void wait_for_workers();
  bool sleep();
  int missing(int64_t tasks) const;
  void notice_pause();
  void worked_without(int wanted);
  void call(int wanted);

  const int shares_count_;
  const std::unique_ptr<Share[]> shares_;  // one a thread; the first one is the caller's
  Task task_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<uint32_t> gate_{0};

  // The caller's time without the workers that sleep.
  Clock::time_point alone_since_{}, alone_until_{};
  LostTime lost_;
  Ledger ledger_;

  std::mutex mutex_;
  std::condition_variable all_left_, bell_;
  std::atomic<int> sleeping_{0};  // changed under the mutex
  int called_ = 0;                // workers woken that have not noticed yet
  bool stopping_ = false;

  std::vector<std::thread> threads_;
};

ThreadPool::Team::Team(int workers)
    : shares_count_(workers + 1), shares_(std::make_unique<Share[]>(workers + 1)) {
  const SignalMask mask;  // signals are for the application's threads
  try {
    for (int i = 1; i <= workers; ++i) threads_.emplace_back([this, i] { work(i); });
  } catch (const std::exception&) {
    // The system gives no more threads, or no memory for them; those there are do the work of all.
  }
}

ThreadPool::Team::~Team() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  bell_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Team::run(int64_t tasks, Task task, void* context) {
  if (ledger_.team_pauses()) {
    for (int64_t i = 0; i < tasks; ++i) task(context, i, 0);
    return;
  }
  const Clock::time_point start = Clock::now();
  lost_.begin(start);
  task_ = task;
  context_ = context;
  for (int i = 0; i < shares_count_; ++i) {
    shares_[i].next.store(i * tasks / shares_count_, std::memory_order_relaxed);
    shares_[i].end = (i + 1) * tasks / shares_count_;
  }
  gate_.store(kOpen, std::memory_order_release);
  if (missing(tasks) > 0) notice_pause();
  const int64_t own = take_tasks(0, [&] {
    if (const int wanted = missing(tasks); wanted > 0) worked_without(wanted);
  });
  const Clock::time_point own_end = Clock::now();
  const Clock::duration working = own_end - start - lost_.of(start, own_end);
  wait_for_workers();
  ledger_.enter(tasks, own, working, Clock::now() - start);
}

void ThreadPool::Team::work(int thread) {
  const FloatingPointMode mode;  // not the one that it inherits
  do {
    while (spin_until([this] { return enter(); })) {
      take_tasks(thread, [] {});
      leave();
    }
  } while (sleep());
}

/// Returns how many there were.
template <typename AfterTask>
int64_t ThreadPool::Team::take_tasks(int thread, AfterTask after_task) {
  int64_t taken = 0;
  for (int i = 0; i < shares_count_; ++i) {
    Share& share = shares_[(thread + i) % shares_count_];
    while (share.next.load(std::memory_order_relaxed) < share.end) {
      const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
      if (task >= share.end) break;
      task_(context_, task, thread);
      ++taken;
      after_task();
    }
  }
  close();
  return taken;
}

bool ThreadPool::Team::enter() {
  uint32_t gate = gate_.load(std::memory_order_relaxed);
  while ((gate & kOpen) != 0) {
    if (gate_.compare_exchange_weak(gate, gate + kInside, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

void ThreadPool::Team::leave() {
  if (gate_.fetch_sub(kInside, std::memory_order_release) != kInside) return;
  { const std::lock_guard lock(mutex_); }  // the caller is spinning, or waiting by now
  all_left_.notify_one();
}

void ThreadPool::Team::wait_for_workers() {
  const auto nobody_inside = [this] { return gate_.load(std::memory_order_acquire) == 0; };
  if (spin_until(nobody_inside)) return;
  std::unique_lock lock(mutex_);
  all_left_.wait(lock, nobody_inside);
}

/// Until the caller wants help; false when the team is dissolved.
bool ThreadPool::Team::sleep() {
  std::unique_lock lock(mutex_);
  ++sleeping_;
  bell_.wait(lock, [this] { return called_ > 0 || stopping_; });
  if (stopping_) return false;
  --called_;
  return true;
}

/// Workers that this loop could use and that sleep.
int ThreadPool::Team::missing(int64_t tasks) const {
  const int sleeping = sleeping_.load(std::memory_order_relaxed);
  if (sleeping == 0) return 0;
  return static_cast<int>(std::min<int64_t>(tasks - 1, workers())) - (workers() - sleeping);
}

/// Work before a pause says nothing about the work after it.
void ThreadPool::Team::notice_pause() {
  const Clock::time_point now = Clock::now();
  if (now - alone_until_ > kSpin) alone_since_ = now;
}

void ThreadPool::Team::worked_without(int wanted) {
  alone_until_ = Clock::now();
  if (alone_until_ - alone_since_ < kPatience) return;
  alone_since_ = alone_until_;
  call(wanted);
}

void ThreadPool::Team::call(int wanted) {
  {
    const std::lock_guard lock(mutex_);
    const int woken = std::min(wanted, sleeping_.load(std::memory_order_relaxed));
    sleeping_ -= woken;
    called_ += woken;
  }
  wanted == 1 ? bell_.notify_one() : bell_.notify_all();
}

ThreadPool::ThreadPool(int threads, int cpus)
    : threads_(threads), workers_(std::min(threads, cpus) - 1) {
  count_forks();
  form_team();
}

ThreadPool::~ThreadPool() {
  if (forked()) static_cast<void>(team_.release());
}

int ThreadPool::started() const { return team_ ? team_->workers() + 1 : 1; }

bool ThreadPool::forked() const { return forks_ != forks.load(std::memory_order_relaxed); }

/// After a fork the workers exist in the parent only. They cannot be joined here, and what they
/// held stays as it was for ever, so the team is left where it lies.
void ThreadPool::form_team() {
  if (forked()) static_cast<void>(team_.release());
  forks_ = forks.load(std::memory_order_relaxed);
  if (workers_ > 0) team_ = std::make_unique<Team>(workers_);
}

void ThreadPool::run(int64_t tasks, Task task, void* context) {
  if (workers_ <= 0 || tasks <= 1) {
    for (int64_t i = 0; i < tasks; ++i) task(context, i, 0);
    return;
  }
  if (forked()) form_team();
  team_->run(tasks, task, context);
}

}  // namespace vae::cpu
