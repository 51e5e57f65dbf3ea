// SPDX-License-Identifier: MIT
#include "host/codec/bit_stack.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace vae {
namespace {

/// A symbol with its slice and the scale of that.
struct Pushed {
  Slice slice;
  int bits;
};

std::vector<Pushed> random_slices(int count) {
  std::mt19937_64 random(7);
  std::vector<Pushed> slices;
  for (int i = 0; i < count; ++i) {
    const int bits = 1 + static_cast<int>(random() % BitStack::kMostBits);
    const uint64_t all = uint64_t{1} << bits;
    const uint64_t size = i % 3 == 0 ? 1 : 1 + random() % (all - 1);
    slices.push_back({{random() % (all - size + 1), size}, bits});
  }
  return slices;
}

/// Pops what must be on top.
void expect_on_top(BitStack& stack, const Pushed& symbol) {
  const uint64_t top = stack.top(symbol.bits);
  ASSERT_GE(top, symbol.slice.start);
  ASSERT_LT(top, symbol.slice.start + symbol.slice.size);
  stack.pop(symbol.slice, symbol.bits);
}

TEST(BitStackTest, WhatIsPushedLastIsPoppedFirst) {
  const std::vector<Pushed> slices = random_slices(5000);
  BitStack stack;
  for (const Pushed& symbol : slices) stack.push(symbol.slice, symbol.bits);
  BitStack again(stack.state(), {stack.words().begin(), stack.words().end()});
  for (auto symbol = slices.rbegin(); symbol != slices.rend(); ++symbol) {
    expect_on_top(stack, *symbol);
    expect_on_top(again, *symbol);
  }
  EXPECT_TRUE(stack.is_at_bottom());
  EXPECT_TRUE(again.is_at_bottom());
}

TEST(BitStackTest, ASymbolCostsTheLogarithmOfItsProbability) {
  double bits = 0.0;
  BitStack stack;
  for (const Pushed& symbol : random_slices(5000)) {
    stack.push(symbol.slice, symbol.bits);
    bits += symbol.bits - std::log2(static_cast<double>(symbol.slice.size));
  }
  const double found = 32.0 * static_cast<double>(stack.words().size()) +
                       std::log2(static_cast<double>(stack.state())) - 32.0;
  EXPECT_NEAR(found / bits, 1.0, 1e-4);
}

TEST(BitStackTest, WhatIsDrawnFromItGoesBack) {
  const std::vector<Pushed> slices = random_slices(300);
  BitStack stack;
  std::vector<Pushed> drawn;
  // Beyond the bottom too, where the words that everybody knows are.
  for (const Pushed& symbol : slices) {
    const uint64_t top = stack.top(symbol.bits);
    drawn.push_back(
        {{top & ~uint64_t{1}, std::min<uint64_t>(2, 1 + symbol.bits / 2)}, symbol.bits});
    if (symbol.bits == 1) drawn.back().slice = {top, 1};
    expect_on_top(stack, drawn.back());
    EXPECT_FALSE(stack.is_at_bottom());
  }
  BitStack again(stack.state(), {stack.words().begin(), stack.words().end()});
  for (auto symbol = drawn.rbegin(); symbol != drawn.rend(); ++symbol) {
    stack.push(symbol->slice, symbol->bits);
    again.push(symbol->slice, symbol->bits);
  }
  EXPECT_TRUE(stack.is_at_bottom());
  EXPECT_TRUE(again.is_at_bottom()) << "known words that were borrowed lie on top of the bottom";
  EXPECT_FALSE(again.words().empty());
}

TEST(BitStackTest, DrawsFromItsBottomLookRandom) {
  BitStack stack;
  int ones = 0;
  for (int i = 0; i < 4000; ++i) {
    const uint64_t top = stack.top(1);
    ones += static_cast<int>(top);
    stack.pop({top, 1}, 1);
  }
  EXPECT_NEAR(ones, 2000, 130) << "four deviations";
}

TEST(BitStackTest, AReadStackIsExhaustedWhereItWouldBorrow) {
  BitStack written;
  written.push({5, 1}, 31);
  BitStack stack(written.state(), {written.words().begin(), written.words().end()});
  stack.pop({5, 1}, 31);
  EXPECT_FALSE(stack.exhausted());
  EXPECT_TRUE(stack.is_at_bottom());
  stack.pop({stack.top(31), 1}, 31);
  EXPECT_TRUE(stack.exhausted());
  EXPECT_FALSE(stack.is_at_bottom());
}

TEST(BitStackTest, AnythingElseThanTheBottomIsNoBottom) {
  EXPECT_TRUE(BitStack().is_at_bottom());
  EXPECT_FALSE(BitStack(BitStack::kLowest + 1, {}).is_at_bottom());
  EXPECT_FALSE(BitStack(BitStack::kLowest, {1}).is_at_bottom());
}

}  // namespace
}  // namespace vae
