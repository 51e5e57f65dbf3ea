// SPDX-License-Identifier: MIT
//
// `vae import`: checkpoints that another program changed.
#include <cstring>

#include "tests/cli/cli_test.h"
#include "vae/model.h"

namespace vae::test {
namespace {

class ImportTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    trained("run");
    write("changed.safetensors", with_other_weight(read("run/checkpoints/best.safetensors")));
  }
  /// Another last bit in the last number of the file; the checksum is as it was.
  static std::string with_other_weight(std::string file) {
    file[file.size() - 4] = static_cast<char>(file[file.size() - 4] ^ 1);
    return file;
  }
  Outcome import_to(const std::string& name) const {
    return run_vae({"import", path("changed.safetensors"), "--out", path(name)});
  }
};

TEST_F(ImportTest, AChangedFileIsRefusedEverywhereElseAndSaysHowToTakeItOver) {
  const std::string file = path("changed.safetensors");
  const std::string command = std::string(VAE_PROGRAM) + " import " + file + " --out " +
                              path("changed-imported.safetensors");
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"eval", file, "--data", data()},
                                             {"sample", file, "--out", path("s.png")},
                                             {"inspect", file}}) {
    expect_failure(
        run_vae(words), 3,
        {"changed.safetensors: the checksum does not agree", "take it over with: " + command});
  }
  const Outcome imported = run_shell(command);
  EXPECT_EQ(imported.status, 0) << imported.err;
  EXPECT_TRUE(exists("changed-imported.safetensors"));
}

/// A damaged checkpoint of a run is damage: a resume and who names the run get no such advice.
TEST_F(ImportTest, ARunFolderIsNeverImported) {
  write("run/checkpoints/best.safetensors", read("changed.safetensors"));
  const Outcome outcome = run_vae({"eval", path("run"), "--data", data()});
  expect_failure(outcome, 3, {"best.safetensors: the checksum does not agree"});
  EXPECT_FALSE(contains(outcome.err, "import")) << outcome.err;
  expect_failure(run_vae({"import", path("run"), "--out", path("new.safetensors")}), 2,
                 {"is a folder"});
}

TEST_F(ImportTest, WritesACheckpointWithTheChangedWeightsAndARightChecksum) {
  const Outcome outcome = import_to("new.safetensors");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(contains(outcome.err, "new.safetensors")) << outcome.err;
  const auto described = json_of({"inspect", path("new.safetensors"), "--json"});
  EXPECT_EQ(described["checksum_verified"], true);
  EXPECT_TRUE(described["training"].is_null()) << "the state belongs to the weights as they were";
  Model imported = Model::load(path("new.safetensors"), Device::cpu(1));
  Model original = Model::load(path("run"), Device::cpu(1));
  EXPECT_EQ(imported.run_config(), original.run_config());
  EXPECT_NE(imported.encode(Dataset::load(data()).test).mean.values,
            original.encode(Dataset::load(data()).test).mean.values);
}

/// A safetensors file as other programs write it, without our metadata: what is left of `file` when
/// its "__metadata__" goes.
std::string without_metadata(const std::string& file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  nlohmann::json header = nlohmann::json::parse(file.substr(8, length));
  header.erase("__metadata__");
  const std::string text = header.dump();
  length = text.size();
  std::string bytes(sizeof length, 0);
  std::memcpy(bytes.data(), &length, sizeof length);
  uint64_t old_length = 0;
  std::memcpy(&old_length, file.data(), sizeof old_length);
  return bytes + text + file.substr(8 + old_length);
}

TEST_F(ImportTest, WeightsWithoutMetadataNeedAConfiguration) {
  write("changed.safetensors", without_metadata(read("run/checkpoints/best.safetensors")));
  const std::string file = path("changed.safetensors");
  expect_failure(run_vae({"eval", file, "--data", data()}), 3,
                 {"has no checksum", "import " + file + " --config config.json --out "});
  expect_failure(import_to("new.safetensors"), 3, {"\"vae_format\"", "--config"});
  const Outcome outcome = run_vae(
      {"import", file, "--config", path("run/config.json"), "--out", path("new.safetensors")});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  Model imported = Model::load(path("new.safetensors"), Device::cpu(1));
  Model original = Model::load(path("run"), Device::cpu(1));
  EXPECT_EQ(imported.run_config(), original.run_config());
  EXPECT_EQ(imported.sample(3).values, original.sample(3).values);
}

TEST_F(ImportTest, EveryNameAndShapeThatDiffersFromTheConfigurationIsListed) {
  write("other.json", R"({"model": {"height": 8, "width": 8, "latent": 5, "encoder": [5, 4],
                          "decoder": [16]}})");
  const Outcome outcome = run_vae({"import", path("changed.safetensors"), "--config",
                                   path("other.json"), "--out", path("new.safetensors")});
  expect_failure(
      outcome, 3,
      {"encoder.0.weight: expected F32 [5, 64], found F32 [",
       "encoder.1.weight: expected F32 [4, 5], missing", "encoder.mu.bias: expected F32 [5]"});
  EXPECT_FALSE(exists("new.safetensors"));
  // 120 layers that are missing are not all listed.
  std::string widths = "4";
  for (int i = 1; i < 60; ++i) widths += ", 4";
  write("deep.json", R"({"model": {"encoder": [)" + widths + R"(], "decoder": [)" + widths + "]}}");
  const Outcome many = run_vae({"import", path("changed.safetensors"), "--config",
                                path("deep.json"), "--out", path("new.safetensors")});
  expect_failure(many, 3, {"decoder.1.weight", "and 206 more"});
  EXPECT_LT(many.err.size(), 4000u);
  write("wrong.json", R"({"model": {"latnet": 3}})");
  expect_failure(run_vae({"import", path("changed.safetensors"), "--config", path("wrong.json"),
                          "--out", path("new.safetensors")}),
                 2, {"wrong.json", "latent"});
}

TEST_F(ImportTest, AnUnchangedCheckpointKeepsItsWeights) {
  write("changed.safetensors", read("run/checkpoints/best.safetensors"));
  EXPECT_EQ(import_to("new.safetensors").status, 0);
  Model imported = Model::load(path("new.safetensors"), Device::cpu(1));
  Model original = Model::load(path("run"), Device::cpu(1));
  EXPECT_EQ(imported.sample(3).values, original.sample(3).values);
}

TEST_F(ImportTest, ChecksEverythingButTheChecksum) {
  std::string file = read("changed.safetensors");
  const std::string whole = file;
  file.resize(file.size() - 4);
  write("changed.safetensors", file);
  expect_failure(import_to("new.safetensors"), 3, {"changed.safetensors"});
  file = whole;
  file.replace(file.size() - 4, 4, std::string("\0\0\xc0\x7f", 4));  // NaN
  write("changed.safetensors", file);
  expect_failure(import_to("new.safetensors"), 3, {"not finite"});
  EXPECT_FALSE(exists("new.safetensors"));
  expect_failure(run_vae({"import", path("none.safetensors"), "--out", path("new.safetensors")}), 4,
                 {"none.safetensors"});
  expect_failure(run_vae({"import", path("changed.safetensors"), "--out", path("new.pt")}), 2,
                 {".safetensors"});
}

}  // namespace
}  // namespace vae::test
