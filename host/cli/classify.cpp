// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/error.h"
#include "vae/label_spreading.h"
#include "vae/printable.h"

namespace vae::cli {
namespace {

/// The rows of one array above those of another.
Array stacked(Array above, const Array& below) {
  above.shape[0] += below.shape[0];
  above.values.insert(above.values.end(), below.values.begin(), below.values.end());
  return above;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// "  codes    5.71 % wrong", and with several draws their sample deviation.
std::string error_line(const std::string& what, const std::vector<double>& errors) {
  std::string line = fmt::format("  {:<7} {:6.2f} % wrong", what, 100.0 * mean_of(errors));
  if (errors.size() > 1) {
    double squares = 0.0;
    for (const double error : errors) squares += std::pow(error - mean_of(errors), 2);
    line += fmt::format(" +- {:.2f}", 100.0 * std::sqrt(squares / (errors.size() - 1.0)));
  }
  return line + "\n";
}

/// As models keep names, too.
std::string label_text(std::span<const std::string> names, int label) {
  if (label < 0) return "";
  const auto at = static_cast<std::size_t>(label);
  return at < names.size() ? printable_line(names[at]) : std::to_string(label);
}

constexpr int kNotObserved = 255;

/// What was found of the images. Errors are shares of wrong classes, of each draw, and empty where
/// the images have no labels.
struct Found {
  const char* by;       // what was looked at
  SpreadLabels labels;  // of the first draw
  std::vector<double> errors, errors_on_pixels;
};

class Classify : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  ImageSet asked(Model& model, const Dataset& data);
  ImageSet pool_of(const ImageSet& train) const;
  Found decode(Model& model, const ImageSet& images);
  Found spread(Model& model, const ImageSet& images, const ImageSet& pool);
  std::vector<double> spread(const Array& points, const ImageSet& images, const ImageSet& pool,
                             SpreadLabels* first) const;
  std::string table(const SpreadLabels& found, const ImageSet& images,
                    std::span<const std::string> names) const;
  void print(const Model& model, const std::string& by, const Found& found, Json more) const;

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  std::string images_, out_;
  int64_t known_ = 0, pool_ = 10000, draws_ = 1;
  SpreadOptions options_;
};

void Classify::declare(Command& command) {
  model_.declare(command);
  data_.declare(command, true);
  command.text("--images", "PATH", images_,
               "what to classify, instead of a split: all images of a folder or file, or one "
               "picture");
  command.group("Classification");
  command.integer("--known", known_, 0, INT64_MAX,
                  "labels of training images that are known and spread over codes, as many of each "
                  "class; 0: all, or none where the model decodes labels itself");
  command.integer("--pool", pool_, 0, INT64_MAX,
                  "training images beside those to classify, the first N; 0: all");
  command.integer("--draws", draws_, 1, 1000, "choices of the known labels, one after another");
  command.integer("--neighbours", options_.neighbours, 1, 1000, "that an image takes labels from");
  input_.declare(command, kWithoutChance);
  command.text("--out", "FILE.csv", out_, "the class of each image");
  summary_.declare(command);
  terminal_.declare(command, false);
  command.examples(
      "  vae classify runs/first --known 100 --draws 3\n"
      "  vae classify runs/first --images digits/ --out labels.csv");
}

int Classify::run() {
  if (!out_.empty()) check_output("--out", out_, {"csv"});
  Model model = model_.load(terminal_);
  if (model.config().condition == Condition::label) {
    throw Error(ErrorCode::invalid_argument,
                "this model is told the label of every image that it encodes (--condition label): "
                "its codes tell nothing of classes; take a model without, or with --target label");
  }
  const Dataset data = data_.load_all(model, terminal_);
  const ImageSet images = asked(model, data);
  if (images.labels().empty() && out_.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "the images have no labels to compare with: give --out FILE.csv for their classes");
  }
  if (model.config().target == Target::label && known_ == 0) {
    const Found found = decode(model, images);
    if (!out_.empty()) write_text_file(out_, table(found.labels, images, model.label_names()));
    print(model, "as the model decodes them", found, {{"images", images.count()}});
    return kSuccess;
  }
  const ImageSet pool = pool_of(data.train);
  const Found found = spread(model, images, pool);
  if (!out_.empty()) write_text_file(out_, table(found.labels, images, pool.label_names()));
  const int64_t known = known_ == 0 ? pool.count() : known_;
  const std::string by =
      fmt::format("by the labels of {} of {} training images{}", known, pool.count(),
                  draws_ > 1 ? fmt::format(", mean of {} choices of them", draws_) : "");
  print(model, by, found, {{"images", images.count()}, {"pool", pool.count()}, {"known", known}});
  return kSuccess;
}

ImageSet Classify::asked(Model& model, const Dataset& data) {
  if (images_.empty()) return data_.choose(model, data, terminal_);
  return data_.load_pictures(images_, model, terminal_);
}

/// The labelled images that are taken from.
ImageSet Classify::pool_of(const ImageSet& train) const {
  const ImageSet pool = pool_ == 0 ? train : train.slice(0, std::min(pool_, train.count()));
  if (pool.labels().empty()) {
    throw Error(ErrorCode::invalid_argument,
                "the training images have no labels to spread; choose data with labels (--data)");
  }
  if (known_ > pool.count()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--known {}: there are {} training images in the pool (--pool)", known_,
                            pool.count()));
  }
  return pool;
}

/// The share of images whose class, by its name or number, is not that which was found.
double error_of(std::span<const int> found, std::span<const std::string> names,
                const ImageSet& images) {
  const auto labels = images.labels();
  int64_t wrong = 0, observed = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == kNotObserved) continue;
    ++observed;
    wrong += label_text(names, found[i]) != label_text(images.label_names(), labels[i]) ? 1 : 0;
  }
  return static_cast<double>(wrong) / static_cast<double>(observed);
}

/// The most probable class of each image at z = mu.
Found Classify::decode(Model& model, const ImageSet& images) {
  const Array shares = model.reconstruct(images, input_.binarization(), input_.seed());
  Found found{"model", {}, {}, {}};
  for (int64_t i = 0; i < shares.rows(); ++i) {
    const float *first = shares.row(i), *end = first + shares.row_size();
    const float* largest = std::max_element(first, end);
    found.labels.classes.push_back(static_cast<int>(largest - first));
    found.labels.shares.push_back(*largest);
  }
  if (!images.labels().empty()) {
    found.errors = {error_of(found.labels.classes, model.label_names(), images)};
  }
  return found;
}

Found Classify::spread(Model& model, const ImageSet& images, const ImageSet& pool) {
  const auto codes_of = [&](const ImageSet& set) {
    return model.encode(set, input_.binarization(), input_.seed()).mean;
  };
  Found found{"codes", {}, {}, {}};
  found.errors = spread(stacked(codes_of(images), codes_of(pool)), images, pool, &found.labels);
  if (images.labels().empty()) return found;
  const Array grey =
      stacked(model.inputs(images, Binarization::none), model.inputs(pool, Binarization::none));
  found.errors_on_pixels = spread(grey, images, pool, nullptr);
  return found;
}

/// The errors of each draw; what the first one found.
std::vector<double> Classify::spread(const Array& points, const ImageSet& images,
                                     const ImageSet& pool, SpreadLabels* first) const {
  const LabelSpreading graph(points, options_, model_.device());
  std::vector<double> errors;
  for (int64_t draw = 0; draw < draws_; ++draw) {
    const int64_t count = known_ == 0 ? pool.count() : known_;
    std::vector<int> known(static_cast<std::size_t>(points.rows()), -1);
    const uint64_t seed = input_.seed().value_or(1) + static_cast<uint64_t>(draw);
    for (const int64_t i : balanced_choice(pool.labels(), count, seed)) {
      known[static_cast<std::size_t>(images.count() + i)] =
          pool.labels()[static_cast<std::size_t>(i)];
    }
    SpreadLabels found = graph.spread(known);
    if (!images.labels().empty()) {
      errors.push_back(error_of(found.classes, pool.label_names(), images));
    }
    if (draw == 0 && first != nullptr) *first = std::move(found);
  }
  return errors;
}

/// A line for each image: its number, its name, its class, the share of that.
std::string Classify::table(const SpreadLabels& found, const ImageSet& images,
                            std::span<const std::string> names) const {
  std::string text = "image,name,class,share\n";
  for (int64_t i = 0; i < images.count(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::string name = images.names().empty() ? "" : images.names()[at];
    text += fmt::format("{},{},{},{:.4f}\n", i, csv_field(name),
                        csv_field(label_text(names, found.classes[at])), found.shares[at]);
  }
  return text;
}

void Classify::print(const Model& model, const std::string& by, const Found& found,
                     Json more) const {
  std::vector<std::string> files;
  if (!out_.empty()) files.push_back(out_);
  more["error"] = nullptr;
  if (!found.errors.empty()) {
    more["error"] = mean_of(found.errors);
    more["errors"] = found.errors;
  }
  if (!found.errors_on_pixels.empty()) {
    more["error_on_pixels"] = mean_of(found.errors_on_pixels);
    more["errors_on_pixels"] = found.errors_on_pixels;
  }
  const auto images = more["images"].get<int64_t>();
  summary_.print(model, files, more);
  if (summary_.is_json() || terminal_.quiet()) return;
  std::string text = fmt::format("{} images, {}\n", images, by);
  if (!found.errors.empty()) text += error_line(found.by, found.errors);
  if (!found.errors_on_pixels.empty()) text += error_line("pixels", found.errors_on_pixels);
  write_stdout(text);
}

}  // namespace

std::unique_ptr<Verb> make_classify() { return std::make_unique<Classify>(); }

}  // namespace vae::cli
