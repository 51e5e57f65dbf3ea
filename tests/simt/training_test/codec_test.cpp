// SPDX-License-Identifier: MIT
//
// What a card compresses is what a processor compresses, and each reads it.
#include <gtest/gtest.h>

#include <string>

#include "tests/simt/training_test/device.h"
#include "tests/support/codec_cases.h"
#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/codec.h"

namespace vae::test {
namespace {

TEST(CudaCodecTest, FilesAreThoseOfTheProcessor) {
  const ScratchFolder folder;
  for (const CodecCase& c : codec_cases()) {
    Model card(c.model, cuda(), 3), cpu(c.model, Device::cpu(1), 3);
    const ImageSet images = codec_images(c.model, 9);
    CompressOptions options;
    options.binarization = c.kept;
    for (const int64_t samples : {1, 4}) {
      options.samples = samples;
      compress(card, images, folder / "card.vaez", options);
      compress(cpu, images, folder / "cpu.vaez", options);
      EXPECT_EQ(read_text(folder / "card.vaez"), read_text(folder / "cpu.vaez"))
          << c.name << ' ' << samples;
      EXPECT_EQ(pixels_of(decompress(card, folder / "cpu.vaez")), kept_pixels(images, c.kept))
          << c.name << ' ' << samples;
    }
  }
}

TEST(CudaCodecTest, MeansAreThoseOfTheProcessor) {
  const ScratchFolder folder;
  const ModelConfig config = codec_model(Likelihood::gaussian);
  Model card(config, cuda(), 3), cpu(config, Device::cpu(1), 3);
  CompressOptions options;
  options.quality = 90.0;
  compress(card, codec_images(config, 9), folder / "card.vaez", options);
  compress(cpu, codec_images(config, 9), folder / "cpu.vaez", options);
  EXPECT_EQ(read_text(folder / "card.vaez"), read_text(folder / "cpu.vaez"));
  EXPECT_EQ(pixels_of(decompress(card, folder / "cpu.vaez")),
            pixels_of(decompress(cpu, folder / "cpu.vaez")));
}

TEST(CudaCodecTest, OtherPrecisionsAreRefused) {
  const CodecCase c = codec_cases().front();
  const Model card(c.model, cuda(Precision::tf32), 3);
  EXPECT_NE(refusal_of([&] { compressed_binarization(card, c.kept); }).find("--precision fp32"),
            std::string::npos);
}

}  // namespace
}  // namespace vae::test
