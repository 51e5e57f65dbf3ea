// SPDX-License-Identifier: MIT
#include "tests/simt/core/schedule.h"

#include <algorithm>

namespace simt {

void Schedule::begin(std::uint64_t seed, std::uint64_t serial) {
  clear();
  random_ = seed != 0;
  // Two odd constants (the golden ratio's and one of splitmix64's kind) spread nearby seeds.
  state_ = (seed + 1) * 0x9e3779b97f4a7c15u + serial * 0xd1b54a32d192ed03u;
  if (state_ == 0) state_ = 1;  // xorshift would stay there
  // Tuned on tensor-core products without one of their barriers: of 40 launches 37 show it, with a
  // uniform choice of the warp none (tests/simt/README.md). 128 is for faults that need finer
  // steps.
  constexpr unsigned kStay[] = {128, 250, 256, 256};
  stay_of_256_ = kStay[draw() % 4];
  starves_ = draw() % 4 != 0;
}

void Schedule::clear() {
  ready_.clear();
  latest_ = victim_ = nullptr;
}

void Schedule::add(ReadyWarp& warp, Thread& lane) {
  if (warp.lanes.empty()) ready_.push_back(&warp);
  warp.lanes.push_back(&lane);
}

Thread* Schedule::next() {
  if (ready_.empty()) return nullptr;
  const std::size_t chosen = choose_warp();
  ReadyWarp& warp = *ready_[chosen];
  const std::size_t lane = below(warp.lanes.size());
  Thread* thread = warp.lanes[lane];
  warp.lanes.erase(warp.lanes.begin() + static_cast<std::ptrdiff_t>(lane));
  if (warp.lanes.empty()) ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(chosen));
  latest_ = &warp;
  return thread;
}

std::size_t Schedule::choose_warp() {
  if (!random_) return 0;
  const std::uint64_t bits = draw();
  if (latest_ != nullptr && latest_ != victim_ && !latest_->lanes.empty() &&
      (bits & 255u) < stay_of_256_) {
    return static_cast<std::size_t>(std::find(ready_.begin(), ready_.end(), latest_) -
                                    ready_.begin());
  }
  std::size_t chosen = (bits >> 8) % ready_.size();
  if (starves_ && ready_.size() > 1) {
    constexpr std::uint64_t kChanges = 128;  // one of so many choices makes another victim
    if (draw() % kChanges == 0 || victim_ == nullptr) victim_ = ready_[chosen];
    if (ready_[chosen] == victim_) chosen = (chosen + 1) % ready_.size();
  }
  return chosen;
}

// xorshift64*
std::uint64_t Schedule::draw() {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  return state_ * 0x2545f4914f6cdd1du >> 32;
}

}  // namespace simt
