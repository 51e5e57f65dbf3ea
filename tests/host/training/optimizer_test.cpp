// SPDX-License-Identifier: MIT
//
// What a training does beside plain Adam, through whole steps: weight decay, steps that are skipped
// for their gradient's norm, the running mean of the weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "host/io/run_folder.h"
#include "host/model/checkpoint.h"
#include "host/model/model_impl.h"
#include "host/training/muon.h"
#include "host/training/train_step.h"
#include "kernels/backend.h"
#include "tests/support/tiny_run.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::ScratchFolder;
using test::tiny_config;
using test::tiny_data;

using Values = std::vector<float>;

/// A training step by step, and what it changes.
class Updates {
 public:
  explicit Updates(const Config& config)
      : backend_(make_backend(Device::cpu(1))),
        network_(*backend_, config.model, {config.training.batch_size, 1, /*training=*/true}),
        step_(network_, tiny_data().train, config.training, 1) {
    network_.initialize(config.training.seed);
  }

  StepState run() {
    step_.run();
    return step_.state();
  }
  TrainStep& step() { return step_; }
  Parameters& parameters() { return network_.parameters(); }
  Values of(View view) { return parameters().download(view); }
  Values weights() { return of(parameters().values()); }
  Values averages() { return of(parameters().averages()); }
  /// All that an update changes.
  std::vector<Values> everything() {
    return {weights(), averages(), of(parameters().first_moments()),
            of(parameters().second_moments())};
  }

 private:
  std::unique_ptr<Backend> backend_;
  Network network_;
  TrainStep step_;
};

/// Every kind of layer that has weights, joined heads, and a variance that is learned.
Config many_kinds() {
  Config config = tiny_config();
  config.model.encoder = layers_from_string("conv 3 3x3, gated dense 5");
  config.model.decoder = layers_from_string("dense 3x3x2, deconv 2 4x4/2");
  config.model.likelihood = Likelihood::gaussian;
  config.model.variance = Variance::learned;
  config.training.binarization = Binarization::none;
  return config;
}

TEST(WeightDecayTest, WeightsOfEveryLayerDecayAndNothingElse) {
  Config config = many_kinds();
  Updates plain(config);
  config.training.weight_decay = 7.0;
  Updates decaying(config);
  std::vector<Values> before;
  for (const Parameter& parameter : plain.parameters().all()) {
    before.push_back(plain.of(parameter.value));
  }
  plain.run();
  decaying.run();
  int weights = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Parameter& one = plain.parameters().all()[i];
    const Parameter& other = decaying.parameters().all()[i];
    const Values expected = plain.of(one.value), found = decaying.of(other.value);
    EXPECT_EQ(plain.of(one.first_moment), decaying.of(other.first_moment)) << one.spec.name;
    EXPECT_EQ(plain.of(one.second_moment), decaying.of(other.second_moment)) << one.spec.name;
    if (!one.spec.name.ends_with(".weight")) {
      EXPECT_EQ(found, expected) << one.spec.name;
      continue;
    }
    ++weights;
    for (std::size_t k = 0; k < found.size(); ++k) {
      ASSERT_NEAR(found[k], expected[k] - 1e-2 * 7.0 * before[i][k], 1e-6) << one.spec.name;
    }
  }
  EXPECT_EQ(weights, 8);
}

TEST(MuonTest, MovesTheMatricesAndLeavesTheRestToAdam) {
  Config config = many_kinds();
  Updates adam(config);
  config.training.optimizer = Optimizer::muon;
  Updates muon(config);
  std::vector<Values> before;
  for (const Parameter& parameter : adam.parameters().all()) {
    before.push_back(adam.of(parameter.value));
  }
  adam.run();
  muon.run();
  int matrices = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Parameter& one = adam.parameters().all()[i];
    const Parameter& other = muon.parameters().all()[i];
    const Values found = muon.of(other.value);
    EXPECT_EQ(adam.of(one.first_moment), muon.of(other.first_moment)) << one.spec.name;
    if (!one.spec.name.ends_with(".weight")) {
      EXPECT_EQ(found, adam.of(one.value)) << one.spec.name;
      EXPECT_EQ(adam.of(one.second_moment), muon.of(other.second_moment)) << one.spec.name;
      continue;
    }
    ++matrices;
    EXPECT_EQ(muon.of(other.second_moment), Values(found.size())) << one.spec.name;
    EXPECT_NE(found, before[i]) << one.spec.name;
  }
  EXPECT_EQ(matrices, 8);
}

TEST(MuonTest, ASkippedStepChangesNothing) {
  Config config = many_kinds();
  config.training.optimizer = Optimizer::muon;
  config.training.skip_norm = 2.0;
  config.training.weight_decay = 0.5;
  config.training.ema = 0.9;
  Updates steps(config);
  steps.run();
  StepState state = steps.step().state();
  state.mean_norm = 1e-9;
  steps.step().set_state(state);
  const std::vector<Values> before = steps.everything();
  EXPECT_EQ(steps.run().apply, 0u);
  EXPECT_TRUE(steps.everything() == before);
}

/// The eigenvalues of a symmetric matrix, by Jacobi's rotations.
std::vector<double> eigenvalues(std::vector<double> a, int64_t n) {
  for (int sweep = 0; sweep < 30; ++sweep) {
    for (int64_t p = 0; p < n; ++p) {
      for (int64_t q = p + 1; q < n; ++q) {
        const double angle = 0.5 * std::atan2(2.0 * a[p * n + q], a[q * n + q] - a[p * n + p]);
        const double c = std::cos(angle), s = std::sin(angle);
        for (int64_t k = 0; k < n; ++k) {
          const double x = a[k * n + p], y = a[k * n + q];
          a[k * n + p] = c * x - s * y;
          a[k * n + q] = s * x + c * y;
        }
        for (int64_t k = 0; k < n; ++k) {
          const double x = a[p * n + k], y = a[q * n + k];
          a[p * n + k] = c * x - s * y;
          a[q * n + k] = s * x + c * y;
        }
      }
    }
  }
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(a[i * n + i]);
  return values;
}

TEST(MuonTest, AnUpdateHasSingularValuesNearTheRate) {
  const auto backend = make_backend(Device::cpu(2));
  for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{8, 40}, {40, 8}, {20, 30}, {1, 9}}) {
    ParameterSpec spec;
    spec.name = "layer.weight";
    spec.shape = {rows, cols};
    Parameters parameters(*backend, {spec}, /*training=*/true);
    Values gradient(static_cast<std::size_t>(rows * cols));
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      gradient[i] = static_cast<float>(std::sin(1.0 + 12.9898 * static_cast<double>(i * i)));
    }
    const Parameter& weight = parameters.all().front();
    parameters.upload(weight.gradient, gradient);
    parameters.upload(weight.value, Values(gradient.size()));
    parameters.upload(weight.first_moment, Values(gradient.size()));
    StepState state;
    state.updates = state.apply = 1;
    state.learning_rate = 0.5f;
    Muon muon(parameters, *backend);
    EXPECT_TRUE(muon.others().empty());
    muon.issue(&state, 0.9f, 0.0f);
    backend->synchronize();
    const Values moved = parameters.download(weight.value);
    const double aspect = static_cast<double>(rows) / static_cast<double>(cols);
    const double rate = 0.5 * 20.0 * std::sqrt(std::max(1.0, aspect));
    const int64_t side = std::min(rows, cols);
    std::vector<double> gram(static_cast<std::size_t>(side * side));
    double along = 0.0;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        const double here = moved[r * cols + c] / rate;
        along += here * gradient[r * cols + c];
        for (int64_t k = 0; k < side; ++k) {
          const double there = moved[rows > cols ? r * cols + k : k * cols + c] / rate;
          gram[(rows > cols ? c : r) * side + k] += here * there;
        }
      }
    }
    EXPECT_LT(along, 0.0) << "downhill";
    for (const double value : eigenvalues(gram, side)) {
      EXPECT_GT(std::sqrt(value), 0.5) << rows << " x " << cols;
      EXPECT_LT(std::sqrt(value), 1.3) << rows << " x " << cols;
    }
  }
}

/// With a mean as small as kTiny the next step is skipped, whatever its gradient; with 0, none.
constexpr double kTiny = 1e-9;
void set_usual_norm(TrainStep& step, double norm) {
  StepState state = step.state();
  state.mean_norm = norm;
  step.set_state(state);
}

TEST(SkipNormTest, ASkippedStepChangesNothing) {
  Config config = tiny_config();
  config.training.skip_norm = 2.0;
  config.training.weight_decay = 0.5;
  config.training.ema = 0.9;
  Updates steps(config);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(steps.run().apply, 1u);
  set_usual_norm(steps.step(), kTiny);
  const std::vector<Values> before = steps.everything();
  const StepState state = steps.run();
  EXPECT_EQ(state.apply, 0u);
  EXPECT_EQ(state.updates, 4u);
  EXPECT_EQ(state.step, 5u) << "but the run has gone on";
  EXPECT_EQ(state.skipped, 1u);
  EXPECT_EQ(state.skipped_for_norm, 1u);
  EXPECT_EQ(state.mean_norm, kTiny);
  EXPECT_TRUE(steps.everything() == before);
}

/// The mean of the weights by its definition, in binary64.
TEST(EmaTest, IsTheMeanOfTheWeightsAfterEveryAppliedStep) {
  constexpr double kDecay = 0.9;
  Config config = tiny_config();
  config.training.skip_norm = 3.0;
  config.training.ema = kDecay;
  Updates steps(config);
  EXPECT_EQ(steps.averages(), steps.weights());
  std::vector<double> sums(steps.weights().size());
  double total = 0.0;
  int applied = 0;
  for (int i = 1; i <= 12; ++i) {
    set_usual_norm(steps.step(), i == 6 ? kTiny : 0.0);
    if (steps.run().apply == 0) continue;
    ++applied;
    const Values weights = steps.weights(), averages = steps.averages();
    total = kDecay * total + 1.0;
    for (std::size_t k = 0; k < sums.size(); ++k) {
      sums[k] = kDecay * sums[k] + weights[k];
      ASSERT_NEAR(averages[k], sums[k] / total, 1e-6) << "step " << i;
    }
  }
  EXPECT_EQ(applied, 11);
}

Config averaged_config() {
  Config config = tiny_config();
  config.training.ema = 0.8;
  return config;
}

TrainOptions on_one_thread() {
  TrainOptions options;
  options.device = Device::cpu(1);
  return options;
}

class AveragedRunTest : public ::testing::Test {
 protected:
  TrainOptions options() {
    TrainOptions options = on_one_thread();
    options.run_folder = run_;
    options.pictures = false;
    return options;
  }
  static Values values(const Model& model) {
    const Parameters& parameters = const_cast<Model&>(model).impl().network->parameters();
    return parameters.download(parameters.values());
  }
  static double elbo(Model model) { return model.evaluate(tiny_data().test).elbo; }

  ScratchFolder scratch_;
  std::string run_ = scratch_ / "run";
};

TEST_F(AveragedRunTest, TrainsTheSameWeightsAndMeasuresTheirMean) {
  Trainer plain(tiny_config(), tiny_data(), on_one_thread());
  const TrainResult of_plain = plain.run();
  Trainer averaging(averaged_config(), tiny_data(), options());
  const TrainResult found = averaging.run();
  EXPECT_EQ(values(averaging.model()), values(plain.model())) << "the mean must not leak into them";
  EXPECT_EQ(found.train.elbo, of_plain.train.elbo);
  EXPECT_NE(found.test.elbo, of_plain.test.elbo);
  EXPECT_EQ(found.test.elbo, elbo(averaging.averaged_model()));
  EXPECT_THROW(plain.averaged_model(), Error);
  EXPECT_EQ(values(train(averaged_config(), tiny_data(), on_one_thread())),
            values(averaging.averaged_model()));
}

TEST_F(AveragedRunTest, IsReadAsTheMeanWhichTheBestCheckpointWasChosenBy) {
  Trainer trainer(averaged_config(), tiny_data(), options());
  const TrainResult result = trainer.run();
  const Model best = Model::load(run_, Device::cpu(1));
  EXPECT_TRUE(best.checkpoint()->averaged);
  ASSERT_TRUE(result.best);
  EXPECT_EQ(elbo(Model::load(run_, Device::cpu(1))), result.best->objective);
  const std::string newest = list_checkpoints(run_).front();
  EXPECT_EQ(values(Model::load(newest, Device::cpu(1))), values(trainer.averaged_model()));
  EXPECT_EQ(values(Model::load_unverified(newest, {}, Device::cpu(1))),
            values(trainer.averaged_model()));
  // A file of the weights alone has no others.
  best.save(scratch_ / "saved.safetensors");
  const Model saved = Model::load(scratch_ / "saved.safetensors", Device::cpu(1));
  EXPECT_FALSE(saved.checkpoint()->averaged);
  EXPECT_EQ(values(saved), values(best));
}

TEST_F(AveragedRunTest, WithoutOneItsFilesHaveNone) {
  Trainer(tiny_config(), tiny_data(), options()).run();
  const Checkpoint checkpoint = Checkpoint::read(list_checkpoints(run_).front());
  EXPECT_FALSE(checkpoint.has_averages());
  for (const SafetensorsTensor& tensor : checkpoint.file().tensors) {
    EXPECT_FALSE(tensor.name.starts_with("ema.")) << tensor.name;
  }
  const std::string& metadata = checkpoint.file().metadata.at("training");
  EXPECT_EQ(metadata.find("mean_norm"), std::string::npos) << metadata;
  for (const char* key : {"ema", "skip_norm", "weight_decay", "learning_rate_warmup"}) {
    EXPECT_EQ(checkpoint.file().metadata.at("config").find(key), std::string::npos) << key;
  }
}

TEST_F(AveragedRunTest, AFileThatLacksItIsDamaged) {
  Config config = averaged_config();
  {
    Trainer trainer(tiny_config(), tiny_data(), options());
    trainer.run();
  }
  const std::string path = list_checkpoints(run_).front();
  SafetensorsFile file = read_safetensors(path);
  file.metadata.erase("checksum");
  file.metadata["config"] = config_to_json(config);
  test::write_text(path, "");
  const auto bytes = write_safetensors(file.tensors, file.metadata);
  test::write_text(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  try {
    Checkpoint::read(path);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::corrupt);
    EXPECT_NE(std::string(error.what()).find("ema.encoder.0.weight: expected"), std::string::npos)
        << error.what();
  }
}

TEST(SkipNormTest, SkippedStepsAreLoggedCountedAndToldOf) {
  Config config = tiny_config(8);
  config.training.skip_norm = 1.02;
  TrainOptions options = on_one_thread();
  std::vector<std::string> warnings;
  options.log = [&](LogLevel level, std::string_view line) {
    if (level == LogLevel::warning) warnings.emplace_back(line);
  };
  int64_t told = 0;
  options.on_step = [&](const Progress& progress) {
    told = progress.skipped_steps;
    return Command::proceed;
  };
  const TrainResult result = Trainer(config, tiny_data(), options).run();
  EXPECT_TRUE(result.finished);
  EXPECT_GT(result.train.skipped_steps, 0);
  EXPECT_EQ(told, result.train.skipped_steps);
  ASSERT_FALSE(warnings.empty());
  EXPECT_NE(warnings.front().find("beyond skip_norm, 1.02 times the usual"), std::string::npos)
      << warnings.front();
}

}  // namespace
}  // namespace vae
