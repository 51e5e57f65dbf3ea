// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <system_error>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/output_folder.h"
#include "host/cli/progress_bar.h"
#include "host/cli/seen_masks.h"
#include "host/cli/shared_options.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/error.h"
#include "vae/printable.h"
#include "vae/reconstructions.h"

namespace vae::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPicturesPerRow = 16;
constexpr int64_t kPiece = 128;  // images at once

class Restore : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  ImageSet load(Model& model);
  Restoration restore_piece(Model& model, int64_t first, int64_t count);
  template <typename Take>
  void for_pieces(Model& model, Take take);
  void write_picture(Model& model);
  void write_arrays(Model& model);
  void write_folder(Model& model);
  void report(const Model& model);

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  InputOptions input_;
  OutputFile out_;
  ScaleOption scale_;
  std::string images_path_, mask_;
  int64_t count_ = 0;
  RestoreOptions options_;

  ImageSet images_;
  std::vector<uint8_t> seen_;  // of --mask, for one image or for each
  RestorationError error_;
  std::vector<std::string> files_;
};

void Restore::declare(Command& command) {
  model_.declare(command);
  command.optional_text("IMAGES", "PATH", images_path_,
                        "a folder or file of images, or one picture, instead of --data");
  data_.declare(command, false);
  command.group("Restoration");
  command.text("--mask", "FILE.png|FOLDER", mask_,
               "what is seen, in white, and what is to be found, in black: a picture for all "
               "images, or a folder of one each");
  command.integer("--samples", options_.samples, 0, 1024,
                  "restorations of each image that are drawn, beside the mean");
  command.integer("--count", count_, 0, INT64_MAX,
                  fmt::format("the first N images; 0: all, of a .png {}", kPicturesPerRow));
  command.integer("--steps", options_.steps, 1, 100000,
                  "length of the chains in which a model fills in that was not trained for it");
  input_.declare(command, kWithoutChance);
  out_.declare(command, {"png", "npy"},
               "what is seen above what is restored, samples and, where it is known, the truth; or "
               "pixel values [n, X], samples [n * N, X] in FILE.samples.npy; or without an "
               "extension a new folder of pictures",
               /*or_folder=*/true);
  scale_.declare(command);
  summary_.declare(command);
  terminal_.declare(command, true);
  command.examples(
      "  vae train --preset denoise --out runs/denoise\n"
      "  vae restore runs/denoise --out restored.png\n"
      "  vae restore runs/denoise noisy/ --corrupt none --out restored/\n"
      "  vae restore runs/first --mask mask.png --samples 3 --out filled.png");
}

ImageSet Restore::load(Model& model) {
  if (images_path_.empty()) return data_.load(model, terminal_);
  return data_.load_pictures(images_path_, model, terminal_);
}

int Restore::run() {
  out_.check();
  if (!images_path_.empty() && data_.given()) {
    throw Error(ErrorCode::invalid_argument, "vae restore: give IMAGES or --data, not both");
  }
  Model model = model_.load(terminal_);
  require_image_target(model, "restore");
  images_ = load(model);
  const int64_t all = out_.format() == "png" ? kPicturesPerRow : images_.count();
  images_ = images_.slice(0, std::min(count_ > 0 ? count_ : all, images_.count()));
  if (!mask_.empty()) seen_ = load_seen_masks(mask_, images_, terminal_);
  options_.binarization = input_.binarization();
  options_.seed = input_.seed();
  if (out_.format() == "png") {
    write_picture(model);
  } else if (out_.is_folder()) {
    write_folder(model);
  } else {
    write_arrays(model);
  }
  terminal_.clear();
  report(model);
  return kSuccess;
}

/// The draws of an image do not depend on its neighbours, so that images can be had piece by piece.
Restoration Restore::restore_piece(Model& model, int64_t first, int64_t count) {
  const int64_t pixels = images_.height() * images_.width();
  options_.seen = seen_;
  if (std::ssize(seen_) > pixels) {
    options_.seen = {seen_.begin() + first * pixels, seen_.begin() + (first + count) * pixels};
  }
  Restoration found = model.restore(images_.slice(first, count), options_);
  if (data_.says_uncorrupted()) {  // what a mask hides of these images is no truth
    found.truth = {};
    found.error.reset();
  }
  if (found.error) error_ += *found.error;
  return found;
}

template <typename Take>
void Restore::for_pieces(Model& model, Take take) {
  for (int64_t first = 0; first < images_.count(); first += kPiece) {
    const int64_t count = std::min(kPiece, images_.count() - first);
    take(first, restore_piece(model, first, count));
    show_share(terminal_, "restoring",
               static_cast<double>(first + count) / static_cast<double>(images_.count()));
  }
}

/// What is hidden is grey, so that it can be told from black.
Array with_grey_for_hidden(const Restoration& found) {
  constexpr float kGrey = 0.3f;
  Array seen = found.seen;
  const auto& to_find = found.to_find.values;
  if (std::find(to_find.begin(), to_find.end(), 0.0f) == to_find.end()) return seen;
  for (std::size_t i = 0; i < to_find.size(); ++i) seen.values[i] += kGrey * to_find[i];
  return seen;
}

/// Sample `number` of each of n images.
Array one_sample(const Restoration& found, int64_t number) {
  const int64_t count = found.restored.rows(), samples = found.samples.rows() / count;
  Array rows{found.restored.shape, {}};
  for (int64_t i = 0; i < count; ++i) {
    const float* row = found.samples.row(i * samples + number);
    rows.values.insert(rows.values.end(), row, row + found.restored.row_size());
  }
  return rows;
}

void Restore::write_picture(Model& model) {
  const int64_t columns = std::min(kPicturesPerRow, images_.count());
  const int64_t bands = (images_.count() + columns - 1) / columns;
  scale_.require_fit(out_, model, (3 + options_.samples) * bands * columns, columns);
  std::vector<std::vector<Image>> rows;
  std::vector<std::string> names;
  for_pieces(model, [&](int64_t, const Restoration& found) {
    std::vector<Array> parts = {with_grey_for_hidden(found), found.restored};
    names = {"seen", "restored"};
    for (int64_t sample = 0; sample < options_.samples; ++sample) {
      parts.push_back(one_sample(found, sample));
      names.push_back(fmt::format("sample {}", sample + 1));
    }
    if (found.error) {
      parts.push_back(found.truth);
      names.emplace_back("truth");
    }
    rows.resize(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for (Image& image : pictures_of(parts[i], model)) rows[i].push_back(std::move(image));
    }
  });
  std::vector<std::string> labels;
  for (int64_t band = 0; band < bands; ++band) {
    labels.insert(labels.end(), names.begin(), names.end());
  }
  save_png(out_.path(), label_rows(scale_.apply(make_bands(rows, columns)), labels));
  files_ = {out_.path()};
}

void Restore::write_arrays(Model& model) {
  const std::string samples_path = without_npy(out_.path()) + ".samples.npy";
  const int64_t count = images_.count(), pixels = model.config().pixels();
  NpyWriter restored(out_.path(), count, pixels);
  std::optional<NpyWriter> samples;
  if (options_.samples > 0) samples.emplace(samples_path, count * options_.samples, pixels);
  for_pieces(model, [&](int64_t, const Restoration& found) {
    restored.append(found.restored);
    if (samples) samples->append(found.samples);
  });
  restored.finish();
  files_ = {out_.path()};
  if (samples) {
    samples->finish();
    files_.push_back(samples_path);
  }
  if (const auto names = save_names(images_, out_.path())) files_.push_back(*names);
}

/// A picture each, numbered from 0, with what is drawn beside, and which picture is which.
void Restore::write_folder(Model& model) {
  const UnfinishedFolder folder(out_.path());
  for_pieces(model, [&](int64_t first, const Restoration& found) {
    const std::vector<Image> restored = pictures_of(found.restored, model);
    const std::vector<Image> samples =
        options_.samples > 0 ? pictures_of(found.samples, model) : std::vector<Image>();
    for (int64_t i = 0; i < std::ssize(restored); ++i) {
      const std::string name = fmt::format("{:05}", first + i);
      folder.save(name + ".png", restored[static_cast<std::size_t>(i)]);
      for (int64_t s = 0; s < options_.samples; ++s) {
        folder.save(fmt::format("{}-{}.png", name, s + 1),
                    samples[static_cast<std::size_t>(i * options_.samples + s)]);
      }
    }
  });
  save_names(images_, folder.file("images.npy"));  // images.names.txt
  folder.commit();
  files_ = {out_.path()};
}

void Restore::report(const Model& model) {
  const bool measured = error_.values > 0.0;
  const auto decibels = [&](double psnr) {
    return measured && std::isfinite(psnr) ? Json(psnr) : Json();
  };
  if (!summary_.is_json() && measured) {
    write_stdout(
        fmt::format("{} images: PSNR {:.2f} dB over what was to be found; of the input "
                    "{:.2f} dB\n",
                    images_.count(), error_.psnr(), error_.input_psnr()));
  }
  summary_.print(model, files_,
                 {{"images", images_.count()},
                  {"samples", options_.samples},
                  {"psnr", decibels(error_.psnr())},
                  {"input_psnr", decibels(error_.input_psnr())}});
}

}  // namespace

std::unique_ptr<Verb> make_restore() { return std::make_unique<Restore>(); }

}  // namespace vae::cli
