// SPDX-License-Identifier: MIT
//
// How odd images are, and how well that tells other images apart.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/progress_bar.h"
#include "host/cli/shared_options.h"
#include "host/cli/signals.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/anomaly.h"
#include "vae/error.h"
#include "vae/roc.h"

namespace vae::cli {
namespace {

constexpr double kAlarmAt = 0.05;  // p-values up to this are counted

/// Some images with what was found of them.
struct ScoredImages {
  const char* set;  // "data" or "against"
  ImageSet images;
  AnomalyFeatures features;
  AnomalyScores scores;

  /// The share with p-values up to kAlarmAt.
  double alarms() const {
    const auto count = std::count_if(scores.p_values.begin(), scores.p_values.end(),
                                     [](double p) { return p <= kAlarmAt; });
    return static_cast<double>(count) / static_cast<double>(scores.p_values.size());
  }
};

/// One score of usual and of other images, how well it tells them apart.
struct Comparison {
  RocCurve distance;
  RocCurve zlib;         // long images are odd
  RocCurve zlib_turned;  // short ones are
  RocCurve likelihood;   // improbable ones are
};

RocCurve compare(const std::vector<double>& usual, const std::vector<double>& odd, double sign) {
  std::vector<double> low = usual, high = odd;
  for (std::vector<double>* scores : {&low, &high}) {
    for (double& score : *scores) score *= sign;
  }
  return roc_curve(low, high);
}

Comparison compare(const ScoredImages& usual, const ScoredImages& odd) {
  const auto zlib_of = [](const ScoredImages& each) {
    return each.features.column(AnomalyFeatures::kZlib);
  };
  return {roc_curve(usual.scores.distances, odd.scores.distances),
          compare(zlib_of(usual), zlib_of(odd), 1.0), compare(zlib_of(usual), zlib_of(odd), -1.0),
          roc_curve(usual.features.code_lengths(), odd.features.code_lengths())};
}

/// "  the score             0.9952 +- 0.0003"
std::string area_line(const char* what, const RocCurve& curve, const std::string& more = "") {
  const std::string error =
      std::isfinite(curve.standard_error) ? fmt::format(" +- {:.4f}", curve.standard_error) : "";
  return fmt::format("  {:<22}{:.4f}{}{}\n", what, curve.area, error, more);
}

class Score : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  void require_options() const;
  std::optional<AnomalyFeatures> measured(Model& model, const ImageSet& images, const char* what);
  bool score(Model& model, const AnomalyDetector& detector, ScoredImages& images);
  std::string table(const std::vector<ScoredImages>& sets) const;
  void write(const Model& model, const AnomalyDetector& detector,
             const std::vector<ScoredImages>& sets, const char* calibrated_on);
  Json json(const AnomalyDetector& detector, const std::vector<ScoredImages>& sets,
            const char* calibrated_on) const;
  std::string text(const AnomalyDetector& detector, const std::vector<ScoredImages>& sets,
                   const char* calibrated_on) const;

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  std::string images_, against_, out_, roc_, by_ = "distance";
  int64_t samples_ = AnomalyOptions().samples;
  std::optional<Comparison> comparison_;  // with --against
};

void Score::declare(Command& command) {
  model_.declare(command);
  data_.declare(command, true);
  command.text("--images", "PATH", images_,
               "what to score, instead of a split of --data: all images of a folder or file, or "
               "one picture; --data is calibrated on");
  command.group("Scores");
  command.text("--against", "PATH", against_,
               "other images, to measure how well the score tells them apart: the test images of a "
               "source that has some, else all");
  command.word("--by", by_, {"distance", "likelihood"},
               "distance among images that the model was made for; likelihood is refused, with the "
               "reason");
  command.integer("--samples", samples_, 1, 1 << 16, "draws of each code, for the bound");
  input_.declare(command, kWithoutChance);
  command.text("--out", "FILE.csv", out_, "the score of each image, and what it is made of");
  command.text("--roc", "FILE.png", roc_, "the ROC curves, with --against");
  summary_.declare(command);
  terminal_.declare(command, true);
  command.examples(
      "  vae score runs/first --out scores.csv\n"
      "  vae score runs/first --against fashion-mnist --roc roc.png --out scores.csv\n"
      "  vae score runs/first --images pictures/ --out scores.csv");
}

void Score::require_options() const {
  if (by_ == "likelihood") {
    throw Error(
        ErrorCode::invalid_argument,
        "--by likelihood: a likelihood does not say how odd an image is. One of few details has a "
        "short code under every model: trained on Fashion-MNIST's clothes, a model finds MNIST's "
        "digits more probable than clothes (AUROC 0.28, where a guess has 0.5). Leave --by out; "
        "--against prints the likelihood's AUROC beside the score's");
  }
  if (out_.empty() && against_.empty()) {
    throw Error(
        ErrorCode::invalid_argument,
        "vae score: give --out FILE.csv for the scores, or --against PATH for how well they "
        "tell other images apart");
  }
  if (!roc_.empty() && against_.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "--roc: a ROC curve needs other images to tell apart; give --against PATH");
  }
  if (!out_.empty()) check_output("--out", out_, {"csv"});
  if (!roc_.empty()) check_output("--roc", roc_, {"png"});
}

int Score::run() {
  require_options();
  watch_signals();
  Model model = model_.load(terminal_);
  require_anomaly_model(model);
  const Dataset data = data_.load_all(model, terminal_);
  const ImageSet known = calibration_images(data);
  const bool by_validation = known.split() == Split::validation;
  std::vector<ScoredImages> sets;
  sets.push_back({"data",
                  images_.empty() ? data_.choose(model, data, terminal_)
                                  : data_.load_pictures(images_, model, terminal_),
                  {},
                  {}});
  if (!against_.empty()) {
    sets.push_back({"against", data_.load_other(against_, model, terminal_), {}, {}});
  }
  if (images_.empty() && data_.split() == (by_validation ? "validation" : "train")) {
    terminal_.warning("--split " + data_.split() +
                      ": the images are calibrated on, too, and score lower than others would");
  }
  stop_when_asked();
  const auto calibration = measured(model, known, "calibrating");
  if (!calibration) return 128 + stop_signal();
  const AnomalyDetector detector(*calibration);
  for (ScoredImages& images : sets) {
    if (!score(model, detector, images)) return 128 + stop_signal();
  }
  if (sets.size() > 1) comparison_ = compare(sets[0], sets[1]);
  write(model, detector, sets, by_validation ? "validation" : "train");
  return kSuccess;
}

/// Nothing where a signal asked to stop.
std::optional<AnomalyFeatures> Score::measured(Model& model, const ImageSet& images,
                                               const char* what) {
  AnomalyOptions options{samples_, input_.binarization(), input_.seed(), {}};
  options.progress = share_progress(terminal_, what);
  AnomalyFeatures features = anomaly_features(model, images, options);
  terminal_.clear();
  if (stop_signal() != 0) return {};
  return features;
}

bool Score::score(Model& model, const AnomalyDetector& detector, ScoredImages& images) {
  auto features = measured(model, images.images, "measuring");
  if (!features) return false;
  images.features = std::move(*features);
  images.scores = detector.score(images.features);
  return true;
}

/// A line for each image of each set.
std::string Score::table(const std::vector<ScoredImages>& sets) const {
  std::string text =
      fmt::format("set,image,name,score,p_value,{}\n", fmt::join(anomaly_feature_names(), ","));
  for (const ScoredImages& set : sets) {
    for (int64_t i = 0; i < set.images.count(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const std::string name = set.images.names().empty() ? "" : set.images.names()[at];
      text += fmt::format("{},{},{},{:.6g},{:.6g}", set.set, i, csv_field(name),
                          set.scores.distances[at], set.scores.p_values[at]);
      for (int64_t j = 0; j < AnomalyFeatures::kCount; ++j) {
        text += fmt::format(",{:.6g}", set.features.values.row(i)[j]);
      }
      text += "\n";
    }
  }
  return text;
}

void Score::write(const Model& model, const AnomalyDetector& detector,
                  const std::vector<ScoredImages>& sets, const char* calibrated_on) {
  std::vector<std::string> files;
  if (!out_.empty()) {
    write_text_file(out_, table(sets));
    files.push_back(out_);
  }
  if (!roc_.empty()) {
    const bool turned = comparison_->zlib_turned.area > comparison_->zlib.area;
    const std::vector<NamedRoc> curves = {
        {"score", comparison_->distance},
        {turned ? "zlib alone, short ones odd" : "zlib alone, long ones odd",
         turned ? comparison_->zlib_turned : comparison_->zlib},
        {"likelihood, improbable ones odd", comparison_->likelihood}};
    save_png(roc_, draw_roc_curves(curves));
    files.push_back(roc_);
  }
  summary_.print(model, files, json(detector, sets, calibrated_on));
  if (summary_.is_json() || terminal_.quiet()) return;
  write_stdout(text(detector, sets, calibrated_on));
}

Json Score::json(const AnomalyDetector& detector, const std::vector<ScoredImages>& sets,
                 const char* calibrated_on) const {
  Json json = {{"images", sets[0].images.count()},
               {"against", nullptr},
               {"calibrated_on", calibrated_on},
               {"calibration_images", detector.neighbours() + detector.calibrated()},
               {"alarms", sets[0].alarms()},
               {"alarms_against", nullptr}};
  if (!comparison_) return json;
  json["against"] = sets[1].images.count();
  json["alarms_against"] = sets[1].alarms();
  const auto set = [&](const std::string& key, const RocCurve& curve) {
    json["auroc" + key] = curve.area;
    json["auroc" + key + "_standard_error"] =
        std::isfinite(curve.standard_error) ? Json(curve.standard_error) : Json();
  };
  set("", comparison_->distance);
  set("_zlib", comparison_->zlib);
  set("_zlib_turned", comparison_->zlib_turned);
  set("_likelihood", comparison_->likelihood);
  return json;
}

std::string Score::text(const AnomalyDetector& detector, const std::vector<ScoredImages>& sets,
                        const char* calibrated_on) const {
  std::string text =
      fmt::format("calibrated on {} {} images; p-values up to {}:\n",
                  detector.neighbours() + detector.calibrated(), calibrated_on, kAlarmAt);
  for (const ScoredImages& set : sets) {
    text += fmt::format("  {:<22}{:6.2f} % of {} images\n", set.set, 100.0 * set.alarms(),
                        set.images.count());
  }
  if (!comparison_) return text;
  text += "AUROC, by what tells the sets apart:\n";
  text += area_line("the score", comparison_->distance);
  text += area_line("zlib, long ones odd", comparison_->zlib, "   no model");
  text += area_line("zlib, short ones odd", comparison_->zlib_turned, "   no model");
  text += area_line("likelihood", comparison_->likelihood, "   -elbo; refused as a score");
  return text;
}

}  // namespace

std::unique_ptr<Verb> make_score() { return std::make_unique<Score>(); }

}  // namespace vae::cli
