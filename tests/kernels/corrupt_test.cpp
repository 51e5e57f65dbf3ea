// SPDX-License-Identifier: MIT
//
// Images as a model that restores them sees them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "kernels/permutation.h"
#include "kernels/rules/corruption.h"
#include "tests/support/backend_test.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

constexpr uint64_t kCorruptSeed = 11;

class CorruptTest : public BackendTest {};

struct CorruptCase {
  int64_t images, rows, height, width, channels;
  uint32_t first_row, first_draw;
  bool shuffle;

  int64_t values() const { return height * width * channels; }
};

const std::vector<CorruptCase>& corrupt_cases() {
  static const std::vector<CorruptCase> cases = {
      {1, 1, 1, 1, 1, 0, 0, false},    {9, 5, 3, 5, 1, 2, 7, true},
      {40, 33, 28, 28, 1, 7, 0, true}, {300, 299, 2, 3, 3, 1, 100, false},
      {6, 4, 9, 130, 2, 0, 0, true},   {3, 3, 41, 29, 4, 0, 5, false}};
  return cases;
}

StepState state_of_corruption(const CorruptCase& c) {
  StepState state;
  state.step = 4;
  state.epoch = 2;
  state.first_row = c.first_row;
  return state;
}

PhiloxRow noise_of_row(const CorruptCase& c, int64_t row) {
  const uint32_t position = c.first_row + static_cast<uint32_t>(row);
  const Permutation order = make_permutation(kCorruptSeed, 2, static_cast<uint32_t>(c.images));
  const uint32_t image = c.shuffle ? permute(order, position) : position;
  return philox_row(kCorruptSeed, Stream::corruption, 4, c.first_draw + image);
}

/// What the operation leaves in y and in the weights.
struct Corrupted {
  std::vector<float> y, counted;
};

template <template <typename> typename Tensor = DeviceTensor>
Corrupted corrupt(Backend& backend, const CorruptCase& c, const std::vector<float>& x,
                  CorruptionKind kind, float amount) {
  const Tensor<float> x_(backend, {c.rows, c.values()}, x), y(backend, {c.rows, c.values()});
  const Tensor<float> counted(backend, {c.rows, c.values()});
  const DeviceState state(backend, state_of_corruption(c));
  CorruptArgs args;
  args.y = y;
  args.counted = counted;
  args.x = x_.view();
  args.kind = kind;
  args.amount = amount;
  args.height = c.height;
  args.width = c.width;
  args.channels = c.channels;
  args.images = c.images;
  args.state = state.get();
  args.shuffle = c.shuffle;
  args.seed = kCorruptSeed;
  args.first_draw = c.first_draw;
  backend.issue(args);
  return {y.values(), counted.values()};
}

std::vector<float> clean_images(const CorruptCase& c) {
  return random_values(c.rows * c.values(), 3, 0.0f, 1.0f);
}

TEST_P(CorruptTest, NoiseIsThatOfTheImageToTheBit) {
  for (const CorruptCase& c : corrupt_cases()) {
    const std::vector<float> x = clean_images(c);
    const Corrupted found = corrupt(backend(), c, x, CorruptionKind::noise, 0.5f);
    std::vector<float> expected;
    for (int64_t row = 0; row < c.rows; ++row) {
      const PhiloxRow noise = noise_of_row(c, row);
      for (int64_t i = 0; i < c.values(); ++i) {
        const float eps = normal_element(noise, static_cast<uint32_t>(i));
        expected.push_back(std::clamp(std::fma(0.5f, eps, x[row * c.values() + i]), 0.0f, 1.0f));
      }
    }
    ASSERT_EQ(bits_of(found.y), bits_of(expected)) << c.height << 'x' << c.width;
    EXPECT_EQ(found.counted, std::vector<float>(found.y.size(), 1.0f));
    const Corrupted unaligned =
        corrupt<UnalignedTensor>(backend(), c, x, CorruptionKind::noise, 0.5f);
    EXPECT_EQ(bits_of(unaligned.y), bits_of(expected));
  }
}

TEST_P(CorruptTest, NoiseHasItsDeviationAndIsClipped) {
  const CorruptCase c{200, 200, 10, 10, 1, 0, 0, false};
  const std::vector<float> grey(c.rows * c.values(), 0.5f);
  const Corrupted little = corrupt(backend(), c, grey, CorruptionKind::noise, 0.05f);
  double sum = 0.0, squares = 0.0;
  for (const float value : little.y) {
    sum += value - 0.5;
    squares += (value - 0.5) * (value - 0.5);
  }
  const auto n = static_cast<double>(little.y.size());
  EXPECT_NEAR(sum / n, 0.0, 5 * 0.05 / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(squares / n), 0.05, 5 * 0.05 / std::sqrt(2 * n));
  const Corrupted much = corrupt(backend(), c, grey, CorruptionKind::noise, 10.0f);
  EXPECT_EQ(*std::min_element(much.y.begin(), much.y.end()), 0.0f);
  EXPECT_EQ(*std::max_element(much.y.begin(), much.y.end()), 1.0f);
}

TEST_P(CorruptTest, ImagesAreShownInWholeQuadrantsAndTheRestCounts) {
  for (const CorruptCase& c : corrupt_cases()) {
    const std::vector<float> x(c.rows * c.values(), 0.25f);
    for (const int seen : {1, 2, 3}) {
      const Corrupted found =
          corrupt(backend(), c, x, CorruptionKind::random_quadrants, static_cast<float>(seen));
      for (int64_t row = 0; row < c.rows; ++row) {
        const uint32_t shown = drawn_quadrants(philox_quad(noise_of_row(c, row), 0), seen);
        for (int64_t i = 0; i < c.values(); ++i) {
          const int64_t pixel = i / c.channels;
          const int64_t top = (c.height + 1) / 2, left = (c.width + 1) / 2;
          const int quadrant = (pixel / c.width >= top ? 2 : 0) + (pixel % c.width >= left ? 1 : 0);
          const bool is_seen = (shown >> quadrant & 1) != 0;
          const int64_t at = row * c.values() + i;
          ASSERT_EQ(found.y[at], is_seen ? 0.25f : 0.0f) << row << ' ' << i;
          ASSERT_EQ(found.counted[at], is_seen ? 0.0f : 1.0f);
        }
      }
    }
  }
}

/// By hand: s is shown, of images of even and of odd sides; the upper and left halves are the
/// larger ones.
TEST_P(CorruptTest, TheFirstQuadrantsAreThoseOfEveryImage) {
  struct Case {
    int64_t height, width, channels;
    const char* shown[3];  // for one, two and three quadrants
  };
  for (const Case& c : {Case{2, 4, 1, {"....ss..", "ss..ss..", "ssssss.."}},
                        Case{3, 3, 1, {"......ss.", "ss.ss.ss.", "ssssssss."}},
                        Case{3, 2, 2, {"........ss..", "ss..ss..ss..", "ssssssssss.."}},
                        Case{1, 5, 1, {".....", "sss..", "sssss"}}}) {
    const int64_t values = c.height * c.width * c.channels;
    for (int count = 1; count <= 3; ++count) {
      const CorruptCase images{7, 5, c.height, c.width, c.channels, 1, 3, true};
      const std::vector<float> x = random_values(5 * values, 4, 0.25f, 1.0f);
      const Corrupted found =
          corrupt(backend(), images, x, CorruptionKind::quadrants, static_cast<float>(count));
      for (int64_t i = 0; i < 5 * values; ++i) {
        const bool shown = c.shown[count - 1][i % values] == 's';
        ASSERT_EQ(found.y[i], shown ? x[i] : 0.0f) << c.height << 'x' << c.width << ' ' << count;
        ASSERT_EQ(found.counted[i], shown ? 0.0f : 1.0f);
      }
      const Corrupted unaligned = corrupt<UnalignedTensor>(
          backend(), images, x, CorruptionKind::quadrants, static_cast<float>(count));
      EXPECT_EQ(bits_of(unaligned.y), bits_of(found.y));
      EXPECT_EQ(unaligned.counted, found.counted);
    }
  }
}

TEST_P(CorruptTest, OfAClipTheFirstFramesAreShownAndTheOthersCount) {
  for (const CorruptCase& c : {CorruptCase{9, 5, 3, 5, 2, 2, 7, true},
                               {6, 4, 9, 13, 3, 0, 0, true},
                               {3, 3, 4, 2, 11, 0, 5, false},
                               {40, 33, 8, 8, 4, 7, 0, true}}) {
    const std::vector<float> x = random_values(c.rows * c.values(), 5, 0.25f, 1.0f);
    for (int64_t frames = 1; frames < c.channels; ++frames) {
      std::vector<float> y, counted;
      for (int64_t pixel = 0; pixel < c.rows * c.height * c.width; ++pixel) {
        for (int64_t frame = 0; frame < c.channels; ++frame) {
          y.push_back(frame < frames ? x[pixel * c.channels + frame] : 0.0f);
          counted.push_back(frame < frames ? 0.0f : 1.0f);
        }
      }
      const auto amount = static_cast<float>(frames);
      const Corrupted found = corrupt(backend(), c, x, CorruptionKind::frames, amount);
      ASSERT_EQ(bits_of(found.y), bits_of(y)) << frames << " of " << c.channels;
      ASSERT_EQ(found.counted, counted);
      const Corrupted unaligned =
          corrupt<UnalignedTensor>(backend(), c, x, CorruptionKind::frames, amount);
      EXPECT_EQ(bits_of(unaligned.y), bits_of(y));
      EXPECT_EQ(unaligned.counted, counted);
    }
  }
}

TEST_P(CorruptTest, WithoutCorruptionTheImageIsShownAndCounts) {
  const CorruptCase& c = corrupt_cases()[2];
  const std::vector<float> x = clean_images(c);
  const Corrupted found = corrupt(backend(), c, x, CorruptionKind::none, 0.0f);
  EXPECT_EQ(bits_of(found.y), bits_of(x));
  EXPECT_EQ(found.counted, std::vector<float>(x.size(), 1.0f));
}

TEST_P(CorruptTest, WhatDoesNotFitIsRefused) {
  const FloatTensor x(backend(), {2, 12}), y(backend(), {2, 12}), few(backend(), {2, 11});
  const DeviceState state(backend(), StepState());
  CorruptArgs args;
  args.y = y;
  args.x = x.view();
  args.height = 3;
  args.width = 4;
  args.channels = 1;
  args.images = 2;
  args.state = state.get();
  backend().issue(args);
  const auto refused = [&](auto change) {
    CorruptArgs changed = args;
    change(changed);
    EXPECT_THROW(backend().issue(changed), Error);
  };
  refused([&](CorruptArgs& a) { a.y = few; });
  refused([&](CorruptArgs& a) { a.counted = few; });
  refused([&](CorruptArgs& a) { a.width = 5; });
  refused([&](CorruptArgs& a) { a.channels = 0; });
  refused([&](CorruptArgs& a) { a.images = 0; });
  refused([&](CorruptArgs& a) { a.state = nullptr; });
  args.kind = CorruptionKind::frames;
  args.width = args.channels = 2;
  args.amount = 1.0f;
  backend().issue(args);
  refused([&](CorruptArgs& a) { a.amount = 0.0f; });
  refused([&](CorruptArgs& a) { a.amount = 2.0f; });
}

/// All choices of quadrants are as likely, and their number is the one asked for.
TEST(QuadrantsTest, EveryChoiceIsDrawnAlike) {
  constexpr int kDraws = 6000;
  for (const int count : {1, 2, 3}) {
    std::vector<int> times(16);
    for (uint32_t row = 0; row < kDraws; ++row) {
      const PhiloxWords words = philox_quad(philox_row(1, Stream::corruption, 0, row), 0);
      ++times[drawn_quadrants(words, count)];
    }
    const double choices = count == 2 ? 6.0 : 4.0;
    for (uint32_t shown = 0; shown < 16; ++shown) {
      const bool possible = __builtin_popcount(shown) == count;
      const double expected = possible ? kDraws / choices : 0.0;
      EXPECT_NEAR(times[shown], expected, 5.0 * std::sqrt(expected)) << shown;
    }
  }
  EXPECT_EQ(drawn_quadrants({{7, 7, 7, 7}}, 2), 3u) << "the first of equal ones";
  EXPECT_EQ(drawn_quadrants({{4, 3, 2, 1}}, 1), 8u);
}

VAE_INSTANTIATE_BACKENDS(CorruptTest);

}  // namespace
}  // namespace vae::testing
