// SPDX-License-Identifier: MIT
//
// The entropy coder: asymmetric numeral systems with ranges, a stack of bits. What is pushed last
// is popped first; a symbol of probability p costs log2 1/p bits, and popping one takes as many
// away, which is a draw from its distribution where the bits are random. [ANS]
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace vae {

/// The part of [0, 2^bits) that a symbol has: its probability is size / 2^bits. No symbol has all.
struct Slice {
  uint64_t start = 0;
  uint64_t size = 0;
};

/// A state of 64 bits over words of 32. Below the stack's bottom lie words that everybody knows
/// (`borrowed`), so that the first draws have bits to take: they cost as much as random ones, but
/// who has pushed everything back can tell that nothing went wrong.
class BitStack {
 public:
  static constexpr uint64_t kLowest = uint64_t{1} << 32;  // of the state
  static constexpr int kMostBits = 32;                    // of a slice's scale

  /// At its bottom.
  BitStack() = default;
  /// As another one was left. Such a stack does not borrow: it is exhausted() where that would.
  BitStack(uint64_t state, std::vector<uint32_t> words)
      : state_(state), words_(std::move(words)), may_borrow_(false) {}

  uint64_t state() const { return state_; }
  std::span<const uint32_t> words() const { return words_; }
  /// Whether more was popped than was there: then what was popped means nothing.
  bool exhausted() const { return exhausted_; }
  /// Whether all that was ever pushed was popped and the other way round.
  bool is_at_bottom() const {
    if (state_ != kLowest || exhausted_) return false;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (words_[i] != borrowed(words_.size() - 1 - i)) return false;
    }
    return true;
  }

  /// So many pushes will find memory.
  void make_room(std::size_t pushes) {
    const std::size_t wanted = words_.size() + pushes;
    if (words_.capacity() < wanted) words_.reserve(std::max(wanted, 2 * words_.capacity()));
  }

  /// The slice's size is at least 1.
  void push(const Slice& slice, int bits) {
    if (state_ >= slice.size << (64 - bits)) {
      words_.push_back(static_cast<uint32_t>(state_));
      state_ >>= 32;
    }
    state_ = (state_ / slice.size << bits) + state_ % slice.size + slice.start;
  }

  /// Which of 2^bits is on top: the symbol whose slice it lies in is the one to pop.
  uint64_t top(int bits) const { return state_ & ((uint64_t{1} << bits) - 1); }

  void pop(const Slice& slice, int bits) {
    state_ = slice.size * (state_ >> bits) + top(bits) - slice.start;
    if (state_ < kLowest) state_ = state_ << 32 | next_word();
  }

 private:
  /// Word number `index` below the bottom. [Steele, Lea & Flood 2014, SplitMix64]
  static uint32_t borrowed(uint64_t index) {
    uint64_t x = (index + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return static_cast<uint32_t>(x ^ (x >> 31));
  }

  uint32_t next_word() {
    if (words_.empty()) {
      exhausted_ = exhausted_ || !may_borrow_;
      return borrowed(borrowed_++);
    }
    const uint32_t word = words_.back();
    words_.pop_back();
    return word;
  }

  uint64_t state_ = kLowest;
  std::vector<uint32_t> words_;  // the top is last
  uint64_t borrowed_ = 0;        // how many
  bool may_borrow_ = true, exhausted_ = false;
};

}  // namespace vae
