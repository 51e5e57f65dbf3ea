// SPDX-License-Identifier: MIT
#include "vae/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/support/effort.h"
#include "tests/support/tiny_run.h"
#include "vae/error.h"

namespace vae {
namespace {

namespace fs = std::filesystem;
using test::comparable_files;
using test::ScratchFolder;
using test::tiny_config;
using test::tiny_data;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class TrainerTest : public ::testing::Test {
 protected:
  TrainOptions options(const std::string& folder) {
    TrainOptions options;
    options.run_folder = folder;
    options.device = Device::cpu(1);
    options.log = [this](LogLevel level, std::string_view line) {
      (level == LogLevel::warning ? warnings_ : infos_).emplace_back(line);
    };
    return options;
  }
  /// Trains from where the folder stands until step `stop`.
  TrainResult go(const Config& config, const std::string& folder, int64_t stop = kNever) {
    TrainOptions wanted = options(folder);
    wanted.resume = fs::exists(folder);
    wanted.pictures = pictures_;
    wanted.on_step = [stop](const Progress& progress) {
      return progress.step >= stop ? Command::stop : Command::proceed;
    };
    return Trainer(config, data_, wanted).run();
  }
  ErrorCode refusal(const Config& config, const TrainOptions& wanted) {
    try {
      Trainer(config, data_, wanted).run();
    } catch (const Error& error) {
      message_ = error.what();
      return error.code();
    }
    ADD_FAILURE() << "no error";
    return ErrorCode::device;
  }
  TrainOptions resumed(const std::string& folder) {
    TrainOptions wanted = options(folder);
    wanted.resume = true;
    return wanted;
  }
  static void damage(const std::string& path) {
    std::string bytes = test::read_text(path);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    test::write_text(path, bytes);
  }
  static std::string step_file(int64_t step) {
    const std::string number = std::to_string(step);
    return "checkpoints/step-" + std::string(8 - number.size(), '0') + number + ".safetensors";
  }
  /// Files of two runs are the same, byte for byte.
  static void expect_same(const std::string& a, const std::string& b) {
    const auto first = comparable_files(a), second = comparable_files(b);
    for (const auto& [name, content] : first) {
      ASSERT_TRUE(second.contains(name)) << name << " is missing in the second run";
      EXPECT_TRUE(second.at(name) == content) << name << " differs";
    }
    for (const auto& [name, content] : second) EXPECT_TRUE(first.contains(name)) << name;
  }

  ScratchFolder temporary_;
  Dataset data_ = tiny_data();
  bool pictures_ = true;
  std::vector<std::string> warnings_, infos_;
  std::string message_;
};

TEST_F(TrainerTest, WritesTheRunFolder) {
  const std::string run = temporary_ / "run";
  const TrainResult result = go(tiny_config(), run);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.steps, 12);
  EXPECT_TRUE(warnings_.empty()) << warnings_.front();
  const auto files = test::read_tree(run);
  for (const std::string& name :
       {std::string("config.json"), std::string("run.json"), std::string("metrics.jsonl"),
        std::string("report.html"), std::string("checkpoints/best.safetensors"), step_file(9),
        step_file(12), std::string("images/epoch-004-samples.png")}) {
    EXPECT_TRUE(files.contains(name)) << name;
  }
  EXPECT_FALSE(files.contains(step_file(6))) << "only the last two are kept";
  EXPECT_NE(files.at("run.json").find("\"status\": \"finished\""), std::string::npos);
  EXPECT_NE(files.at("run.json").find("\"kl_per_dimension\""), std::string::npos);
  EXPECT_EQ(load_run_config(run), tiny_config());
  EXPECT_EQ(load_run_config(run + "/" + step_file(12)), tiny_config());
}

/// Who opens the report before the first epoch is over sees that the run goes on, and its page
/// stops looking for news when the run has ended, however it did.
TEST_F(TrainerTest, TheReportIsThereFromTheStartAndSaysHowTheRunEnded) {
  const std::string run = temporary_ / "run";
  TrainOptions wanted = options(run);
  std::string during;
  wanted.on_step = [&](const Progress& progress) {
    if (progress.step == 1) during = test::read_text(run + "/report.html");
    return progress.step == 2 ? Command::stop : Command::proceed;
  };
  Trainer(tiny_config(), data_, wanted).run();
  const auto looks_for_news = [](const std::string& html) {
    return html.find("data-alive=") != std::string::npos;
  };
  EXPECT_TRUE(looks_for_news(during));
  EXPECT_NE(during.find("No epoch is finished yet"), std::string::npos);
  std::string after = test::read_text(run + "/report.html");
  EXPECT_FALSE(looks_for_news(after));
  EXPECT_NE(after.find("Stopped after step 2 of 12"), std::string::npos);
  go(tiny_config(), run);
  after = test::read_text(run + "/report.html");
  EXPECT_FALSE(looks_for_news(after));
  EXPECT_NE(after.find("Finished: step 12 of 12"), std::string::npos);
}

TEST_F(TrainerTest, MetricsAreTheBoundAtBetaOneAndItsTerms) {
  Config config = tiny_config(3);
  config.training.beta = 0.25;
  std::vector<Metrics> lines;
  TrainOptions wanted = options(temporary_ / "run");
  wanted.on_metrics = [&](const Metrics& metrics) { lines.push_back(metrics); };
  const TrainResult result = Trainer(config, data_, wanted).run();
  ASSERT_EQ(lines.size(), 6u);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Metrics& line = lines[i];
    EXPECT_EQ(line.split, i % 2 == 0 ? "train" : "test");
    EXPECT_EQ(line.epoch, static_cast<int64_t>(i / 2 + 1));
    EXPECT_EQ(line.step, 3 * line.epoch);
    EXPECT_DOUBLE_EQ(line.elbo, line.reconstruction - line.kl);
    EXPECT_EQ(line.beta, 0.25);
    EXPECT_FLOAT_EQ(static_cast<float>(line.learning_rate), 0.01f);
    EXPECT_EQ(line.images, i % 2 == 0 ? 45 : 17) << "the short last batch counts";
    EXPECT_GT(line.samples_per_second, 0.0);
  }
  EXPECT_EQ(result.test.elbo, lines.back().elbo);
  const std::string text = test::read_text(temporary_ / "run/metrics.jsonl");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6);
  // The same bound as an evaluation of the saved model with the default options.
  Model model = Model::load((temporary_ / "run/") + step_file(9), Device::cpu(1));
  EXPECT_DOUBLE_EQ(model.evaluate(data_.test).elbo, result.test.elbo);
}

/// Variants of a run whose resumption could go wrong in different ways.
std::vector<std::pair<std::string, Config>> variants() {
  std::vector<std::pair<std::string, Config>> all = {{"plain", tiny_config()}};
  Config config = tiny_config();
  config.training.checkpoint_every = 2;
  config.training.kl_warmup_epochs = 2.5;
  config.training.schedule = LearningRateSchedule::step;
  config.training.step_epochs = {1, 3};
  all.emplace_back("often, warm-up, stages", config);
  config = tiny_config();
  config.training.checkpoint_every = 5;
  config.training.schedule = LearningRateSchedule::cosine;
  config.training.clip_norm = 5.0;
  config.training.binarization = Binarization::none;
  config.model.likelihood = Likelihood::gaussian;
  config.model.variance = Variance::learned;
  all.emplace_back("learned variance, cosine, clipping", config);
  config = tiny_config();
  config.training.batch_size = 1000;
  config.training.seed = 18446744073709551557u;
  all.emplace_back("one batch an epoch", config);
  config = tiny_config();
  config.training.validation = 0.25;
  config.training.beta = 5.0;
  config.training.kl_warmup_epochs = 1.0;
  config.training.learning_rate = 1.0;  // the best epoch need not be the last one
  all.emplace_back("validation, warm-up", config);
  return all;
}

TEST_F(TrainerTest, StoppedAtAnyStepAndResumedGivesTheSameBits) {
  int number = 0;
  for (const auto& [name, config] : variants()) {
    SCOPED_TRACE(name);
    pictures_ = number == 0;  // most of the time goes into syncing files
    const std::string whole = temporary_ / ("whole" + std::to_string(number));
    const int64_t steps = go(config, whole).steps;
    for (int64_t stop = 1; stop < steps; stop += test::repetitions(1, 1, 5)) {
      SCOPED_TRACE("stopped after step " + std::to_string(stop));
      const std::string run = temporary_ / (std::to_string(number) + "-" + std::to_string(stop));
      const TrainResult part = go(config, run, stop);
      EXPECT_FALSE(part.finished);
      EXPECT_EQ(part.steps, stop);
      EXPECT_TRUE(go(config, run).finished);
      // A stop leaves a checkpoint of its own step behind, so that the last but one may differ.
      auto ours = comparable_files(run), theirs = comparable_files(whole);
      for (auto* files : {&ours, &theirs}) {
        std::erase_if(*files, [&](const auto& file) {
          return file.first.starts_with("checkpoints/step-") && file.first != step_file(steps);
        });
      }
      EXPECT_TRUE(ours == theirs);
      fs::remove_all(run);
    }
    ++number;
  }
  EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

TEST_F(TrainerTest, StoppedAfterEveryStepStillGivesTheSameBits) {
  go(tiny_config(), temporary_ / "whole");
  for (int64_t stop = 1; stop <= 12; ++stop) go(tiny_config(), temporary_ / "run", stop);
  auto whole = comparable_files(temporary_ / "whole"), run = comparable_files(temporary_ / "run");
  whole.erase(step_file(9));  // the other one stopped at 11 and saved there
  run.erase(step_file(11));
  EXPECT_TRUE(whole == run);
}

TEST_F(TrainerTest, AStopAtTheLastStepIsTheEnd) {
  EXPECT_TRUE(go(tiny_config(), temporary_ / "run", 12).finished);
}

TEST_F(TrainerTest, CheckpointEverySavesAtTheEndOfAnEpochToo) {
  Config config = tiny_config();
  config.training.checkpoint_every = 3;  // as many steps as an epoch has
  TrainOptions wanted = options(temporary_ / "run");
  std::vector<bool> seen;
  wanted.on_step = [&](const Progress& progress) {
    if (progress.step == 4) seen.push_back(fs::exists((temporary_ / "run/") + step_file(3)));
    return progress.step == 5 ? Command::checkpoint : Command::proceed;
  };
  Trainer(config, data_, wanted).run();
  EXPECT_EQ(seen, std::vector<bool>{true});
}

TEST_F(TrainerTest, TheCallbackCanAskForACheckpoint) {
  TrainOptions wanted = options(temporary_ / "run");
  bool seen = false;
  wanted.on_step = [&](const Progress& progress) {
    if (progress.step == 2) seen = fs::exists((temporary_ / "run/") + step_file(1));
    return progress.step == 1 ? Command::checkpoint : Command::proceed;
  };
  Trainer(tiny_config(), data_, wanted).run();
  EXPECT_TRUE(seen);
}

TEST_F(TrainerTest, ProgressTellsWhereTheRunStands) {
  TrainOptions wanted = options("");
  std::vector<Progress> all;
  wanted.on_step = [&](const Progress& progress) {
    all.push_back(progress);
    return Command::proceed;
  };
  Trainer(tiny_config(), data_, wanted).run();
  ASSERT_EQ(all.size(), 12u);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].step, static_cast<int64_t>(i + 1));
    EXPECT_EQ(all[i].batch, static_cast<int64_t>(i % 3 + 1));
    EXPECT_EQ(all[i].epoch, static_cast<int64_t>(i / 3 + 1));
    EXPECT_EQ(all[i].epochs, 4);
    EXPECT_EQ(all[i].batches, 3);
    EXPECT_GT(all[i].loss, 0.0);
    EXPECT_LT(all[i].elbo, 0.0);
  }
}

TEST_F(TrainerTest, AnEmptyFolderNameWritesNoFiles) {
  const Config config = tiny_config();
  Model model = train(config, data_, options(""));
  go(config, temporary_ / "run");
  Model saved = Model::load((temporary_ / "run/") + step_file(12), Device::cpu(1));
  EXPECT_EQ(model.sample(3).values, saved.sample(3).values);
}

/// A run whose bounds jump up and down, with a heavy KL term that is warmed up.
Config jumping() {
  Config config = tiny_config(8);
  config.training.learning_rate = 0.3;
  config.training.beta = 5.0;
  config.training.kl_warmup_epochs = 3.0;
  return config;
}

double objective(const Metrics& metrics, double beta) {
  return metrics.reconstruction - beta * metrics.kl;
}

class BestCheckpointTest : public TrainerTest {
 protected:
  /// Trains and keeps the lines of each split.
  TrainResult train_and_listen(const Config& config) {
    lines_.clear();
    TrainOptions wanted = options(run_);
    wanted.pictures = false;
    wanted.overwrite = true;
    wanted.on_metrics = [this](const Metrics& line) { lines_[line.split].push_back(line); };
    return Trainer(config, data_, wanted).run();
  }
  /// The line of the highest objective at the final weight among those after the warm-up.
  const Metrics& expected(const Config& config, const std::string& split) {
    const std::vector<Metrics>& lines = lines_.at(split);
    const double warm_up = std::ceil(config.training.kl_warmup_epochs);
    const auto first = static_cast<std::ptrdiff_t>(warm_up) - 1;
    return *std::max_element(lines.begin() + std::max<std::ptrdiff_t>(0, first), lines.end(),
                             [&](const Metrics& a, const Metrics& b) {
                               return objective(a, config.training.beta) <
                                      objective(b, config.training.beta);
                             });
  }
  Model loaded() { return Model::load(run_, Device::cpu(1)); }
  nlohmann::json run_json() { return nlohmann::json::parse(test::read_text(run_ + "/run.json")); }

  std::string run_ = temporary_ / "run";
  std::map<std::string, std::vector<Metrics>> lines_;
};

TEST_F(BestCheckpointTest, IsTheEpochOfTheHighestObjectiveAtTheFinalWeight) {
  const Config config = jumping();
  const TrainResult result = train_and_listen(config);
  const Metrics& best = expected(config, "test");
  const std::vector<Metrics>& lines = lines_.at("test");
  const auto bound = [](const Metrics& a, const Metrics& b) { return a.elbo < b.elbo; };
  ASSERT_LT(best.epoch, 8) << "the last epoch must not be the best one in this test";
  ASSERT_NE(std::max_element(lines.begin(), lines.end(), bound)->epoch, best.epoch)
      << "nor that of the highest bound at beta 1";
  ASSERT_TRUE(result.best);
  EXPECT_EQ(result.best->epoch, best.epoch);
  EXPECT_EQ(result.best->step, best.step);
  EXPECT_EQ(result.best->objective, objective(best, 5.0));
  EXPECT_EQ(result.best->chosen_on, "test");
  Model model = loaded();
  EXPECT_EQ(model.evaluate(data_.test).elbo, best.elbo);
  EXPECT_EQ(model.checkpoint()->file, run_ + "/checkpoints/best.safetensors");
  EXPECT_EQ(model.checkpoint()->epoch, best.epoch);
  EXPECT_EQ(model.checkpoint()->step, best.step);
  EXPECT_EQ(model.checkpoint()->chosen_on, "test");
  EXPECT_EQ(model.checkpoint()->reason, "chosen on the test set");
}

TEST_F(BestCheckpointTest, IsNeverOfTheWarmUp) {
  Config config = jumping();
  config.training.learning_rate = 0.1;
  config.training.kl_warmup_epochs = 5.5;
  const TrainResult result = train_and_listen(config);
  EXPECT_EQ(result.best->epoch, expected(config, "test").epoch);
  EXPECT_EQ(loaded().checkpoint()->epoch, expected(config, "test").epoch);
  EXPECT_GE(*loaded().checkpoint()->epoch, 6);
  config.training.kl_warmup_epochs = 0.0;
  EXPECT_LT(expected(config, "test").epoch, 6) << "the highest objective of all lies within it";
}

TEST_F(BestCheckpointTest, OfARunThatEndsWithinTheWarmUpThereIsNoneAndTheNewestServes) {
  Config config = jumping();
  config.training.kl_warmup_epochs = 9.0;
  EXPECT_FALSE(train_and_listen(config).best);
  EXPECT_FALSE(fs::exists(run_ + "/checkpoints/best.safetensors"));
  Model model = loaded();
  EXPECT_EQ(model.evaluate(data_.test).elbo, lines_.at("test").back().elbo);
  EXPECT_EQ(model.checkpoint()->epoch, 8);
  EXPECT_EQ(model.checkpoint()->chosen_on, "");
  EXPECT_NE(model.checkpoint()->reason.find("warm-up of 9 epochs"), std::string::npos)
      << model.checkpoint()->reason;
  EXPECT_FALSE(run_json().contains("best"));
  EXPECT_EQ(run_json()["last"]["epoch"], 8) << "what the report shows";
}

TEST_F(BestCheckpointTest, IsChosenOnTheValidationImagesWhereThereAreSome) {
  Config config = jumping();
  config.training.validation = 9;
  const TrainResult result = train_and_listen(config);
  const Metrics& best = expected(config, "validation");
  EXPECT_EQ(result.best->epoch, best.epoch);
  EXPECT_EQ(result.best->chosen_on, "validation");
  EXPECT_EQ(result.best->objective, objective(best, 5.0));
  EXPECT_EQ(result.validation.elbo, lines_.at("validation").back().elbo);
  ASSERT_EQ(lines_.at("validation").size(), 8u);
  EXPECT_EQ(best.images, 9);
  EXPECT_EQ(lines_.at("train").back().images, 36) << "they are not trained on";
  Model model = loaded();
  EXPECT_EQ(model.checkpoint()->chosen_on, "validation");
  EXPECT_EQ(model.evaluate(data_.with_validation(9).validation).elbo, best.elbo);
  EXPECT_EQ(model.run_config().training.validation, 9);
}

TEST_F(BestCheckpointTest, ImagesThatTheCallerSetAsideServeToo) {
  data_.validation = test::blobs(11, 6, 500);
  const TrainResult result = train_and_listen(jumping());
  EXPECT_EQ(result.best->chosen_on, "validation");
  EXPECT_EQ(result.validation.images, 11);
  EXPECT_EQ(result.train.images, 45);
  Config config = jumping();
  config.training.validation = 9;
  TrainOptions wanted = options(temporary_ / "other");
  EXPECT_EQ(refusal(config, wanted), ErrorCode::invalid_argument);
  EXPECT_NE(message_.find("already"), std::string::npos) << message_;
}

TEST_F(BestCheckpointTest, FiguresAndStatisticsOfRunJsonBelongToItsWeights) {
  Config config = jumping();
  config.training.validation = 9;
  config.training.learning_rate = 1.0;
  config.training.beta = 20.0;
  const TrainResult result = train_and_listen(config);
  ASSERT_LT(result.best->epoch, 8);
  Model model = loaded();
  const Evaluation test = model.evaluate(data_.test);
  const Evaluation validation = model.evaluate(data_.with_validation(9).validation);
  const nlohmann::json best = run_json()["best"];
  EXPECT_EQ(best["epoch"], result.best->epoch);
  EXPECT_EQ(best["chosen_on"], "validation");
  EXPECT_EQ(best["objective"], result.best->objective);
  EXPECT_EQ(best["validation"]["elbo"], validation.elbo);
  EXPECT_EQ(best["test"]["elbo"], test.elbo);
  EXPECT_EQ(best["test"]["active_units"], test.active_units);
  EXPECT_EQ(best["test"]["kl_per_dimension"], nlohmann::json(test.kl_per_dimension));
  EXPECT_FALSE(run_json().contains("last"));
}

TEST_F(BestCheckpointTest, AValidationShareIsPartOfTheConfigurationOfARun) {
  Config config = tiny_config();
  config.training.validation = 9;
  go(config, run_, 4);
  config.training.validation = 8;
  EXPECT_EQ(refusal(config, resumed(run_)), ErrorCode::invalid_argument);
  EXPECT_NE(message_.find("training.validation"), std::string::npos) << message_;
  config.training.validation = 0;
  EXPECT_EQ(refusal(config, resumed(run_)), ErrorCode::invalid_argument);
}

TEST_F(BestCheckpointTest, AShareThatLeavesNothingToTrainOnIsRefusedBeforeAnyWork) {
  Config config = tiny_config();
  config.training.validation = 45;
  EXPECT_EQ(refusal(config, options(run_)), ErrorCode::invalid_argument);
  EXPECT_FALSE(fs::exists(run_));
}

TEST_F(BestCheckpointTest, ADeletedOneIsReplacedByTheNextCandidate) {
  go(tiny_config(), run_, 6);
  fs::remove(run_ + "/checkpoints/best.safetensors");
  EXPECT_TRUE(go(tiny_config(), run_).finished);
  EXPECT_GT(*loaded().checkpoint()->epoch, 2);
  EXPECT_EQ(loaded().checkpoint()->chosen_on, "test");
}

TEST_F(TrainerTest, DeletedCheckpointsAreMissedByAResume) {
  const std::string run = temporary_ / "run";
  for (const int64_t stop : {int64_t{2}, int64_t{7}, kNever}) {
    go(tiny_config(), run, stop);
    const std::string log = test::read_text(run + "/metrics.jsonl");
    fs::rename(run + "/checkpoints", run + "/away");
    EXPECT_EQ(refusal(tiny_config(), resumed(run)), ErrorCode::io);
    EXPECT_NE(message_.find("--overwrite"), std::string::npos) << message_;
    EXPECT_EQ(test::read_text(run + "/metrics.jsonl"), log) << "nothing of the run is touched";
    fs::remove_all(run + "/checkpoints");
    fs::rename(run + "/away", run + "/checkpoints");
    EXPECT_TRUE(go(tiny_config(), run).finished) << "put back, they serve";
    fs::remove_all(run);
  }
}

TEST_F(TrainerTest, DeletedCheckpointsOfAKilledRunAreMissedToo) {
  const std::string run = temporary_ / "run";
  TrainOptions wanted = options(run);
  wanted.on_step = [&](const Progress& progress) {
    if (progress.step == 5) {  // what a kill within the second epoch would leave
      fs::copy(run, run + "-killed", fs::copy_options::recursive);
    }
    return Command::proceed;
  };
  Trainer(tiny_config(), data_, wanted).run();
  EXPECT_TRUE(go(tiny_config(), run + "-killed").finished);
  fs::remove_all(run + "-killed");
  fs::remove_all(run);
  Trainer(tiny_config(), data_, wanted).run();
  fs::remove_all(run + "-killed/checkpoints");
  EXPECT_EQ(refusal(tiny_config(), resumed(run + "-killed")), ErrorCode::io);
}

TEST_F(TrainerTest, TheLossOfTheNewestCheckpointsIsSaid) {
  const std::string run = temporary_ / "run";
  go(tiny_config(), run);
  fs::remove(run + "/" + step_file(12));
  go(tiny_config(), run);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("after step 12 is gone"), std::string::npos) << warnings_[0];
}

TEST_F(TrainerTest, ResumingAFinishedRunSaysSoAndReturnsItsResult) {
  const std::string run = temporary_ / "run";
  const TrainResult first = go(tiny_config(), run);
  const auto before = test::read_tree(run);
  const TrainResult again = go(tiny_config(), run);
  EXPECT_TRUE(again.finished);
  EXPECT_EQ(again.steps, 12);
  EXPECT_EQ(again.test.elbo, first.test.elbo);
  EXPECT_EQ(again.train.elbo, first.train.elbo);
  ASSERT_EQ(infos_.size(), 1u);
  EXPECT_NE(infos_[0].find("is finished"), std::string::npos) << infos_[0];
  EXPECT_TRUE(before == test::read_tree(run));
}

TEST_F(TrainerTest, AFinishedRunGoesOnWithMoreEpochs) {
  go(tiny_config(6), temporary_ / "whole");
  go(tiny_config(3), temporary_ / "run");
  go(tiny_config(6), temporary_ / "run");
  expect_same(temporary_ / "whole", temporary_ / "run");
}

TEST_F(TrainerTest, EverySettingOfTheOptimizerGoesOnToTheBit) {
  Config config = tiny_config(4);
  config.training.learning_rate_warmup_epochs = 1.5;
  config.training.weight_decay = 0.1;
  config.training.skip_norm = 1.02;
  config.training.ema = 0.9;
  pictures_ = false;
  EXPECT_GT(go(config, temporary_ / "whole").train.skipped_steps, 0);
  for (const int64_t stop : {1, 2, 4, 5}) {
    const std::string run = temporary_ / ("run" + std::to_string(stop));
    go(config, run, stop);
    go(config, run);
    expect_same(temporary_ / "whole", run);
  }
  config.training.ema = 0.8;
  EXPECT_EQ(refusal(config, resumed(temporary_ / "whole")), ErrorCode::invalid_argument);
  EXPECT_NE(message_.find("training.ema: the run has 0.9"), std::string::npos) << message_;
}

TEST_F(TrainerTest, MuonGoesOnToTheBitAndNotAsAdam) {
  Config config = tiny_config(4);
  config.training.optimizer = Optimizer::muon;
  config.training.weight_decay = 0.1;
  config.training.skip_norm = 1.02;
  pictures_ = false;
  go(config, temporary_ / "whole");
  for (const int64_t stop : {1, 4, 5}) {
    const std::string run = temporary_ / ("run" + std::to_string(stop));
    go(config, run, stop);
    go(config, run);
    expect_same(temporary_ / "whole", run);
  }
  config.training.optimizer = Optimizer::adam;
  EXPECT_EQ(refusal(config, resumed(temporary_ / "whole")), ErrorCode::invalid_argument);
  EXPECT_NE(message_.find("training.optimizer"), std::string::npos) << message_;
}

TEST_F(TrainerTest, ACosineScheduleCannotBeMadeLonger) {
  Config config = tiny_config(3);
  config.training.schedule = LearningRateSchedule::cosine;
  go(config, temporary_ / "run");
  config.training.epochs = 6;
  EXPECT_EQ(refusal(config, resumed(temporary_ / "run")), ErrorCode::invalid_argument);
  EXPECT_NE(message_.find("cosine"), std::string::npos) << message_;
}

TEST_F(TrainerTest, ResumingWithOtherKeysListsThemAll) {
  const std::string run = temporary_ / "run";
  go(tiny_config(), run, 2);
  const auto before = comparable_files(run);
  Config config = tiny_config();
  config.training.learning_rate = 0.5;
  config.training.seed = 77;
  config.model.latent = 3;
  EXPECT_EQ(refusal(config, resumed(run)), ErrorCode::invalid_argument);
  for (const char* key : {"training.learning_rate", "training.seed", "model.latent"}) {
    EXPECT_NE(message_.find(key), std::string::npos) << message_;
  }
  EXPECT_EQ(message_.find("batch_size"), std::string::npos);
  config = tiny_config(2);
  EXPECT_EQ(refusal(config, resumed(run)), ErrorCode::invalid_argument);
  EXPECT_TRUE(before == comparable_files(run)) << "a refusal changes nothing";
}

TEST_F(TrainerTest, ResumingOnOtherDataIsRefused) {
  const std::string run = temporary_ / "run";
  go(tiny_config(), run, 2);
  data_.test = test::blobs(17, 6, 1001);
  EXPECT_EQ(refusal(tiny_config(), resumed(run)), ErrorCode::invalid_argument);
  EXPECT_NE(message_.find("fingerprint"), std::string::npos) << message_;
}

TEST_F(TrainerTest, ResumingWithOtherThreadsGivesTheSameCheckpoints) {
  go(tiny_config(), temporary_ / "whole");
  const std::string run = temporary_ / "run";
  go(tiny_config(), run, 2);
  TrainOptions wanted = resumed(run);
  wanted.device = Device::cpu(3);
  Trainer(tiny_config(), data_, wanted).run();
  EXPECT_TRUE(warnings_.empty()) << warnings_[0];
  for (const std::string& name : {step_file(9), step_file(12)}) {
    EXPECT_TRUE(test::read_text(run + "/" + name) ==
                test::read_text((temporary_ / "whole") + "/" + name))
        << name;
  }
}

/// As after a kill between two of an epoch's pictures.
TEST_F(TrainerTest, AResumeDrawsWhatIsMissingOfItsEpochsPictures) {
  const std::string run = temporary_ / "run";
  go(tiny_config(), run);
  const std::string last = run + "/images/epoch-004-map.svg";
  ASSERT_TRUE(fs::remove(last));
  go(tiny_config(), run);
  EXPECT_TRUE(fs::exists(last));
}

TEST_F(TrainerTest, ADamagedNewestCheckpointIsSetAsideAndTheOneBeforeServes) {
  go(tiny_config(), temporary_ / "whole");
  const std::string run = temporary_ / "run";
  go(tiny_config(), run, 9);
  damage(run + "/" + step_file(9));
  go(tiny_config(), run);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find(step_file(9)), std::string::npos) << warnings_[0];
  EXPECT_TRUE(fs::remove(run + "/" + step_file(9) + ".corrupt"));
  expect_same(temporary_ / "whole", run);
}

TEST_F(TrainerTest, TheBestCheckpointServesWhenAllOthersAreDamaged) {
  const std::string run = temporary_ / "run";
  go(tiny_config(), run, 6);
  damage(run + "/" + step_file(3));
  damage(run + "/" + step_file(6));
  EXPECT_TRUE(go(tiny_config(), run).finished);
  EXPECT_EQ(warnings_.size(), 2u);
}

TEST_F(TrainerTest, ARunWithoutAGoodCheckpointIsNotStartedAnewInSilence) {
  const std::string run = temporary_ / "run";
  go(tiny_config(), run, 3);
  damage(run + "/" + step_file(3));
  damage(run + "/checkpoints/best.safetensors");
  EXPECT_EQ(refusal(tiny_config(), resumed(run)), ErrorCode::corrupt);
  EXPECT_EQ(refusal(tiny_config(), resumed(run)), ErrorCode::corrupt) << "not the second time";
  TrainOptions wanted = options(run);
  wanted.overwrite = true;
  EXPECT_TRUE(Trainer(tiny_config(), data_, wanted).run().finished);
  EXPECT_FALSE(fs::exists(run + "/" + step_file(3) + ".corrupt"));
}

TEST_F(TrainerTest, ARunStoppedBeforeItsFirstCheckpointStartsAtStepZero) {
  go(tiny_config(), temporary_ / "whole");
  const std::string run = temporary_ / "run";
  { Trainer killed(tiny_config(), data_, options(run)); }
  test::write_text(run + "/metrics.jsonl", R"({"epoch":1,"split":"train","step":3})"
                                           "\n{\"epo");
  EXPECT_TRUE(go(tiny_config(), run).finished);
  expect_same(temporary_ / "whole", run);
}

TEST_F(TrainerTest, ANonEmptyFolderIsRefused) {
  go(tiny_config(), temporary_ / "run", 1);
  EXPECT_EQ(refusal(tiny_config(), options(temporary_ / "run")), ErrorCode::invalid_argument);
  EXPECT_NE(message_.find("--resume"), std::string::npos) << message_;
}

TEST_F(TrainerTest, OverwriteStartsAnew) {
  go(tiny_config(), temporary_ / "whole");
  go(tiny_config(9), temporary_ / "run");
  TrainOptions wanted = options(temporary_ / "run");
  wanted.overwrite = true;
  Trainer(tiny_config(), data_, wanted).run();
  expect_same(temporary_ / "whole", temporary_ / "run");
}

TEST_F(TrainerTest, TwoTrainersOnOneFolderAreTooMany) {
  const Trainer first(tiny_config(), data_, options(temporary_ / "run"));
  EXPECT_EQ(refusal(tiny_config(), options(temporary_ / "run")), ErrorCode::busy);
  EXPECT_EQ(refusal(tiny_config(), resumed(temporary_ / "run")), ErrorCode::busy);
}

/// The caller's own loop: what happens between two calls of run() and in a callback leaves the same
/// bits as one call.
TEST_F(TrainerTest, RunGoesOnAfterAStopAndTheModelMayBeUsedMeanwhile) {
  TrainOptions wanted;
  wanted.device = Device::cpu(1);
  Trainer whole(tiny_config(3), data_, wanted);
  const TrainResult expected = whole.run();
  Trainer* running = nullptr;
  wanted.on_step = [&](const Progress& progress) {
    running->model().sample(50);
    return progress.step % 2 == 0 || progress.batch == progress.batches ? Command::stop
                                                                        : Command::proceed;
  };
  wanted.on_metrics = [&](const Metrics&) { running->model().encode(data_.test); };
  Trainer parts(tiny_config(3), data_, wanted);
  running = &parts;
  int calls = 1;
  TrainResult result = parts.run();
  for (; !result.finished; result = parts.run()) {
    parts.model().reconstruct(data_.test);
    ++calls;
  }
  EXPECT_EQ(calls, 6) << "nine steps, stopped after 2, 3, 4, 6, 8 and 9";
  EXPECT_EQ(result.steps, 9);
  EXPECT_EQ(result.test.elbo, expected.test.elbo);
  EXPECT_EQ(result.train.elbo, expected.train.elbo);
  EXPECT_EQ(parts.model().sample(5).values, whole.model().sample(5).values);
}

TEST_F(TrainerTest, ACheckpointThatCannotBeSavedIsTriedAgain) {
  const std::string run = temporary_ / "run";
  TrainOptions wanted = options(run);
  wanted.on_step = [&](const Progress& progress) {
    if (progress.step == 4) fs::rename(run + "/checkpoints", run + "/away");
    if (progress.step == 7) fs::rename(run + "/away", run + "/checkpoints");
    return Command::proceed;
  };
  EXPECT_TRUE(Trainer(tiny_config(), data_, wanted).run().finished);
  ASSERT_FALSE(warnings_.empty());
  EXPECT_NE(warnings_[0].find("CHECKPOINT NOT SAVED"), std::string::npos) << warnings_[0];
  EXPECT_TRUE(fs::exists(run + "/" + step_file(12)));
}

TEST_F(TrainerTest, CheckpointsThatCanNeverBeSavedAreAnError) {
  const std::string run = temporary_ / "run";
  TrainOptions wanted = options(run);
  int64_t steps = 0;
  wanted.on_step = [&](const Progress& progress) {
    steps = progress.step;
    if (progress.step == 1) fs::remove_all(run);
    return Command::proceed;
  };
  EXPECT_EQ(refusal(tiny_config(100), wanted), ErrorCode::io);
  EXPECT_EQ(steps, 9) << "three failures in a row";
}

TEST_F(TrainerTest, AnUnsavedLastCheckpointIsAnErrorAtTheEnd) {
  const std::string run = temporary_ / "run";
  TrainOptions wanted = options(run);
  wanted.on_step = [&](const Progress& progress) {
    if (progress.step == 12) fs::rename(run + "/checkpoints", run + "/away");
    return Command::proceed;
  };
  EXPECT_EQ(refusal(tiny_config(), wanted), ErrorCode::io);
  EXPECT_NE(test::read_text(run + "/run.json").find("\"failed\""), std::string::npos);
  fs::rename(run + "/away", run + "/checkpoints");
  go(tiny_config(), temporary_ / "whole");
  EXPECT_TRUE(go(tiny_config(), run).finished);
  expect_same(temporary_ / "whole", run);
}

TEST_F(TrainerTest, PicturesAndLogsThatFailOnlyWarn) {
  const std::string run = temporary_ / "run";
  TrainOptions wanted = options(run);
  wanted.on_step = [&](const Progress& progress) {
    if (progress.step == 1) {
      fs::remove_all(run + "/images");
      test::write_text(run + "/images", "in the way");
      fs::create_directories(run + "/metrics.jsonl");
    }
    return Command::proceed;
  };
  EXPECT_TRUE(Trainer(tiny_config(), data_, wanted).run().finished);
  EXPECT_TRUE(std::ranges::any_of(warnings_, [](const std::string& text) {
    return text.find("pictures") != std::string::npos;
  }));
  EXPECT_TRUE(std::ranges::any_of(warnings_, [](const std::string& text) {
    return text.find("metrics.jsonl") != std::string::npos;
  }));
  EXPECT_TRUE(fs::exists(run + "/" + step_file(12)));
}

TEST_F(TrainerTest, AnEnormousLearningRateDivergesAndLeavesGoodCheckpoints) {
  Config config = tiny_config(200);
  config.training.learning_rate = 1e9;
  const std::string run = temporary_ / "run";
  EXPECT_EQ(refusal(config, options(run)), ErrorCode::diverged);
  EXPECT_NE(test::read_text(run + "/run.json").find("\"diverged\""), std::string::npos);
  for (const auto& entry : fs::directory_iterator(run + "/checkpoints")) {
    EXPECT_NO_THROW(Model::load(entry.path().string(), Device::cpu(1))) << entry.path();
  }
}

}  // namespace
}  // namespace vae
