// SPDX-License-Identifier: MIT
#include "host/cli/drawn_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "host/text/shell_quote.h"
#include "vae/error.h"
#include "vae/model.h"

namespace vae::cli {

ImageSet drawn_images(const ModelConfig& model, int64_t count, std::vector<uint8_t> labels,
                      const RowSource& source) {
  constexpr int64_t kPiece = 1024;
  std::vector<uint8_t> pixels;
  pixels.reserve(static_cast<std::size_t>(count * model.pixels()));
  for (int64_t first = 0; first < count; first += kPiece) {
    Array rows = source(first, std::min(kPiece, count - first));
    for (float& value : rows.values) value = std::clamp(value, 0.0f, 1.0f);
    const ImageSet piece =
        ImageSet::from_floats(model.height, model.width, model.channels, rows.values);
    pixels.insert(pixels.end(), piece.pixels().begin(), piece.pixels().end());
  }
  return {model.height, model.width, model.channels, std::move(pixels), std::move(labels)};
}

void DigitsOption::declare(Command& command) {
  command.text("--digits-from", "RUN", run_,
               "make the scenes for training of images that this run draws, one for each label of "
               "the data; it was trained with --condition label");
}

std::string DigitsOption::words() const {
  return run_.empty() ? "" : " --digits-from " + shell_quoted_path(run_);
}

void DigitsOption::check(const DataConfig& data) const {
  if (!run_.empty() && data.scene == SceneConfig()) {
    throw Error(
        ErrorCode::invalid_argument,
        "vae train: --digits-from draws what scenes are made of, and there are none: give "
        "--scene, or a preset that has scenes (segment-40, detect-40, voxel); for other trainings "
        "draw a data set with vae sample RUN --label all --out drawn.npz");
  }
}

Dataset DigitsOption::load(const std::string& where, const LoadOptions& options, uint64_t seed,
                           const Device& device, Terminal& terminal) const {
  if (run_.empty()) return Dataset::load(where, options);
  LoadOptions single = options;
  single.data.scene = {};
  Dataset data = Dataset::load(where, single);
  Model model = Model::load(run_, device);
  const ModelConfig& drawn = model.config();
  if (drawn.condition != Condition::label || drawn.has_class_target() ||
      drawn.decodes_with_image()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("vae train: --digits-from {}: that model draws no images of a class "
                            "that it is told; train one with --preset generate",
                            run_));
  }
  require_condition(drawn, data.train, fmt::format("--data {}", where));
  terminal.info(fmt::format("{} images for training are drawn from {}", data.train.count(), run_));
  const std::span<const uint8_t> labels = data.train.labels();
  data.train = drawn_images(
      drawn, data.train.count(), {labels.begin(), labels.end()}, [&](int64_t first, int64_t count) {
        const auto piece =
            labels.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
        return model.sample(model.conditions(piece), seed, first);
      });
  return data.with_scenes(options.data.scene);
}

}  // namespace vae::cli
