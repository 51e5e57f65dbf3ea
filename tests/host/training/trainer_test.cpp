// SPDX-License-Identifier: MIT
//
// What only the inside can bring about: numbers that are not finite at a chosen step.
#include "vae/trainer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "host/io/atomic_file.h"
#include "host/io/run_folder.h"
#include "host/model/checkpoint.h"
#include "host/model/model_impl.h"
#include "tests/host/io/sample_files.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"

namespace vae {
namespace {

using test::ScratchFolder;
using test::tiny_config;
using test::tiny_data;

/// Makes the steps from `first` to `last` fail: a weight is NaN while they run.
class PoisonedTrainer {
 public:
  PoisonedTrainer(const Config& config, TrainOptions options, int64_t first, int64_t last)
      : first_(first), last_(last) {
    options.device = Device::cpu(1);
    options.pictures = false;
    options.on_step = [this](const Progress& progress) { return on_step(progress.step); };
    options.log = [this](LogLevel level, std::string_view line) {
      if (level == LogLevel::warning) warnings.emplace_back(line);
    };
    trainer_.emplace(config, tiny_data(), options);
    if (first == 1) on_step(0);
  }

  TrainResult run() { return trainer_->run(); }
  Model& model() { return trainer_->model(); }

  std::vector<std::string> warnings;
  int64_t steps = 0;

 private:
  Command on_step(int64_t done) {
    steps = done;
    Parameters& parameters = trainer_->model().impl().network->parameters();
    const View bias = parameters.find("decoder.output.bias").value;
    if (done + 1 == first_) {
      healthy_ = parameters.download(bias);
      std::vector<float> poisoned = healthy_;
      poisoned[3] = std::numeric_limits<float>::quiet_NaN();
      parameters.upload(bias, poisoned);
    }
    if (done == last_) parameters.upload(bias, healthy_);
    return Command::proceed;
  }

  int64_t first_, last_;
  std::vector<float> healthy_;
  std::optional<Trainer> trainer_;
};

Config long_epochs() {
  Config config = tiny_config(2);
  config.training.batch_size = 1;  // 45 steps an epoch
  config.training.max_nonfinite_steps = 4;
  return config;
}

TEST(DivergenceTest, StopsAtTheStepThatCompletesTheStreakWhereverItBegins) {
  for (int64_t first = 1; first <= 12; ++first) {
    PoisonedTrainer trainer(long_epochs(), {}, first, 1000);
    try {
      trainer.run();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::diverged);
      const std::string message = error.what();
      EXPECT_NE(message.find("from step " + std::to_string(first) + " to step " +
                             std::to_string(first + 3)),
                std::string::npos)
          << message;
      EXPECT_NE(message.find("lower learning_rate"), std::string::npos) << message;
    }
    EXPECT_EQ(trainer.steps, first + 2) << "the callback is not asked after the last step";
  }
}

TEST(DivergenceTest, AShorterStreakIsSkippedLoggedAndCounted) {
  for (int64_t first = 1; first <= 12; ++first) {
    PoisonedTrainer trainer(long_epochs(), {}, first, first + 2);
    const TrainResult result = trainer.run();
    EXPECT_TRUE(result.finished);
    EXPECT_EQ(result.train.skipped_steps, 3);
    ASSERT_FALSE(trainer.warnings.empty());
    EXPECT_NE(trainer.warnings.front().find("not finite"), std::string::npos);
  }
}

TEST(DivergenceTest, ABoundOfZeroImagesIsNotMadeUp) {
  PoisonedTrainer trainer(tiny_config(1), {}, 1, 3);  // the whole epoch
  const TrainResult result = trainer.run();
  EXPECT_EQ(result.train.images, 0);
  EXPECT_TRUE(std::isnan(result.train.elbo));
}

TEST(DivergenceTest, SuchWeightsNeverEnterTheRotation) {
  const ScratchFolder scratch;
  TrainOptions options;
  options.run_folder = scratch / "run";
  Config config = tiny_config(50);
  config.training.checkpoint_every = 1;
  config.training.max_nonfinite_steps = 5;
  PoisonedTrainer trainer(config, options, 8, 1000);
  EXPECT_THROW(trainer.run(), Error);
  const std::vector<std::string> left = list_checkpoints(options.run_folder);
  ASSERT_EQ(left.size(), 2u);
  EXPECT_NE(left.front().find("step-00000006"), std::string::npos)
      << "after step 7 the weights were poisoned, which the save must notice: " << left.front();
  for (const std::string& path : left) EXPECT_NO_THROW(Checkpoint::read(path));
  EXPECT_NO_THROW(Checkpoint::read(best_checkpoint_path(options.run_folder)));
}

TEST(DivergenceTest, ACheckpointWithinAStreakRemembersIt) {
  const ScratchFolder scratch;
  TrainOptions options;
  options.run_folder = scratch / "run";
  Config config = long_epochs();
  config.training.max_nonfinite_steps = 6;
  {
    PoisonedTrainer trainer(config, options, 3, 5);
    const TrainResult result = trainer.run();
    EXPECT_EQ(result.test.skipped_steps, 3);
  }
  const Checkpoint last = Checkpoint::read(list_checkpoints(options.run_folder).front());
  EXPECT_EQ(last.training()->step.skipped, 3u);
  EXPECT_EQ(last.training()->step.updates, 87u);
  EXPECT_EQ(last.training()->step.step, 90u);
}

/// A run of a version that chose the best checkpoint by the test bound at beta 1 and stored nothing
/// but that bound. `best` is the checkpoint it chose.
class OldRunTest : public ::testing::Test {
 protected:
  static constexpr int64_t kEpochs = 6;

  Config config() const {
    Config config = tiny_config(kEpochs);
    config.training.beta = 20.0;
    config.training.kl_warmup_epochs = 3.0;
    return config;
  }
  TrainOptions options(bool resume) {
    TrainOptions options;
    options.run_folder = run_;
    options.device = Device::cpu(1);
    options.pictures = false;
    options.resume = resume;
    options.log = [this](LogLevel level, std::string_view line) {
      if (level == LogLevel::warning) warnings_.emplace_back(line);
    };
    return options;
  }
  static void make_old(const std::string& path) {
    SafetensorsFile file = read_safetensors(path);
    file.metadata.erase("checksum");
    nlohmann::json training = nlohmann::json::parse(file.metadata.at("training"));
    training.erase("best");
    training.erase("steps_per_epoch");
    training["best_elbo"] = -20.5;
    file.metadata["training"] = training.dump();
    write_file_atomically(path, write_safetensors(file.tensors, file.metadata));
  }
  /// Trains up to step `stop`; the old rule had chosen the weights after epoch `best`.
  void train_old(int64_t best, int64_t stop) {
    TrainOptions wanted = options(/*resume=*/false);
    wanted.on_step = [&](const Progress& progress) {
      if (progress.step == 3 * best + 1) {
        std::filesystem::copy(list_checkpoints(run_).front(), scratch_ / "chosen");
      }
      return progress.step == stop ? Command::stop : Command::proceed;
    };
    Trainer(config(), tiny_data(), wanted).run();
    std::filesystem::copy(scratch_ / "chosen", best_checkpoint_path(run_),
                          std::filesystem::copy_options::overwrite_existing);
    make_old(best_checkpoint_path(run_));
    for (const std::string& path : list_checkpoints(run_)) make_old(path);
    test::write_text(run_ + "/run.json", R"({"status": "running", "step": 1})");
  }
  double objective_of(const std::string& path) {
    const Evaluation found = Model::load(path, Device::cpu(1)).evaluate(tiny_data().test);
    return found.reconstruction - 20.0 * found.kl;
  }

  ScratchFolder scratch_;
  std::string run_ = scratch_ / "run";
  std::vector<std::string> warnings_;
};

TEST_F(OldRunTest, IsReadWithAWordOnHowItsBestCheckpointWasChosen) {
  train_old(/*best=*/2, /*stop=*/18);
  const CheckpointInfo found = *Model::load(run_, Device::cpu(1)).checkpoint();
  EXPECT_EQ(found.file, best_checkpoint_path(run_));
  EXPECT_EQ(found.step, 6);
  EXPECT_EQ(found.epoch, std::nullopt);
  EXPECT_NE(found.reason.find("earlier version"), std::string::npos) << found.reason;
}

TEST_F(OldRunTest, AFinishedOneChoosesAnewWhenResumed) {
  train_old(/*best=*/2, /*stop=*/18);
  const double last = objective_of(list_checkpoints(run_).front());
  const TrainResult result = Trainer(config(), tiny_data(), options(/*resume=*/true)).run();
  ASSERT_TRUE(result.best);
  EXPECT_EQ(result.best->epoch, kEpochs) << "the chosen one lies within the warm-up";
  EXPECT_EQ(result.best->objective, last);
  EXPECT_EQ(objective_of(run_), last);
  EXPECT_EQ(Model::load(run_, Device::cpu(1)).checkpoint()->reason, "chosen on the test set");
}

TEST_F(OldRunTest, ItsChoiceStaysWhereItIsTheBetterOne) {
  train_old(/*best=*/4, /*stop=*/18);
  const double chosen = objective_of(best_checkpoint_path(run_));
  const double last = objective_of(list_checkpoints(run_).front());
  const TrainResult result = Trainer(config(), tiny_data(), options(/*resume=*/true)).run();
  EXPECT_EQ(result.best->epoch, chosen >= last ? 4 : kEpochs);
  EXPECT_EQ(result.best->objective, std::max(chosen, last));
  EXPECT_EQ(objective_of(run_), std::max(chosen, last));
}

TEST_F(OldRunTest, AChoiceWithinTheWarmUpGoesWhenTheRunGoesOn) {
  train_old(/*best=*/1, /*stop=*/7);
  TrainOptions wanted = options(/*resume=*/true);
  wanted.on_step = [](const Progress&) { return Command::stop; };
  EXPECT_FALSE(Trainer(config(), tiny_data(), wanted).run().best);
  EXPECT_FALSE(std::filesystem::exists(best_checkpoint_path(run_)));
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("KL warm-up"), std::string::npos) << warnings_[0];
  const TrainResult result = Trainer(config(), tiny_data(), options(/*resume=*/true)).run();
  ASSERT_TRUE(result.best);
  EXPECT_GE(result.best->epoch, 3);
  EXPECT_EQ(objective_of(run_), result.best->objective);
}

/// Clips of 8 x 8 pixels and four frames, others in every epoch.
Dataset renewed_clips() {
  std::vector<uint8_t> pixels(12 * 9);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(37 * i + 1);
  const ImageSet images(3, 3, 1, pixels);
  SceneConfig scene{2, 2, {8, 8}, 0, 4, 1.0, 2.0};
  scene.renew = 1;
  return Dataset("clips", images, images).with_scenes(scene);
}

Config clip_training(int64_t epochs) {
  Config config = tiny_config(epochs);
  config.model.height = config.model.width = 8;
  config.model.channels = 4;
  config.training.batch_size = 5;
  return config;
}

/// A training stopped in the middle of an epoch, and one stopped at its end, go on with the clips
/// of the epoch.
TEST(ResumeTest, GoesOnWithTheClipsOfTheEpoch) {
  const Dataset data = renewed_clips();
  const auto bounds_of = [](const std::string& run) {
    Model model = Model::load(list_checkpoints(run).front(), Device::cpu(1));
    const Evaluation found = model.evaluate(renewed_clips().test);
    return std::vector<double>{found.elbo, found.reconstruction, found.kl};
  };
  const ScratchFolder scratch;
  TrainOptions whole;
  whole.run_folder = scratch / "whole";
  whole.device = Device::cpu(1);
  whole.pictures = false;
  Trainer(clip_training(4), data, whole).run();
  for (const int64_t stop : {4, 6, 7}) {  // of 12 steps, 3 an epoch
    TrainOptions parts = whole;
    parts.run_folder = scratch / ("parts" + std::to_string(stop));
    parts.on_step = [stop](const Progress& progress) {
      return progress.step == stop ? Command::stop : Command::proceed;
    };
    Trainer(clip_training(4), data, parts).run();
    parts.on_step = nullptr;
    parts.resume = true;
    Trainer(clip_training(4), data, parts).run();
    EXPECT_EQ(bounds_of(parts.run_folder), bounds_of(whole.run_folder)) << stop;
  }
  Dataset same = data;
  same.scene_source = nullptr;
  TrainOptions repeated = whole;
  repeated.run_folder = scratch / "repeated";
  Trainer(clip_training(4), same, repeated).run();
  EXPECT_NE(bounds_of(repeated.run_folder), bounds_of(whole.run_folder));
}

TEST(ResumeTest, ANewerFormatIsNotTakenForDamage) {
  const ScratchFolder scratch;
  TrainOptions options;
  options.run_folder = scratch / "run";
  options.device = Device::cpu(1);
  options.pictures = false;
  Trainer(tiny_config(2), tiny_data(), options).run();
  const std::string path = list_checkpoints(options.run_folder).front();
  SafetensorsFile file = read_safetensors(path);
  file.metadata.erase("checksum");
  file.metadata["vae_format"] = "2";
  write_file_atomically(path, write_safetensors(file.tensors, file.metadata));
  options.resume = true;
  test::expect_error(ErrorCode::unsupported,
                     [&] { Trainer(tiny_config(2), tiny_data(), options); });
  EXPECT_TRUE(std::filesystem::exists(path)) << "it is whole and stays where it is";
}

}  // namespace
}  // namespace vae
