// SPDX-License-Identifier: MIT
#include "vae/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <filesystem>
#include <string>
#include <utility>

#include "host/model/model_impl.h"
#include "host/report/live.h"
#include "host/run/metrics_log.h"
#include "host/run/run_status.h"
#include "host/text/html.h"
#include "tests/host/io/sample_files.h"
#include "tests/support/effort.h"
#include "tests/support/memory_growth.h"
#include "vae/image.h"

namespace vae {
namespace {

Dataset small_data() {
  std::vector<uint8_t> pixels(30 * 16);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 37);
  Dataset data;
  data.name = "small";
  data.train = ImageSet(4, 4, 1, pixels);
  data.test = data.train.slice(0, 15);
  return data;
}

Config small_config(int64_t latent) {
  Config config;
  config.model.height = config.model.width = 4;
  config.model.encoder = config.model.decoder = {8};
  config.model.latent = latent;
  return config;
}

class ReportTest : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    test::write_plainly(folder_.file(name), test::to_bytes(text));
  }
  /// The best epoch is the second one, or the first where there is one only.
  void write_run(int epochs, std::optional<Bound> validation = std::nullopt) {
    write("config.json", config_to_json(small_config(2)));
    RunStatus run;
    run.data = "<b>data</b>";
    run.device_description = "a & b";
    run.parameters = 1234567;
    run.data_fingerprint = "0123456789abcdef";
    run.best = EpochRecord{std::min(2, epochs), 6, validation, {-100.0, 18.0}, 2, {0.25, 1.5}};
    write("run.json", to_json_text(run, 1.0));
    std::string lines;
    for (int epoch = 1; epoch <= epochs; ++epoch) {
      Metrics metrics;
      metrics.epoch = epoch;
      metrics.split = "train";
      metrics.elbo = -130.0 + epoch;
      metrics.images = 30;
      metrics.seconds = 2.0;
      metrics.learning_rate = 1e-3 / epoch;
      lines += metrics_to_json(metrics, Binarization::dynamic) + "\n";
      metrics.split = "test";
      metrics.elbo = -120.0 + epoch;
      metrics.reconstruction = -100.0;
      lines += metrics_to_json(metrics, Binarization::dynamic) + "\n";
    }
    write("metrics.jsonl", lines);
  }
  std::string report() {
    write_report(folder_.path());
    return test::read_plainly(folder_.file("report.html"));
  }
  static bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  test::TemporaryFolder folder_;
};

TEST_F(ReportTest, ShowsNumbersCurvesSettingsAndPictures) {
  write_run(3);
  Model model(small_config(2).model, Device::cpu(1));
  write_epoch_pictures(folder_.path(), model, small_data(), 1);
  write_epoch_pictures(folder_.path(), model, small_data(), 3);
  const std::string html = report();
  for (const char* part :
       {"-118.00", "-117.00 at epoch 3", "1,234,567", "16-8-2-8-16", "dynamic: each pixel",
        "Learning rate", "rank 1: 1.500", "after epoch 3", "after epoch 1"}) {
    EXPECT_TRUE(contains(html, part)) << part;
  }
  const std::string picture =
      test::read_plainly(folder_.file("images/epoch-003-reconstructions.png"));
  EXPECT_TRUE(contains(html, encode_base64(std::as_bytes(std::span(picture)))));
}

TEST_F(ReportTest, SaysWhichCheckpointWasChosenOnWhat) {
  write_run(3);
  const std::string on_test = report();
  for (const char* part : {"The best checkpoint is that of epoch 2, chosen on the test set",
                           "reconstruction - 1 KL = -118.00", "a little too good",
                           "sorted; epoch 2", "<tr class=\"best\"><td>2</td>"}) {
    EXPECT_TRUE(contains(on_test, part)) << part;
  }
  EXPECT_FALSE(contains(on_test, "curve validation"));
  write_run(3, Bound{-101.0, 18.5});
  Metrics line;
  line.epoch = 3;
  line.split = "validation";
  line.elbo = -119.75;
  line.images = 7;
  write("metrics.jsonl", test::read_plainly(folder_.file("metrics.jsonl")) +
                             metrics_to_json(line, Binarization::dynamic) + "\n");
  const std::string on_validation = report();
  for (const char* part :
       {"chosen on the validation images", "reconstruction - 1 KL = -119.50", "dot validation",
        "validation ELBO", "-119.75", "7 set aside for validation"}) {
    EXPECT_TRUE(contains(on_validation, part)) << part;
  }
  EXPECT_FALSE(contains(on_validation, "a little too good"));
}

TEST_F(ReportTest, SaysThatNothingIsChosenWithinTheWarmUp) {
  write_run(1);
  Config config = small_config(2);
  config.training.kl_warmup_epochs = 2.5;
  write("config.json", config_to_json(config));
  RunStatus run;
  run.last = EpochRecord{1, 3, {}, {-100.0, 18.0}, 2, {0.25, 1.5}};
  write("run.json", to_json_text(run, 1.0));
  const std::string html = report();
  EXPECT_TRUE(contains(html,
                       "no best checkpoint before an epoch has ended after the KL warm-up of "
                       "2.5 epochs"));
  EXPECT_TRUE(contains(html, "sorted; epoch 1"));
}

TEST_F(ReportTest, NeedsNothingFromOutsideThePage) {
  write_run(2);
  const std::string html = report();
  for (const char* part : {"http:", "https:", "<script ", "<link", "@import", "url(", "fetch("}) {
    EXPECT_FALSE(contains(html, part)) << part;
  }
}

/// What the page's script needs to know: when to look again, and when to give up.
TEST_F(ReportTest, LooksForNewsWhileTheRunGoesOnAndGivesUpAfterSomeTime) {
  write_run(3);
  const auto with_status = [&](const std::string& status) {
    RunStatus run;
    run.status = status;
    run.reason = "a <reason>";
    run.step = 1234;
    run.steps = 5000;
    write("run.json", to_json_text(run, 1.0));
    return report();
  };
  const std::string running = with_status("running");
  EXPECT_TRUE(contains(running, "Running: step 1,234 of 5,000"));
  EXPECT_TRUE(contains(running, "data-patience=\"300\""));
  const std::string alive = "data-alive=\"";
  const size_t at = running.find(alive);
  ASSERT_NE(at, std::string::npos);
  const auto age = std::time(nullptr) - std::stoll(running.substr(at + alive.size()));
  EXPECT_GE(age, 0);
  EXPECT_LT(age, 60) << "run.json was written now";
  EXPECT_TRUE(contains(running, "<span class=\"resume\" hidden><code>vae train --resume --out "));
  for (const auto& [status, words] :
       {std::pair("finished", "Finished: step 1,234"), std::pair("stopped", "Stopped after step"),
        std::pair("diverged", "Diverged after step 1,234 of 5,000: a &lt;reason&gt;"),
        std::pair("failed", "Failed after step")}) {
    const std::string html = with_status(status);
    EXPECT_TRUE(contains(html, words)) << status;
    EXPECT_FALSE(contains(html, alive)) << status;
    EXPECT_EQ(contains(html, "--resume"),
              std::string_view(status) == "stopped" || std::string_view(status) == "failed");
  }
}

TEST_F(ReportTest, HasMorePatienceWithARunOfLongEpochs) {
  RunRecord run;
  EXPECT_EQ(patience_seconds(run), 300);
  Metrics line;
  line.seconds = 3600;
  run.train.push_back(line);
  line.seconds = 400;
  run.test.push_back(line);
  EXPECT_EQ(patience_seconds(run), 12000);
  run.train.back().seconds = std::nan("");
  EXPECT_EQ(patience_seconds(run), 300);
  run.train.back().seconds = 1e300;
  EXPECT_EQ(patience_seconds(run), 7 * 24 * 3600);
}

TEST_F(ReportTest, TheSliderKnowsThePicturesOfEveryEpoch) {
  write_run(3);
  Model model(small_config(2).model, Device::cpu(1));
  write_epoch_pictures(folder_.path(), model, small_data(), 1);
  EXPECT_FALSE(contains(report(), "type=\"range\"")) << "one epoch needs no slider";
  for (const int64_t epoch : {2, 3}) {
    write_epoch_pictures(folder_.path(), model, small_data(), epoch);
  }
  std::filesystem::remove(folder_.file("images/epoch-002-map.svg"));
  const std::string html = report();
  for (const char* part :
       {"data-epochs=\"1 2 3\"", "max=\"2\" value=\"2\"",
        "data-files=\"epoch-001-samples.png epoch-002-samples.png epoch-003-samples.png\"",
        "data-files=\"epoch-001-map.svg - epoch-003-map.svg\""}) {
    EXPECT_TRUE(contains(html, part)) << part;
  }
}

TEST_F(ReportTest, ADrawingFromElsewhereIsShownAsAPictureThatRunsNothing) {
  write_run(1);
  std::filesystem::create_directory(folder_.file("images"));
  write("images/epoch-001-map.svg", "<svg><script>alert(1)</script></svg>");
  EXPECT_FALSE(contains(report(), "alert"));
  EXPECT_TRUE(contains(report(), "src=\"data:image/svg+xml;base64,"));
  write("images/epoch-001-map.svg", std::string(2 << 20, ' '));
  EXPECT_LT(report().size(), size_t{1} << 20);
}

TEST_F(ReportTest, EveryPlotIsDrawnForADeskAndForATelephone) {
  write_run(6);
  const std::string html = report();
  for (const char* part :
       {"<svg class=\"roomy\" viewBox=\"0 0 1040 ", "<svg class=\"narrow\" viewBox=\"0 0 350 "}) {
    EXPECT_TRUE(contains(html, part)) << part;
  }
}

TEST_F(ReportTest, QuotedTextIsEscaped) {
  write_run(1);
  const std::string html = report();
  EXPECT_FALSE(contains(html, "<b>data</b>"));
  EXPECT_TRUE(contains(html, "&lt;b&gt;data&lt;/b&gt;"));
  EXPECT_TRUE(contains(html, "a &amp; b"));
}

TEST_F(ReportTest, SkipsATornLastLine) {
  write_run(2);
  const std::string whole = report();
  const std::string lines = test::read_plainly(folder_.file("metrics.jsonl"));
  write("metrics.jsonl", lines + R"({"epoch":3,"split":"tra)");
  EXPECT_EQ(report(), whole);
}

TEST_F(ReportTest, ExistsBeforeTheFirstEpoch) {
  write("config.json", config_to_json(small_config(2)));
  EXPECT_TRUE(contains(report(), "No epoch is finished yet"));
}

TEST_F(ReportTest, AFolderWithoutARunIsAnError) {
  test::expect_error(ErrorCode::io, [&] { write_report(folder_.path()); }, {"config.json"});
  EXPECT_TRUE(folder_.names().empty());
}

TEST_F(ReportTest, NamesGreyLevelsUnderABernoulliAsNoLikelihood) {
  write_run(1);
  Config config = small_config(2);
  config.training.binarization = Binarization::none;
  write("config.json", config_to_json(config));
  EXPECT_TRUE(contains(report(), "no log-likelihoods"));
}

/// Thousands of lines (all of a hundred thousand in the full run), a latent of ten thousand
/// dimensions, a picture of noise.
TEST_F(ReportTest, StaysSmallForALongRunOfALargeModel) {
  const int epochs = test::repetitions(50'000, 5'000, 1'000);
  const int distance = epochs / 200;
  write_run(epochs);
  RunStatus run;
  run.best = EpochRecord{2, 6, std::nullopt, {-100.0, 18.0}, 2, std::vector<double>(10'000, 0.25)};
  write("run.json", to_json_text(run, 1.0));
  std::filesystem::create_directory(folder_.file("images"));
  Image noise{1500, 1500, 3, std::vector<uint8_t>(1500 * 1500 * 3)};
  uint32_t state = 1;
  for (uint8_t& value : noise.pixels)
    value = static_cast<uint8_t>((state = state * 1664525 + 7) >> 24);
  save_png(folder_.file("images/epoch-001-samples.png"), noise);
  const int64_t growth = test::memory_growth([&] { write_report(folder_.path()); });
  EXPECT_GE(growth, 0);
  EXPECT_LT(growth, int64_t{100} << 20);
  const std::string html = test::read_plainly(folder_.file("report.html"));
  EXPECT_LT(html.size(), size_t{2} << 20);
  const auto cell = [](int epoch) { return "<td>" + std::to_string(epoch) + "</td>"; };
  for (const std::string& part :
       {std::to_string(epochs) + " of", cell(1), cell(distance), cell(epochs),
        "One epoch in " + std::to_string(distance), std::string("the largest 400 of 10,000")}) {
    EXPECT_TRUE(contains(html, part)) << part;
  }
  EXPECT_FALSE(contains(html, cell(distance + 1)));
}

class EpochPicturesTest : public ReportTest {};

TEST_F(EpochPicturesTest, TheManifoldIsForTwoDimensionsOnly) {
  for (const int64_t latent : {2, 3}) {
    Model model(small_config(latent).model, Device::cpu(1));
    write_epoch_pictures(folder_.path(), model, small_data(), latent);
  }
  EXPECT_TRUE(std::filesystem::exists(folder_.file("images/epoch-002-manifold.png")));
  EXPECT_TRUE(std::filesystem::exists(folder_.file("images/epoch-003-map.svg")));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("images/epoch-003-manifold.png")));
  EXPECT_TRUE(std::filesystem::exists(folder_.file("images/epoch-003-samples.png")));
}

TEST_F(EpochPicturesTest, TheSameModelMakesTheSamePicturesEveryEpoch) {
  Model model(small_config(2).model, Device::cpu(1));
  for (const int64_t epoch : {1, 1000}) {
    write_epoch_pictures(folder_.path(), model, small_data(), epoch);
  }
  for (const char* kind : {"reconstructions.png", "samples.png", "manifold.png", "map.svg"}) {
    const std::string first = folder_.file(std::string("images/epoch-001-") + kind);
    const std::string later = folder_.file(std::string("images/epoch-1000-") + kind);
    EXPECT_EQ(test::read_plainly(first), test::read_plainly(later)) << kind;
  }
}

TEST_F(EpochPicturesTest, InputsStandAboveTheirReconstructions) {
  Model model(small_config(2).model, Device::cpu(1));
  model.impl().config.training.binarization = Binarization::threshold;
  const Dataset data = small_data();
  write_epoch_pictures(folder_.path(), model, data, 1);
  const Image picture = load_png(folder_.file("images/epoch-001-reconstructions.png"));
  const int64_t side = 4 * 14;  // enlarged to 56 pixels
  EXPECT_EQ(picture.width, 12 * (side + 1) + 1);
  EXPECT_EQ(picture.height, 4 * (side + 1) + 1) << "15 test images: two bands";
  const auto cell_pixel = [&](int64_t row, int64_t column, int64_t pixel) {
    const int64_t y = 1 + row * (side + 1) + pixel / 4 * 14;
    const int64_t x = 1 + column * (side + 1) + pixel % 4 * 14;
    return int{picture.pixels[y * picture.width + x]};
  };
  for (int64_t pixel = 0; pixel < 16; ++pixel) {
    EXPECT_EQ(cell_pixel(0, 5, pixel), data.test.image(5).pixels[pixel] >= 128 ? 255 : 0);
    EXPECT_EQ(cell_pixel(2, 2, pixel), data.test.image(14).pixels[pixel] >= 128 ? 255 : 0);
  }
  const Array decoded = model.reconstruct(data.test.slice(5, 1));
  EXPECT_NEAR(cell_pixel(1, 5, 7), decoded.values[7] * 255.0, 0.51);
}

}  // namespace
}  // namespace vae
