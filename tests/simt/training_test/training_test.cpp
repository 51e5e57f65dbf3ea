// SPDX-License-Identifier: MIT
//
// Whole trainings on the simulated card: against the CPU, against themselves under other schedules,
// recorded and issued operation by operation.
#include <gtest/gtest.h>
#include <simt/simt.h>
#include <stdlib.h>

#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/model/network.h"
#include "host/training/train_step.h"
#include "kernels/backend.h"
#include "tests/simt/runtime/runtime.h"
#include "tests/simt/training_test/device.h"
#include "tests/support/effort.h"
#include "tests/support/tiny_run.h"
#include "vae/vae.h"

namespace vae::test {
namespace {

/// A network in training, step by step.
class Training {
 public:
  Training(const Device& device, const Config& config, const Dataset& data)
      : backend_(make_backend(device)),
        network_(*backend_, config.model,
                 {config.training.batch_size, 1, /*training=*/true, config.data.corrupt}),
        step_(network_, data.train, config.training) {
    network_.initialize(config.training.seed);
  }

  StepState step() {
    step_.run();
    return step_.state();
  }
  TrainStep& steps() { return step_; }
  std::vector<float> parameters() {
    return network_.parameters().download(network_.parameters().values());
  }
  std::vector<float> averages() {
    return network_.parameters().download(network_.parameters().averages());
  }

 private:
  std::unique_ptr<Backend> backend_;
  Network network_;
  TrainStep step_;
};

std::vector<float> parameters_after(int steps, const Device& device, const Config& config) {
  Training run(device, config, tiny_data());
  for (int i = 0; i < steps; ++i) run.steps().run();
  return run.parameters();
}

/// An environment variable for the length of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(CudaTrainingTest, LossesOfTwoHundredStepsAreTheCpus) {
  Config config = tiny_config(100);
  config.training.binarization = Binarization::dynamic;
  config.training.kl_warmup_epochs = 5;
  Training card(cuda(), config, tiny_data()), cpu(Device::cpu(1), config, tiny_data());
  const int steps = kRaceDetector ? 20 : 200;
  for (int i = 1; i <= steps; ++i) {
    const StepState found = card.step(), expected = cpu.step();
    ASSERT_EQ(found.loss, expected.loss) << "step " << i;
    ASSERT_EQ(found.gradient_norm, expected.gradient_norm) << "step " << i;
    ASSERT_EQ(found.step, expected.step);
    ASSERT_EQ(found.updates, expected.updates);
    ASSERT_EQ(found.first_row, expected.first_row);
    ASSERT_EQ(found.epoch, expected.epoch);
    ASSERT_EQ(found.beta, expected.beta);
  }
  EXPECT_EQ(card.parameters(), cpu.parameters());
}

/// Images with a class for each of them and for each of their pixels, and with boxes.
Dataset data_with_targets() {
  Dataset data = tiny_data();
  for (ImageSet* set : {&data.train, &data.test}) {
    std::vector<uint8_t> labels, masks;
    std::vector<std::vector<Box>> boxes;
    for (int64_t i = 0; i < set->count(); ++i) {
      labels.push_back(static_cast<uint8_t>(i % 3));
      const auto place = static_cast<float>(i % 4);
      boxes.push_back({{place, 0.5f * place, 2.0f, 2.5f, labels.back()}});
      if (i % 2 == 0) boxes.back().push_back({3.5f, place, 2.5f, 1.0f, 0});
    }
    for (const uint8_t pixel : set->pixels()) masks.push_back(pixel < 9 ? 255 : pixel / 86);
    *set = set->with_labels(labels).with_masks(masks).with_boxes(boxes);
  }
  return data;
}

TEST(CudaTrainingTest, OtherTargetsThanTheInputTrainAsOnTheCpu) {
  std::vector<Config> configs(8, tiny_config(100));
  for (Config& config : configs) config.training.binarization = Binarization::none;
  configs[0].model.target = Target::label;
  configs[1].model.target = Target::mask;
  configs[0].model.target_classes = configs[1].model.target_classes = 3;
  configs[2].data.corrupt = {CorruptionKind::noise, 0.5};
  configs[3].data.corrupt = {CorruptionKind::quadrants, 1};
  configs[4].data.corrupt = {CorruptionKind::quadrants, 2};
  configs[4].model.likelihood = Likelihood::gaussian;
  configs[4].model.variance = Variance::learned;
  configs[5].data.corrupt = {CorruptionKind::random_quadrants, 1};
  configs[6].data.corrupt = {CorruptionKind::quadrants, 1};
  configs[6].model.condition = Condition::seen;
  configs[6].model.prior = Prior::conditional;
  configs[6].model.prior_layers = {5};
  configs[7].model.target = Target::boxes;
  configs[7].model.target_classes = 3;
  configs[7].model.grid = {3, 2};
  for (const Config& config : configs) {
    Training card(cuda(), config, data_with_targets());
    Training cpu(Device::cpu(1), config, data_with_targets());
    for (int i = 1; i <= 8; ++i) {
      const StepState found = card.step(), expected = cpu.step();
      ASSERT_EQ(found.loss, expected.loss) << "step " << i;
      ASSERT_EQ(found.gradient_norm, expected.gradient_norm) << "step " << i;
    }
    EXPECT_EQ(card.parameters(), cpu.parameters());
  }
}

TEST(CudaTrainingTest, FramesArePredictedAsOnTheCpu) {
  SceneConfig scene;
  scene.fewest = scene.most = 1;
  scene.size = {8, 8};
  scene.frames = 5;
  scene.slowest = scene.fastest = 1.5;
  const Dataset clips = tiny_data().with_scenes(scene);
  Config config = tiny_config(100);
  config.model = clips.train.fit(config.model);
  config.model.likelihood = Likelihood::gaussian;
  config.model.variance = Variance::learned;
  config.training.binarization = Binarization::none;
  config.data.corrupt = {CorruptionKind::frames, 3};
  Training card(cuda(), config, clips);
  Training cpu(Device::cpu(1), config, clips);
  for (int i = 1; i <= 8; ++i) ASSERT_EQ(card.step().loss, cpu.step().loss) << "step " << i;
  EXPECT_EQ(card.parameters(), cpu.parameters());
}

TEST(CudaTrainingTest, EveryScheduleOfTheCardGivesTheSameBits) {
  const std::vector<float> expected = parameters_after(4, cuda(Precision::tf32), tiny_config());
  const uint64_t before = simt::options().seed;
  for (const uint64_t seed : {1u, 2u, 3u}) {
    simt::options().seed = seed;
    EXPECT_EQ(parameters_after(4, cuda(Precision::tf32), tiny_config()), expected)
        << "seed " << seed;
  }
  simt::options().seed = before;
}

TEST(CudaTrainingTest, RecordedAndIssuedStepsGiveTheSameBits) {
  const std::vector<float> recorded = parameters_after(7, cuda(), tiny_config());
  const Variable eager("VAE_CUDA_EAGER", "1");
  EXPECT_EQ(parameters_after(7, cuda(), tiny_config()), recorded);
}

TEST(CudaTrainingTest, NoMemoryIsTakenAfterTheFirstStep) {
  Training run(cuda(), tiny_config(), tiny_data());
  run.step();
  const int64_t before = simt::calls_of("cudaMalloc") + simt::calls_of("cudaMallocHost");
  for (int i = 0; i < 5; ++i) run.step();
  EXPECT_EQ(simt::calls_of("cudaMalloc") + simt::calls_of("cudaMallocHost"), before);
}

TEST(CudaTrainingTest, NothingIsLeftOnTheCard) {
  { parameters_after(2, cuda(), tiny_config()); }
  EXPECT_EQ(simt::runtime_leaks(), "");
}

TEST(CudaTrainingTest, EveryPrecisionLearns) {
  for (const Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
    Training run(cuda(precision), tiny_config(20), tiny_data());
    const float first = run.step().loss;
    float last = first;
    const int steps = kRaceDetector ? 2 : 44;
    for (int i = 0; i < steps; ++i) last = run.step().loss;
    if (kRaceDetector) continue;  // two steps teach nothing
    EXPECT_LT(last, 0.9f * first) << static_cast<int>(precision);
  }
}

/// Everything that an update can do beside plain Adam; some steps are skipped.
Config optimizer_config() {
  Config config = tiny_config(6);
  config.training.learning_rate_warmup_epochs = 2.5;
  config.training.schedule = LearningRateSchedule::cosine;
  config.training.weight_decay = 0.3;
  config.training.clip_norm = 30.0;
  config.training.skip_norm = 1.02;
  config.training.ema = 0.9;
  config.training.free_bits = 0.2;
  config.training.precision = Precision::fp32;
  return config;
}

/// The settings that choose other kernels than the default ones.
std::map<std::string, Config> unusual_configs() {
  std::map<std::string, Config> configs;
  Config config = tiny_config();
  config.model.likelihood = Likelihood::gaussian;
  config.model.variance = Variance::learned;
  config.training.binarization = Binarization::none;
  configs["gaussian, learned variance"] = config;
  config.model.variance = Variance::fixed;
  config.model.sigma = 0.3;
  configs["gaussian, fixed variance"] = config;
  config.model.variance = Variance::per_pixel;
  configs["gaussian, variance of each pixel"] = config;
  config.model.variance = Variance::fixed;
  config.model.likelihood = Likelihood::logistic;
  configs["logistic"] = config;
  config.model.likelihood = Likelihood::beta_binomial;
  configs["beta-binomial"] = config;
  config = tiny_config();
  config.model.encoder = {};
  config.model.decoder = {};
  configs["no hidden layer"] = config;
  config.model.encoder = {5, 11};
  config.model.decoder = {13, 5};
  config.model.activation = Activation::gelu;
  config.training.clip_norm = 0.5;
  configs["deeper, gelu, clipped"] = config;
  config = tiny_config();
  config.model.latent = 70;  // more than the fused posterior covers
  config.training.binarization = Binarization::fixed;
  configs["wide latent"] = config;
  config = tiny_config();
  config.training.batch_size = 1;
  config.training.binarization = Binarization::threshold;
  configs["single images"] = config;
  config = tiny_config();
  config.training.importance_samples = 5;
  config.training.beta = 0.5;
  configs["iwae"] = config;
  config.training.objective = Objective::dreg;
  config.training.importance_samples = 33;
  config.model.likelihood = Likelihood::gaussian;
  config.model.variance = Variance::learned;
  config.training.binarization = Binarization::none;
  configs["dreg, learned variance"] = config;
  configs["all of the optimizer"] = optimizer_config();
  config = optimizer_config();
  config.training.optimizer = Optimizer::muon;
  configs["muon"] = config;
  config = tiny_config();
  config.model.condition = Condition::label;
  config.model.classes = 3;
  configs["told labels"] = config;
  config.model.encoder = {};
  config.model.decoder = {};
  config.training.importance_samples = 3;
  configs["told labels, iwae without a hidden layer"] = config;
  config = tiny_config();
  config.model.condition = Condition::label;
  config.model.classes = 3;
  config.model.prior = Prior::conditional;
  config.model.prior_layers = {5};
  configs["a prior of labels"] = config;
  config.training.importance_samples = 3;
  configs["a prior of labels, iwae"] = config;
  config = tiny_config();
  config.model.encoder = layers_from_string("conv 3 3x3, pool 2, conv 4 3x3");
  config.model.heads = conv_output(1);
  config.model.latent = 18;
  config.model.decoder = layers_from_string("conv 4 3x3, skip 2, upsample 2, skip 0, conv 3 3x3");
  config.model.output = conv_output(3);
  configs["skips"] = config;
  config.training.importance_samples = 3;
  configs["skips, iwae"] = config;
  config = tiny_config();
  config.model.encoder = layers_from_string("conv 3 4x4/2");
  config.model.heads = conv_output(1);
  config.model.latent = 18;
  config.model.decoder = layers_from_string("conv 4 3x3");
  config.model.output = deconv_output({4, 4}, 2);
  config.model.condition = Condition::side;
  config.model.side_size = 2;
  configs["codes that are images, told vectors"] = config;
  return configs;
}

/// With labels and side vectors for those that are told them.
Dataset known_data() {
  Dataset data = tiny_data();
  std::vector<uint8_t> labels;
  std::vector<float> side;
  for (int64_t i = 0; i < data.train.count(); ++i) {
    labels.push_back(static_cast<uint8_t>(i * 2 % 3));
    side.insert(side.end(), {static_cast<float>(i) / 45.0f, -1.0f});
  }
  data.train = data.train.with_labels(labels).with_side(2, side);
  return data;
}

TEST(CudaTrainingTest, UnusualSettingsGiveTheBitsOfTheCpu) {
  for (const auto& [name, config] : unusual_configs()) {
    Training card(cuda(), config, known_data()), cpu(Device::cpu(1), config, known_data());
    for (int i = 1; i <= (kRaceDetector ? 2 : 4); ++i) {
      const StepState found = card.step(), expected = cpu.step();
      ASSERT_EQ(found.loss, expected.loss) << name << ", step " << i;
      ASSERT_EQ(found.gradient_norm, expected.gradient_norm) << name << ", step " << i;
    }
    EXPECT_EQ(card.parameters(), cpu.parameters()) << name;
  }
}

TEST(CudaTrainingTest, VariancesOfChannelsHaveTheBitsOfTheCpu) {
  Config config = tiny_config();
  config.model.width = 2;
  config.model.channels = 3;
  config.model.likelihood = Likelihood::gaussian;
  config.model.variance = Variance::per_channel;
  config.training.binarization = Binarization::none;
  const Dataset data_of_pixels = tiny_data();
  const std::span<const uint8_t> pixels = data_of_pixels.train.pixels();
  const Dataset data{"colours", ImageSet(6, 2, 3, {pixels.begin(), pixels.end()}), {}};
  Training card(cuda(), config, data), cpu(Device::cpu(1), config, data);
  for (int i = 1; i <= 4; ++i) ASSERT_EQ(card.step().loss, cpu.step().loss) << i;
  EXPECT_EQ(card.parameters(), cpu.parameters());
}

TEST(CudaTrainingTest, MeansAndSkippedStepsAreTheCpus) {
  const Config config = optimizer_config();
  Training card(cuda(), config, tiny_data()), cpu(Device::cpu(1), config, tiny_data());
  StepState found, expected;
  for (int i = 1; i <= 18; ++i) {
    found = card.step();
    expected = cpu.step();
    ASSERT_EQ(found.apply, expected.apply) << i;
    ASSERT_EQ(found.mean_norm, expected.mean_norm) << i;
    ASSERT_EQ(found.learning_rate, expected.learning_rate) << i;
  }
  EXPECT_GT(found.skipped_for_norm, 0u);
  EXPECT_GT(found.updates, 9u);
  EXPECT_EQ(card.averages(), cpu.averages());
  EXPECT_NE(card.averages(), card.parameters());
}

/// Checkpoints and metrics of a run, some of whose epochs a device may do and another the rest.
class RunsTest : public ::testing::Test {
 protected:
  struct Part {
    Device device;
    int64_t epochs;  // up to which it goes
  };
  std::map<std::string, std::string> files_of(const std::string& name, const Config& config,
                                              const std::vector<Part>& parts) {
    TrainOptions options;
    options.run_folder = scratch_ / name;
    options.pictures = false;
    options.log = [&](LogLevel level, std::string_view line) {
      if (level == LogLevel::warning) warnings_.emplace_back(line);
    };
    for (const Part& part : parts) {
      Config now = config;
      now.training.epochs = part.epochs;
      options.device = part.device;
      Trainer(now, tiny_data(), options).run();
      options.resume = true;
    }
    std::map<std::string, std::string> files = comparable_files(options.run_folder);
    files.erase("run.json");  // says on what it ran
    return files;
  }
  static Config config() {
    Config config = tiny_config();
    config.training.precision = Precision::fp32;
    return config;
  }

  ScratchFolder scratch_;
  std::vector<std::string> warnings_;
};

TEST_F(RunsTest, EndInTheSameFilesOnEveryDevice) {
  const auto expected = files_of("cpu", config(), {{Device::cpu(1), 4}});
  ASSERT_TRUE(expected.contains("checkpoints/step-00000012.safetensors"));
  EXPECT_TRUE(files_of("two", config(), {{Device::cpu(2), 4}}) == expected);
  EXPECT_TRUE(files_of("three", config(), {{Device::cpu(3), 4}}) == expected);
  EXPECT_TRUE(files_of("card", config(), {{cuda(), 4}}) == expected);
}

TEST_F(RunsTest, MoveBetweenCardAndCpuWithoutATrace) {
  const auto expected = files_of("cpu", config(), {{Device::cpu(1), 4}});
  EXPECT_TRUE(files_of("to", config(), {{Device::cpu(3), 1}, {cuda(), 4}}) == expected);
  EXPECT_TRUE(files_of("fro", config(), {{cuda(), 2}, {Device::cpu(2), 4}}) == expected);
  EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

TEST_F(RunsTest, MoveWithMeansAndSkippedStepsToo) {
  const auto expected = files_of("cpu", optimizer_config(), {{Device::cpu(2), 6}});
  Config config = optimizer_config();
  TrainOptions options;
  options.run_folder = scratch_ / "moving";
  options.pictures = false;
  options.device = Device::cpu(1);
  options.on_step = [](const Progress& progress) {
    const bool stop = progress.step == 5 || progress.step == 12 || progress.step == 14;
    return stop ? Command::stop : Command::proceed;
  };
  for (bool finished = false; !finished;) {
    finished = Trainer(config, tiny_data(), options).run().finished;
    options.device = options.device.kind == DeviceKind::cpu ? cuda() : Device::cpu(1);
    options.resume = true;
  }
  auto found = comparable_files(options.run_folder);
  for (const char* name :
       {"checkpoints/best.safetensors", "checkpoints/step-00000018.safetensors", "metrics.jsonl"}) {
    EXPECT_TRUE(found.at(name) == expected.at(name)) << name;
  }
}

TEST_F(RunsTest, SayThatAnotherPrecisionChangesTheNumbers) {
  files_of("run", tiny_config(), {{cuda(Precision::tf32), 1}, {Device::cpu(1), 2}});
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("was made in tf32 on"), std::string::npos) << warnings_[0];
  EXPECT_NE(warnings_[0].find("goes on in fp32 on"), std::string::npos) << warnings_[0];
}

TEST(CudaTrainingTest, OutOfMemoryNamesBothSizesAndAdvises) {
  const std::size_t before = simt::device_model().memory_bytes;
  simt::device_model().memory_bytes = std::size_t{24} << 20;
  Config config = tiny_config();
  config.training.batch_size = 45;
  config.model.encoder = {65536};
  try {
    Training run(cuda(), config, tiny_data());
    FAIL() << "24 MiB are not enough";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
    // The parameters alone are too many: no batch size would help.
    EXPECT_NE(std::string(error.what()).find("smaller model"), std::string::npos) << error.what();
    EXPECT_EQ(std::string(error.what()).find("batch"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("free"), std::string::npos) << error.what();
  }
  simt::device_model().memory_bytes = before;
}

TEST(CudaTrainingTest, OutOfMemoryAdvisesABatchSizeThatFits) {
  const std::size_t before = simt::device_model().memory_bytes;
  simt::device_model().memory_bytes = std::size_t{64} << 20;
  Config config = tiny_config();
  config.training.batch_size = 1 << 20;
  std::string message;
  try {
    Training run(cuda(), config, tiny_data());
  } catch (const Error& error) {
    message = error.what();
  }
  const std::string advice = "activations of batch_size ";
  const std::size_t at = message.find(advice);
  ASSERT_NE(at, std::string::npos) << message;
  config.training.batch_size = std::stoll(message.substr(at + advice.size()));
  EXPECT_GT(config.training.batch_size, 0);
  EXPECT_NO_THROW(Training(cuda(), config, tiny_data()));
  simt::device_model().memory_bytes = before;
}

TEST(CudaTrainingTest, AFaultOfAKernelNamesTheLastKernels) {
  {
    Training run(cuda(), tiny_config(), tiny_data());
    run.step();
    simt::fail_launch(3, cudaErrorIllegalAddress);
    try {
      run.step();
      FAIL() << "the fault must surface";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::device);
      EXPECT_NE(std::string(error.what()).find("cudaErrorIllegalAddress"), std::string::npos)
          << error.what();
    }
  }  // destroyed without a further error
  simt::reset_runtime();
}

}  // namespace
}  // namespace vae::test
