// SPDX-License-Identifier: MIT
#include "host/measure/jackknife.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

namespace vae {
namespace {

struct Mean {
  Mean& operator+=(const Mean& other) {
    sum += other.sum;
    count += other.count;
    return *this;
  }
  double value() const { return sum / count; }

  double sum = 0.0, count = 0.0;
};

Jackknife<Mean> mean_of(const std::vector<double>& values) {
  Jackknife<Mean> parts(Mean{});
  for (std::size_t i = 0; i < values.size(); ++i) {
    parts.of(static_cast<int64_t>(i)) += {values[i], 1.0};
  }
  return parts;
}

double standard_error(const std::vector<double>& values) {
  return mean_of(values).standard_error(std::mem_fn(&Mean::value));
}

TEST(JackknifeTest, OfAFewNumbersItIsTheStandardErrorOfTheMean) {
  // Of mean 4, the squares of what they differ by sum to 9 + 1 + 1 + 25 + 4.
  const std::vector<double> values = {1, 3, 5, 9, 2};
  EXPECT_DOUBLE_EQ(mean_of(values).all().value(), 4.0);
  EXPECT_NEAR(standard_error(values), std::sqrt(40.0 / 4.0 / 5.0), 1e-12);
}

TEST(JackknifeTest, OfManyNumbersItIsThatOfTheirPartsMeans) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal(7.0, 2.0);
  std::vector<double> values(20'000);
  for (double& value : values) value = normal(random);
  EXPECT_NEAR(standard_error(values), 2.0 / std::sqrt(20'000.0), 0.4 * 2.0 / std::sqrt(20'000.0));
}

TEST(JackknifeTest, OneImageTellsNothing) {
  EXPECT_TRUE(std::isnan(standard_error({5.0})));
  EXPECT_EQ(standard_error({5.0, 5.0}), 0.0);
}

}  // namespace
}  // namespace vae
