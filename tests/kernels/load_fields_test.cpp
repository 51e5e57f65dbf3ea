// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/permutation.h"
#include "tests/support/backend_test.h"
#include "tests/support/unaligned.h"

namespace vae::testing {
namespace {

constexpr uint64_t kFieldSeed = 4;

class LoadFieldsTest : public BackendTest {};

struct FieldCase {
  int64_t images, rows, width;
  uint32_t first_row;
  bool shuffle;
};

const std::vector<FieldCase>& field_cases() {
  static const std::vector<FieldCase> cases = {{1, 1, 1, 0, false},      {7, 7, 10, 0, false},
                                               {23, 8, 10, 15, false},   {23, 8, 10, 15, true},
                                               {600, 600, 3, 0, true},   {300, 299, 256, 1, true},
                                               {40, 33, 4099, 7, false}, {40, 33, 1037, 7, true}};
  return cases;
}

StepState state_of_fields(const FieldCase& c) {
  StepState state;
  state.step = 5;
  state.epoch = 3;
  state.first_row = c.first_row;
  return state;
}

std::vector<uint8_t> labels_of(const FieldCase& c) {
  std::vector<uint8_t> labels(c.images);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<uint8_t>(i * 89 % std::min<int64_t>(256, c.width));
  }
  return labels;
}

/// The image at a row of the batch, by the functions that load_batch is tested with.
uint32_t image_of_row(const FieldCase& c, int64_t row) {
  const uint32_t position = c.first_row + static_cast<uint32_t>(row);
  if (!c.shuffle) return position;
  return permute(make_permutation(kFieldSeed, 3, static_cast<uint32_t>(c.images)), position);
}

TEST_P(LoadFieldsTest, LabelsAreOneHotRowsOfTheImagesLoaded) {
  for (const FieldCase& c : field_cases()) {
    const std::vector<uint8_t> labels = labels_of(c);
    const DeviceTensor<uint8_t> of_labels(backend(), {c.images}, labels);
    const FloatTensor y(backend(), {c.rows, c.width});
    const DeviceState state(backend(), state_of_fields(c));
    backend().issue(LoadLabelsArgs{y, of_labels.view(), state.get(), c.shuffle, kFieldSeed});
    std::vector<float> expected(c.rows * c.width);
    for (int64_t row = 0; row < c.rows; ++row) {
      expected[row * c.width + labels[image_of_row(c, row)]] = 1.0f;
    }
    EXPECT_EQ(y.values(), expected) << c.rows << 'x' << c.width;
  }
}

TEST_P(LoadFieldsTest, VectorsAreThoseOfTheImagesLoaded) {
  for (const FieldCase& c : field_cases()) {
    const std::vector<float> vectors = random_values(c.images * c.width, 1);
    const FloatTensor aligned(backend(), {c.images, c.width}, vectors);
    const UnalignedTensor<float> unaligned(backend(), {c.images, c.width}, vectors);
    const FloatTensor y(backend(), {c.rows, c.width});
    const UnalignedTensor<float> z(backend(), {c.rows, c.width});
    const DeviceState state(backend(), state_of_fields(c));
    backend().issue(LoadVectorsArgs{y, aligned.view(), state.get(), c.shuffle, kFieldSeed});
    backend().issue(LoadVectorsArgs{z, unaligned.view(), state.get(), c.shuffle, kFieldSeed});
    std::vector<float> expected;
    for (int64_t row = 0; row < c.rows; ++row) {
      const auto from = vectors.begin() + image_of_row(c, row) * c.width;
      expected.insert(expected.end(), from, from + c.width);
    }
    EXPECT_EQ(bits_of(y.values()), bits_of(expected)) << c.rows << 'x' << c.width;
    EXPECT_EQ(bits_of(z.values()), bits_of(expected)) << c.rows << 'x' << c.width;
  }
}

TEST_P(LoadFieldsTest, ClassesAreThoseOfTheImagesLoaded) {
  for (const FieldCase& c : field_cases()) {
    std::vector<uint8_t> classes(c.images * c.width);
    for (std::size_t i = 0; i < classes.size(); ++i)
      classes[i] = static_cast<uint8_t>(i * 37 % 251);
    const DeviceTensor<uint8_t> all(backend(), {c.images, c.width}, classes);
    const DeviceTensor<uint8_t> t(backend(), {c.rows, c.width});
    const DeviceState state(backend(), state_of_fields(c));
    backend().issue(LoadClassesArgs{t, all.view(), state.get(), c.shuffle, kFieldSeed});
    std::vector<uint8_t> expected;
    for (int64_t row = 0; row < c.rows; ++row) {
      const auto from = classes.begin() + image_of_row(c, row) * c.width;
      expected.insert(expected.end(), from, from + c.width);
    }
    EXPECT_EQ(t.values(), expected) << c.rows << 'x' << c.width;
  }
}

/// Pixels, labels and vectors that all tell which image they are of.
TEST_P(LoadFieldsTest, AllFieldsOfARowAreOfOneImage) {
  constexpr int64_t kNumbered = 200, kRows = 64;
  std::vector<uint8_t> numbers(kNumbered);
  std::vector<float> vectors(kNumbered);
  for (int64_t i = 0; i < kNumbered; ++i) {
    numbers[i] = static_cast<uint8_t>(i);
    vectors[i] = static_cast<float>(i);
  }
  const DeviceTensor<uint8_t> pixels(backend(), {kNumbered, 1}, numbers);
  const DeviceTensor<uint8_t> labels(backend(), {kNumbered}, numbers);
  const FloatTensor of_vectors(backend(), {kNumbered, 1}, vectors);
  StepState at;
  at.epoch = 6;
  at.first_row = kRows;
  const DeviceState state(backend(), at);
  const FloatTensor x(backend(), {kRows, 1}), y(backend(), {kRows, kNumbered});
  const FloatTensor v(backend(), {kRows, 1});
  backend().issue(
      LoadBatchArgs{x, pixels.view(), state.get(), Binarization::none, true, kFieldSeed});
  backend().issue(LoadLabelsArgs{y, labels.view(), state.get(), true, kFieldSeed});
  backend().issue(LoadVectorsArgs{v, of_vectors.view(), state.get(), true, kFieldSeed});
  const auto found_x = x.values(), found_y = y.values(), found_v = v.values();
  for (int64_t row = 0; row < kRows; ++row) {
    EXPECT_EQ(found_x[row], found_v[row] / 255.0f);
    EXPECT_EQ(found_y[row * kNumbered + static_cast<int64_t>(found_v[row])], 1.0f);
  }
  EXPECT_NE(found_v[0], kRows) << "shuffled";
}

TEST_P(LoadFieldsTest, ALabelThatIsNoClassLeavesZeros) {
  const DeviceTensor<uint8_t> labels(backend(), {2}, {3, 2});
  const FloatTensor y(backend(), {2, 3});
  const DeviceState state(backend(), StepState());
  backend().issue(LoadLabelsArgs{y, labels.view(), state.get(), false, kFieldSeed});
  EXPECT_EQ(y.values(), (std::vector<float>{0, 0, 0, 0, 0, 1}));
}

TEST_P(LoadFieldsTest, RefusesWhatDoesNotFit) {
  const DeviceTensor<uint8_t> labels(backend(), {2});
  const FloatTensor y(backend(), {2, 3}), vectors(backend(), {4, 2}), flat(backend(), {6});
  const DeviceState state(backend(), StepState());
  EXPECT_THROW(backend().issue(LoadLabelsArgs{y, labels.view(), nullptr}), Error);
  EXPECT_THROW(backend().issue(LoadLabelsArgs{flat, labels.view(), state.get()}), Error);
  EXPECT_THROW(backend().issue(LoadLabelsArgs{y, {}, state.get()}), Error);
  EXPECT_THROW(backend().issue(LoadVectorsArgs{y, vectors.view(), state.get()}), Error);
  EXPECT_THROW(backend().issue(LoadVectorsArgs{y, {}, state.get()}), Error);
  EXPECT_THROW(backend().issue(LoadVectorsArgs{vectors, vectors.view(), nullptr}), Error);
  const DeviceTensor<uint8_t> t(backend(), {2, 3}), classes(backend(), {4, 2});
  EXPECT_THROW(backend().issue(LoadClassesArgs{t, classes.view(), state.get()}), Error);
  EXPECT_THROW(backend().issue(LoadClassesArgs{t, {}, state.get()}), Error);
  EXPECT_THROW(backend().issue(LoadClassesArgs{classes, classes.view(), nullptr}), Error);
}

VAE_INSTANTIATE_BACKENDS(LoadFieldsTest);

}  // namespace
}  // namespace vae::testing
