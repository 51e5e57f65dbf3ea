// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <optional>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/other_compressors.h"
#include "host/cli/progress_bar.h"
#include "host/cli/shared_options.h"
#include "host/cli/signals.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/codec.h"
#include "vae/error.h"

namespace vae::cli {
namespace {

constexpr double kUsualQuality = 75.0;

/// What came of it, beside what other programs make of the same array.
struct Sizes {
  int64_t images, values, bytes;
  double seconds, bound;       // nats an image
  std::optional<double> psnr;  // of a file that is not lossless, in dB
  std::optional<int64_t> xz, bzip2;

  double bits(double size) const {
    return 8.0 * size / static_cast<double>(images) / static_cast<double>(values);
  }
  double bits_of_bound() const { return bound / std::log(2.0) / static_cast<double>(values); }
};

void keep_smaller(std::optional<int64_t>& size, const std::optional<int64_t>& other) {
  if (other && (!size || *other < *size)) size = other;
}

class Compress : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  ImageSet load(Model& model);
  Sizes compress_images(Model& model, const ImageSet& images, std::optional<Binarization> wanted);
  void measure_loss(Model& model, const ImageSet& images, std::optional<Binarization> wanted,
                    Sizes& sizes);
  bool compares() const { return !lossy_ && !no_comparison_; }
  void compare(const ImageSet& images, Sizes& sizes) const;
  Json json(const Sizes& sizes) const;
  const char* kept_text() const;
  std::string table(const Sizes& sizes) const;

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  DataOptions data_;
  OutputFile out_;
  std::string images_, binarization_;
  Binarization kept_ = Binarization::none;
  bool no_comparison_ = false, lossy_ = false;
  std::optional<double> quality_;
  int64_t samples_ = 1;
};

void Compress::declare(Command& command) {
  model_.declare(command);
  data_.declare(command, true);
  command.text("--images", "PATH", images_,
               "instead of --data: all images of a folder or file, or one picture");
  command.group("Compression");
  command.word("--binarization", binarization_, {"none", "threshold"},
               "what is kept of pixels: all levels, or black and white; default: as in training");
  command.integer(
      "--samples", samples_, 1, 16,
      "1, 2, 4, 8 or 16 of the latents of an image: more take less space and more time");
  command.flag("--lossy", lossy_,
               "keep posterior means alone, in steps; what comes back is what they decode to");
  command.real(
      "--quality", quality_, 0, 100, fmt::format("{}", kUsualQuality),
      "of --lossy: 75 makes steps as wide as what posteriors leave open, and 12.5 more halve "
      "them");
  command.flag("--no-comparison", no_comparison_,
               "do not measure the model's bound, nor what xz -9 and bzip2 -9 make of the array");
  out_.declare(command, {"vaez"}, "the file; names and labels are not kept");
  summary_.declare(command);
  terminal_.declare(command, true);
  command.examples(
      "  vae compress runs/digits --data mnist --out test.vaez\n"
      "  vae compress runs/digits --images photos/ --out photos.vaez --no-comparison\n"
      "  vae compress runs/digits --lossy --quality 60 --out small.vaez");
}

int Compress::run() {
  watch_signals();
  out_.check();
  if (!images_.empty() && data_.given()) {
    throw Error(ErrorCode::invalid_argument, "vae compress: give --data or --images, not both");
  }
  if (quality_ && !lossy_) {
    throw Error(ErrorCode::invalid_argument,
                "vae compress: --quality is of --lossy; without it every pixel is kept");
  }
  if (samples_ > 1 && lossy_) {
    throw Error(ErrorCode::invalid_argument,
                "vae compress: --samples is of files that keep every pixel; leave out --lossy");
  }
  Model model = model_.load(terminal_, Precision::fp32);
  std::optional<Binarization> wanted;
  if (!binarization_.empty()) wanted = binarization_from_string(binarization_);
  lossy_ ? require_quality_compression(model)
         : static_cast<void>(kept_ = compressed_binarization(model, wanted));
  const ImageSet images = load(model);
  stop_when_asked();
  Sizes sizes = compress_images(model, images, wanted);
  if (sizes.bytes > 0 && lossy_) measure_loss(model, images, wanted, sizes);
  if (sizes.bytes > 0 && compares()) {
    EvaluateOptions options;
    options.binarization = kept_;
    options.progress = share_progress(terminal_, "measuring the bound");
    options.importance_samples = samples_ > 1 ? samples_ : 0;
    const Evaluation evaluation = model.evaluate(images, options);
    sizes.bound = -evaluation.elbo;
    if (samples_ > 1 && evaluation.nll) sizes.bound = *evaluation.nll;
    compare(images, sizes);
  }
  terminal_.clear();
  if (stop_signal() != 0) return 128 + stop_signal();
  summary_.print(model, {out_.path()}, json(sizes));
  if (!summary_.is_json()) write_stdout(table(sizes));
  return kSuccess;
}

ImageSet Compress::load(Model& model) {
  return images_.empty() ? data_.load(model, terminal_)
                         : data_.load_pictures(images_, model, terminal_);
}

Sizes Compress::compress_images(Model& model, const ImageSet& images,
                                std::optional<Binarization> wanted) {
  CompressOptions options;
  options.binarization = lossy_ ? wanted : kept_;
  options.samples = samples_;
  if (lossy_) options.quality = quality_.value_or(kUsualQuality);
  options.progress = share_progress(terminal_, "compressing");
  Sizes sizes{images.count(), images.image_size(), 0, 0.0, 0.0, {}, {}, {}};
  const auto start = std::chrono::steady_clock::now();
  sizes.bytes = vae::compress(model, images, out_.path(), options);
  sizes.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return sizes;
}

/// Of what comes back against what was encoded.
void Compress::measure_loss(Model& model, const ImageSet& images,
                            std::optional<Binarization> wanted, Sizes& sizes) {
  CompressedImages file(model, out_.path());
  double sum = 0.0;
  int64_t first = 0;
  for (ImageSet part = file.next(share_progress(terminal_, "measuring the loss")); part.count() > 0;
       part = file.next(share_progress(terminal_, "measuring the loss"))) {
    const Array inputs = model.inputs(images.slice(first, part.count()), wanted);
    for (std::size_t i = 0; i < inputs.values.size(); ++i) {
      const double error = part.pixels()[i] / 255.0 - inputs.values[i];
      sum += error * error;
    }
    first += part.count();
  }
  sizes.psnr = 10.0 * std::log10(static_cast<double>(images.count() * sizes.values) / sum);
}

/// Of the array as `vae decompress` writes it, without a header; of black and white also of eight
/// pixels in a byte, if that is packed smaller.
void Compress::compare(const ImageSet& images, Sizes& sizes) const {
  const std::span<const uint8_t> pixels = images.pixels();
  std::vector<std::vector<uint8_t>> arrays = {{pixels.begin(), pixels.end()}};
  if (kept_ == Binarization::threshold) {
    arrays.emplace_back((pixels.size() + 7) / 8);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      const bool white = pixels[i] >= 128;
      arrays[0][i] = white ? 255 : 0;
      arrays[1][i / 8] |= static_cast<uint8_t>(white ? 128 >> i % 8 : 0);
    }
  }
  for (const std::vector<uint8_t>& array : arrays) {
    if (stop_signal() == 0) keep_smaller(sizes.bzip2, packed_size({"bzip2", "-9"}, array));
    if (stop_signal() == 0) keep_smaller(sizes.xz, packed_size({"xz", "-9"}, array));
  }
}

Json Compress::json(const Sizes& sizes) const {
  const auto number = [](const std::optional<int64_t>& size) {
    return size ? Json(*size) : Json();
  };
  Json json = {{"images", sizes.images},
               {"binarization", lossy_ ? Json() : Json(to_string(kept_))},
               {"bytes", sizes.bytes},
               {"bits_per_dimension", sizes.bits(static_cast<double>(sizes.bytes))},
               {"bound_bits_per_dimension", nullptr},
               {"overhead", nullptr},
               {"images_per_second", static_cast<double>(sizes.images) / sizes.seconds},
               {"xz_bytes", number(sizes.xz)},
               {"bzip2_bytes", number(sizes.bzip2)},
               {"psnr", sizes.psnr ? Json(*sizes.psnr) : Json()}};
  if (compares()) {
    const double bound = sizes.bits_of_bound();
    json["bound_bits_per_dimension"] = bound;
    json["overhead"] = sizes.bits(static_cast<double>(sizes.bytes)) / bound - 1.0;
  }
  return json;
}

const char* Compress::kept_text() const {
  if (lossy_) return "posterior means";
  return kept_ == Binarization::threshold ? "black and white (128 and above is white)"
                                          : "all 256 levels";
}

std::string Compress::table(const Sizes& sizes) const {
  const auto row = [&](const char* name, const std::optional<int64_t>& bytes) {
    if (!bytes) return fmt::format("  {:<16}{:>13}   not installed\n", name, "-");
    return fmt::format("  {:<16}{:>13}{:>12.4f}\n", name, *bytes,
                       sizes.bits(static_cast<double>(*bytes)));
  };
  std::string text = fmt::format(
      "{} images, {}, {:.0f} images/s\n  {:<16}{:>13}{:>12}\n", sizes.images, kept_text(),
      static_cast<double>(sizes.images) / sizes.seconds, "", "bytes", "bits/value");
  text += row("this file", sizes.bytes);
  if (sizes.psnr) text += fmt::format("  {:<16}{:>25.2f} dB\n", "PSNR", *sizes.psnr);
  if (!compares()) return text;
  const double bound = sizes.bits_of_bound();
  text += fmt::format("  {:<16}{:>13}{:>12.4f}   the file has {:+.2f} %\n", "the model's bound", "",
                      bound, 100.0 * (sizes.bits(static_cast<double>(sizes.bytes)) / bound - 1.0));
  return text + row("xz -9", sizes.xz) + row("bzip2 -9", sizes.bzip2);
}

}  // namespace

std::unique_ptr<Verb> make_compress() { return std::make_unique<Compress>(); }

}  // namespace vae::cli
