// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/support/tiny_run.h"
#include "vae/dataset.h"
#include "vae/error.h"

namespace vae {
namespace {

/// Images of one pixel pair that tell their index, with a label that does, too.
Dataset numbered(int64_t count) {
  std::vector<uint8_t> pixels, labels;
  for (int64_t i = 0; i < count; ++i) {
    pixels.push_back(static_cast<uint8_t>(i / 256));
    pixels.push_back(static_cast<uint8_t>(i % 256));
    labels.push_back(static_cast<uint8_t>(i % 10));
  }
  Dataset data;
  data.name = "numbered";
  data.train = ImageSet(1, 2, 1, pixels, labels);
  data.test = ImageSet(1, 2, 1, {255, 255});
  return data;
}

std::vector<int64_t> indices(const ImageSet& images) {
  std::vector<int64_t> found;
  for (int64_t i = 0; i < images.count(); ++i) {
    const std::span<const uint8_t> pixels = images.pixels().subspan(2 * i, 2);
    found.push_back(pixels[0] * 256 + pixels[1]);
    const int64_t label = images.labels().empty() ? found.back() % 10 : images.labels()[i];
    EXPECT_EQ(label, found.back() % 10);
  }
  return found;
}

/// The message of the Error(invalid_argument) that the division gives.
std::string refusal(const Dataset& data, double validation) {
  try {
    data.with_validation(validation);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  ADD_FAILURE() << validation << " was accepted";
  return {};
}

/// The numbers come from an independent implementation of Philox4x32-10. Other ones would move
/// images of the training set of every existing run into its validation set.
TEST(ValidationTest, TheImagesAreAlwaysTheSameOnes) {
  const Dataset data = numbered(100);
  EXPECT_EQ(indices(data.with_validation(10).validation),
            (std::vector<int64_t>{8, 12, 19, 30, 35, 61, 65, 68, 72, 81}));
  EXPECT_EQ(indices(data.with_validation(0.05).validation),
            (std::vector<int64_t>{8, 30, 61, 65, 81}))
      << "part of the larger set";
}

TEST(ValidationTest, NoImageIsLostOrInBothSets) {
  const Dataset data = numbered(1000);
  for (const double validation : {1.0, 137.0, 999.0, 0.0001, 0.25, 0.998}) {
    SCOPED_TRACE(validation);
    const Dataset parts = data.with_validation(validation);
    const std::vector<int64_t> train = indices(parts.train), held = indices(parts.validation);
    EXPECT_TRUE(std::ranges::is_sorted(train));
    EXPECT_TRUE(std::ranges::is_sorted(held));
    std::set<int64_t> all(train.begin(), train.end());
    all.insert(held.begin(), held.end());
    EXPECT_EQ(all.size(), 1000u);
    EXPECT_EQ(train.size() + held.size(), 1000u);
    const double wanted = validation < 1 ? std::max(1.0, validation * 1000) : validation;
    EXPECT_EQ(static_cast<double>(held.size()), wanted);
    EXPECT_EQ(parts.test.count(), 1);
    EXPECT_EQ(parts.train.labels().size(), train.size());
  }
}

TEST(ValidationTest, TheImagesLieAllOverTheSet) {
  const std::vector<int64_t> held = indices(numbered(10000).with_validation(1000).validation);
  for (int64_t part = 0; part < 10; ++part) {
    const auto inside = std::ranges::count_if(held, [&](int64_t i) { return i / 1000 == part; });
    EXPECT_NEAR(static_cast<double>(inside), 100.0, 50.0) << "five standard deviations";
  }
}

TEST(ValidationTest, WhatLeavesNothingToTrainOnIsRefused) {
  const Dataset data = numbered(10);
  for (const double validation : {10.0, 11.0, 1e9, 0.96}) {
    EXPECT_NE(refusal(data, validation).find("at least one must be left"), std::string::npos);
  }
  for (const double validation : {0.0, -1.0, 2.5, std::nan("")}) {
    EXPECT_NE(refusal(data, validation).find("share"), std::string::npos);
  }
  EXPECT_NE(refusal(data.with_validation(2), 2).find("already"), std::string::npos);
}

TEST(ValidationTest, ImagesThatTheCallerSetAsideAreInTheFingerprint) {
  Dataset data = numbered(10);
  const std::string without = data.fingerprint();
  data.validation = data.test;
  EXPECT_NE(data.fingerprint(), without);
}

}  // namespace
}  // namespace vae
