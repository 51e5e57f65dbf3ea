// SPDX-License-Identifier: MIT
//
// Files that keep posterior means alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "host/codec/mean_slices.h"
#include "host/model/model_impl.h"
#include "tests/support/codec_cases.h"
#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/codec.h"

namespace vae {
namespace {

using test::read_text;
using test::ScratchFolder;
using test::write_text;

TEST(MeanSlicesTest, AreWhole) {
  for (const MeanScale& scale : {MeanScale{1.0f, 1.0f, 3}, MeanScale{1e-6f, 1e6f, 9},
                                 MeanScale{1e6f, 1e-6f, 9}, MeanScale{0.01f, 0.7f, 300}}) {
    const MeanSlices slices(scale);
    uint64_t end = 0;
    for (int32_t symbol = -scale.limit; symbol <= scale.limit; ++symbol) {
      const Slice slice = slices.slice(symbol);
      ASSERT_EQ(slice.start, end);
      ASSERT_GE(slice.size, 1u);
      end += slice.size;
      EXPECT_EQ(slices.find(slice.start), symbol);
      EXPECT_EQ(slices.find(end - 1), symbol);
    }
    EXPECT_EQ(end, kWholeScale);
  }
}

TEST(MeanSlicesTest, StepsAreInProportionToWhatPosteriorsLeaveOpen) {
  const float open = std::log(0.04f);
  const Posterior posterior{{{2, 2}, {0.3f, -2.0f, -0.5f, 1.0f}},
                            {{2, 2}, {open, 0.0f, open, 0.0f}}};
  const std::vector<MeanScale> scales = mean_scales(posterior, 1.0);
  EXPECT_NEAR(scales[0].step, 0.2, 1e-6);
  EXPECT_NEAR(scales[1].step, 1.0, 1e-6);
  EXPECT_NEAR(scales[1].deviation, std::sqrt(2.5 + 1.0 / 12), 1e-6);
  EXPECT_EQ(scales[0].limit, 3) << "-0.5 is -2.5 steps, rounded away from 0";
  EXPECT_EQ(scales[1].limit, 2);
  EXPECT_NEAR(mean_scales(posterior, 0.5)[0].step, 0.1, 1e-6);
  EXPECT_EQ(mean_scales(posterior, 1e9)[0].limit, 0);
}

TEST(MeanSlicesTest, MeansComeBackInSteps) {
  const MeanScale scale{0.5f, 1.0f, 4};
  EXPECT_EQ(quantised(1.3f, scale), 3);
  EXPECT_EQ(quantised(-9.0f, scale), -4);
  EXPECT_EQ(quantised(std::numeric_limits<float>::quiet_NaN(), scale), 0);
  const std::vector<MeanScale> scales = {scale, {1.0f, 1.0f, 0}, {0.1f, 2.0f, 70}};
  const std::vector<int32_t> symbols = {3, 0, -70, -4, 0, 0, 0, 0, 69};
  BitStack stack;
  push_means(stack, scales, symbols);
  BitStack read(stack.state(), {stack.words().begin(), stack.words().end()});
  std::vector<int32_t> again(symbols.size());
  pop_means(read, scales, again);
  EXPECT_EQ(again, symbols);
  EXPECT_TRUE(read.is_at_bottom());
}

int64_t compressed_means(Model& model, const ImageSet& images, const std::string& path,
                         double quality) {
  CompressOptions options;
  options.quality = quality;
  return compress(model, images, path, options);
}

TEST(CompressedMeansTest, DecodeToWhatTheMeansDecodeTo) {
  const ScratchFolder folder;
  std::vector<ModelConfig> models;
  for (const test::CodecCase& c : test::codec_cases()) models.push_back(c.model);
  models.push_back(test::codec_model(Likelihood::gaussian));
  for (const ModelConfig& config : models) {
    Model model(config, Device::cpu(1), 3), reader(config, Device::cpu(3), 3);
    const ImageSet images = test::codec_images(config, 40);
    compressed_means(model, images, folder / "f.vaez", 100.0);
    const ImageSet again = decompress(reader, folder / "f.vaez");
    ASSERT_EQ(again.count(), 40);
    EXPECT_FALSE(CompressedImages(reader, folder / "f.vaez").binarization().has_value());
    const Array exact = model.decode(model.encode(images).mean);
    double error = 0.0;
    for (std::size_t i = 0; i < exact.values.size(); ++i) {
      error = std::max(
          error, std::abs(again.pixels()[i] / 255.0 - std::clamp(exact.values[i], 0.0f, 1.0f)));
    }
    EXPECT_LT(error, 0.1) << "steps are a quarter of the posterior's deviations";
  }
}

TEST(CompressedMeansTest, QualityCostsBytes) {
  const ScratchFolder folder;
  const ModelConfig config = test::codec_model(Likelihood::bernoulli);
  Model model(config, Device::cpu(1), 3);
  const View weights = model.impl().network->parameters().find("encoder.mu.weight").value;
  std::vector<float> numbers = model.impl().network->parameters().download(weights);
  for (float& number : numbers) number *= 20.0f;  // codes that differ
  model.impl().network->parameters().upload(weights, numbers);
  const ImageSet images = test::codec_images(config, 300);
  std::vector<int64_t> bytes;
  for (const double quality : {0.0, 50.0, 75.0, 87.5, 100.0}) {
    bytes.push_back(compressed_means(model, images, folder / "f.vaez", quality));
    EXPECT_EQ(bytes.back(), std::ssize(read_text(folder / "f.vaez")));
    EXPECT_EQ(decompress(model, folder / "f.vaez").count(), 300);
  }
  EXPECT_TRUE(std::is_sorted(bytes.begin(), bytes.end()));
  EXPECT_GT(bytes[4], bytes[3] + 50) << "a bit for each of 900 means";
  for (const double quality : {-1.0, 100.1, std::numeric_limits<double>::quiet_NaN()}) {
    test::refusal_of([&] { compressed_means(model, images, folder / "no.vaez", quality); });
  }
}

TEST(CompressedMeansTest, EveryBitCounts) {
  const ScratchFolder folder;
  Model model(test::codec_model(Likelihood::gaussian), Device::cpu(1), 3);
  compressed_means(model, test::codec_images(model.config(), 5), folder / "f.vaez", 100.0);
  const std::string file = read_text(folder / "f.vaez");
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string changed = file;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    write_text(folder / "changed.vaez", changed);
    EXPECT_THROW(decompress(model, folder / "changed.vaez"), Error) << bit;
  }
  for (std::size_t size = 0; size < file.size(); ++size) {
    write_text(folder / "changed.vaez", file.substr(0, size));
    EXPECT_THROW(decompress(model, folder / "changed.vaez"), Error) << size;
  }
}

}  // namespace
}  // namespace vae
