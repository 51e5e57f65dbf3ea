// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "host/run/metrics_log.h"
#include "tests/host/io/sample_files.h"
#include "vae/array.h"
#include "vae/image.h"
#include "vae/model.h"
#include "vae/report.h"

namespace vae {
namespace {

using nlohmann::json;

class InspectTest : public ::testing::Test {
 protected:
  json inspect_file(const std::string& name) { return json::parse(inspect(folder_.file(name))); }
  void write(const std::string& name, const test::Bytes& content) {
    test::write_plainly(folder_.file(name), content);
  }

  test::TemporaryFolder folder_;
};

ModelConfig small_model() {
  ModelConfig config;
  config.height = config.width = 4;
  config.encoder = config.decoder = {8};
  config.latent = 3;
  return config;
}

TEST_F(InspectTest, ACheckpointTellsItsConfigurationAndParameters) {
  const Model model(small_model(), Device::cpu(1));
  model.save(folder_.file("model.safetensors"));
  const json found = inspect_file("model.safetensors");
  EXPECT_EQ(found["kind"], "checkpoint");
  EXPECT_EQ(found["checksum_verified"], true);
  EXPECT_EQ(found["parameters"], model.parameter_count());
  EXPECT_EQ(found["config"]["model"]["latent"], 3);
  EXPECT_EQ(found["network"], "16-8-3-8-16");
  EXPECT_EQ(found["layers"][0],
            json({{"name", "encoder.0"}, {"layer", "8"}, {"shape", {8}}, {"parameters", 136}}));
  EXPECT_EQ(found["layers"].back()["shape"], json({4, 4, 1}));
  EXPECT_EQ(found["bytes"], std::filesystem::file_size(folder_.file("model.safetensors")));
  EXPECT_TRUE(found["training"].is_null());
}

TEST_F(InspectTest, ADamagedCheckpointIsAnError) {
  Model(small_model(), Device::cpu(1)).save(folder_.file("model.safetensors"));
  const auto content = test::to_bytes(test::read_plainly(folder_.file("model.safetensors")));
  write("model.safetensors", test::flip_bit(content, content.size() * 8 - 9));
  test::expect_error(ErrorCode::corrupt, [&] { inspect_file("model.safetensors"); },
                     {"model.safetensors", "checksum"});
}

TEST_F(InspectTest, ACheckpointCutOffInItsHeaderIsAnError) {
  Model(small_model(), Device::cpu(1)).save(folder_.file("model.safetensors"));
  const auto content = test::to_bytes(test::read_plainly(folder_.file("model.safetensors")));
  write("cut.safetensors", test::Bytes(content.begin(), content.begin() + 300));
  test::expect_error(ErrorCode::corrupt, [&] { inspect_file("cut.safetensors"); },
                     {"cut.safetensors", "damaged"});
}

TEST_F(InspectTest, SafetensorsOfOtherProgramsAreListed) {
  write("other.safetensors",
        test::make_safetensors(R"({"w":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}})",
                               test::Bytes(12)));
  const json found = inspect_file("other.safetensors");
  EXPECT_EQ(found["kind"], "safetensors");
  EXPECT_EQ(found["values"], 6);
  EXPECT_EQ(found["tensors"][0]["type"], "F16");
  EXPECT_EQ(found["checksum_verified"], false);
}

TEST_F(InspectTest, IdxFilesTellTheirSizes) {
  const std::vector<uint8_t> values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  write("images", test::make_idx({2, 3, 2}, values));
  write("images.gz", test::make_gzip(test::make_idx({2, 3, 2}, values)));
  write("labels.gz", test::make_gzip(test::make_idx({12}, values)));
  for (const bool compressed : {false, true}) {
    const json found = inspect_file(compressed ? "images.gz" : "images");
    EXPECT_EQ(found["kind"], "idx images");
    EXPECT_EQ(found["gzip"], compressed);
    EXPECT_EQ(found["count"], 2);
    EXPECT_EQ(found["height"], 3);
    EXPECT_EQ(found["width"], 2);
    EXPECT_EQ(found["channels"], 1);
  }
  EXPECT_EQ(inspect_file("labels.gz")["kind"], "idx labels");
  EXPECT_EQ(inspect_file("labels.gz")["largest_label"], 12);
}

TEST_F(InspectTest, TruncatedIdxFilesAreErrors) {
  const test::Bytes whole = test::make_gzip(test::make_idx({2, 2, 2}, std::vector<uint8_t>(8)));
  write("cut.gz", test::Bytes(whole.begin(), whole.end() - 3));
  test::expect_error(ErrorCode::corrupt, [&] { inspect_file("cut.gz"); }, {"cut.gz"});
}

TEST_F(InspectTest, ArraysAndPicturesTellTheirShapes) {
  save_npy(folder_.file("x.npy"), Array{{2, 3}, {1, 2, 3, 4, 5, 6}});
  save_png(folder_.file("x.png"), Image{1, 2, 3, {1, 2, 3, 4, 5, 6}});
  EXPECT_EQ(inspect_file("x.npy")["shape"], json({2, 3}));
  save_npy(folder_.file("codes.npy"), Array{{2, 1, 2}, {-1, 2, 3, 4}});
  EXPECT_EQ(inspect_file("codes.npy")["shape"], json({2, 1, 2}));
  save_npy(folder_.file("images.npy"), Array{{2, 1, 2}, {0, 1, 0.5f, 0}});
  EXPECT_EQ(inspect_file("images.npy")["train_images"], 1);
  EXPECT_EQ(inspect_file("x.png")["width"], 2);
  EXPECT_EQ(inspect_file("x.png")["channels"], 3);
}

TEST_F(InspectTest, ForeignFilesAreNamed) {
  write("x.gif", test::to_bytes("GIF89a and so on"));
  EXPECT_EQ(inspect_file("x.gif")["kind"], "other");
  EXPECT_EQ(inspect_file("x.gif")["description"], "a GIF picture");
  write("empty", {});
  EXPECT_EQ(inspect_file("empty")["description"], "an empty file");
}

TEST_F(InspectTest, ARunFolderTellsItsState) {
  Metrics metrics;
  metrics.epoch = 4;
  metrics.split = "train";
  const std::string train = metrics_to_json(metrics, Binarization::dynamic);
  metrics.split = "test";
  metrics.elbo = -90.5;
  write("config.json", test::to_bytes(config_to_json(Config())));
  write("run.json", test::to_bytes(R"({"status": "stopped"})"));
  write("metrics.jsonl",
        test::to_bytes(train + "\n" + metrics_to_json(metrics, Binarization::dynamic) + "\n"));
  const json found = json::parse(inspect(folder_.path()));
  EXPECT_EQ(found["kind"], "run folder");
  EXPECT_EQ(found["epochs_done"], 4);
  EXPECT_EQ(found["last_test"]["elbo"], -90.5);
  EXPECT_EQ(found["run"]["status"], "stopped");
  EXPECT_EQ(found["binarization"], "dynamic");
}

TEST_F(InspectTest, ADataFolderTellsItsCounts) {
  write("train-images-idx3-ubyte", test::make_idx({3, 1, 2}, std::vector<uint8_t>(6)));
  write("t10k-images-idx3-ubyte", test::make_idx({1, 1, 2}, std::vector<uint8_t>(2)));
  const json found = json::parse(inspect(folder_.path()));
  EXPECT_EQ(found["kind"], "data set");
  EXPECT_EQ(found["train_images"], 3);
  EXPECT_EQ(found["labels"], false);
}

TEST_F(InspectTest, ADataSetTellsShapePixelsAndLabels) {
  write("x-train-images-idx3-ubyte",
        test::make_idx({3, 1, 2}, std::vector<uint8_t>{0, 51, 0, 0, 0, 102}));
  write("x-train-labels-idx1-ubyte", test::make_idx({3}, std::vector<uint8_t>{7, 1, 7}));
  write("x-t10k-images-idx3-ubyte", test::make_idx({1, 1, 2}, std::vector<uint8_t>{1, 1}));
  for (const std::string& name : {folder_.path(), folder_.file("x")}) {
    const json found = json::parse(inspect(name));
    EXPECT_EQ(found["train_images"], 3);
    EXPECT_EQ(found["test_images"], 1);
    EXPECT_EQ(found["labels"], true);
    EXPECT_EQ(found["height"], 1);
    EXPECT_EQ(found["width"], 2);
    EXPECT_EQ(found["train"]["smallest_pixel"], 0);
    EXPECT_EQ(found["train"]["largest_pixel"], 102);
    EXPECT_DOUBLE_EQ(found["train"]["mean_pixel"].get<double>(), 0.1);
    EXPECT_EQ(found["train"]["images_of_label"], json({{"1", 1}, {"7", 2}}));
    EXPECT_FALSE(found["test"].contains("images_of_label"));
    EXPECT_NE(found["warnings"].dump().find("test images is 1"), std::string::npos) << found;
  }
}

TEST_F(InspectTest, TheNameMnistIsTheBundledOne) {
  const json found = json::parse(inspect("mnist"));
  EXPECT_EQ(found["train_images"], 60000);
  EXPECT_EQ(found["train"]["images_of_label"]["5"], 5421);
  EXPECT_TRUE(found["warnings"].empty()) << found["warnings"];
}

TEST_F(InspectTest, MissingFilesAreIoErrors) {
  test::expect_error(ErrorCode::io, [&] { inspect_file("none"); }, {"none"});
}

}  // namespace
}  // namespace vae
