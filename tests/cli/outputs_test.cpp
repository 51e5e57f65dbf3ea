// SPDX-License-Identifier: MIT
//
// The verbs that turn a model into pictures and latents.
#include <algorithm>
#include <cstring>
#include <limits>

#include "tests/cli/cli_test.h"
#include "vae/array.h"
#include "vae/dataset.h"
#include "vae/image.h"
#include "vae/latent.h"
#include "vae/model.h"

namespace vae::test {
namespace {

class OutputsTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    run_ = trained("run");
  }

  /// Runs `vae VERB RUN ...` that must succeed without a word on standard output.
  void make(std::vector<std::string> words, bool with_data = true) const {
    words.insert(words.begin() + 1, run_);
    if (with_data) words.insert(words.end(), {"--data", data()});
    const Outcome outcome = run_vae(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }

  Image picture(const std::string& name) const { return load_png(path(name)); }

  std::string run_;
};

TEST_F(OutputsTest, SampleDrawsAGridThatDependsOnTheSeedOnly) {
  make({"sample", "--count", "6", "--seed", "5", "--scale", "1", "--out", path("a.png")}, false);
  make({"sample", "--count", "6", "--seed", "5", "--scale", "1", "--out", path("b.png")}, false);
  make({"sample", "--count", "6", "--seed", "6", "--scale", "1", "--out", path("c.png")}, false);
  EXPECT_EQ(picture("a.png"), picture("b.png"));
  EXPECT_NE(picture("a.png"), picture("c.png"));
  EXPECT_GE(picture("a.png").width, 3 * 8);
  make({"sample", "--count", "6", "--out", path("s.npy")}, false);
  EXPECT_EQ(load_npy(path("s.npy")).shape, (std::vector<int64_t>{6, 64}));
}

TEST_F(OutputsTest, ScaleEnlargesByAWholeFactor) {
  make({"sample", "--count", "4", "--scale", "1", "--out", path("a.png")}, false);
  make({"sample", "--count", "4", "--scale", "3", "--out", path("b.PNG")}, false);
  EXPECT_EQ(picture("b.PNG"), enlarge(picture("a.png"), 3));
}

TEST_F(OutputsTest, ScaleIsChosenSoThatPicturesAreAboutFiveHundredPixelsWide) {
  make({"sample", "--count", "1024", "--columns", "32", "--out", path("a.png")}, false);
  make({"sample", "--count", "32", "--columns", "32", "--out", path("b.png")}, false);
  EXPECT_EQ(picture("a.png").width, 2 * (32 * 9 + 1));  // 289 pixels are nearer to 500 twice
  EXPECT_EQ(picture("b.png").width, 2 * (32 * 9 + 1));
  make({"sample", "--count", "4", "--columns", "4", "--out", path("c.png")}, false);
  EXPECT_EQ(picture("c.png").width, 14 * (4 * 9 + 1));
}

TEST_F(OutputsTest, ReconstructPutsInputsAboveOutputs) {
  make({"reconstruct", "--count", "4", "--binarization", "none", "--scale", "1", "--out",
        path("r.png")});
  make({"reconstruct", "--count", "4", "--binarization", "none", "--out", path("r.npy")});
  const Array outputs = load_npy(path("r.npy"));
  ASSERT_EQ(outputs.shape, (std::vector<int64_t>{4, 64}));
  std::vector<Image> cells;
  const std::string idx = read("data/t10k-images-idx3-ubyte");
  for (std::size_t i = 0; i < 4; ++i) {
    const auto begin = idx.begin() + static_cast<std::ptrdiff_t>(16 + 64 * i);
    cells.push_back({8, 8, 1, std::vector<uint8_t>(begin, begin + 64)});
  }
  for (Image& image : to_images(outputs, 8, 8, 1)) cells.push_back(std::move(image));
  EXPECT_EQ(picture("r.png"), make_grid(cells, 4));
}

TEST_F(OutputsTest, InterpolateStartsAndEndsAtTheTwoImages) {
  for (const std::string& way : {std::string("linear"), std::string("spherical")}) {
    for (const std::vector<std::string>& input : {std::vector<std::string>(),
                                                  {"--binarization", "dynamic"},
                                                  {"--binarization", "static"}}) {
      std::vector<std::string> walk_words = {"interpolate", "--from",  "3",          "--to",
                                             "9",           "--steps", "5",          "--path",
                                             way,           "--out",   path("i.npy")};
      walk_words.insert(walk_words.end(), input.begin(), input.end());
      make(walk_words);
      std::vector<std::string> words = {"reconstruct", "--count", "10", "--out", path("r.npy")};
      words.insert(words.end(), input.begin(), input.end());
      make(words);
      const Array walk = load_npy(path("i.npy"));
      const Array ends = load_npy(path("r.npy"));
      ASSERT_EQ(walk.rows(), 5);
      for (int64_t i = 0; i < 64; ++i) {
        EXPECT_EQ(walk.row(0)[i], ends.row(3)[i]) << way;
        EXPECT_EQ(walk.row(4)[i], ends.row(9)[i]) << way;
      }
    }
  }
  make({"interpolate", "--steps", "5", "--path", "spherical", "--out", path("i.png")});
  make({"interpolate", "--steps", "5", "--out", path("i.gif")});
  EXPECT_EQ(read("i.gif").substr(0, 3), "GIF");
  EXPECT_GT(picture("i.png").width, picture("i.png").height);
}

TEST_F(OutputsTest, TraverseDrawsARowForEachDimension) {
  make({"traverse", "--steps", "7", "--scale", "1", "--out", path("t.png")});
  EXPECT_GE(picture("t.png").width, 7 * 8);
  EXPECT_GE(picture("t.png").height, 3 * 8);
  EXPECT_LT(picture("t.png").height, 4 * 8);
  make({"traverse", "--index", "2", "--dimensions", "2,0", "--scale", "1", "--out", path("u.png")});
  EXPECT_LT(picture("u.png").height, 3 * 8);
  make({"traverse", "--index", "2", "--out", path("t.gif")});
  EXPECT_EQ(read("t.gif").substr(0, 3), "GIF");
  expect_failure(run_vae({"traverse", run_, "--dimensions", "3", "--out", path("x.png")}), 2,
                 {"no dimension 3"});
}

TEST_F(OutputsTest, TraverseSortsDimensionsByTheKlAndSaysWhich) {
  const std::vector<double> kl = Model::load(run_, Device::cpu(1)).checkpoint()->kl_per_dimension;
  ASSERT_EQ(kl.size(), 3u);
  const nlohmann::json summary =
      json_of({"traverse", run_, "--steps", "3", "--scale", "1", "--json", "--out", path("t.png")});
  const auto order = summary["dimensions"].get<std::vector<std::size_t>>();
  ASSERT_EQ(order.size(), 3u);
  EXPECT_GE(kl[order[0]], kl[order[1]]);
  EXPECT_GE(kl[order[1]], kl[order[2]]);
  EXPECT_EQ(order[0] + order[1] + order[2], 3u) << "each of them once";
  // Rows of 8 pixels have no room for text, rows of 24 have it beside the same pictures.
  make({"traverse", "--steps", "3", "--scale", "3", "--out", path("l.png")}, false);
  const Image labelled = picture("l.png"), plain = enlarge(picture("t.png"), 3);
  ASSERT_EQ(labelled.height, plain.height);
  const int64_t left = labelled.width - plain.width;
  EXPECT_GT(left, 80) << "z0  KL 0.00";
  for (int64_t y = 0; y < plain.height; ++y) {
    for (int64_t x = 0; x < plain.width; ++x) {
      ASSERT_EQ(labelled.pixels[static_cast<std::size_t>(y * labelled.width + left + x)],
                plain.pixels[static_cast<std::size_t>(y * plain.width + x)]);
    }
  }
}

TEST_F(OutputsTest, TraverseMeasuresTheKlThatACheckpointDoesNotTell) {
  Model::load(run_, Device::cpu(1)).save(path("weights.safetensors"));
  const std::vector<std::string> words = {
      "traverse", path("weights.safetensors"), "--steps", "3", "--json", "--out", path("t.png")};
  const Outcome untold = run_vae(words);
  EXPECT_EQ(untold.status, 0) << untold.err;
  EXPECT_TRUE(contains(untold.err, "--data measures")) << untold.err;
  EXPECT_EQ(nlohmann::json::parse(untold.out)["dimensions"], (std::vector<std::size_t>{0, 1, 2}));
  std::vector<std::string> with_data = words;
  with_data.insert(with_data.end(), {"--data", data()});
  EXPECT_EQ(json_of(with_data)["dimensions"],
            json_of({"traverse", run_, "--json", "--out", path("u.png")})["dimensions"]);
}

TEST_F(OutputsTest, TraverseStandsAtTheCodeOfTheImage) {
  make({"traverse", "--index", "6", "--dimensions", "1", "--range", "2", "--steps", "3", "--scale",
        "1", "--out", path("t.png")});
  Model model = Model::load(run_, Device::cpu(1));
  const ImageSet image = Dataset::load(data()).test.slice(6, 1);
  const Array pixels = model.decode(traverse_dimension(model.encode(image).mean, 1, 2.0, 3));
  EXPECT_EQ(picture("t.png"), make_grid(to_images(pixels, 8, 8, 1), 3));
}

TEST_F(OutputsTest, ManifoldNeedsATwoDimensionalLatent) {
  expect_failure(run_vae({"manifold", run_, "--out", path("m.png")}), 2,
                 {"3 dimensions", "--latent 2"});
  const std::string plane = trained("plane", {"--latent", "2"});
  EXPECT_EQ(
      run_vae({"manifold", plane, "--side", "5", "--scale", "1", "--out", path("m.png")}).status,
      0);
  EXPECT_GE(picture("m.png").width, 5 * 8);
  EXPECT_EQ(picture("m.png").width, picture("m.png").height);
}

TEST_F(OutputsTest, EncodeAndDecodeAreTheTwoHalvesOfReconstruct) {
  make({"encode", "--out", path("z.npy"), "--limit", "6"});
  const Array mean = load_npy(path("z.npy"));
  const Array logvar = load_npy(path("z.logvar.npy"));
  EXPECT_EQ(mean.shape, (std::vector<int64_t>{6, 3}));
  EXPECT_EQ(logvar.shape, mean.shape);
  EXPECT_NE(logvar.values, mean.values);
  make({"decode", path("z.npy"), "--out", path("x.npy")}, false);
  make({"reconstruct", "--count", "6", "--out", path("r.npy")});
  const Array decoded = load_npy(path("x.npy")), reconstructed = load_npy(path("r.npy"));
  EXPECT_EQ(decoded.shape, reconstructed.shape);
  EXPECT_EQ(decoded.values, reconstructed.values);
  make({"decode", path("z.npy"), "--columns", "6", "--scale", "1", "--out", path("x.png")}, false);
  EXPECT_GE(picture("x.png").width, 6 * 8);
}

TEST_F(OutputsTest, FourCopiesOfAPictureHaveOneCode) {
  Image picture{8, 8, 1, std::vector<uint8_t>(64)};
  for (std::size_t i = 0; i < 64; ++i) picture.pixels[i] = static_cast<uint8_t>(i * 4);
  std::filesystem::create_directory(path("copies"));
  for (const char* name : {"copies/0.png", "copies/1.png", "copies/2.png", "copies/3.png"}) {
    save_png(path(name), picture);
  }
  make({"encode", "--images", path("copies"), "--out", path("z.npy")}, false);
  const Array codes = load_npy(path("z.npy"));
  ASSERT_EQ(codes.rows(), 4);
  for (int64_t row = 1; row < 4; ++row) {
    EXPECT_TRUE(std::equal(codes.row(0), codes.row(1), codes.row(row))) << row;
  }
  make({"encode", "--images", path("copies"), "--binarization", "dynamic", "--out", path("d.npy")},
       false);
  const Array drawn = load_npy(path("d.npy"));
  EXPECT_FALSE(std::equal(drawn.row(0), drawn.row(1), drawn.row(1))) << "draws were asked for";
}

TEST_F(OutputsTest, TheLibraryEncodesAsTheProgramDoes) {
  const std::string cut = trained("cut", {"--binarization", "threshold"});
  for (const std::string& run : {run_, cut}) {
    Model model = Model::load(run, Device::cpu(1));
    const ImageSet images = Dataset::load(data()).test;
    const auto encoded = [&](const std::vector<std::string>& more) {
      std::vector<std::string> words = {"encode", run,         "--data", data(),  "--device",
                                        "cpu",    "--threads", "1",      "--out", path("z.npy")};
      words.insert(words.end(), more.begin(), more.end());
      const Outcome outcome = run_vae(words);
      EXPECT_EQ(outcome.status, 0) << outcome.err;
      return load_npy(path("z.npy")).values;
    };
    EXPECT_EQ(encoded({}), model.encode(images).mean.values);
    EXPECT_EQ(encoded({"--binarization", "dynamic"}),
              model.encode(images, Binarization::dynamic).mean.values);
    EXPECT_EQ(encoded({"--binarization", "static", "--seed", "9"}),
              model.encode(images, Binarization::fixed, 9).mean.values);
  }
}

TEST_F(OutputsTest, EncodeReadsImageFiles) {
  make({"encode", "--images", data() + "/t10k-images-idx3-ubyte", "--out", path("a.npy")}, false);
  make({"encode", "--out", path("b.npy")});
  EXPECT_EQ(load_npy(path("a.npy")).values, load_npy(path("b.npy")).values);
  expect_failure(
      run_vae({"encode", run_, "--images", data(), "--data", data(), "--out", path("c.npy")}), 2,
      {"--data or --images"});
}

TEST_F(OutputsTest, DecodeRefusesLatentsOfAnotherWidth) {
  save_npy(path("z.npy"), {{2, 4}, std::vector<float>(8, 0.0f)});
  expect_failure(
      run_vae({"decode", run_, path("z.npy"), "--device", "cpu", "--out", path("x.png")}), 3,
      {"[2, 4]", "[n, 3]"});
  write("bad.npy", "no array");
  expect_failure(run_vae({"decode", run_, path("bad.npy"), "--out", path("x.png")}), 3,
                 {"bad.npy"});
}

TEST_F(OutputsTest, DecodeRefusesWhatIsNoNumberAndSaysWhere) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    save_npy(path("z.npy"), {{2, 3}, {0, 0, 0, 0, bad, 0}});
    expect_failure(run_vae({"decode", run_, path("z.npy"), "--out", path("x.png")}), 3,
                   {"z.npy", "row 1, column 1"});
  }
  EXPECT_FALSE(exists("x.png"));
}

TEST_F(OutputsTest, DecodeReadsFortranOrder) {
  make({"encode", "--out", path("z.npy"), "--limit", "4"});
  const Array codes = load_npy(path("z.npy"));
  std::string file = read("z.npy");
  const std::size_t order = file.find("False, ");
  ASSERT_NE(order, std::string::npos);
  file.replace(order, 7, "True,  ");
  std::vector<float> columns;  // the first index runs fastest
  for (int64_t column = 0; column < 3; ++column) {
    for (int64_t row = 0; row < 4; ++row) columns.push_back(codes.row(row)[column]);
  }
  std::memcpy(file.data() + file.size() - columns.size() * sizeof(float), columns.data(),
              columns.size() * sizeof(float));
  write("f.npy", file);
  make({"decode", path("z.npy"), "--out", path("x.npy")}, false);
  make({"decode", path("f.npy"), "--out", path("y.npy")}, false);
  EXPECT_EQ(load_npy(path("x.npy")).values, load_npy(path("y.npy")).values);
}

TEST_F(OutputsTest, AnOutputThatCannotBeWrittenIsRefusedBeforeTheModelIsRead) {
  // The run does not exist either: the output is what the message is about.
  const std::string none = path("no-run");
  expect_failure(run_vae({"sample", none, "--out", path("s.jpg")}), 2,
                 {"s.jpg", ".png or .gif or .npy or .npz"});
  expect_failure(run_vae({"sample", none, "--out", path("s")}), 2,
                 {".png or .gif or .npy or .npz"});
  expect_failure(run_vae({"sample", none, "--out", path("none/s.png")}), 4, {"none"});
  std::filesystem::create_directory(path("folder.png"));
  expect_failure(run_vae({"sample", none, "--out", path("folder.png")}), 4, {"folder.png"});
}

TEST_F(OutputsTest, MissingAndBrokenRunsHaveTheirOwnStatus) {
  expect_failure(run_vae({"sample", path("no-run"), "--out", path("s.png")}), 4, {"no-run"});
  std::string bytes = read("run/checkpoints/" + checkpoints("run").front());
  ASSERT_FALSE(bytes.empty());
  bytes[bytes.size() - 100] ^= 1;
  write("broken.safetensors", bytes);
  expect_failure(run_vae({"sample", path("broken.safetensors"), "--out", path("s.png")}), 3,
                 {"broken.safetensors"});
  write("not.safetensors", "<html>");
  expect_failure(run_vae({"eval", path("not.safetensors"), "--data", data()}), 3,
                 {"not.safetensors"});
  EXPECT_FALSE(exists("s.png"));
}

TEST_F(OutputsTest, AnImageThatIsNotThereIsAUsageError) {
  expect_failure(
      run_vae({"interpolate", run_, "--data", data(), "--to", "32", "--out", path("i.png")}), 2,
      {"--to", "0..31"});
  expect_failure(
      run_vae({"traverse", run_, "--data", data(), "--index", "99", "--out", path("t.png")}), 2,
      {"--index", "0..31"});
}

}  // namespace
}  // namespace vae::test
