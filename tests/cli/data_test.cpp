// SPDX-License-Identifier: MIT
//
// Data as people have them, and advice that is typed as it is printed.
#include <signal.h>

#include <algorithm>

#include "tests/cli/cli_test.h"
#include "vae/array.h"
#include "vae/image.h"
#include "vae/printable.h"

namespace vae::test {
namespace {

using nlohmann::json;

std::string be32(std::initializer_list<uint32_t> numbers) {
  std::string bytes;
  for (const uint32_t number : numbers) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 255);
  }
  return bytes;
}

class DataTest : public CliTest {
 protected:
  void move_data(const std::string& name) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::filesystem::rename(data(), path(name));
  }
};

TEST_F(DataTest, TheCommandAfterASignalGoesOn) {
  const std::string folder = "it's \"my\" data";
  move_data(folder);
  std::vector<std::string> words = train_words(
      "a run", {"--data", path(folder), "--epochs", "1000000", "--seed", "7", "--beta", "2"});
  words.insert(words.begin(), VAE_PROGRAM);
  Process process(words);
  ASSERT_TRUE(process.wait_until([&] { return !checkpoints("a run").empty(); }));
  process.signal(SIGINT);
  const Outcome stopped = process.wait();
  ASSERT_EQ(stopped.status, 130) << stopped.err;
  const std::string command = command_in(stopped.err, VAE_PROGRAM);
  const std::string before = checkpoints("a run").back();
  for (const char* part : {"--threads 1", "--device cpu", "--no-pictures", "--resume"}) {
    EXPECT_TRUE(contains(command, part)) << command;
  }
  Process again({"/bin/bash", "-c", "exec " + command});
  ASSERT_TRUE(again.wait_until([&] {
    const auto now = checkpoints("a run");
    return !now.empty() && now.back() > before;
  }));
  again.signal(SIGINT);
  const Outcome outcome = again.wait();
  EXPECT_EQ(outcome.status, 130) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "resuming")) << outcome.err;
}

TEST_F(DataTest, InspectTakesWhatTrainTakes) {
  const json found = json_of({"inspect", data(), "--json"});
  EXPECT_EQ(found["train_images"], 100);
  EXPECT_EQ(found["train"]["largest_pixel"], 230);
  const Outcome text = run_vae({"inspect", data()});
  EXPECT_TRUE(contains(text.out, "mean_pixel")) << text.out;
  for (const char* part : {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"}) {
    for (const char* prefix : {"a-", "b-"}) {
      write(std::string("data/") + prefix + part, read(std::string("data/") + part));
    }
    std::filesystem::remove(path(std::string("data/") + part));
  }
  move_data("two sets");
  const Outcome choice = run_vae({"inspect", path("two sets")});
  expect_failure(choice, 2, {"2 data sets"});
  const std::size_t begin = choice.err.find('\'');
  const std::string first = choice.err.substr(begin, choice.err.find(',', begin) - begin);
  EXPECT_EQ(run_shell("$VAE inspect " + first).status, 0) << first;
  EXPECT_EQ(run_shell("$VAE train --dry-run --data " + first).status, 0) << first;
  expect_failure(run_vae({"inspect", path("nothing")}), 4, {"nothing"});
}

TEST_F(DataTest, FloatsAndChannelsFirstAreReadAsTheyAre) {
  // 0, 0.5 and 1 as big-endian floats.
  const std::string values = be32({0, 0x3f000000, 0x3f800000, 0});
  write("data/train-images-idx3-ubyte", be32({0x0D03, 1, 2, 2}) + values);
  write("data/t10k-images-idx3-ubyte", be32({0x0D03, 1, 2, 2}) + values);
  const json found = json_of({"inspect", data(), "--json"});
  EXPECT_EQ(found["test"]["largest_pixel"], 255);
  EXPECT_NEAR(found["test"]["mean_pixel"].get<double>(), (128 + 255) / 255.0 / 4, 1e-9);
  write("planes", be32({0x0804, 2, 3, 4, 5}) + std::string(120, 'x'));
  const json planes = json_of({"inspect", path("planes"), "--json"});
  EXPECT_EQ(planes["channels"], 3);
  EXPECT_EQ(planes["width"], 5);
}

TEST_F(DataTest, AFolderOfPicturesIsEncodedInNaturalOrderWithItsNames) {
  const std::string run = trained("run");
  std::filesystem::create_directory(path("digits"));
  for (const int number : {10, 2, 1, 11, 9}) {
    std::vector<uint8_t> pixels(64, 10);
    std::fill_n(pixels.begin(), 4 * number, uint8_t{230});
    save_png(path("digits/" + std::to_string(number) + ".png"), Image{8, 8, 1, pixels});
  }
  for (const char* litter : {"._1.png", ".DS_Store", "Thumbs.db", "notes.txt", "3.png~"}) {
    write(std::string("digits/") + litter, "no picture");
  }
  write("digits/photo.webp", "RIFF");
  const std::vector<std::string> common = {"--binarization", "none", "--device", "cpu"};
  const auto encode = [&](const std::string& images, const std::string& out) {
    std::vector<std::string> words = {"encode", run, "--images", images, "--out", out};
    words.insert(words.end(), common.begin(), common.end());
    const Outcome outcome = run_vae(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.err;
  };
  const std::string said = encode(path("digits"), path("z.npy"));
  EXPECT_TRUE(contains(said, "1 pictures that are neither") && contains(said, "photo.webp"))
      << said;
  EXPECT_EQ(read("z.names.txt"), "1.png\n2.png\n9.png\n10.png\n11.png\n");
  const Array all = load_npy(path("z.npy"));
  ASSERT_EQ(all.rows(), 5);
  encode(path("digits/9.png"), path("nine.npy"));
  EXPECT_EQ(read("nine.names.txt"), "9.png\n");
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(load_npy(path("nine.npy")).row(0)[i], all.row(2)[i], 1e-5);
  }
}

TEST_F(DataTest, InvertedImagesAreSaid) {
  const std::string run = trained("run");
  std::string images = read("data/t10k-images-idx3-ubyte");
  for (std::size_t i = 16; i < images.size(); ++i) images[i] = static_cast<char>(255 - images[i]);
  write("data/t10k-images-idx3-ubyte", images);
  const Outcome outcome = run_vae({"eval", run, "--data", data()});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(contains(outcome.err, "warning: black and white seem exchanged")) << outcome.err;
  const Outcome dry = run_vae({"train", "--dry-run", "--data", data()});
  EXPECT_EQ(dry.status, 0);
  EXPECT_TRUE(contains(dry.err, "exchanged")) << dry.err;
}

TEST_F(DataTest, TextsOfFilesCannotDriveTheTerminal) {
  const std::string evil = "\x1b[2J\u009b31m\u202e\u200b\x7f";
  const auto expect_printable = [](const Outcome& outcome) {
    EXPECT_EQ(outcome.err, printable(outcome.err));
    EXPECT_EQ(outcome.out, printable(outcome.out));
  };
  write("evil.json", "{\"model\": {\"" + json(evil).dump().substr(1, json(evil).dump().size() - 2) +
                         "\": \"\\n\\u009b\"}}");
  const Outcome config = run_vae({"train", "--dry-run", "--config", path("evil.json")});
  EXPECT_EQ(config.status, 2);
  expect_printable(config);
  const std::string header =
      json({{"__metadata__", {{"author", evil}, {evil, "x\ny"}}},
            {"w" + evil, {{"dtype", "F32"}, {"shape", {1}}, {"data_offsets", {0, 4}}}}})
          .dump();
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> 8 * i & 255);
  write("evil.safetensors", file + header + std::string(4, '\0'));
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"inspect", path("evil.safetensors")},
           {"inspect", path("evil.safetensors"), "--json"},
           {"sample", path("evil.safetensors"), "--out", path("s.png")},
           {"inspect", path("no" + evil)},
           {"eval", path("no" + evil)}}) {
    expect_printable(run_vae(words));
  }
  const json listed = json_of({"inspect", path("evil.safetensors"), "--json"});
  EXPECT_EQ(listed["metadata"]["author"], evil);  // whole behind the escapes
  // A run that was made on data with such a name.
  move_data("data" + evil);
  const std::string run = trained("run", {"--data", path("data" + evil)});
  std::filesystem::create_directory(data());
  for (const char* name : {"/train-images-idx3-ubyte", "/t10k-images-idx3-ubyte"}) {
    write(std::string("data") + name, read("data" + evil + "/t10k-images-idx3-ubyte"));
  }
  const Outcome resumed = run_vae({"train", "--resume", "--out", run, "--data", data()});
  EXPECT_EQ(resumed.status, 2);
  EXPECT_TRUE(contains(resumed.err, "was trained on data\\x1b[2J")) << resumed.err;
  expect_printable(resumed);
  expect_printable(run_vae({"inspect", run}));
}

}  // namespace
}  // namespace vae::test
