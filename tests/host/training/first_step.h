// SPDX-License-Identifier: MIT
//
// A training's first step whose gradients are compared with central differences of a float64
// objective, and runs that are stopped and go on.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/training/train_step.h"
#include "kernels/backend.h"
#include "tests/support/tiny_run.h"
#include "vae/trainer.h"

namespace vae::test {

/// Parameters, or their gradients, by their names.
using Tensors64 = std::map<std::string, std::vector<double>>;

inline Tensors64 tensors_of(const Parameters& parameters,
                            View Parameter::*view = &Parameter::value) {
  Tensors64 result;
  for (const Parameter& parameter : parameters.all()) {
    const auto numbers = parameters.download(parameter.*view);
    result[parameter.spec.name].assign(numbers.begin(), numbers.end());
  }
  return result;
}

/// The first step of a training, on tiny_data() unless other images are given. `prepare` may change
/// the initial parameters.
class FirstStep {
 public:
  explicit FirstStep(const Config& config, const std::function<void(Parameters&)>& prepare = {},
                     const ImageSet& images = tiny_data().train)
      : backend_(make_backend(Device::cpu(1))),
        network_(*backend_, config.model,
                 {config.training.batch_size, 1, /*training=*/true, config.data.corrupt}),
        step_(network_, images, config.training) {
    network_.initialize(config.training.seed);
    if (prepare) prepare(network_.parameters());
    before_ = tensors_of(network_.parameters());
    step_.run();
    gradients_ = tensors_of(network_.parameters(), &Parameter::gradient);
    const auto x = network_.parameters().download(network_.input(config.training.batch_size));
    images_.assign(x.begin(), x.end());
  }

  const Tensors64& before() const { return before_; }        // the step
  const Tensors64& gradients() const { return gradients_; }  // of it
  const std::vector<double>& images() const { return images_; }
  float loss() const { return step_.state().loss; }
  Totals totals() const { return step_.totals(); }

 private:
  std::unique_ptr<Backend> backend_;
  Network network_;
  TrainStep step_;
  Tensors64 before_, gradients_;
  std::vector<double> images_;
};

/// Of some elements of each tensor whose name `chosen` accepts: the step's gradient is the slope of
/// `loss`. `what` is told of a failure.
inline void expect_central_differences(const FirstStep& step, double tolerance,
                                       const std::function<bool(const std::string&)>& chosen,
                                       const std::function<double(const Tensors64&)>& loss,
                                       const std::string& what = {}) {
  constexpr double kStep = 1e-5;
  Tensors64 point = step.before();
  int64_t compared = 0;
  for (const auto& [name, gradient] : step.gradients()) {
    if (!chosen(name)) continue;
    for (std::size_t i = 0; i < gradient.size(); i += 1 + gradient.size() / 5) {
      double& number = point.at(name)[i];
      const double original = number;
      number = original + kStep;
      const double above = loss(point);
      number = original - kStep;
      const double below = loss(point);
      number = original;
      EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), tolerance)
          << name << ' ' << i << ' ' << what;
      ++compared;
    }
  }
  EXPECT_GE(compared, 10) << what;
}

/// Names that begin with `beginning`.
inline std::function<bool(const std::string&)> begins_with(std::string beginning) {
  return [=](const std::string& name) { return name.starts_with(beginning); };
}

/// Runs in a folder, on tiny_data() unless other data are given.
class RunFolderTest : public ::testing::Test {
 protected:
  TrainOptions options(const std::string& name) const {
    TrainOptions wanted;
    wanted.device = Device::cpu(1);
    wanted.run_folder = folder_ / name;
    wanted.pictures = false;
    return wanted;
  }

  /// A run that is stopped within its second epoch and goes on ends in the files of one that was
  /// not.
  void expect_same_bytes_after_a_stop(const Config& config,
                                      const Dataset& data = tiny_data()) const {
    Trainer(config, data, options("whole")).run();
    TrainOptions wanted = options("parts");
    wanted.on_step = [](const Progress& progress) {
      return progress.step == 13 ? Command::stop : Command::proceed;
    };
    EXPECT_FALSE(Trainer(config, data, wanted).run().finished);
    wanted = options("parts");
    wanted.resume = true;
    EXPECT_TRUE(Trainer(config, data, wanted).run().finished);
    auto whole = comparable_files(folder_ / "whole");
    auto parts = comparable_files(folder_ / "parts");
    for (auto* files : {&whole, &parts}) files->erase("run.json");  // has times
    EXPECT_EQ(parts, whole);
  }

  ScratchFolder folder_;
};

}  // namespace vae::test
