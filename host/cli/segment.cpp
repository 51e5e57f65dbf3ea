// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/output_folder.h"
#include "host/cli/progress_bar.h"
#include "host/cli/shared_options.h"
#include "host/cli/signals.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/error.h"
#include "vae/overlays.h"
#include "vae/reconstructions.h"

namespace vae::cli {
namespace {

constexpr int64_t kPictureCount = 16, kCellsPerRow = 12;

class Segment : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  ImageSet load(Model& model);
  void check(const Model& model, const ImageSet& images) const;
  SegmentOptions options();
  Image picture(const Model& model, const ImageSet& images, const Segmentation& found) const;
  std::vector<Image> cells_of(const ImageSet& images, const Segmentation& found, int64_t index,
                              int64_t classes) const;
  std::vector<std::string> class_names(const ImageSet& images, int64_t classes) const;
  int64_t cells_of_image(const ImageSet& images) const {
    return 2 + (images.masks().empty() ? 0 : 1) + (samples_ > 0 ? samples_ + 1 : 0);
  }
  int64_t images_per_row(const ImageSet& images) const {
    return std::clamp<int64_t>(kCellsPerRow / cells_of_image(images), 1, images.count());
  }

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  ScaleOption scale_;
  std::string images_;
  int64_t count_ = 0, samples_ = 0;
  bool of_scenes_ = false;
};

void Segment::declare(Command& command) {
  model_.declare(command);
  command.optional_text("IMAGES", "PATH", images_,
                        "pictures as they are, all of a folder or file, or one; instead of --data");
  data_.declare(command, false);
  command.group("Segmentation");
  command.integer("--count", count_, 0, INT64_MAX,
                  "only the first N images; 0: all, of a .png the first 16");
  command.integer("--samples", samples_, 0, 1024,
                  "codes drawn of each image: what each would say, and how unsure they are");
  input_.declare(command, kWithoutChance);
  out_.declare(command, {"png", "npy"},
               "a picture of images and classes; classes [n, height, width]; or a new folder of "
               "masks, PNG files with a grey level for each class",
               /*or_folder=*/true);
  scale_.declare(command);
  summary_.declare(command);
  terminal_.declare(command, true);
  command.examples(
      "  vae segment runs/scenes --out segments.png --samples 4\n"
      "  vae segment runs/scenes photos/ --out masks");
}

int Segment::run() {
  watch_signals();
  out_.check();
  if (!images_.empty() && data_.given()) {
    throw Error(ErrorCode::invalid_argument, "vae segment: give IMAGES or --data, not both");
  }
  Model model = model_.load(terminal_);
  const ImageSet images = load(model);
  check(model, images);
  stop_when_asked();
  const Segmentation found = model.segment(images, options());
  terminal_.clear();
  if (stop_signal() != 0) return 128 + stop_signal();
  const ModelConfig& config = model.config();
  std::vector<std::string> written = {out_.path()};
  if (out_.format() == "png") {
    save_png(out_.path(), picture(model, images, found));
  } else if (out_.format() == "npy") {
    save_npy(out_.path(), {images.count(), config.height, config.width}, found.classes);
    if (const auto names = save_names(images, out_.path())) written.push_back(*names);
  } else {
    const auto size = static_cast<std::size_t>(config.target_size());
    OutputFolder(out_.path()).write(png_names(images), [&](std::size_t i) {
      const auto mask = std::span(found.classes).subspan(i * size, size);
      return Image{config.height, config.width, 1, {mask.begin(), mask.end()}};
    });
  }
  summary_.print(
      model, written,
      {{"images", images.count()}, {"classes", config.target_classes}, {"samples", samples_}});
  return kSuccess;
}

ImageSet Segment::load(Model& model) {
  if (model.config().target != Target::mask) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("vae segment says a class for each pixel, and this model was trained "
                            "with --target {}; `vae train --preset segment-40` makes one that does",
                            to_string(model.config().target)));
  }
  of_scenes_ = images_.empty() && data_.makes_scenes(model);
  const ImageSet images = images_.empty() ? data_.load(model, terminal_)
                                          : data_.load_pictures(images_, model, terminal_);
  const int64_t count = count_ > 0 ? count_ : out_.format() == "png" ? kPictureCount : INT64_MAX;
  return images.slice(0, std::min(count, images.count()));
}

/// What is sure to fail later fails now.
void Segment::check(const Model& model, const ImageSet& images) const {
  if (out_.format() == "png") {
    const int64_t per_image = cells_of_image(images), per_row = images_per_row(images);
    const int64_t rows = (images.count() + per_row - 1) / per_row;
    scale_.require_fit(out_, model, rows * per_row * per_image, per_row * per_image);
  } else if (out_.is_folder()) {
    png_names(images);
  }
}

SegmentOptions Segment::options() {
  SegmentOptions options;
  options.samples = out_.format() == "png" ? samples_ : 0;
  options.binarization = input_.binarization();
  options.seed = input_.seed();
  options.progress = share_progress(terminal_, "segmenting");
  return options;
}

/// The image, its mask where it is known, the classes found, those of each draw, how unsure they
/// are.
std::vector<Image> Segment::cells_of(const ImageSet& images, const Segmentation& found,
                                     int64_t index, int64_t classes) const {
  const int64_t height = images.height(), width = images.width(), size = height * width;
  const bool shows_image = images.channels() == 1 || images.channels() == 3;
  const Image image =
      shows_image ? images.image(index)
                  : Image{height, width, 1, std::vector<uint8_t>(static_cast<std::size_t>(size))};
  std::vector<Image> cells = {in_colour(image)};
  const auto add = [&](std::span<const uint8_t> of_pixels) {
    cells.push_back(overlay_classes(image, of_pixels, classes));
  };
  if (!images.masks().empty()) add(images.masks().subspan(index * size, size));
  add(std::span(found.classes).subspan(index * size, size));
  for (int64_t sample = 0; sample < samples_; ++sample) {
    add(std::span(found.samples).subspan((index * samples_ + sample) * size, size));
  }
  if (samples_ > 0) {
    const auto most = static_cast<float>(std::log(static_cast<double>(classes)));
    cells.push_back(heat_map(std::span(found.entropy.row(index), static_cast<std::size_t>(size)),
                             height, width, most));
  }
  return cells;
}

Image Segment::picture(const Model& model, const ImageSet& images,
                       const Segmentation& found) const {
  const int64_t classes = model.config().target_classes;
  const int64_t per_row = images_per_row(images);
  std::vector<Image> cells;
  for (int64_t i = 0; i < images.count(); ++i) {
    for (Image& cell : cells_of(images, found, i, classes)) cells.push_back(std::move(cell));
  }
  const Image black{
      images.height(), images.width(), 3,
      std::vector<uint8_t>(static_cast<std::size_t>(3 * images.height() * images.width()))};
  const int64_t in_row = per_row * cells_of_image(images);
  while (std::ssize(cells) % in_row != 0) cells.push_back(black);
  return add_class_legend(scale_.apply(make_grid(cells, in_row)), class_names(images, classes));
}

/// Of the classes 1, 2, ...: in scenes they are labels, which begin with 0.
std::vector<std::string> Segment::class_names(const ImageSet& images, int64_t classes) const {
  std::vector<std::string> names;
  for (int64_t i = 1; i < classes; ++i) {
    const auto label = static_cast<std::size_t>(i - 1);
    const bool named = of_scenes_ && label < images.label_names().size();
    names.push_back(named ? images.label_names()[label] : std::to_string(of_scenes_ ? i - 1 : i));
  }
  return names;
}

}  // namespace

std::unique_ptr<Verb> make_segment() { return std::make_unique<Segment>(); }

}  // namespace vae::cli
