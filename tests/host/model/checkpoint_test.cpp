// SPDX-License-Identifier: MIT
#include "host/model/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "host/io/atomic_file.h"
#include "host/io/safetensors.h"
#include "host/model/checkpoint_choice.h"
#include "host/model/network.h"
#include "kernels/backend.h"
#include "tests/host/io/sample_files.h"
#include "tests/support/effort.h"
#include "tests/support/memory_growth.h"
#include "tests/support/tiny_run.h"
#include "vae/model.h"

namespace vae {
namespace {

using test::ScratchFolder;

Config small_config() {
  Config config = test::tiny_config();
  config.model.height = config.model.width = 2;
  config.model.encoder = {3};
  config.model.decoder = {2};
  config.model.latent = 1;
  return config;
}

/// A network whose weights and moments are all different.
class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest()
      : backend_(make_backend(Device::cpu(1))),
        network_(*backend_, config_.model, {4, 1, /*training=*/true}) {
    network_.initialize(7);
    float value = 0.5f;
    for (const Parameter& parameter : parameters().all()) {
      for (const View& view : {parameter.first_moment, parameter.second_moment}) {
        std::vector<float> numbers(static_cast<std::size_t>(view.count()));
        for (float& number : numbers) number = value *= 1.01f;
        parameters().upload(view, numbers);
      }
    }
    state_.step.step = 4'000'000'000u;
    state_.step.updates = 3'999'999'990u;
    state_.step.skipped = 10;
    state_.step.skipped_in_a_row = 3;
    state_.totals = {-1234.1, 0.1 + 0.2, std::nextafter(1e17, 2e17), 0.0, 40};
    state_.steps_per_epoch = 469;
    state_.best = EpochRecord{
        7, 3283, Bound{-78.7654321, 1.0 / 3.0}, {-80.1, 0.1 + 0.2}, 2, {1.0 / 7.0, 1e-300}};
    state_.data_name = "blobs";
    state_.data_fingerprint = "0123456789abcdef";
  }

  Parameters& parameters() { return network_.parameters(); }
  void write(const TrainingState* state) { write_checkpoint(path_, parameters(), config_, state); }
  std::vector<float> all_numbers() {
    std::vector<float> numbers;
    for (const Parameter& parameter : parameters().all()) {
      for (const View& view : {parameter.value, parameter.first_moment, parameter.second_moment}) {
        const std::vector<float> part = parameters().download(view);
        numbers.insert(numbers.end(), part.begin(), part.end());
      }
    }
    return numbers;
  }
  void clear() {
    for (const View& view :
         {parameters().values(), parameters().first_moments(), parameters().second_moments()}) {
      backend_->fill_zero(view.data, static_cast<std::size_t>(view.count()) * sizeof(float));
    }
  }
  /// Rewrites the file with other tensors or metadata, with a right checksum.
  template <typename Change>
  void rewrite(Change change) {
    SafetensorsFile file = read_safetensors(path_);
    file.metadata.erase("checksum");
    change(file);
    write_file_atomically(path_, write_safetensors(file.tensors, file.metadata));
  }
  /// The message of the Error(corrupt) that reading and restoring gives; empty when none.
  std::string refusal(bool moments = true) {
    try {
      const Checkpoint checkpoint = Checkpoint::read(path_);
      moments ? checkpoint.restore(parameters()) : checkpoint.restore_model(parameters());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt) << error.what();
      return error.what();
    }
    return {};
  }

  ScratchFolder folder_;
  std::string path_ = folder_ / "a.safetensors";
  Config config_ = small_config();
  std::unique_ptr<Backend> backend_;
  Network network_;
  TrainingState state_;
};

TEST_F(CheckpointTest, KeepsEveryBitOfWeightsMomentsAndState) {
  config_.training.seed = std::numeric_limits<uint64_t>::max();
  config_.training.learning_rate = 0.1 + 0.2;
  const std::vector<float> before = all_numbers();
  write(&state_);
  clear();
  const Checkpoint checkpoint = Checkpoint::read(path_);
  checkpoint.restore(parameters());
  const std::vector<float> after = all_numbers();
  ASSERT_EQ(before.size(), after.size());
  EXPECT_EQ(std::memcmp(before.data(), after.data(), before.size() * sizeof(float)), 0);
  EXPECT_EQ(checkpoint.config(), config_);
  const TrainingState& state = *checkpoint.training();
  EXPECT_EQ(state.step.step, state_.step.step);
  EXPECT_EQ(state.step.updates, state_.step.updates);
  EXPECT_EQ(state.step.skipped, state_.step.skipped);
  EXPECT_EQ(state.step.skipped_in_a_row, state_.step.skipped_in_a_row);
  EXPECT_EQ(std::memcmp(&state.totals, &state_.totals, sizeof state.totals), 0);
  EXPECT_EQ(state.steps_per_epoch, state_.steps_per_epoch);
  EXPECT_EQ(state.best, state_.best);
  EXPECT_FALSE(state.best_is_of_the_old_rule);
  EXPECT_EQ(state.data_name, state_.data_name);
  EXPECT_EQ(state.data_fingerprint, state_.data_fingerprint);
}

TEST_F(CheckpointTest, SaysNothingOfDeviceAndClock) {
  write(&state_);
  const auto training = nlohmann::json::parse(read_safetensors(path_).metadata.at("training"));
  EXPECT_FALSE(training.contains("device"));
  EXPECT_FALSE(training.contains("epoch_seconds"));
}

TEST_F(CheckpointTest, ReadsThoseOfEarlierVersionsThatDid) {
  write(&state_);
  rewrite([](SafetensorsFile& file) {
    auto training = nlohmann::json::parse(file.metadata.at("training"));
    training["device"] = "a CPU, avx2, 2 threads";
    training["epoch_seconds"] = 0.25;
    file.metadata["training"] = training.dump();
  });
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(Checkpoint::read(path_).training()->data_name, "blobs");
}

TEST_F(CheckpointTest, HoldsEachParameterUnderItsNameWithoutPadding) {
  write(&state_);
  const SafetensorsFile file = read_safetensors(path_);
  EXPECT_EQ(file.metadata.at("format"), "pt");
  EXPECT_EQ(file.metadata.at("vae_format"), "1");
  std::set<std::string> expected;
  for (const Parameter& parameter : parameters().all()) {
    for (const char* prefix : {"", "adam.first_moment.", "adam.second_moment."}) {
      const std::string name = prefix + parameter.spec.name;
      expected.insert(name);
      const SafetensorsTensor* tensor = file.find(name);
      ASSERT_NE(tensor, nullptr) << name;
      EXPECT_EQ(tensor->data.size(), parameter.spec.shape.count() * sizeof(float)) << name;
    }
  }
  EXPECT_TRUE(expected.contains("encoder.mu.weight"));
  EXPECT_EQ(file.tensors.size(), expected.size());
}

/// Other programs read and write these files by name and shape: docs/checkpoint.md promises them.
TEST(CheckpointNamesTest, AreFrozen) {
  Config config = small_config();
  config.model.encoder = {5, 3};
  config.model.decoder = {6, 7};
  config.model.likelihood = Likelihood::gaussian;
  config.model.variance = Variance::learned;
  std::vector<std::string> found;
  for (const ParameterSpec& spec : parameter_specs(config.model)) {
    std::string line = spec.name;
    for (int axis = 0; axis < spec.shape.rank(); ++axis)
      line += " " + std::to_string(spec.shape[axis]);
    found.push_back(line);
  }
  EXPECT_EQ(found,
            (std::vector<std::string>{
                "encoder.0.weight 5 4", "encoder.0.bias 5", "encoder.1.weight 3 5",
                "encoder.1.bias 3", "encoder.mu.weight 1 3", "encoder.logvar.weight 1 3",
                "encoder.mu.bias 1", "encoder.logvar.bias 1", "decoder.0.weight 6 1",
                "decoder.0.bias 6", "decoder.1.weight 7 6", "decoder.1.bias 7",
                "decoder.output.weight 4 7", "decoder.output.bias 4", "decoder.log_variance 1"}));
}

TEST_F(CheckpointTest, WithoutTrainingHoldsNoMoments) {
  write(nullptr);
  const SafetensorsFile file = read_safetensors(path_);
  EXPECT_EQ(file.tensors.size(), parameters().all().size());
  EXPECT_FALSE(file.metadata.contains("training"));
  EXPECT_FALSE(Checkpoint::read(path_).training());
  EXPECT_EQ(refusal(/*moments=*/false), "");
}

TEST_F(CheckpointTest, IsTheSameFileWhenWrittenAgain) {
  write(&state_);
  const std::string first = test::read_text(path_);
  write(&state_);
  EXPECT_EQ(first, test::read_text(path_));
}

TEST_F(CheckpointTest, AFlippedBitAnywhereIsCorrupt) {
  write(&state_);
  const std::string good = test::read_text(path_);
  const std::string bad_path = folder_ / "bad.safetensors";
  test::write_text(bad_path, good);
  const auto stride = static_cast<std::size_t>(test::repetitions(1, 1, 9));
  for (std::size_t at = 0; at < good.size(); at += stride) {
    std::fstream file(bad_path, std::ios::binary | std::ios::in | std::ios::out);
    const auto put = [&](char byte) {
      file.seekp(static_cast<std::streamoff>(at)).put(byte).flush();
      ASSERT_TRUE(file);
    };
    put(static_cast<char>(good[at] ^ (1 << (at * 5 % 8))));
    try {
      Checkpoint::read(bad_path);
      ADD_FAILURE() << "byte " << at << " of " << good.size() << " was changed and not noticed";
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::corrupt) << "byte " << at << ": " << error.what();
      ASSERT_NE(std::string(error.what()).find("bad.safetensors"), std::string::npos);
    }
    put(good[at]);
  }
}

TEST_F(CheckpointTest, TruncationAnywhereIsCorrupt) {
  write(&state_);
  const std::string good = test::read_text(path_);
  const std::string bad_path = folder_ / "bad.safetensors";
  test::write_text(bad_path, good);
  const auto stride = static_cast<std::size_t>(test::repetitions(1, 1, 7));
  for (std::size_t cut = 1; cut <= good.size(); cut += stride) {
    const std::size_t length = good.size() - cut;
    std::filesystem::resize_file(bad_path, length);
    try {
      Checkpoint::read(bad_path);
      ADD_FAILURE() << "the first " << length << " of " << good.size() << " bytes were accepted";
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::corrupt) << length << " bytes: " << error.what();
    }
  }
}

TEST_F(CheckpointTest, ListsEveryDifferenceAndChangesNothing) {
  write(&state_);
  std::vector<float> zeros(64, 0.0f);
  std::vector<double> doubles(64, 0.0);
  rewrite([&](SafetensorsFile& file) {
    std::erase_if(file.tensors, [](const SafetensorsTensor& tensor) {
      return tensor.name == "encoder.0.weight" || tensor.name == "encoder.mu.bias" ||
             tensor.name == "decoder.output.bias" ||
             tensor.name == "adam.second_moment.decoder.0.bias";
    });
    file.tensors.push_back(
        make_tensor<float>("encoder.0.weight", {4, 3}, std::span<const float>(zeros).first(12)));
    file.tensors.push_back(
        make_tensor<double>("encoder.mu.bias", {1}, std::span<const double>(doubles).first(1)));
    file.tensors.push_back(
        make_tensor<float>("stranger\x1b[2J", {2}, std::span<const float>(zeros).first(2)));
  });
  const std::vector<float> before = all_numbers();
  const std::string message = refusal();
  EXPECT_EQ(all_numbers(), before);
  EXPECT_NE(message.find("encoder.0.weight: expected F32 [3, 4], found F32 [4, 3]"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("encoder.mu.bias: expected F32 [1], found F64 [1]"), std::string::npos);
  EXPECT_NE(message.find("decoder.output.bias: expected F32 [4], missing"), std::string::npos);
  EXPECT_NE(message.find("adam.second_moment.decoder.0.bias: expected F32 [2], missing"),
            std::string::npos);
  EXPECT_NE(message.find("stranger"), std::string::npos);
  EXPECT_EQ(message.find('\x1b'), std::string::npos) << "names must not drive the terminal";
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 5) << message;
}

/// A small file may claim a model of gigabytes. Nothing of that size is touched.
TEST_F(CheckpointTest, AClaimIsComparedWithTheTensorsBeforeTheModelIsBuilt) {
  config_.model.height = config_.model.width = 4096;
  config_.model.encoder = {65536};
  for (const TrainingState* state :
       {static_cast<const TrainingState*>(nullptr), static_cast<const TrainingState*>(&state_)}) {
    write(state);
    const int64_t growth = test::memory_growth([&] {
      try {
        Model::load(path_, Device::cpu(1));
      } catch (const Error& error) {
        const std::string part =
            "encoder.0.weight: expected F32 [65536, 16777216], found F32 [3, 4]";
        if (std::string(error.what()).find(part) != std::string::npos) return;
        throw;
      }
      throw std::runtime_error("the file was loaded");
    });
    EXPECT_GE(growth, 0);
    EXPECT_LT(growth, int64_t{64} << 20);
  }
}

TEST_F(CheckpointTest, RefusesToLoadNumbersThatAreNotFinite) {
  for (const float number :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    write(&state_);
    std::vector<float> bad;
    rewrite([&](SafetensorsFile& file) {
      bad = file.values<float>("decoder.0.weight");
      bad[1] = number;
      for (SafetensorsTensor& tensor : file.tensors) {
        if (tensor.name == "decoder.0.weight") tensor.data = std::as_bytes(std::span(bad));
      }
    });
    const std::string message = refusal();
    EXPECT_NE(message.find("decoder.0.weight"), std::string::npos) << message;
    EXPECT_NE(message.find("index 1"), std::string::npos) << message;
  }
}

TEST_F(CheckpointTest, NumbersThatAreNotFiniteAreNeverWritten) {
  write(&state_);
  const std::string good = test::read_text(path_);
  const Parameter& parameter = parameters().find("encoder.logvar.bias");
  for (const View& view : {parameter.value, parameter.first_moment, parameter.second_moment}) {
    const std::vector<float> before = parameters().download(view);
    parameters().upload(view, std::vector<float>{std::numeric_limits<float>::quiet_NaN()});
    try {
      write(&state_);
      ADD_FAILURE() << "written";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::diverged);
      EXPECT_NE(std::string(error.what()).find("encoder.logvar.bias"), std::string::npos);
    }
    parameters().upload(view, before);
  }
  EXPECT_EQ(test::read_text(path_), good);
}

TEST_F(CheckpointTest, ANewerFormatIsNamedWithBothNumbers) {
  write(&state_);
  rewrite([](SafetensorsFile& file) { file.metadata["vae_format"] = "3"; });
  test::expect_error(ErrorCode::unsupported, [&] { Checkpoint::read(path_); },
                     {"format 3 is newer than this build reads (1)"});
  rewrite([](SafetensorsFile& file) { file.metadata["vae_format"] = "x"; });
  EXPECT_NE(refusal().find("\"vae_format\""), std::string::npos);
  rewrite([](SafetensorsFile& file) { file.metadata.erase("vae_format"); });
  EXPECT_NE(refusal().find("not a checkpoint of this program"), std::string::npos);
}

TEST_F(CheckpointTest, ADamagedConfigurationOrTrainingStateIsCorrupt) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"config", "{"},
      {"config", R"({"model": {"latent": -1}})"},
      {"config", R"({"model": {"latnt": 2}})"},
      {"training", "[]"},
      {"training", "{}"},
      {"training", "not JSON"},
  };
  for (const auto& [key, text] : cases) {
    write(&state_);
    rewrite([&key = key, &text = text](SafetensorsFile& file) { file.metadata[key] = text; });
    EXPECT_NE(refusal(), "") << key << " = " << text;
  }
  write(&state_);
  const auto whole = nlohmann::json::parse(read_safetensors(path_).metadata.at("training"));
  for (const auto& [key, value] : whole.items()) {
    for (const nlohmann::json& wrong :
         {nlohmann::json(nullptr), nlohmann::json({1}), nlohmann::json(-1.5)}) {
      if (wrong.is_number() && value.is_number_float()) continue;  // a number is what belongs there
      nlohmann::json changed = whole;
      changed[key] = wrong;
      rewrite([&](SafetensorsFile& file) { file.metadata["training"] = changed.dump(); });
      EXPECT_NE(refusal().find(key), std::string::npos) << key << " = " << wrong;
    }
  }
}

TEST_F(CheckpointTest, AModelSavesAndLoadsTheSameNumbers) {
  Model model(config_.model, Device::cpu(1), 5);
  model.save(path_);
  Model loaded = Model::load(path_, Device::cpu(1));
  EXPECT_EQ(loaded.config(), config_.model);
  EXPECT_EQ(model.sample(9, 3).values, loaded.sample(9, 3).values);
  EXPECT_THROW(Model::load(folder_ / "missing.safetensors"), Error);
}

TEST_F(CheckpointTest, AModelLoadsATrainingCheckpointToo) {
  write(&state_);
  Model loaded = Model::load(path_, Device::cpu(1));
  EXPECT_EQ(loaded.run_config(), config_);
}

TEST_F(CheckpointTest, OfAFolderIsTheBestOrElseTheNewest) {
  std::filesystem::create_directories(folder_ / "run/checkpoints");
  EXPECT_THROW(find_checkpoint(folder_ / "run"), Error);
  for (const char* name : {"step-00000009", "step-00000010", "step-100000000"}) {
    test::write_text(folder_ / "run/checkpoints/" + name + ".safetensors", "");
  }
  EXPECT_EQ(find_checkpoint(folder_ / "run"),
            folder_ / "run/checkpoints/step-100000000.safetensors");
  test::write_text(folder_ / "run/checkpoints/best.safetensors", "");
  EXPECT_EQ(find_checkpoint(folder_ / "run"), folder_ / "run/checkpoints/best.safetensors");
  EXPECT_EQ(find_checkpoint(path_), path_);
}

}  // namespace
}  // namespace vae
