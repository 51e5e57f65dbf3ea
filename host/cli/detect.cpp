// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/json_text.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/detection.h"
#include "vae/error.h"
#include "vae/printable.h"

namespace vae::cli {
namespace {

constexpr int64_t kDrawn = 16;  // pictures, where --count says nothing
constexpr int64_t kPicturesPerRow = 8;
constexpr int64_t kComfortableSide = 200;  // pixels of a picture with boxes
constexpr int64_t kLargestSide = 65535, kMostPixels = int64_t{1} << 26;  // of all together

/// The numbers that a file of boxes has for images and classes, or their places.
class Ids {
 public:
  /// `path` may be empty.
  Ids(const std::string& path, const Model& model) {
    if (path.empty()) return;
    const BoxFile file = load_box_file(path);
    for (const BoxFile::Picture& picture : file.images) images_.emplace(picture.name, picture.id);
    for (std::size_t i = 0; i < file.categories.size(); ++i) {
      categories_.push_back(file.categories[i].id);
      classes_.emplace(printable_line(file.categories[i].name), file.categories[i].id);
    }
    for (const std::string& name : model.label_names()) {
      const auto found = classes_.find(name);
      own_.push_back(found != classes_.end() ? found->second : -1);
    }
  }

  int64_t image(const ImageSet& images, int64_t i) const {
    if (images_.empty()) return images.first_index() + i;
    return images_.at(images.names()[static_cast<std::size_t>(i)]);
  }

  /// Of a class of the model, by its name where it has one. -1 where the file has none of it.
  int64_t category(uint8_t label) const {
    const std::vector<int64_t>& ids = own_.empty() ? categories_ : own_;
    if (categories_.empty()) return label;
    return label < ids.size() ? ids[label] : -1;
  }

 private:
  std::unordered_map<std::string, int64_t> images_, classes_;
  std::vector<int64_t> categories_, own_;
};

class Detect : public Verb {
 public:
  void declare(Command& command) override {
    model_.declare(command);
    data_.declare(command, false);
    command.text("--images", "PATH", images_,
                 "instead of --data: all images of a folder or file, or one picture");
    command.group("Detection");
    command.integer("--count", count_, 0, 1 << 20,
                    "the first N images; 0: all, or 16 where they are drawn");
    command.real("--min-score", min_score_, 0.0, 1.0, "no boxes of smaller scores");
    command.real("--max-overlap", max_overlap_, 0.0, 1.0,
                 "of two boxes of a class that overlap more, the better one stays");
    input_.declare(command, kWithoutChance);
    out_.declare(command, {"json", "png"},
                 "boxes in COCO's format for results, or the images with boxes, class and score; "
                 "boxes that are known are drawn dashed");
    command.integer("--scale", scale_, 0, 64,
                    "enlarge pictures N times; 0: small ones to about 200 pixels");
    summary_.declare(command);
    terminal_.declare(command, false);
    command.examples(
        "  vae detect runs/boxes --out boxes.png\n"
        "  vae detect runs/boxes --images photos/ --min-score 0.5 --out boxes.json");
  }

  int run() override;

 private:
  ImageSet load(Model& model);
  void require_fit(int64_t count, int64_t factor, const ModelConfig& config) const;
  void draw(const Model& model, const ImageSet& images, int64_t factor,
            const std::vector<std::vector<Detection>>& found) const;
  void write_results(const Model& model, const ImageSet& images,
                     const std::vector<std::vector<Detection>>& found) const;

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  std::string images_;
  int64_t count_ = 0, scale_ = 0;
  double min_score_ = DetectOptions().min_score, max_overlap_ = DetectOptions().max_overlap;
};

int Detect::run() {
  out_.check();
  if (!images_.empty() && data_.given()) {
    throw Error(ErrorCode::invalid_argument, "vae detect: give --data or --images, not both");
  }
  Model model = model_.load(terminal_);
  const ModelConfig& config = model.config();
  if (config.target != Target::boxes) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("vae detect: this model decodes no boxes (--target {}); train one with "
                            "--preset detect-40 or --target boxes",
                            to_string(config.target)));
  }
  ImageSet images = load(model);
  const bool drawn = out_.format() == "png";
  const int64_t wanted = count_ > 0 ? count_ : drawn ? kDrawn : images.count();
  images = images.slice(0, std::min(wanted, images.count()));
  const int64_t side = std::max(config.height, config.width);
  const int64_t factor = scale_ > 0 ? scale_ : std::max<int64_t>(1, kComfortableSide / side);
  if (drawn) require_fit(images.count(), factor, config);
  DetectOptions options;
  options.min_score = min_score_;
  options.max_overlap = max_overlap_;
  options.binarization = input_.binarization();
  options.seed = input_.seed();
  const auto found = model.detect(images, options);
  drawn ? draw(model, images, factor, found) : write_results(model, images, found);
  int64_t boxes = 0;
  for (const auto& of_image : found) boxes += std::ssize(of_image);
  summary_.print(model, {out_.path()}, {{"images", images.count()}, {"boxes", boxes}});
  return kSuccess;
}

ImageSet Detect::load(Model& model) {
  if (images_.empty()) return data_.load(model, terminal_);
  return data_.load_pictures(images_, model, terminal_);
}

void Detect::require_fit(int64_t count, int64_t factor, const ModelConfig& config) const {
  const auto [height, width] = grid_size(count, std::min(count, kPicturesPerRow),
                                         config.height * factor, config.width * factor);
  if (height <= kLargestSide && width <= kLargestSide && height * width <= kMostPixels) return;
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("--out {}: {} pictures of {} x {} make {} x {} pixels; at most {} a side, "
                  "{} in all are written; choose fewer (--count), or a smaller --scale",
                  out_.path(), count, config.height * factor, config.width * factor, height, width,
                  kLargestSide, kMostPixels));
}

void Detect::draw(const Model& model, const ImageSet& images, int64_t factor,
                  const std::vector<std::vector<Detection>>& found) const {
  std::vector<Image> pictures;
  for (int64_t i = 0; i < images.count(); ++i) {
    pictures.push_back(draw_boxes(images.image(i), found[static_cast<std::size_t>(i)],
                                  images.boxes(i), model.config().target_classes,
                                  model.label_names(), factor));
  }
  save_png(out_.path(), make_grid(pictures, std::min(images.count(), kPicturesPerRow)));
}

/// One box a line. Numbers are the shortest that read back as the same floats.
void Detect::write_results(const Model& model, const ImageSet& images,
                           const std::vector<std::vector<Detection>>& found) const {
  const Ids ids(data_.boxes(), model);
  std::string text = "[";
  for (int64_t i = 0; i < images.count(); ++i) {
    const int64_t id = ids.image(images, i);
    const auto names = images.names();
    const std::string file =
        names.empty()
            ? std::string()
            : ", \"file_name\": " + Json(names[static_cast<std::size_t>(i)])
                                        .dump(-1, ' ', false, Json::error_handler_t::replace);
    for (const Detection& box : found[static_cast<std::size_t>(i)]) {
      text += fmt::format(
          "{}\n{{\"image_id\": {}, \"category_id\": {}, \"bbox\": [{}, {}, {}, {}], \"score\": {}, "
          "\"deviation\": [{}]{}}}",
          text.size() == 1 ? "" : ",", id, ids.category(box.class_), box.x, box.y, box.width,
          box.height, box.score, fmt::join(box.deviation, ", "), file);
    }
  }
  write_text_file(out_.path(), printable_json(text) + "\n]\n");
}

}  // namespace

std::unique_ptr<Verb> make_detect() { return std::make_unique<Detect>(); }

}  // namespace vae::cli
