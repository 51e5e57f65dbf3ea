// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <chrono>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/output_folder.h"
#include "host/cli/progress_bar.h"
#include "host/cli/shared_options.h"
#include "host/cli/signals.h"
#include "host/cli/summary.h"
#include "host/cli/verbs.h"
#include "vae/codec.h"
#include "vae/error.h"

namespace vae::cli {
namespace {

constexpr const char* kDecompressing = "decompressing";

/// A reader was told to stop.
struct Stopped {};

class Decompress : public Verb {
 public:
  void declare(Command& command) override;
  int run() override;

 private:
  using Clock = std::chrono::steady_clock;

  void check_pictures(const ModelConfig& config) const;
  void write_array(CompressedImages& file, const ModelConfig& config);
  void write_pictures(CompressedImages& file);
  ImageSet next(CompressedImages& file);

  Terminal terminal_;
  SummaryOption summary_;
  ModelOptions model_;
  OutputFile out_;
  std::string file_;
  int64_t done_ = 0;
  double seconds_ = 0.0;  // of decompression, without writing
};

void Decompress::declare(Command& command) {
  model_.declare(command);
  command.required_text("FILE", "FILE.vaez", file_, "as `vae compress` writes it");
  command.group("Output");
  out_.declare(
      command, {"npy"},
      "bytes [n, height, width], with channels where there are several; or a new folder of "
      "pictures",
      /*or_folder=*/true);
  summary_.declare(command);
  terminal_.declare(command, true);
  command.examples(
      "  vae decompress runs/digits test.vaez --out test.npy\n"
      "  vae decompress runs/digits test.vaez --out pictures");
}

int Decompress::run() {
  watch_signals();
  out_.check();
  require_input(file_);
  Model model = model_.load(terminal_, Precision::fp32);
  CompressedImages file(model, file_);
  if (out_.is_folder()) check_pictures(model.config());
  stop_when_asked();
  try {
    out_.is_folder() ? write_pictures(file) : write_array(file, model.config());
  } catch (const Stopped&) {
    return 128 + stop_signal();
  }
  terminal_.clear();
  const double speed = static_cast<double>(file.count()) / seconds_;
  summary_.print(
      model, {out_.path()},
      {{"images", file.count()},
       {"binarization", file.binarization() ? Json(to_string(*file.binarization())) : Json()},
       {"images_per_second", speed}});
  terminal_.info(fmt::format("{}: {} images, {:.0f} images/s", out_.path(), file.count(), speed));
  return kSuccess;
}

/// Pictures have grey levels or three colours; others would not hold what was compressed.
void Decompress::check_pictures(const ModelConfig& config) const {
  if (config.channels == 1 || config.channels == 3) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("--out {}: images of {} channels are no pictures; write FILE.npy",
                          out_.path(), config.channels));
}

ImageSet Decompress::next(CompressedImages& file) {
  const int64_t before = done_;
  const auto start = Clock::now();
  ImageSet part = file.next([&](double share) {
    // Of this part's images nobody knows the number yet; parts but the last one are of one size.
    if (before == 0) show_share(terminal_, kDecompressing, share);
    return stop_signal() == 0;
  });
  seconds_ += std::chrono::duration<double>(Clock::now() - start).count();
  if (part.count() == 0) throw Stopped();
  done_ += part.count();
  show_share(terminal_, kDecompressing,
             static_cast<double>(done_) / static_cast<double>(file.count()));
  return part;
}

void Decompress::write_array(CompressedImages& file, const ModelConfig& config) {
  std::vector<int64_t> shape = {file.count(), config.height, config.width};
  if (config.channels != 1) shape.push_back(config.channels);
  NpyByteWriter array(out_.path(), shape);
  while (done_ < file.count()) array.append(next(file).pixels());
  array.finish();
}

void Decompress::write_pictures(CompressedImages& file) {
  ImageSet part;
  int64_t first = 0;  // of the part
  OutputFolder(out_.path()).write(png_names(file.count()), [&](std::size_t i) {
    const auto index = static_cast<int64_t>(i);
    if (index == done_) {
      first = done_;
      part = next(file);
    }
    return part.image(index - first);
  });
}

}  // namespace

std::unique_ptr<Verb> make_decompress() { return std::make_unique<Decompress>(); }

}  // namespace vae::cli
