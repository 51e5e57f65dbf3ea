// SPDX-License-Identifier: MIT
//
// `vae import`: checkpoints that another program changed.
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
  expect_failure(run_vae({"eval", path("changed.safetensors"), "--data", data()}), 3,
                 {"changed.safetensors: the checksum does not agree", "vae import"});
  expect_failure(run_vae({"inspect", path("changed.safetensors")}), 3, {"vae import"});
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
