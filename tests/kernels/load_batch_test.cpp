// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/permutation.h"
#include "tests/support/backend_test.h"
#include "tests/support/cases.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

constexpr int64_t kImages = 23, kWidth = 37;
constexpr uint64_t kLoadSeed = 4;

std::vector<uint8_t> test_pixels() {
  std::vector<uint8_t> pixels(kImages * kWidth);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 89 % 256);
  return pixels;
}

class LoadBatchTest : public BackendTest {
 protected:
  std::vector<float> load(int64_t rows, const StepState& state, Binarization binarization,
                          bool shuffle) {
    const DeviceTensor<uint8_t> pixels(backend(), {kImages, kWidth}, test_pixels());
    const FloatTensor x(backend(), {rows, kWidth});
    const DeviceState device_state(backend(), state);
    backend().issue(LoadBatchArgs{x.view(), pixels.view(), device_state.get(), binarization,
                                  shuffle, kLoadSeed});
    return x.values();
  }
};

StepState state_of_load(uint32_t step, uint32_t epoch, uint32_t first_row) {
  StepState state;
  state.step = step;
  state.epoch = epoch;
  state.first_row = first_row;
  return state;
}

TEST_P(LoadBatchTest, GreyLevelsComeInOrderFromTheFirstRow) {
  const auto pixels = test_pixels();
  const auto x = load(5, state_of_load(0, 0, 7), Binarization::none, false);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(x[i], static_cast<float>(pixels[7 * kWidth + i]) / 255.0f);
  }
}

TEST_P(LoadBatchTest, ThresholdCutsAtTheMiddle) {
  const auto pixels = test_pixels();
  const auto x = load(kImages, state_of_load(0, 0, 0), Binarization::threshold, false);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], pixels[i] >= 128 ? 1.0f : 0.0f);
}

TEST_P(LoadBatchTest, AnEpochReadsEveryImageOnceInItsPermutedOrder) {
  const auto pixels = test_pixels();
  for (const uint32_t epoch : {0u, 1u}) {
    const Permutation permutation = make_permutation(kLoadSeed, epoch, kImages);
    for (uint32_t first = 0; first < kImages; first += 8) {
      const int64_t rows = std::min<int64_t>(8, kImages - first);
      const auto x = load(rows, state_of_load(1, epoch, first), Binarization::none, true);
      for (int64_t row = 0; row < rows; ++row) {
        const uint32_t image = permute(permutation, first + static_cast<uint32_t>(row));
        for (int64_t j = 0; j < kWidth; ++j) {
          ASSERT_EQ(x[row * kWidth + j], static_cast<float>(pixels[image * kWidth + j]) / 255.0f);
        }
      }
    }
  }
}

TEST_P(LoadBatchTest, DrawsFollowTheImageAndTheStep) {
  const auto pixels = test_pixels();
  const auto x = load(kImages, state_of_load(9, 0, 0), Binarization::dynamic, false);
  for (uint32_t image = 0; image < kImages; ++image) {
    const PhiloxRow noise = philox_row(kLoadSeed, Stream::binarize, 9, image);
    for (uint32_t j = 0; j < kWidth; ++j) {
      const uint32_t word = philox_quad(noise, j / 4).word[j % 4];
      EXPECT_EQ(x[image * kWidth + j],
                bernoulli_pixel(word, pixels[image * kWidth + j]) ? 1.0f : 0.0f);
    }
  }
  EXPECT_NE(x, load(kImages, state_of_load(10, 0, 0), Binarization::dynamic, false));
}

TEST_P(LoadBatchTest, FixedDrawsNeverChange) {
  const auto once = load(kImages, state_of_load(1, 0, 0), Binarization::fixed, false);
  EXPECT_EQ(once, load(kImages, state_of_load(500, 3, 0), Binarization::fixed, false));
  EXPECT_EQ(once, load(kImages, state_of_load(0, 0, 0), Binarization::dynamic, false))
      << "an evaluation, at step 0, sees the fixed draw";
}

TEST_P(LoadBatchTest, DrawsOfAPartAreThoseOfTheWhole) {
  const auto pixels = test_pixels();
  constexpr uint32_t kFirst = 7, kFarRow = 1u << 31;
  for (const Binarization binarization : {Binarization::fixed, Binarization::dynamic}) {
    const auto whole = load(kImages, state_of_load(3, 0, 0), binarization, false);
    const DeviceTensor<uint8_t> part(backend(), {kImages - kFirst, kWidth},
                                     {pixels.begin() + kFirst * kWidth, pixels.end()});
    const FloatTensor x(backend(), {kImages - kFirst, kWidth});
    const DeviceState state(backend(), state_of_load(3, 0, 0));
    LoadBatchArgs args{x.view(), part.view(), state.get(), binarization, false, kLoadSeed, kFirst};
    backend().issue(args);
    EXPECT_EQ(x.values(), std::vector<float>(whole.begin() + kFirst * kWidth, whole.end()));
    args.first_draw = kFirst + kFarRow;
    backend().issue(args);
    EXPECT_NE(x.values(), std::vector<float>(whole.begin() + kFirst * kWidth, whole.end()));
  }
}

TEST_P(LoadBatchTest, DrawsHaveTheProbabilityOfThePixel) {
  const std::vector<uint8_t> image(1000, 51);  // one in five
  const DeviceTensor<uint8_t> pixels(backend(), {1, 1000}, image);
  const FloatTensor x(backend(), {1, 1000});
  double sum = 0.0;
  for (uint32_t step = 1; step <= 200; ++step) {
    const DeviceState state(backend(), state_of_load(step, 0, 0));
    backend().issue(LoadBatchArgs{x.view(), pixels.view(), state.get(), Binarization::dynamic,
                                  false, kLoadSeed});
    for (const float value : x.values()) sum += value;
  }
  EXPECT_NEAR(sum / 200000.0, 0.2, 5 * std::sqrt(0.16 / 200000.0));
}

/// x of one image by the scalar functions of kernels/.
std::vector<float> expected_values(const std::vector<uint8_t>& pixels, int64_t width,
                                   uint32_t image, Binarization binarization, uint32_t step) {
  std::vector<float> x(width);
  const PhiloxRow noise = philox_row(kLoadSeed, Stream::binarize, step, image);
  for (int64_t j = 0; j < width; ++j) {
    const uint8_t pixel = pixels[image * width + j];
    const auto element = static_cast<uint32_t>(j);
    const bool drawn = bernoulli_pixel(philox_quad(noise, element / 4).word[element % 4], pixel);
    x[j] = binarization == Binarization::none        ? static_cast<float>(pixel) / 255.0f
           : binarization == Binarization::threshold ? static_cast<float>(pixel >= 128)
                                                     : static_cast<float>(drawn);
  }
  return x;
}

TEST_P(LoadBatchTest, EveryShapeAndRuleAtAnyAlignment) {
  for (const RowCase& c : row_cases()) {
    std::vector<uint8_t> pixels(c.rows * c.width);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 89 >> 3);
    const DeviceTensor<uint8_t> aligned(backend(), {c.rows, c.width}, pixels);
    const UnalignedTensor<uint8_t> unaligned(backend(), {c.rows, c.width}, pixels);
    const DeviceState state(backend(), state_of_load(9, 2, 0));
    const Permutation permutation = make_permutation(kLoadSeed, 2, static_cast<uint32_t>(c.rows));
    for (const Binarization binarization :
         {Binarization::none, Binarization::threshold, Binarization::dynamic}) {
      const FloatTensor x(backend(), {c.rows, c.width});
      const UnalignedTensor<float> y(backend(), {c.rows, c.width});
      backend().issue(
          LoadBatchArgs{x.view(), aligned.view(), state.get(), binarization, true, kLoadSeed});
      backend().issue(
          LoadBatchArgs{y.view(), unaligned.view(), state.get(), binarization, true, kLoadSeed});
      const auto found = x.values();
      EXPECT_EQ(found, y.values());
      for (int64_t row = 0; row < c.rows; row += 1 + c.rows / 50) {
        const uint32_t image = permute(permutation, static_cast<uint32_t>(row));
        const auto expected = expected_values(pixels, c.width, image, binarization, 9);
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(), &found[row * c.width]))
            << c.rows << 'x' << c.width << ", row " << row;
      }
    }
  }
}

VAE_INSTANTIATE_BACKENDS(LoadBatchTest);

}  // namespace
}  // namespace vae::testing
