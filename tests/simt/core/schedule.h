// SPDX-License-Identifier: MIT
//
// Which thread runs next. Warp collectives keep the lanes of a warp in step, so what a missing
// barrier spoils shows only when one warp gets far ahead of another. Choosing uniformly hardly ever
// lets that happen. So a random schedule mostly stays with a warp while it can run, and in three of
// four launches starves one warp, which runs only when no other can; now and then another becomes
// the victim.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace simt {

struct Thread;

/// A warp as the schedule sees it: its lanes that can run.
struct ReadyWarp {
  std::vector<Thread*> lanes;
};

class Schedule {
 public:
  /// Seed 0: first come, first served.
  void begin(std::uint64_t seed, std::uint64_t serial);
  /// Forgets all threads.
  void clear();

  void add(ReadyWarp& warp, Thread& lane);
  /// Takes out the thread to run next; null if there is none.
  Thread* next();

  bool is_random() const { return random_; }
  bool coin() { return random_ && (draw() & 1u) != 0; }
  bool one_in_four() { return random_ && (draw() & 3u) == 0; }
  /// From 0 to count - 1; 0 if not random.
  std::uint64_t below(std::uint64_t count) { return random_ ? draw() % count : 0; }

 private:
  std::uint64_t draw();
  std::size_t choose_warp();

  bool random_ = false;
  std::uint64_t state_ = 1;
  unsigned stay_of_256_ = 0;  // chance to stay with a warp
  bool starves_ = false;
  std::vector<ReadyWarp*> ready_;  // warps with a lane that can run
  const ReadyWarp* latest_ = nullptr;
  const ReadyWarp* victim_ = nullptr;
};

}  // namespace simt
