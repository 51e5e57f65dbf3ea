// SPDX-License-Identifier: MIT
#include "vae/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>

#include "host/text/suggest.h"
#include "tests/support/refusal.h"
#include "tests/support/with_classes.h"
#include "vae/error.h"

namespace vae {
namespace {

using test::refusal_of;

std::string json_problem(const std::string& json) {
  return refusal_of([&] { config_from_json(json, {}, "run.json"); });
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

#define EXPECT_CONTAINS(text, part) EXPECT_TRUE(contains(text, part)) << text

/// A value for each key that differs from every preset.
Config unusual() {
  Config config;
  config.model = {7,
                  9,
                  3,
                  {11, 5},
                  {},
                  {},
                  {},
                  3,
                  Activation::silu,
                  Condition::label,
                  6,
                  0,
                  Target::mask,
                  5,
                  {12, 6},
                  Initialization::lecun_normal,
                  true,
                  Likelihood::gaussian,
                  Variance::learned,
                  0.1,
                  -7.25,
                  1.0 / 3.0,
                  Prior::learned,
                  {6, 4},
                  9,
                  {12}};
  config.training = {77,
                     31,
                     std::numeric_limits<uint64_t>::max(),
                     Binarization::fixed,
                     Objective::dreg,
                     7,
                     0.3,
                     2.5,
                     0.125,
                     Optimizer::muon,
                     1e-300,
                     1.5,
                     0.1 + 0.2,
                     0.9999999999999999,
                     1e-7,
                     0.02,
                     5.5,
                     10.5,
                     LearningRateSchedule::step,
                     {3, 9},
                     0.7,
                     0.01,
                     0.9995,
                     0.15,
                     12345678901,
                     4,
                     Precision::bf16};
  config.data = {{64, 48},
                 true,
                 false,
                 true,
                 0.25,
                 {CorruptionKind::noise, 0.3},
                 {2, 5, {48, 40}, 0, 30, 0.1, 2.5, 77}};
  return config;
}

TEST(ConfigTest, EveryKeySurvivesTheRoundTripExactly) {
  const Config config = unusual();
  EXPECT_EQ(config_from_json(config_to_json(config), {}, "x"), config);
}

TEST(ConfigTest, JsonNamesEveryKeyOnce) {
  Config config = unusual();
  config.model.heads = config.model.output = conv_output({3, 3});
  config.model.side_size = 4;
  const std::string json = config_to_json(config);
  std::set<std::string_view> names, flags;
  for (const ConfigKey& key : config_keys()) {
    EXPECT_CONTAINS(json, "\"" + std::string(key.name) + "\":");
    EXPECT_TRUE(names.insert(key.name).second) << key.name << " twice: flags would clash";
    EXPECT_TRUE(flags.insert(key.flag).second) << key.flag;
    EXPECT_FALSE(key.help.empty()) << key.name;
    EXPECT_FALSE(key.choices.empty()) << key.name;
    std::string flag = "--" + std::string(key.name);
    std::replace(flag.begin(), flag.end(), '_', '-');
    EXPECT_EQ(key.flag, flag);
  }
}

TEST(ConfigTest, EveryFieldIsInTheTable) {
  // A structured binding stops compiling when a field is added without a key.
  [[maybe_unused]] const auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15,
                                m16, m17, m18, m19, m20, m21, m22, m23, m24, m25, m26] =
      ModelConfig();
  [[maybe_unused]] const auto& [t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15,
                                t16, t17, t18, t19, t20, t21, t22, t23, t24, t25, t26, t27] =
      TrainConfig();
  [[maybe_unused]] const auto& [d1, d2, d3, d4, d5, d6, d7] = DataConfig();
  EXPECT_EQ(config_keys().size(), 26u + 27u + 7u);
}

TEST(ConfigTest, WhatIsNotDoneToTheImagesIsNotSaid) {
  EXPECT_EQ(config_to_json({}).find("\"data\""), std::string::npos);
  Config config;
  config.data.grey = true;
  EXPECT_CONTAINS(config_to_json(config),
                  "\"data\": {\n    \"size\": \"none\",\n    \"grey\": true");
  EXPECT_EQ(config_value(config, config_keys().back()), "\"none\"");
}

TEST(ConfigTest, SizesAreWidthByHeight) {
  Config config;
  set_config_value(config, "size", "64x48");
  EXPECT_EQ(config.data.size, (ImageSize{64, 48}));
  set_config_value(config, "data.size", "32");
  EXPECT_EQ(config.data.size, (ImageSize{32, 32}));
  set_config_value(config, "size", "none");
  EXPECT_EQ(config.data.size, ImageSize());
  for (const char* text : {"", "x", "64x", "x64", "0", "64x0", "-1", "64x48x3", "64 x 48", "8.5"}) {
    EXPECT_THROW(set_config_value(config, "size", text), Error) << text;
  }
  config.data.size = {5000, 5};
  EXPECT_THROW(validate(config), Error);
  config.data = {};
  config.data.grey = config.data.rgb = true;
  EXPECT_THROW(validate(config), Error);
}

TEST(ConfigTest, ScenesAreWords) {
  Config config;
  const auto set = [&](const std::string& words) { set_config_value(config, "data.scene", words); };
  set("digits=1-3,size=40,clutter=6");
  EXPECT_EQ(config.data.scene, (SceneConfig{1, 3, {40, 40}, 6}));
  EXPECT_EQ(to_string(config.data.scene), "digits=1-3,size=40,clutter=6");
  set("clutter=0,size=64x48,digits=0-16");  // in any order
  EXPECT_EQ(config.data.scene, (SceneConfig{0, 16, {64, 48}, 0}));
  EXPECT_EQ(to_string(config.data.scene), "digits=0-16,size=64x48");
  EXPECT_EQ(config_from_json(config_to_json(config), {}, "test"), config);
  set("count=70,speed=0.5-2.25,digits=2,size=64,frames=20");
  EXPECT_EQ(config.data.scene, (SceneConfig{2, 2, {64, 64}, 0, 20, 0.5, 2.25, 70}));
  EXPECT_EQ(to_string(config.data.scene), "digits=2,size=64,frames=20,speed=0.5-2.25,count=70");
  EXPECT_EQ(config_from_json(config_to_json(config), {}, "test"), config);
  set("digits=1,size=9,frames=2,speed=3");
  EXPECT_EQ(config.data.scene, (SceneConfig{1, 1, {9, 9}, 0, 2, 3.0, 3.0}));
  EXPECT_EQ(to_string(config.data.scene), "digits=1,size=9,frames=2,speed=3");
  set("renew=1,digits=1,size=9,frames=2,speed=3");
  EXPECT_EQ(config.data.scene, (SceneConfig{1, 1, {9, 9}, 0, 2, 3.0, 3.0, 0, 0, 1}));
  EXPECT_EQ(to_string(config.data.scene), "digits=1,size=9,frames=2,speed=3,renew=1");
  set("digits=2,size=8");
  EXPECT_EQ(config.data.scene, (SceneConfig{2, 2, {8, 8}, 0}));
  set("depth=28,digits=1,size=28");
  EXPECT_EQ(config.data.scene,
            (SceneConfig{.fewest = 1, .most = 1, .size = {28, 28}, .depth = 28}));
  EXPECT_EQ(to_string(config.data.scene), "digits=1,size=28,depth=28");
  EXPECT_EQ(config_from_json(config_to_json(config), {}, "test"), config);
  const SceneConfig before = config.data.scene;
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "'' is no part of a scene"},
      {"digits=1,size=9,renew=1", "has renew=1 without frames=T"},
      {"digits=1,size=9,frames=2,speed=3,renew=2", "has renew=2, expected 0..1"},
      {"digits", "'digits', expected digits=N or digits=A-B"},
      {"digits=,size=40", "'digits=', expected digits=N"},
      {"digits=many,size=40", "'digits=many'"},
      {"digits=1-,size=40", "'digits=1-'"},
      {"digits=-1,size=40", "'digits=-1'"},
      {"digits=1-2-3,size=40", "'digits=1-2-3'"},
      {"digits=99999999999999999999,size=40", "expected digits=N"},
      {"digits=1-3", "it lacks size=S or size=WIDTHxHEIGHT"},
      {"size=40,clutter=6", "it lacks digits=N or digits=A-B"},
      {"digits=1,size=40x", "'size=40x', expected size=S or size=WIDTHxHEIGHT"},
      {"digits=1,size=40,", "'' is no part"},
      {"digits=1,size=40,clutter=6.5", "'clutter=6.5', expected clutter=K"},
      {"digits=1,size=40,cluter=6", "did you mean 'clutter'?"},
      {"digits=1,size=40,size=40", "it has size twice"},
      {"digits=3-1,size=40", "digits=3-1"},
      {"digits=17,size=40", "1..16"},
      {"digits=0,size=40", "1..16"},
      {"digits=1,size=7", "8..4096"},
      {"digits=1,size=40x4097", "size=40x4097"},
      {"digits=1,size=40,clutter=65", "0..64"},
      {"digits=1,size=40,clutter=-1", "0..64"},
      {"digits=1,size=40,count=-1", "count=-1"},
      {"digits=1,size=40,count=1.5", "'count=1.5', expected count=N"},
      {"digits=1,size=40,frames=1,speed=2", "has frames=1, expected 2..1024"},
      {"digits=1,size=40,frames=1025,speed=2", "2..1024"},
      {"digits=1,size=40,frames=10", "frames=10 without speed=A-B"},
      {"digits=1,size=40,frames=10,speed=0", "frames=10 without speed=A-B"},
      {"digits=1,size=40,speed=2-5", "speed=2-5 without frames=T"},
      {"digits=1,size=40,frames=10,speed=5-2", "speed=5-2"},
      {"digits=1,size=40,frames=10,speed=2-65", "0..64"},
      {"digits=1,size=40,frames=10,speed=-1", "'speed=-1', expected speed=V or speed=A-B"},
      {"digits=1,size=40,frames=10,speed=nan", "speed=nan"},
      {"digits=1,size=40,frames=10,speed=inf", "speed=inf"},
      {"digits=1,size=40,frames=10,speed=2,clutter=1", "clutter=1 and frames=10"},
      {"digits=1,size=40,depth=7", "has depth=7, expected 8..1024"},
      {"digits=1,size=40,depth=1025", "has depth=1025, expected 8..1024"},
      {"digits=1,size=40,depth=-8", "expected 8..1024"},
      {"digits=1,size=40,depth=28.5", "'depth=28.5', expected depth=D"},
      {"digits=1-2,size=40,depth=28", "expected digits=1 and no clutter"},
      {"digits=0-1,size=40,depth=28", "expected digits=1 and no clutter"},
      {"digits=1,size=40,depth=28,clutter=1", "expected digits=1 and no clutter"},
      {"none,size=40", "'none' is no part"},
  };
  for (const auto& [words, message] : wrong) {
    const std::string refusal = refusal_of([&, text = words] { set(text); });
    EXPECT_CONTAINS(refusal, "data.scene (--scene)");
    EXPECT_CONTAINS(refusal, message);
    EXPECT_EQ(config.data.scene, before) << words;
    const std::string json = "{\"data\": {\"scene\": \"" + words + "\"}}";
    EXPECT_CONTAINS(refusal_of([&] { config_from_json(json, {}, "file"); }), message);
  }
  EXPECT_CONTAINS(refusal_of([] { config_from_json("{\"data\": {\"scene\": 3}}", {}, "file"); }),
                  "expected a scene in quotes");
  set("none");
  EXPECT_EQ(config, Config());
  config.data.scene.clutter = 3;
  EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "data.scene (--scene) has digits=0");
}

TEST(ConfigTest, TextSetsWhatJsonSets) {
  Config config;
  set_config_value(config, "encoder", "11,5");
  set_config_value(config, "model.decoder", "none");
  set_config_value(config, "activation", "gelu");
  set_config_value(config, "training.binarization", "static");
  set_config_value(config, "learning_rate", "2.5e-4");
  set_config_value(config, "output_bias_from_mean", "true");
  set_config_value(config, "seed", "18446744073709551615");
  EXPECT_EQ(config.model.encoder, (std::vector<Layer>{11, 5}));
  EXPECT_TRUE(config.model.decoder.empty());
  EXPECT_EQ(config.model.activation, Activation::gelu);
  EXPECT_EQ(config.training.binarization, Binarization::fixed);
  EXPECT_EQ(config.training.learning_rate, 2.5e-4);
  EXPECT_TRUE(config.model.output_bias_from_mean);
  EXPECT_EQ(config.training.seed, std::numeric_limits<uint64_t>::max());
}

TEST(ConfigTest, RefusesTextThatIsNoValue) {
  Config config;
  const Config before = config;
  for (const auto& [key, text] :
       std::vector<std::pair<std::string, std::string>>{{"epochs", ""},
                                                        {"epochs", "1.5"},
                                                        {"epochs", "10x"},
                                                        {"epochs", " 1"},
                                                        {"epochs", "99999999999999999999"},
                                                        {"seed", "-1"},
                                                        {"beta", "1,5"},
                                                        {"encoder", "400,"},
                                                        {"encoder", ",4"},
                                                        {"encoder", ""},
                                                        {"encoder", "4;5"},
                                                        {"output_bias_from_mean", "yes"},
                                                        {"activation", "RELU"}}) {
    const std::string message =
        refusal_of([&config, &key = key, &text = text] { set_config_value(config, key, text); });
    EXPECT_CONTAINS(message, key);
    EXPECT_CONTAINS(message, "expected");
  }
  EXPECT_EQ(config, before);
}

TEST(ConfigTest, SuggestsTheClosestKeyWordAndPreset) {
  Config config;
  EXPECT_CONTAINS(refusal_of([&] { set_config_value(config, "bach_size", "1"); }),
                  "did you mean 'batch_size'?");
  EXPECT_CONTAINS(refusal_of([&] { set_config_value(config, "activation", "rleu"); }),
                  "did you mean 'relu'?");
  EXPECT_CONTAINS(refusal_of([&] { preset("mlp-400-2"); }), "did you mean 'mlp-400-20'?");
  EXPECT_CONTAINS(refusal_of([&] { binarization_from_string("statik"); }),
                  "did you mean 'static'?");
  EXPECT_CONTAINS(json_problem(R"({"model": {"latnet": 3}})"), "did you mean 'latent'?");
  EXPECT_CONTAINS(json_problem(R"({"modle": {}})"), "did you mean 'model'?");
}

TEST(ConfigTest, SaysWhereAKeyOfTheOtherSectionBelongs) {
  EXPECT_CONTAINS(json_problem(R"({"model": {"epochs": 3}})"), "belongs into \"training\"");
  EXPECT_CONTAINS(json_problem(R"({"epochs": 3})"), "belongs into \"training\"");
}

TEST(ConfigTest, ListsEveryProblemOfADocument) {
  const std::string message = json_problem(
      R"({"model": {"latent": "20", "encodr": [1], "encoder": [1.5]}, "training": {"seed": -1}})");
  EXPECT_CONTAINS(message, "run.json: 4 problems");
  EXPECT_CONTAINS(message, "model.latent cannot be \"20\"");
  EXPECT_CONTAINS(message, "encodr");
  EXPECT_CONTAINS(message, "model.encoder at [0] cannot be 1.5: expected a whole number");
  EXPECT_CONTAINS(message, "training.seed cannot be -1");
}

TEST(ConfigTest, RefusesNumbersThatJsonWouldRoundSilently) {
  EXPECT_CONTAINS(json_problem(R"({"training": {"seed": 18446744073709551616}})"), "seed");
  EXPECT_CONTAINS(json_problem(R"({"training": {"epochs": 9223372036854775808}})"), "epochs");
  EXPECT_CONTAINS(json_problem(R"({"training": {"epochs": 1.0}})"), "epochs");
}

TEST(ConfigTest, NamesTheFileOfABrokenDocument) {
  for (const char* text : {"", "{", "[1]", "3", "{\"model\": 3}", "nul",
                           R"({"training": {"epochs": 1, "epochs": 2}})"}) {
    EXPECT_CONTAINS(json_problem(text), "run.json");
  }
}

TEST(ConfigTest, ReadsCommentsAndKeepsWhatTheDocumentLeavesOut) {
  Config base;
  base.training.epochs = 3;
  const Config config =
      config_from_json("{ // small\n \"model\": {\"latent\": 2 /* plane */}}", base, "x");
  EXPECT_EQ(config.model.latent, 2);
  EXPECT_EQ(config.training.epochs, 3);
}

TEST(ConfigTest, APresetInADocumentReplacesTheBaseBeforeAnyKey) {
  Config base;
  base.training.epochs = 3;
  const Config config =
      config_from_json(R"({"model": {"latent": 5}, "preset": "iwae-1"})", base, "x");
  Config expected = preset("iwae-1");
  expected.model.latent = 5;
  EXPECT_EQ(config, expected);
}

TEST(ConfigTest, PresetsAreTheNetworksOfTheirNames) {
  const Config mlp = preset("mlp-400-20");
  EXPECT_EQ(mlp.model.encoder, std::vector<Layer>{400});
  EXPECT_EQ(mlp.model.decoder, std::vector<Layer>{400});
  EXPECT_EQ(mlp.model.latent, 20);
  EXPECT_EQ(preset("tutorial").model.encoder, (std::vector<Layer>{256, 128}));
  EXPECT_EQ(preset("tutorial").model.decoder, std::vector<Layer>{128});
  EXPECT_EQ(preset("iwae-1").model.activation, Activation::tanh);
  EXPECT_EQ(preset("iwae-1").model.latent, 50);
  EXPECT_EQ(preset("iwae-1").training.batch_size, 20);
  EXPECT_EQ(preset("iwae-1").training.adam_epsilon, 1e-4);
  EXPECT_EQ(preset(preset_names().front()), Config());
  for (const std::string& name : preset_names()) {
    EXPECT_NO_THROW(validate(test::with_classes(preset(name)))) << name;
  }
}

TEST(ConfigTest, PresetsThatRestoreSayWhatIsDoneToTheImages) {
  EXPECT_EQ(preset("denoise").data.corrupt, (Corruption{CorruptionKind::noise, 0.5}));
  EXPECT_TRUE(preset("denoise").model.has_skips());
  const Config inpaint = preset("inpaint");
  EXPECT_EQ(inpaint.data.corrupt, (Corruption{CorruptionKind::quadrants, 1}));
  EXPECT_EQ(inpaint.model.condition, Condition::seen);
  EXPECT_EQ(inpaint.model.condition_size(), 784);
  EXPECT_EQ(inpaint.model.heads_input_shape(), ItemShape{1284});
  EXPECT_EQ(inpaint.model.decoder_input_shape(), ItemShape{984});
  const Config predict = preset("predict");
  EXPECT_EQ(predict.data.corrupt.kind, CorruptionKind::frames);
  EXPECT_EQ(predict.model.channels, predict.data.scene.frames);
  EXPECT_EQ(predict.training.validation, 1000);
  EXPECT_EQ(config_from_json(config_to_json(predict), {}, "x"), predict);
  for (const char* name : {"denoise", "inpaint"}) {
    EXPECT_EQ(preset(name).training.validation, 5000);
    EXPECT_EQ(config_from_json(config_to_json(preset(name)), {}, "x"), preset(name));
  }
}

int64_t parameters_of(const ModelConfig& model) {
  int64_t sum = 0;
  ItemShape shape = model.image_shape();
  const auto add = [&](const Layer& layer) {
    sum += parameter_count(layer, shape);
    shape = output_shape(layer, shape);
  };
  for (const Layer& layer : model.encoder) add(layer);
  add(2 * model.latent);
  shape = {model.latent};
  for (const Layer& layer : model.decoder) add(layer);
  add(model.output_layer());
  return sum;
}

TEST(ConfigTest, ConvolutionalPresetsAreTheNetworksOfTheirNames) {
  const ModelConfig conv_28 = preset("conv-28").model;
  EXPECT_EQ(to_string(conv_28.encoder), "conv 32 4x4/2, conv 64 4x4/2, 256");
  EXPECT_EQ(to_string(conv_28.decoder), "256, dense 7x7x64, deconv 32 4x4/2");
  EXPECT_EQ(to_string(conv_28.output), "deconv 4x4/2");
  EXPECT_EQ(conv_28.latent, 20);
  EXPECT_EQ(parameters_of(conv_28), 1691369);
  EXPECT_EQ(parameters_of(preset("mlp-400-20").model), 652824);
  const ModelConfig conv_64 = preset("conv-64x3").model;
  EXPECT_EQ(to_string(conv_64.encoder),
            "conv 32 4x4/2, conv 64 4x4/2, conv 128 4x4/2, conv 256 4x4/2, 256");
  EXPECT_EQ(to_string(conv_64.decoder),
            "256, dense 4x4x256, deconv 128 4x4/2, deconv 64 4x4/2, deconv 32 4x4/2");
  EXPECT_EQ(preset("conv-32x3").model.decoder_shapes().front(), ItemShape{256});
  EXPECT_EQ(preset("conv-32x3").model.decoder_shapes().back(), (ItemShape{16, 16, 32}));
  Config tutorial = preset("tutorial-conv");
  EXPECT_EQ(tutorial.model.encoder.front(), conv(16, 4, 2));
  tutorial.model.encoder.erase(tutorial.model.encoder.begin());
  EXPECT_EQ(tutorial, preset("tutorial"));
}

TEST(ConfigTest, ValidationListsEveryValueOutOfItsRange) {
  Config config;
  config.model.latent = 0;
  config.model.encoder = {400, 70000};
  config.model.height = config.model.width = 4096;
  config.model.channels = 4;
  config.model.logvar_min = 21;
  config.training.learning_rate = std::numeric_limits<double>::quiet_NaN();
  config.training.adam_beta1 = 1.0;
  config.training.schedule = LearningRateSchedule::step;
  const std::string message = refusal_of([&] { validate(config); });
  EXPECT_CONTAINS(message, "7 problems");
  for (const char* part :
       {"--latent", "70000", "make more than 50331648 pixel values", "logvar_min",
        "--learning-rate", "--adam-beta1", "step_epochs is empty"}) {
    EXPECT_CONTAINS(message, part);
  }
}

TEST(ConfigTest, LatentsAboveTakeWhatTheyHaveAClosedFormFor) {
  Config config;
  set_config_value(config, "top", "100, gated dense 50");
  EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "--top-latent");
  set_config_value(config, "top_latent", "10");
  validate(config);
  EXPECT_EQ(config.model.all_latents(), 30);
  EXPECT_EQ(config_from_json(config_to_json(config), {}, "x"), config);
  config.training.free_bits = 0.1;
  EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "training.free_bits");
  config.training.free_bits = 0.0;
  config.training.objective = Objective::dreg;
  EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "training.objective dreg");
  config.training.objective = Objective::iwae;
  set_config_value(config, "top", "dense 7x7x2, conv 3 3x3");
  EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "model.top (--top) takes dense layers");
}

TEST(ConfigTest, WhatIsStandardOfThePriorIsNotSaid) {
  EXPECT_EQ(config_to_json({}).find("\"prior"), std::string::npos);
  EXPECT_EQ(config_to_json({}).find("\"top"), std::string::npos);
}

TEST(ConfigTest, LikelihoodsOfLevelsNeedThePixelsAsTheyAre) {
  for (const char* word : {"logistic", "beta-binomial"}) {
    Config config;
    set_config_value(config, "likelihood", word);
    const std::string message = refusal_of([&] { validate(config); });
    EXPECT_CONTAINS(message, word);
    EXPECT_CONTAINS(message, "--binarization none");
    set_config_value(config, "binarization", "none");
    EXPECT_NO_THROW(validate(config));
  }
}

TEST(ConfigTest, VariancesOfChannelsAndPixelsAreGaussian) {
  for (const char* word : {"per-channel", "per-pixel"}) {
    Config config;
    set_config_value(config, "variance", word);
    EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "--likelihood gaussian");
    set_config_value(config, "likelihood", "gaussian");
    EXPECT_NO_THROW(validate(config));
  }
}

TEST(ConfigTest, BothSidesOfEveryLimitAreWhereTheyAreDocumented) {
  struct Limit {
    const char* key;
    const char* allowed;
    const char* refused;
  };
  for (const Limit& limit : std::vector<Limit>{{"height", "1", "0"},
                                               {"height", "4096", "4097"},
                                               {"width", "4096", "4097"},
                                               {"channels", "1024", "1025"},
                                               {"channels", "1", "0"},
                                               {"latent", "65536", "65537"},
                                               {"encoder", "65536", "65537"},
                                               {"encoder", "none", "0"},
                                               {"sigma", "1e-6", "0"},
                                               {"epochs", "1", "0"},
                                               {"batch_size", "1048576", "1048577"},
                                               {"batch_size", "1", "0"},
                                               {"beta", "0", "-1e-9"},
                                               {"beta", "0", "inf"},
                                               {"learning_rate", "1e-30", "0"},
                                               {"learning_rate", "1e38", "1e39"},
                                               {"learning_rate", "1e-44", "1e-46"},
                                               {"adam_beta1", "0.9999999", "0.99999999"},
                                               {"clip_norm", "3e38", "4e38"},
                                               {"beta", "1e-30", "1e-50"},
                                               {"step_factor", "3e38", "4e38"},
                                               {"adam_beta2", "0", "1"},
                                               {"adam_epsilon", "1e-8", "0"},
                                               {"clip_norm", "0", "-1"},
                                               {"weight_decay", "0.3", "-0.1"},
                                               {"weight_decay", "999", "1000"},
                                               {"learning_rate_warmup_epochs", "0.5", "-1"},
                                               {"free_bits", "0.25", "-0.1"},
                                               {"skip_norm", "1.5", "1"},
                                               {"skip_norm", "0", "-1"},
                                               {"ema", "0.9999", "1"},
                                               {"ema", "0", "-0.1"},
                                               {"final_factor", "1", "1.1"},
                                               {"step_epochs", "3,4", "4,4"},
                                               {"checkpoint_every", "0", "-1"},
                                               {"max_nonfinite_steps", "1", "0"}}) {
    Config config;
    set_config_value(config, limit.key, limit.allowed);
    EXPECT_NO_THROW(validate(config)) << limit.key << ' ' << limit.allowed;
    set_config_value(config, limit.key, limit.refused);
    EXPECT_THROW(validate(config), Error) << limit.key << ' ' << limit.refused;
  }
  Config config;
  config.model.decoder.assign(64, 1);
  EXPECT_NO_THROW(validate(config));
  config.model.decoder.push_back(1);
  EXPECT_THROW(validate(config), Error);
}

/// Keys that hold a number with a fraction.
std::vector<std::string> real_keys() {
  std::vector<std::string> keys;
  for (const ConfigKey& key : config_keys()) {
    Config config;
    try {
      set_config_value(config, key.name, "0.5");
      keys.emplace_back(key.name);
    } catch (const Error&) {
    }
  }
  return keys;
}

TEST(ConfigTest, NoNumberBecomesInfiniteOrZeroOnItsWayToTheDevice) {
  ASSERT_EQ(real_keys().size(), 19u);
  for (const std::string& key : real_keys()) {
    for (const char* text : {"1e39", "-1e39", "1e-50", "-1e-50"}) {
      Config config;
      set_config_value(config, key, text);
      EXPECT_CONTAINS(refusal_of([&] { validate(config); }), key) << text;
    }
  }
  Config config;
  config.training.learning_rate = 1e39;
  EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "infinite as a 32-bit float");
  config.training.learning_rate = 1e-50;
  EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "0 as a 32-bit float");
}

TEST(ConfigTest, TheRateOfEveryStageIsAFloat) {
  Config config;
  config.training.schedule = LearningRateSchedule::step;
  for (int64_t epoch = 1; epoch <= 32; ++epoch) config.training.step_epochs.push_back(epoch);
  EXPECT_NO_THROW(validate(config));
  for (const double factor : {1e-2, 1e3}) {
    config.training.step_factor = factor;
    EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "step_factor");
  }
  config.training.step_factor = 0.1;
  config.training.step_epochs.push_back(33);
  EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "at most 32");
}

TEST(ConfigTest, ClampsAreApartAsFloats) {
  Config config;
  config.model.logvar_min = 1.0;
  config.model.logvar_max = 1.0 + 1e-12;
  EXPECT_CONTAINS(refusal_of([&] { validate(config); }), "logvar_min");
}

TEST(SuggestTest, CountsASwapOfNeighboursAsOneEdit) {
  EXPECT_EQ(edit_distance("relu", "rleu"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(SuggestTest, OffersNothingForAWordLikeNoneOfThem) {
  const std::vector<std::string> verbs = {"train", "eval", "sample"};
  EXPECT_EQ(closest_word("quux", verbs), "");
  EXPECT_EQ(closest_word("", verbs), "");
  EXPECT_EQ(closest_word("trian", verbs), "train");
  EXPECT_EQ(closest_word(std::string(1 << 20, 'x'), verbs), "");
}

}  // namespace
}  // namespace vae
