// SPDX-License-Identifier: MIT
//
// Compressed files: what comes back, what is refused, and that nothing of a forged one is believed.
#include "vae/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "host/codec/vaez_file.h"
#include "host/io/xxh64.h"
#include "tests/support/codec_cases.h"
#include "tests/support/memory_growth.h"
#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/trainer.h"

namespace vae {
namespace {

using test::codec_images;
using test::codec_model;
using test::read_text;
using test::ScratchFolder;
using test::write_text;

constexpr std::size_t kHeader = 56, kSum = 8;

Model codec_of(const ModelConfig& model, int threads = 1, uint64_t seed = 3) {
  return Model(model, Device::cpu(threads), seed);
}

/// A file of `count` images.
std::string compressed(Model& model, int64_t count, const std::string& path) {
  CompressOptions options;
  options.binarization = Binarization::threshold;
  if (model.config().likelihood != Likelihood::bernoulli) {
    options.binarization = Binarization::none;
  }
  const int64_t bytes = compress(model, codec_images(model.config(), count), path, options);
  EXPECT_EQ(bytes, std::ssize(read_text(path)));
  return read_text(path);
}

/// Error(code) and its message.
void expect_error(ErrorCode code, const std::string& part, const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "nothing was thrown: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(CodecTest, ImagesComeBackAsTheyWereKept) {
  const ScratchFolder folder;
  for (const test::CodecCase& c : test::codec_cases()) {
    Model model = codec_of(c.model), reader = codec_of(c.model, 3);
    for (const int64_t count : {1, 7, 40}) {
      compressed(model, count, folder / "f.vaez");
      const ImageSet images = decompress(reader, folder / "f.vaez");
      EXPECT_EQ(images.count(), count);
      EXPECT_EQ(images.channels(), c.model.channels);
      EXPECT_EQ(test::pixels_of(images), test::kept_pixels(codec_images(c.model, count), c.kept))
          << c.name;
      EXPECT_EQ(CompressedImages(reader, folder / "f.vaez").binarization(), c.kept);
    }
  }
}

TEST(CodecTest, AFileIsTheSameFromAnyNumberOfThreads) {
  const ScratchFolder folder;
  const ModelConfig config = codec_model(Likelihood::beta_binomial, 3);
  Model one = codec_of(config, 1);
  const std::string expected = compressed(one, 1000, folder / "1.vaez");
  EXPECT_GT(static_cast<int>(expected[kHeader]), 1) << "several stacks";
  for (const int threads : {2, 3}) {
    Model other = codec_of(config, threads);
    EXPECT_EQ(compressed(other, 1000, folder / "n.vaez"), expected) << threads;
  }
}

/// A block holds at most 16,384 images.
TEST(CodecTest, BlocksFollowEachOther) {
  const ScratchFolder folder;
  ModelConfig config = codec_model(Likelihood::bernoulli);
  config.height = config.width = config.latent = 1;
  config.encoder = config.decoder = {};
  Model model = codec_of(config);
  const int64_t count = 16384 + 3;
  std::string file = compressed(model, count, folder / "f.vaez");
  const auto kept = test::kept_pixels(codec_images(config, count), Binarization::threshold);
  EXPECT_TRUE(test::pixels_of(decompress(model, folder / "f.vaez")) == kept);
  file.back() ^= 1;
  write_text(folder / "f.vaez", file);
  CompressedImages images(model, folder / "f.vaez");
  EXPECT_EQ(images.count(), count);
  const ImageSet first = images.next();
  EXPECT_EQ(first.count(), 16384) << "the first block is whole";
  EXPECT_TRUE(std::equal(first.pixels().begin(), first.pixels().end(), kept.begin()));
  expect_error(ErrorCode::corrupt, "block 2 of 2", [&] { images.next(); });
}

TEST(CodecTest, EveryBitOfAFileCounts) {
  const ScratchFolder folder;
  Model model = codec_of(codec_model(Likelihood::bernoulli));
  const std::string file = compressed(model, 6, folder / "f.vaez");
  ASSERT_LT(file.size(), 200u);
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string changed = file;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    write_text(folder / "changed.vaez", changed);
    try {
      decompress(model, folder / "changed.vaez");
      ADD_FAILURE() << "bit " << bit << " was believed";
    } catch (const Error& error) {
      const bool of_version = bit / 8 == 8;
      EXPECT_TRUE(error.code() == ErrorCode::corrupt ||
                  (of_version && error.code() == ErrorCode::unsupported))
          << bit << ' ' << error.what();
    }
  }
}

TEST(CodecTest, ACutOrContinuedFileIsRefused) {
  const ScratchFolder folder;
  Model model = codec_of(codec_model(Likelihood::bernoulli));
  const std::string file = compressed(model, 6, folder / "f.vaez");
  for (std::size_t size = 0; size < file.size(); ++size) {
    write_text(folder / "cut.vaez", file.substr(0, size));
    EXPECT_THROW(decompress(model, folder / "cut.vaez"), Error) << size;
  }
  write_text(folder / "long.vaez", file + "\n");
  expect_error(ErrorCode::corrupt, "1 bytes more",
               [&] { decompress(model, folder / "long.vaez"); });
}

TEST(CodecTest, AnotherModelReadsNothing) {
  const ScratchFolder folder;
  const ModelConfig config = codec_model(Likelihood::logistic);
  Model model = codec_of(config);
  compressed(model, 6, folder / "f.vaez");
  std::vector<ModelConfig> others(5, config);
  others[0].activation = Activation::tanh;
  others[1].likelihood = Likelihood::beta_binomial;
  others[2].logvar_max = 3.0;
  others[3].width = 7;
  others[4].encoder = {Layer(13), Layer(13)};
  for (const ModelConfig& other : others) {
    Model reader = codec_of(other);
    expect_error(ErrorCode::corrupt, "another model",
                 [&] { decompress(reader, folder / "f.vaez"); });
  }
  Model reader = codec_of(config, 1, 4);
  expect_error(ErrorCode::corrupt, "another model", [&] { decompress(reader, folder / "f.vaez"); });
  Model black_and_white = codec_of(codec_model(Likelihood::bernoulli));
  expect_error(ErrorCode::corrupt, "another model",
               [&] { decompress(black_and_white, folder / "f.vaez"); });
}

/// The file with numbers put in and checksums that are right.
template <typename Number>
std::string forged(std::string file, std::size_t place, Number number) {
  std::memcpy(file.data() + place, &number, sizeof number);
  const auto seal = [&](std::size_t begin, std::size_t end, uint64_t seed) {
    const uint64_t sum = xxh64(std::as_bytes(std::span(file.data() + begin, end - begin)), seed);
    std::memcpy(file.data() + end, &sum, sizeof sum);
  };
  seal(0, kHeader - kSum, 0);
  seal(kHeader, file.size() - kSum, 1);
  return file;
}

TEST(CodecTest, ForgedNumbersCostNoMemory) {
  const ScratchFolder folder;
  Model model = codec_of(codec_model(Likelihood::bernoulli));
  const std::string file = compressed(model, 6, folder / "f.vaez");
  const auto expect_refused = [&](const std::string& changed, const std::string& part) {
    write_text(folder / "forged.vaez", changed);
    const auto read = [&] { decompress(model, folder / "forged.vaez"); };
    expect_error(ErrorCode::corrupt, part, read);
    const int64_t growth = test::memory_growth([&] { EXPECT_THROW(read(), Error); });
    EXPECT_GE(growth, 0);
    EXPECT_LT(growth, 8 << 20) << part;
  };
  for (const int64_t images : {int64_t{1} << 47, int64_t{1} << 40}) {
    expect_refused(forged(file, 24, images), "blocks");
  }
  expect_refused(forged(file, 24, int64_t{-1}), "at least one image");
  expect_refused(forged(file, 24, int64_t{0}), "at least one image");
  expect_refused(forged(file, 24, int64_t{16384}), "does not come out");
  expect_refused(forged(file, 9, uint8_t{3}), "0 to 2");
  expect_refused(forged(file, 9, uint8_t{1}), "another model");
  expect_refused(forged(file, 9, uint8_t{2}), "table of scales");
  expect_refused(forged(file, 10, uint8_t{5}), "0 to 4");
  expect_refused(forged(file, 10, uint8_t{1}), "does not come out");
  expect_refused(forged(file, kHeader, uint32_t{7}), "1 to 6 stacks");
  expect_refused(forged(file, 11, uint8_t{1}), "a zero");
  for (const std::size_t side : {12, 16, 20}) {
    expect_refused(forged(file, side, uint32_t{0}), "size of an image");
    expect_refused(forged(file, side, uint32_t{9}), "another model");
    expect_refused(forged(file, side, uint32_t{1} << 24), "blocks");
    expect_refused(forged(file, side, ~uint32_t{0}), "size of an image");
  }
  expect_refused(forged(file, kHeader, uint32_t{0}), "stacks");
  expect_refused(forged(file, kHeader, ~uint32_t{0}), "stacks");
  expect_refused(forged(file, kHeader, uint32_t{6}), "");
  expect_refused(forged(file, kHeader + 4, uint64_t{5}), "2^32");
  expect_refused(forged(file, kHeader + 12, ~uint32_t{0}), "the end");
}

TEST(CodecTest, NoBlockStandsForAnother) {
  const ScratchFolder folder;
  Model model = codec_of(codec_model(Likelihood::bernoulli));
  const std::string file = compressed(model, 6, folder / "f.vaez");
  VaezReader reader(folder / "f.vaez");
  const std::vector<BitStack> stacks = reader.read_block();
  const auto with_block = [&](int64_t index) {
    const std::vector<std::byte> block = encode_vaez_block(index, stacks);
    return file.substr(0, kHeader) +
           std::string(reinterpret_cast<const char*>(block.data()), block.size());
  };
  EXPECT_EQ(with_block(0), file);
  write_text(folder / "f.vaez", with_block(1));
  expect_error(ErrorCode::corrupt, "damaged", [&] { decompress(model, folder / "f.vaez"); });
}

TEST(CodecTest, FilesOfOtherKindsAndVersionsAreNamed) {
  const ScratchFolder folder;
  Model model = codec_of(codec_model(Likelihood::bernoulli));
  const std::string file = compressed(model, 6, folder / "f.vaez");
  write_text(folder / "new.vaez", forged(file, 8, uint8_t{2}));
  expect_error(ErrorCode::unsupported, "version 2",
               [&] { decompress(model, folder / "new.vaez"); });
  write_text(folder / "zip.vaez", "PK\x03\x04 and so on");
  expect_error(ErrorCode::corrupt, "zip", [&] { decompress(model, folder / "zip.vaez"); });
  write_text(folder / "text.vaez", std::string(file).replace(5, 2, "\n"));
  expect_error(ErrorCode::corrupt, "begins with", [&] { decompress(model, folder / "text.vaez"); });
  expect_error(ErrorCode::io, "none.vaez", [&] { decompress(model, folder / "none.vaez"); });
}

TEST(CodecTest, StepsOfManySamplesHaveFewStacks) {
  VaezHeader header;
  header.height = header.width = 256;
  header.channels = 1;
  EXPECT_EQ(header.most_lanes(512), 64);
  EXPECT_EQ(header.most_lanes(6), 6);
  header.sample_bits = 4;
  EXPECT_EQ(header.most_lanes(512), 32);
  header.height = header.width = 8192;
  EXPECT_EQ(header.most_lanes(1), 1);
}

TEST(CodecTest, SamplesAreWrittenIntoTheFile) {
  const ScratchFolder folder;
  Model model = codec_of(codec_model(Likelihood::logistic));
  const ImageSet images = codec_images(model.config(), 30);
  CompressOptions options;
  options.binarization = Binarization::none;
  for (const int64_t samples : {1, 4, 16}) {
    options.samples = samples;
    compress(model, images, folder / "f.vaez", options);
    EXPECT_EQ(test::pixels_of(decompress(model, folder / "f.vaez")), test::pixels_of(images));
  }
  for (const int64_t samples : {0, 3, 32}) {
    options.samples = samples;
    test::refusal_of([&] { compress(model, images, folder / "f.vaez", options); });
  }
  options.samples = 4;
  options.quality = 75.0;
  test::refusal_of([&] { compress(model, images, folder / "f.vaez", options); });
}

TEST(CodecTest, WhatIsStoppedLeavesNothing) {
  const ScratchFolder folder;
  Model model = codec_of(codec_model(Likelihood::logistic));
  CompressOptions options;
  options.binarization = Binarization::none;
  options.progress = [](double share) { return share < 0.5; };
  EXPECT_EQ(compress(model, codec_images(model.config(), 30), folder / "f.vaez", options), 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "f.vaez"));
  compressed(model, 30, folder / "f.vaez");
  CompressedImages file(model, folder / "f.vaez");
  EXPECT_EQ(file.next(options.progress).count(), 0);
}

TEST(CodecTest, ModelsWhoseBoundIsOfSomethingElseAreRefused) {
  const auto reason = [](const std::function<void(ModelConfig&)>& change,
                         std::optional<Binarization> wanted = Binarization::threshold) {
    ModelConfig config = codec_model(Likelihood::bernoulli);
    change(config);
    const Model model = codec_of(config);
    return test::refusal_of([&] { compressed_binarization(model, wanted); });
  };
  const auto expect = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect(reason([](ModelConfig& m) { m.target = Target::label, m.target_classes = 3; }), "target");
  expect(reason([](ModelConfig& m) { m.condition = Condition::label, m.classes = 3; }),
         "condition label");
  expect(reason([](ModelConfig& m) { m.prior = Prior::learned; }), "prior learned");
  expect(reason([](ModelConfig& m) { m.top = {5}, m.top_latent = 2; }), "top_latent");
  expect(reason([](ModelConfig& m) { m.decoder = layers_from_string("13, skip 0"); }), "skip");
  expect(reason([](ModelConfig& m) { m.likelihood = Likelihood::gaussian; }), "densities");
  expect(reason([](ModelConfig&) {}, Binarization::dynamic), "--binarization threshold");
  expect(reason([](ModelConfig&) {}, Binarization::none), "--binarization threshold");
  expect(reason([](ModelConfig&) {}, std::nullopt), "trained with dynamic");
  expect(reason([](ModelConfig& m) { m.likelihood = Likelihood::logistic; }), "all levels");
}

TEST(CodecTest, ModelsThatRestoreAreRefused) {
  Config config = test::tiny_config(1);
  config.data.corrupt = {CorruptionKind::noise, 0.5};
  config.training.binarization = Binarization::threshold;
  const Model model = train(config, test::tiny_data());
  EXPECT_NE(test::refusal_of([&] { compressed_binarization(model); }).find("restore"),
            std::string::npos);
}

TEST(CodecTest, OtherImagesAreRefused) {
  const ScratchFolder folder;
  Model model = codec_of(codec_model(Likelihood::logistic));
  CompressOptions options;
  options.binarization = Binarization::none;
  for (const ImageSet& images :
       {ImageSet(), codec_images(codec_model(Likelihood::logistic, 3), 2)}) {
    test::refusal_of([&] { compress(model, images, folder / "f.vaez", options); });
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "f.vaez"));
}

}  // namespace
}  // namespace vae
