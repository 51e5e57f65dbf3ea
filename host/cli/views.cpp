// SPDX-License-Identifier: MIT
#include "host/cli/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vae/error.h"
#include "vae/volumes.h"

namespace vae::cli {
namespace {

constexpr int64_t kTurnFrames = 36, kMostPixelsOfVoxel = 64;
constexpr double kStillDegrees = 30.0;  // how far a volume is turned in a picture: from the side

bool is_picture(const ModelConfig& model) { return model.channels == 1 || model.channels == 3; }

}  // namespace

void ViewOption::declare(Command& command) {
  command.word(
      "--view", view_, {"slices", "turning"},
      "of volumes, whose slices are channels: slices side by side, in a .gif one after the "
      "other, or the volume from outside, in a .gif from all sides");
}

void ViewOption::check(const OutputFile& out, const ModelConfig& model) const {
  if (!is_special(out)) return;
  const std::string what = turns() ? std::string("--view turning shows volumes")
                                   : fmt::format(
                                         "--out {}: a film shows the slices of volumes or "
                                         "the frames of clips, one after the other",
                                         out.path());
  if (model.has_class_target()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}, and this model decodes classes; leave it out, with --out FILE.png "
                            "or FILE.npy",
                            what));
  }
  if (is_picture(model)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}, and this model's images are pictures of {} channel{}: write "
                            "--out FILE.png without --view",
                            what, model.channels, model.channels == 1 ? "" : "s"));
  }
}

ViewGrid::ViewGrid(const ViewOption& view, const OutputFile& out, const ScaleOption& scale,
                   const Model& model, int64_t count, int64_t columns)
    : view_(view),
      scale_(scale),
      model_(model.config()),
      film_(out.format() == "gif"),
      columns_(columns),
      cells_(static_cast<std::size_t>(!film_         ? 1
                                      : view.turns() ? kTurnFrames
                                                     : model_.channels)) {
  const auto frames = static_cast<int64_t>(cells_.size());
  if (view.turns()) {
    const auto cell = turned_size(model_.height, model_.width, model_.channels);
    scale.require_fit(out, cell, count, columns, frames);
    const auto [height, width] = grid_size(count, columns, cell.first, cell.second);
    pixels_ = std::min(kMostPixelsOfVoxel, scale.factor(height, width));
  } else if (film_) {
    scale.require_fit(out, {model_.height, model_.width}, count, columns, frames);
  } else {
    scale.require_fit(out, model, count, columns);
  }
}

/// Of one volume, in each frame.
std::vector<Image> ViewGrid::pictures(std::span<const float> values) const {
  const int64_t height = model_.height, width = model_.width, depth = model_.channels;
  if (!view_.turns()) return slice_pictures(values, height, width, depth);
  if (film_) return turning_view(values, height, width, depth, kTurnFrames, pixels_);
  return {turned_picture(values, height, width, depth, kStillDegrees, pixels_)};
}

void ViewGrid::add(const Array& rows) {
  if (!film_ && !view_.turns()) {
    for (Image& image : to_images(rows, model_.height, model_.width, model_.channels)) {
      cells_.front().push_back(std::move(image));
    }
    return;
  }
  for (int64_t row = 0; row < rows.rows(); ++row) {
    std::vector<Image> seen = pictures({rows.row(row), rows.row(row + 1)});
    for (std::size_t frame = 0; frame < seen.size(); ++frame) {
      cells_[frame].push_back(std::move(seen[frame]));
    }
  }
}

void ViewGrid::skip(int64_t count) {
  for (std::vector<Image>& cells : cells_) {
    Image black = cells.front();
    std::fill(black.pixels.begin(), black.pixels.end(), uint8_t{0});
    cells.insert(cells.end(), static_cast<std::size_t>(count), black);
  }
}

std::vector<Image> ViewGrid::frames() const {
  std::vector<Image> frames;
  for (const std::vector<Image>& cells : cells_) {
    const Image grid = make_grid(cells, columns_);
    frames.push_back(view_.turns() ? grid : scale_.apply(grid));
  }
  return frames;
}

void save_frames(const OutputFile& out, const std::vector<Image>& frames) {
  out.format() == "gif" ? save_gif(out.path(), frames) : save_png(out.path(), frames.front());
}

void write_rows(const OutputFile& out, const ScaleOption& scale, const Model& model, int64_t count,
                int64_t columns, const RowSource& source, const ViewOption& view) {
  constexpr int64_t kPieceBytes = 64 << 20, kBatch = 128;
  const int64_t row_size = model.config().decoded_size();
  int64_t piece = std::max<int64_t>(1, kPieceBytes / (row_size * int64_t{sizeof(float)}));
  if (piece > kBatch) piece -= piece % kBatch;  // whole batches of the model
  const auto for_pieces = [&](const auto& take) {
    for (int64_t first = 0; first < count; first += piece) {
      take(source(first, std::min(piece, count - first)));
    }
  };
  if (out.format() == "npy") {
    NpyWriter file(out.path(), count, row_size);
    for_pieces([&](const Array& rows) { file.append(rows); });
    file.finish();
    return;
  }
  ViewGrid grid(view, out, scale, model, count, columns);
  for_pieces([&](const Array& rows) { grid.add(rows); });
  save_frames(out, grid.frames());
}

}  // namespace vae::cli
