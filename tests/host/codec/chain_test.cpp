// SPDX-License-Identifier: MIT
#include "host/codec/chain.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "host/codec/value_slices.h"
#include "host/model/evaluator.h"
#include "kernels/backend.h"
#include "tests/support/codec_cases.h"

namespace vae {
namespace {

using test::codec_images;

bool to_the_end(double) { return true; }

std::vector<BitStack> as_read(const std::vector<BitStack>& stacks) {
  std::vector<BitStack> read;
  for (const BitStack& stack : stacks) {
    read.emplace_back(stack.state(),
                      std::vector<uint32_t>(stack.words().begin(), stack.words().end()));
  }
  return read;
}

/// Words and state of each.
std::vector<std::vector<uint64_t>> contents(const std::vector<BitStack>& stacks) {
  std::vector<std::vector<uint64_t>> all;
  for (const BitStack& stack : stacks) {
    all.emplace_back(stack.words().begin(), stack.words().end());
    all.back().push_back(stack.state());
  }
  return all;
}

double bits_of(const std::vector<BitStack>& stacks) {
  double bits = 0.0;
  for (const BitStack& stack : stacks) bits += 32.0 * static_cast<double>(stack.words().size());
  return bits;
}

struct CodecNetwork {
  explicit CodecNetwork(const ModelConfig& model, const Device& device = Device::cpu(1))
      : backend(make_backend(device)), network(*backend, model, {}) {
    network.initialize(3);
  }
  /// Gives all numbers of a parameter one value.
  void fill(const std::string& parameter, float value) {
    const View view = network.parameters().find(parameter).value;
    network.parameters().upload(view, std::vector<float>(view.count(), value));
  }
  std::unique_ptr<Backend> backend;
  Network network;
};

TEST(ChainTest, EveryImageComesBackFromAnyNumberOfLanes) {
  for (const test::CodecCase& c : test::codec_cases()) {
    CodecNetwork codec(c.model);
    for (const int64_t lanes : {1, 2, 5}) {
      for (const int64_t count : {1, 2, 5, 6, 23}) {
        const ImageSet images = codec_images(c.model, count);
        std::vector<BitStack> stacks =
            as_read(Chain(codec.network, lanes).push(images.pixels(), to_the_end));
        ASSERT_EQ(std::ssize(stacks), lanes);
        EXPECT_EQ(Chain(codec.network, lanes).pop(stacks, count, "stacks", to_the_end),
                  test::kept_pixels(images, c.kept))
            << c.name << ' ' << lanes << ' ' << count;
        EXPECT_TRUE(count > lanes || stacks[0].words().empty()) << "the first image draws nothing";
      }
    }
  }
}

TEST(ChainTest, EveryImageComesBackWithSeveralSamples) {
  for (const test::CodecCase& c : test::codec_cases()) {
    CodecNetwork codec(c.model);
    for (const int sample_bits : {1, 2, 4}) {
      const int64_t count = 47;  // more steps than it takes to have all samples
      const ImageSet images = codec_images(c.model, count);
      std::vector<BitStack> stacks =
          as_read(Chain(codec.network, 2, sample_bits).push(images.pixels(), to_the_end));
      EXPECT_EQ(Chain(codec.network, 2, sample_bits).pop(stacks, count, "stacks", to_the_end),
                test::kept_pixels(images, c.kept))
          << c.name << ' ' << sample_bits;
    }
  }
}

/// Of a model whose posterior leaves much open, so that samples differ.
TEST(ChainTest, SeveralSamplesCostTheImportanceWeightedBound) {
  const test::CodecCase c = test::codec_cases().front();
  CodecNetwork codec(c.model);
  const View weights = codec.network.parameters().find("decoder.0.weight").value;
  std::vector<float> numbers = codec.network.parameters().download(weights);
  for (float& number : numbers) number *= 6.0f;
  codec.network.parameters().upload(weights, numbers);
  const int64_t count = 1500;
  const ImageSet images = codec_images(c.model, count);
  TrainConfig training;
  training.binarization = c.kept;
  EvaluateOptions options;
  options.importance_samples = 4;
  const Evaluation found = evaluate(codec.network, images, options, training);
  const auto bits = [&](int sample_bits) {
    return bits_of(Chain(codec.network, 1, sample_bits).push(images.pixels(), to_the_end)) /
           static_cast<double>(count);
  };
  const double one = -found.elbo / std::log(2.0), four = *found.nll / std::log(2.0);
  ASSERT_LT(four, 0.95 * one);
  EXPECT_NEAR(bits(0) / one, 1.0, 0.025);
  EXPECT_NEAR(bits(2) / four, 1.0, 0.012);
}

/// Of a decoder that sees no code, and posteriors wider than the prior: what is gained by several
/// samples is gained by q(z|x) in their weights alone.
TEST(ChainTest, SamplesAreWeightedByTheirPosterior) {
  const test::CodecCase c = test::codec_cases().front();
  CodecNetwork codec(c.model);
  codec.fill("decoder.0.weight", 0.0f);
  codec.fill("encoder.logvar.weight", 0.0f);
  codec.fill("encoder.logvar.bias", 0.7f);
  const int64_t count = 2000;
  const ImageSet images = codec_images(c.model, count);
  TrainConfig training;
  training.binarization = c.kept;
  EvaluateOptions options;
  options.importance_samples = 4;
  const Evaluation found = evaluate(codec.network, images, options, training);
  const double one = -found.elbo / std::log(2.0), four = *found.nll / std::log(2.0);
  ASSERT_GT(one, 1.015 * four);
  const double bits = bits_of(Chain(codec.network, 1, 2).push(images.pixels(), to_the_end));
  EXPECT_NEAR(bits / static_cast<double>(count) / four, 1.0, 0.006);
}

/// No bits are there that it could be drawn from: how sure its posterior is changes nothing.
TEST(ChainTest, TheFirstImageOfAStackIsToldByItsMean) {
  for (const test::CodecCase& c : test::codec_cases()) {
    const auto stacks_of = [&](int64_t count, float logvar) {
      CodecNetwork codec(c.model);
      codec.fill("encoder.logvar.weight", 0.0f);
      codec.fill("encoder.logvar.bias", logvar);
      const ImageSet images = codec_images(c.model, count);
      return contents(Chain(codec.network, 3).push(images.pixels(), to_the_end));
    };
    EXPECT_EQ(stacks_of(3, 0.0f), stacks_of(3, -3.0f)) << c.name;
    EXPECT_NE(stacks_of(4, 0.0f), stacks_of(4, -3.0f)) << c.name << ": the next one is drawn";
  }
}

TEST(ChainTest, StacksAreThoseOfEveryThreadAndInstructionSet) {
  for (const test::CodecCase& c : test::codec_cases()) {
    const ImageSet images = codec_images(c.model, 29);
    std::vector<std::vector<uint64_t>> expected;
    for (const char* isa : {"baseline", ""}) {
      for (const int threads : {1, 2, 3}) {
        Device device = Device::cpu(threads);
        device.cpu_isa = isa;
        CodecNetwork codec(c.model, device);
        const auto found = contents(Chain(codec.network, 4, 1).push(images.pixels(), to_the_end));
        if (expected.empty()) expected = found;
        EXPECT_EQ(found, expected) << c.name << ' ' << isa << ' ' << threads;
      }
    }
  }
}

/// The bound's sample noise is a small part of it.
TEST(ChainTest, ImagesCostWhatTheBoundSays) {
  for (const test::CodecCase& c : test::codec_cases()) {
    CodecNetwork codec(c.model);
    const int64_t count = 1500;
    const ImageSet images = codec_images(c.model, count);
    TrainConfig training;
    training.binarization = c.kept;
    const double bound = -evaluate(codec.network, images, {}, training).elbo / std::log(2.0);
    const double found = bits_of(Chain(codec.network, 1).push(images.pixels(), to_the_end));
    EXPECT_NEAR(found / static_cast<double>(count) / bound, 1.0, 0.006) << c.name;
  }
}

TEST(ChainTest, AStackMoreCostsFewBytes) {
  const ModelConfig model = test::codec_model(Likelihood::logistic);
  CodecNetwork codec(model);
  const ImageSet images = codec_images(model, 600);
  const double one = bits_of(Chain(codec.network, 1).push(images.pixels(), to_the_end));
  const double twenty = bits_of(Chain(codec.network, 20).push(images.pixels(), to_the_end));
  EXPECT_LT(twenty - one, 19 * 8.0 * 8) << "without bits to draw from, five bits a latent";
}

TEST(ChainTest, OtherStacksAreRefused) {
  const ModelConfig model = test::codec_model(Likelihood::bernoulli);
  CodecNetwork codec(model);
  const ImageSet images = codec_images(model, 9);
  const auto stacks = Chain(codec.network, 2).push(images.pixels(), to_the_end);
  const auto expect_refused = [&](std::vector<BitStack> changed, int64_t count) {
    try {
      Chain(codec.network, std::ssize(changed)).pop(changed, count, "file", to_the_end);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt);
      EXPECT_EQ(std::string(error.what()).rfind("file: ", 0), 0u);
    }
  };
  for (std::size_t lane : {0, 1}) {
    for (int bit = 0; bit < 32; ++bit) {
      std::vector<BitStack> changed = as_read(stacks);
      changed[lane] = BitStack(stacks[lane].state() ^ (uint64_t{1} << bit),
                               {stacks[lane].words().begin(), stacks[lane].words().end()});
      expect_refused(changed, 9);
    }
  }
  expect_refused(as_read(stacks), 8);
  expect_refused(as_read(stacks), 10);
  expect_refused(as_read(stacks), 5000);
  expect_refused({BitStack(BitStack::kLowest, {})}, 1);
  CodecNetwork other(model);
  other.network.initialize(4);
  std::vector<BitStack> read = as_read(stacks);
  EXPECT_THROW(Chain(other.network, 2).pop(read, 9, "file", to_the_end), Error);
}

TEST(ChainTest, StopsWhenToldTo) {
  const ModelConfig model = test::codec_model(Likelihood::bernoulli);
  CodecNetwork codec(model);
  const ImageSet images = codec_images(model, 9);
  int calls = 0;
  const auto second = [&](double share) { return share > 0.0 && ++calls < 2; };
  EXPECT_TRUE(Chain(codec.network, 2).push(images.pixels(), second).empty());
  EXPECT_EQ(calls, 2);
  auto stacks = Chain(codec.network, 2).push(images.pixels(), to_the_end);
  calls = 0;
  EXPECT_TRUE(Chain(codec.network, 2).pop(stacks, 9, "file", second).empty());
  EXPECT_EQ(calls, 2);
}

/// Activations that overflow give no numbers; both sides see the same ones.
TEST(ChainTest, OutputsThatAreNoNumbersDoNotMatter) {
  const ModelConfig model = test::codec_model(Likelihood::logistic);
  CodecNetwork codec(model);
  codec.fill("encoder.0.weight", 3e38f);
  const ImageSet images = codec_images(model, 5);
  auto stacks = as_read(Chain(codec.network, 2).push(images.pixels(), to_the_end));
  EXPECT_EQ(Chain(codec.network, 2).pop(stacks, 5, "file", to_the_end), test::pixels_of(images));
}

}  // namespace
}  // namespace vae
