// SPDX-License-Identifier: MIT
#include "vae/explorer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "host/explore/explorer_texts.h"
#include "host/explore/page_dots.h"
#include "host/explore/page_layers.h"
#include "host/explore/rounded_weights.h"
#include "host/model/model_impl.h"
#include "tests/support/effort.h"
#include "tests/support/refusal.h"
#include "tests/support/tiny_run.h"
#include "vae/layers.h"

namespace vae {
namespace {

using nlohmann::json;
using test::refusal_of;
using test::ScratchFolder;

std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const size_t at = text.find(begin);
  if (at == std::string::npos) return {};
  const size_t from = at + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

size_t times(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// A page as it was written, and what it holds.
struct WrittenPage {
  ExplorerPage said;
  std::string html;
  json model;
};

WrittenPage written(Model& model, const ImageSet& images, const ExplorerOptions& options = {}) {
  const ScratchFolder folder;
  WrittenPage page;
  page.said = write_explorer(folder / "page.html", model, images, options);
  page.html = test::read_text(folder / "page.html");
  page.model = json::parse(between(page.html, "id=\"model\">", "</script>"));
  return page;
}

/// The bytes of RFC 4648 base64.
std::vector<uint8_t> decoded_base64(const std::string& text) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint8_t> bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char letter : text) {
    if (letter == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(alphabet.find(letter));
    count += 6;
    if (count >= 8) bytes.push_back(static_cast<uint8_t>(bits >> (count -= 8)));
  }
  return bytes;
}

/// An array of a page, as explorer.js reads it.
std::vector<float> array_of(const WrittenPage& page, const json& reference) {
  static const std::string begin = "id=\"numbers\">";
  const std::vector<uint8_t> bytes = decoded_base64(between(page.html, begin, "</script>"));
  const auto read = [&](const json& part, auto example) {
    std::vector<decltype(example)> numbers(part["count"].get<size_t>());
    std::memcpy(numbers.data(), bytes.data() + part["at"].get<size_t>(),
                numbers.size() * sizeof example);
    return numbers;
  };
  if (reference["type"] == "f32") return read(reference, 0.0f);
  if (reference["type"] == "i32") {
    const std::vector<int32_t> whole = read(reference, int32_t{0});
    return {whole.begin(), whole.end()};
  }
  return RoundedRows{read(reference, int16_t{0}), read(reference["scales"], 0.0f)}.values();
}

void expect_near(const std::vector<float>& found, const std::vector<float>& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], wanted[i], 1e-4) << i;
}

ImageSet labelled_blobs(int64_t count, std::vector<std::string> names) {
  std::vector<uint8_t> labels;
  for (int64_t i = 0; i < count; ++i) {
    labels.push_back(static_cast<uint8_t>(i % std::ssize(names)));
  }
  return test::blobs(count, 6).with_labels(labels, std::move(names));
}

Model tiny_model(ModelConfig config = test::tiny_config().model) {
  return Model(config, Device::cpu(1));
}

TEST(ExplorerTest, ThePageHoldsTheDecoderTheDotsAndTheOrderOfTheSliders) {
  Model model = tiny_model();
  const WrittenPage page = written(model, labelled_blobs(50, {"a", "b"}), {.dots = 20});
  EXPECT_EQ(page.said.bytes, std::ssize(page.html));
  EXPECT_EQ(page.said.images, 20);
  EXPECT_EQ(page.said.weight_bits, 16);
  EXPECT_LE(page.said.largest_difference, 0.5 / 255);
  EXPECT_GT(page.said.largest_difference, 0.0);
  EXPECT_EQ(page.said.layers,
            (std::vector<std::string>{"decoder.0: 7", "decoder.output: dense 6x6x1"}));
  ASSERT_EQ(page.model["layers"].size(), 2u);
  EXPECT_EQ(page.model["layers"][0]["follow"], "relu");
  EXPECT_EQ(page.model["layers"][1]["follow"], "none");
  EXPECT_EQ(page.model["layers"][1]["weights"][0]["count"], 7 * 36);
  EXPECT_EQ(page.model["order"], json(page.said.latents));
  EXPECT_GE(page.model["kl"][page.said.latents[0]], page.model["kl"][page.said.latents[1]]);
  EXPECT_EQ(page.model["dots"]["count"], 20);
  EXPECT_EQ(page.model["map"]["classes"].size(), 2u);
  EXPECT_EQ(page.model["prior"], nullptr);
}

TEST(ExplorerTest, CodesAndWeightsAreThoseOfTheModel) {
  Model model = tiny_model();
  const ImageSet images = test::blobs(5, 6);
  const WrittenPage page = written(model, images);
  expect_near(array_of(page, page.model["dots"]["codes"]), model.encode(images).mean.values);
  EXPECT_EQ(array_of(page, page.model["dots"]["images"]), (std::vector<float>{0, 1, 2, 3, 4}));
  const Parameters& parameters = model.impl().network->parameters();
  const auto exact = [&](const std::string& name) {
    return parameters.download(parameters.find(name).value);
  };
  const json& layer = page.model["layers"][1];
  expect_near(array_of(page, layer["weights"][0]), exact("decoder.output.weight"));
  EXPECT_EQ(array_of(page, layer["biases"][0]), exact("decoder.output.bias"));
}

TEST(ExplorerTest, DotsAreEvenlySpacedOverTheSet) {
  Model model = tiny_model();
  const PageDots dots = find_dots(model, test::blobs(50, 6), {.dots = 5});
  EXPECT_EQ(dots.images, (std::vector<int32_t>{0, 10, 20, 30, 40}));
  const Array codes = model.encode(test::blobs(50, 6)).mean;
  EXPECT_EQ(dots.codes.values[2], codes.row(10)[0]);
  EXPECT_EQ(find_dots(model, test::blobs(3, 6), {.dots = 5}).count(), 3);
}

TEST(ExplorerTest, WithoutLabelsThereIsNoLegend) {
  Model model = tiny_model();
  const WrittenPage page = written(model, test::blobs(9, 6));
  EXPECT_TRUE(page.model["map"]["classes"].empty());
  EXPECT_FALSE(page.model["dots"].contains("labels"));
}

TEST(ExplorerTest, NamesThatPretendToBePartsOfThePageAreText) {
  const std::string hostile = "</script><script>alert('&')</script>\x1b[2J\u202e";
  Model model = tiny_model();
  const WrittenPage page =
      written(model, labelled_blobs(8, {hostile, "<!--"}), {.title = "<b>" + hostile});
  EXPECT_EQ(times(page.html, "<script"), 3u) << "the model, the numbers, the script";
  EXPECT_EQ(times(page.html, "</script>"), 3u);
  EXPECT_EQ(times(page.html, "<!--"), 0u);
  EXPECT_EQ(times(page.html, "<b>&lt;"), 0u);
  EXPECT_EQ(page.html.find('\x1b'), std::string::npos);
  const std::string name = page.model["map"]["classes"][0]["name"];
  EXPECT_EQ(name.substr(0, 36), hostile.substr(0, 36)) << "and whole";
}

TEST(ExplorerTest, ThePageAsksForNothing) {
  Model model = tiny_model();
  const std::string html = written(model, test::blobs(9, 6)).html;
  for (const char* part : {"http:", "https:", "<link", "url(", "import(", "fetch("}) {
    EXPECT_EQ(times(html, part), 0u) << part;
  }
}

TEST(ExplorerTest, TheModelKeepsItsWeights) {
  Model model = tiny_model();
  const Array codes{{2, 2}, {0.5f, -1, 2, 0.1f}};
  const Array before = model.decode(codes);
  written(model, test::blobs(9, 6));
  EXPECT_EQ(model.decode(codes).values, before.values);
}

/// A weight that drowns the others of its row, on a hidden unit that is always 0.
void drown(Model& model) {
  Parameters& parameters = model.impl().network->parameters();
  const auto change = [&](const std::string& name, size_t at, float value) {
    const View view = parameters.find(name).value;
    std::vector<float> numbers = parameters.download(view);
    numbers[at] = value;
    parameters.upload(view, numbers);
  };
  change("decoder.0.bias", 0, -1e9f);
  for (size_t output = 0; output < 36; ++output) change("decoder.output.weight", 7 * output, 1e6f);
}

TEST(ExplorerTest, WeightsThatSixteenBitsAreTooFewForAreWrittenWhole) {
  Model model = tiny_model();
  drown(model);
  const WrittenPage page = written(model, test::blobs(9, 6));
  EXPECT_EQ(page.said.weight_bits, 32);
  EXPECT_EQ(page.said.largest_difference, 0.0);
  EXPECT_EQ(page.model["layers"][1]["weights"][0]["type"], "f32");
}

/// Of a key of the configuration, its words.
std::vector<std::string> words_of(const std::string& name) {
  for (const ConfigKey& key : config_keys()) {
    if (key.name != name) continue;
    std::vector<std::string> words;
    std::istringstream choices{std::string(key.choices)};
    for (std::string word; std::getline(choices, word, '|');) words.push_back(word);
    return words;
  }
  return {};
}

TEST(ExplorerTest, TheScriptKnowsEveryWordThatIsNotRefused) {
  const std::string script(explorer_script());
  const auto has = [&](const std::string& word) {
    return times(script, "\n  " + word + ": ") + times(script, "\n  '" + word + "': ") +
               times(script, "\n  " + word + ",\n") ==
           1;
  };
  int known = 0;
  for (const char* key : {"activation", "likelihood"}) {
    ASSERT_GT(words_of(key).size(), 3u);
    for (const std::string& word : words_of(key)) {
      Config config = test::tiny_config();
      set_config_value(config, key, word);
      try {
        check_explorable(config.model);
        EXPECT_TRUE(has(word)) << word;
        ++known;
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
      }
    }
  }
  EXPECT_GE(known, 9 + 4);
  ModelConfig model = test::tiny_config().model;
  model.decoder = layers_from_string(
      "gated dense 9, dense 6x6x2, upsample 2, pool 2, residual (conv 2 3x3), deconv 3 3x3, conv 2 "
      "3x3");
  for (const PageLayer& layer : page_layers(model)) EXPECT_TRUE(has(layer.kind)) << layer.kind;
}

TEST(ExplorerTest, LayersHaveTheShapesTensorsAndActivationsOfTheModel) {
  ModelConfig model = test::tiny_config().model;
  model.decoder = layers_from_string("gated dense 3x3x2, residual (conv 5 3x3, conv 2 3x3) tanh");
  model.output = deconv_output({4, 4}, 2);
  const std::vector<PageLayer> layers = page_layers(model);
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].weights,
            (std::vector<std::string>{"decoder.0.weight", "decoder.0.gate.weight"}));
  EXPECT_EQ(layers[0].follow, "none");
  EXPECT_EQ(layers[1].follow, "tanh");
  EXPECT_EQ(layers[1].inner[0].follow, "relu");
  EXPECT_EQ(layers[1].inner[1].follow, "none");
  EXPECT_EQ(layers[1].inner[1].in, (ItemShape{3, 3, 5}));
  EXPECT_EQ(layers[2].padding, Extent(1));
  EXPECT_EQ(layers[2].out, (ItemShape{6, 6, 1}));
  EXPECT_EQ(
      weights_of(layers),
      (std::vector<std::string>{"decoder.0.weight", "decoder.0.gate.weight", "decoder.1.0.weight",
                                "decoder.1.1.weight", "decoder.output.weight"}));
}

TEST(ExplorerTest, WhatAPageCannotDecodeIsRefusedByName) {
  const auto refusal = [](const std::function<void(ModelConfig&)>& change) {
    ModelConfig model = test::tiny_config().model;
    change(model);
    return refusal_of([&] { check_explorable(model); });
  };
  const auto expect = [](const std::string& message, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << message << " has no " << part;
    }
  };
  expect(refusal([](ModelConfig& model) {
           model.decoder = {7, skip(0)};
         }),
         {"decoder.1 (skip 0)", "encoder"});
  expect(refusal([](ModelConfig& model) {
           model.target = Target::label;
           model.target_classes = 3;
         }),
         {"decoder.output", "target label"});
  expect(refusal([](ModelConfig& model) {
           model.condition = Condition::seen;
           model.prior = Prior::conditional;
         }),
         {"condition", "model.condition seen"});
}

TEST(ExplorerTest, AModelWithLatentsAboveHasDraws) {
  ModelConfig config = test::tiny_config().model;
  config.top = {5};
  config.top_latent = 2;
  Model model = tiny_model(config);
  const WrittenPage page = written(model, test::blobs(9, 6));
  EXPECT_EQ(page.said.latents.size(), 2u) << "those of z";
  const json& prior = page.model["prior"];
  const int64_t count = prior["draws_of_row"];
  const std::vector<float> draws = array_of(page, prior["draws"]);
  ASSERT_EQ(std::ssize(draws), 2 * count);
  const Array samples = model.sample(count, /*seed=*/1);
  expect_near(model.decode({{count, 2}, draws}).values, samples.values);
  double sum = 0.0;
  for (size_t i = 0; i < draws.size(); i += 2) sum += draws[i];
  EXPECT_NEAR(array_of(page, prior["mean"])[0], sum / static_cast<double>(count), 1e-4);
  EXPECT_GT(array_of(page, prior["deviation"])[0], 0.1f);
}

TEST(ExplorerTest, AModelThatIsToldLabelsHasARowAndAPriorOfEachClass) {
  ModelConfig config = test::tiny_config().model;
  config.condition = Condition::label;
  config.classes = 3;
  config.prior = Prior::conditional;
  Model model = tiny_model(config);
  for (const char* name : {"prior.mu.weight", "prior.logvar.weight"}) {
    const View weight = model.impl().network->parameters().find(name).value;
    model.impl().network->parameters().upload(weight, std::vector<float>{1, 2, 3, -1, -2, -3});
  }
  const WrittenPage page = written(model, labelled_blobs(9, {"x", "y", "z"}));
  const json& condition = page.model["condition"];
  EXPECT_EQ(condition["kind"], "label");
  EXPECT_EQ(condition["size"], 3);
  EXPECT_EQ(condition["rows"]["count"], 9);
  EXPECT_EQ(condition["names"], (json{"0", "1", "2"})) << "this model was trained without names";
  const json& prior = page.model["prior"];
  expect_near(array_of(page, prior["mean"]), {1, -1, 2, -2, 3, -3});
  std::vector<float> deviations;
  for (const float logvar : {1.0f, -1.0f, 2.0f, -2.0f, 3.0f, -3.0f}) {
    deviations.push_back(std::exp(logvar / 2));
  }
  expect_near(array_of(page, prior["deviation"]), deviations);
  EXPECT_EQ(array_of(page, page.model["dots"]["told"]),
            (std::vector<float>{0, 1, 2, 0, 1, 2, 0, 1, 2}));
}

TEST(ExplorerTest, AModelThatIsToldVectorsHasThatOfEachImage) {
  ModelConfig config = test::tiny_config().model;
  config.condition = Condition::side;
  config.side_size = 2;
  config.prior = Prior::learned;
  Model model = tiny_model(config);
  std::vector<float> side(12);
  for (size_t i = 0; i < side.size(); ++i) side[i] = static_cast<float>(i);
  const WrittenPage page = written(model, test::blobs(6, 6).with_side(2, side));
  EXPECT_EQ(page.model["condition"]["rows"]["count"], 12);
  expect_near(array_of(page, page.model["condition"]["rows"]), side);
  EXPECT_EQ(page.model["prior"]["mean"]["count"], 2) << "one for all";
}

TEST(ExplorerTest, NoImagesAndImpossibleNumbersAreRefused) {
  Model model = tiny_model();
  const ScratchFolder folder;
  const auto refusal = [&](const ImageSet& images, int64_t dots) {
    return refusal_of([&] { write_explorer(folder / "p.html", model, images, {.dots = dots}); });
  };
  EXPECT_NE(refusal(ImageSet(6, 6, 1, {}), 10).find("no images"), std::string::npos);
  EXPECT_NE(refusal(test::blobs(3, 6), 0).find("choose 1 to"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "p.html"));
}

TEST(ExplorerTest, PagesOfDigitsAreSmall) {
  const int64_t all = 1500, some = test::full_effort() ? all : 300;
  const ImageSet digits = Dataset::load("mnist").test;
  const auto bytes = [&](const char* name, int64_t count) {
    Model model(preset(name).model, Device::cpu(2));
    const ScratchFolder folder;
    return write_explorer(folder / "page.html", model, digits.slice(0, count)).bytes;
  };
  EXPECT_LE(bytes("mlp-400-20", all), 1'500'000);
  const int64_t bytes_of_a_dot = 350;
  EXPECT_LE(bytes("conv-28", some) + (all - some) * bytes_of_a_dot, 3'000'000);
}

TEST(ExplorerTest, ThumbnailsThatWouldMakeThePageLargeAreReduced) {
  std::vector<uint8_t> noise(static_cast<size_t>(200 * 100 * 100));
  uint32_t state = 1;
  for (uint8_t& value : noise) {
    value = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  }
  const ImageSet images(100, 100, 1, noise);
  PageDots dots;
  dots.codes.shape = {200, 1};
  dots.codes.values.resize(200);
  for (int32_t i = 0; i < 200; ++i) dots.images.push_back(i);
  const Thumbnails sheet = make_thumbnails(images, dots);
  EXPECT_EQ(sheet.height, 50);
  EXPECT_EQ(sheet.columns, 15);
  EXPECT_LE(sheet.source.size(), size_t{1} << 21);
}

}  // namespace
}  // namespace vae
