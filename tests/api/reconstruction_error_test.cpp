// SPDX-License-Identifier: MIT
//
// How well images are decoded from their means: squared errors and what is above one half, against
// plain loops over what the public calls give.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/model.h"
#include "vae/reconstructions.h"
#include "vae/trainer.h"

namespace vae {
namespace {

TrainOptions for_reconstructions() {
  TrainOptions options;
  options.pictures = false;
  options.device = Device::cpu(1);
  return options;
}

/// Sums over values that count.
struct PlainErrors {
  double squares = 0.0, count = 0.0, in_both = 0.0, in_either = 0.0;

  void add(double decoded, double right) {
    squares += (decoded - right) * (decoded - right);
    count += 1.0;
    in_both += decoded > 0.5 && right > 0.5 ? 1.0 : 0.0;
    in_either += decoded > 0.5 || right > 0.5 ? 1.0 : 0.0;
  }
  double mean() const { return squares / count; }
  double iou() const { return in_both / in_either; }
};

PlainErrors errors_of(const Array& decoded, const Array& right, const Array& input,
                      bool hidden_only) {
  PlainErrors errors;
  for (std::size_t i = 0; i < decoded.values.size(); ++i) {
    // Hidden quadrants are rows above the middle or columns behind it.
    const std::size_t pixel = i % 36;
    if (hidden_only && pixel / 6 >= 3 && pixel % 6 < 3) continue;
    EXPECT_TRUE(!hidden_only || input.values[i] == 0.0f);
    errors.add(decoded.values[i], right.values[i]);
  }
  return errors;
}

TEST(ReconstructionErrorTest, IsWhatOneCounts) {
  const Dataset data = test::tiny_data();
  Config config = test::tiny_config(100);  // until some values are above a half
  config.training.learning_rate = 0.02;
  for (const Binarization binarization : {Binarization::none, Binarization::dynamic}) {
    config.training.binarization = binarization;
    Model model = train(config, data, for_reconstructions());
    EvaluateOptions options;
    options.reconstructions = true;
    options.batch_size = 3;
    const Evaluation found = model.evaluate(data.test, options);
    const uint64_t seed = config.training.seed;
    const auto values = reconstruction_values(model, data.test, binarization, seed);
    ASSERT_EQ(values.size(), 2u);
    const PlainErrors errors = errors_of(values[1], values[0], values[0], false);
    EXPECT_NEAR(*found.mean_squared_error, errors.mean(), 1e-12);
    EXPECT_NEAR(*found.occupancy_iou, errors.iou(), 1e-12);
    EXPECT_GT(*found.occupancy_iou, 0.05);
    EXPECT_LT(*found.occupancy_iou, 1.0);
    EXPECT_GT(*found.mean_squared_error_standard_error, 0.0);
    EXPECT_GT(*found.occupancy_iou_standard_error, 0.0);
    EXPECT_FALSE(found.psnr);
    const Evaluation bounds = model.evaluate(data.test);
    EXPECT_EQ(bounds.elbo, found.elbo) << "it changes no other number";
    EXPECT_FALSE(bounds.mean_squared_error);
    EXPECT_FALSE(bounds.occupancy_iou);
  }
}

TEST(ReconstructionErrorTest, CountsWhatIsRestored) {
  const Dataset data = test::tiny_data();
  Config config = test::tiny_config(20);
  config.training.binarization = Binarization::none;
  config.data.corrupt = {CorruptionKind::quadrants, 1};
  Model model = train(config, data, for_reconstructions());
  EvaluateOptions options;
  options.reconstructions = true;
  const Evaluation found = model.evaluate(data.test, options);
  const auto values = reconstruction_values(model, data.test);
  ASSERT_EQ(values.size(), 3u) << "inputs, restored, as they should be";
  const PlainErrors errors = errors_of(values[1], values[2], values[0], true);
  EXPECT_NEAR(*found.mean_squared_error, errors.mean(), 1e-12);
  EXPECT_NEAR(*found.psnr, -10.0 * std::log10(errors.mean()), 1e-9);
  EXPECT_NEAR(*found.occupancy_iou, errors.iou(), 1e-12);
}

TEST(ReconstructionErrorTest, ClassesHaveNone) {
  Dataset data = test::tiny_data();
  const auto labelled = [](const ImageSet& images) {
    return images.with_labels(std::vector<uint8_t>(static_cast<std::size_t>(images.count()), 1));
  };
  data.train = labelled(data.train);
  data.test = labelled(data.test);
  Config config = test::tiny_config(1);
  config.model.target = Target::label;
  Model model = train(config, data, for_reconstructions());
  EvaluateOptions options;
  options.reconstructions = true;
  EXPECT_FALSE(model.evaluate(data.test, options).mean_squared_error);
  EXPECT_NE(test::refusal_of([&] { reconstruction_values(model, data.test); }).find("classes"),
            std::string::npos);
}

}  // namespace
}  // namespace vae
