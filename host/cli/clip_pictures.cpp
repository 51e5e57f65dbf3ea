// SPDX-License-Identifier: MIT
#include "host/cli/clip_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace vae::cli {
namespace {

constexpr uint8_t kDimBorder = 80, kBrightBorder = 255;

Image bordered(const Image& frame, uint8_t level) {
  Image whole{frame.height + 2, frame.width + 2, 1, {}};
  whole.pixels.assign(static_cast<std::size_t>(whole.height * whole.width), level);
  for (int64_t row = 0; row < frame.height; ++row) {
    std::copy_n(frame.pixels.begin() + row * frame.width, frame.width,
                whole.pixels.begin() + (row + 1) * whole.width + 1);
  }
  return whole;
}

Image black_like(const Image& frame) {
  return {frame.height, frame.width, 1, std::vector<uint8_t>(frame.pixels.size())};
}

std::pair<int64_t, int64_t> bordered_size(const ImageSet& clips) {
  return {clips.height() + 2, clips.width() + 2};
}

/// Number `frame` of a clip.
Image frame_of(const ImageSet& clips, int64_t clip, int64_t frame) {
  const int64_t pixels = clips.height() * clips.width(), frames = clips.channels();
  Image picture{clips.height(), clips.width(), 1, {}};
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const int64_t at = (clip * pixels + pixel) * frames + frame;
    picture.pixels.push_back(clips.pixels()[static_cast<std::size_t>(at)]);
  }
  return picture;
}

/// The frames of one clip of [n, frames, height, width].
std::vector<Image> frames_of(const Array& all, int64_t clip) {
  const int64_t frames = all.shape[1], height = all.shape[2], width = all.shape[3];
  if (frames == 0) return {};
  const Array own{{frames, height * width}, {all.row(clip), all.row(clip) + all.row_size()}};
  return to_images(own, height, width, 1);
}

}  // namespace

void ClipPictures::add(const ImageSet& clips, int64_t seen, const Prediction& found) {
  for (int64_t i = 0; i < clips.count(); ++i) {
    Clip& clip = clips_.emplace_back();
    for (int64_t frame = 0; frame < seen; ++frame) clip.seen.push_back(frame_of(clips, i, frame));
    clip.truth = frames_of(found.truth, i);
    clip.predicted = frames_of(found.frames, i);
  }
}

std::vector<Image> ClipPictures::film(const ScaleOption& scale) const {
  const std::size_t seen = clips_.front().seen.size(), ahead = clips_.front().predicted.size();
  std::vector<Image> frames;
  for (std::size_t at = 0; at < seen + ahead; ++at) {
    std::vector<Image> cells;
    for (const Clip& clip : clips_) {
      const bool is_seen = at < seen;
      const std::size_t next = at - seen;
      const uint8_t level = is_seen ? kDimBorder : kBrightBorder;
      const Image predicted = bordered(is_seen ? clip.seen[at] : clip.predicted[next], level);
      if (clip.truth.empty()) {
        cells.push_back(predicted);
        continue;
      }
      const Image truth = is_seen                    ? clip.seen[at]
                          : next < clip.truth.size() ? clip.truth[next]
                                                     : black_like(clip.truth.front());
      cells.push_back(make_grid({bordered(truth, level), predicted}, 2));
    }
    const char* const next_is =
        clips_.front().truth.empty() ? "predicted" : "truth and, beside it, predicted";
    const std::string caption = at < seen
                                    ? fmt::format("{} of {} seen", at + 1, seen)
                                    : fmt::format("{} of {}: {}", at - seen + 1, ahead, next_is);
    frames.push_back(add_caption(scale.apply(make_grid(cells)), caption));
  }
  return frames;
}

Image ClipPictures::sheet(const ScaleOption& scale, int64_t shown) const {
  std::vector<Image> cells;
  std::vector<std::string> labels;
  int64_t columns = 0;
  for (const Clip& clip : clips_) {
    const auto add_row = [&](const std::string& label, bool with_seen,
                             const std::vector<Image>& next) {
      for (auto frame = clip.seen.end() - shown; frame != clip.seen.end(); ++frame) {
        cells.push_back(with_seen ? bordered(*frame, kDimBorder) : bordered(black_like(*frame), 0));
      }
      for (const Image& frame : next) cells.push_back(bordered(frame, kBrightBorder));
      for (std::size_t i = next.size(); i < clip.predicted.size(); ++i) {
        cells.push_back(bordered(black_like(clip.predicted[i]), 0));
      }
      labels.push_back(label);
    };
    columns = shown + std::ssize(clip.predicted);
    if (!clip.truth.empty()) add_row("truth", true, clip.truth);
    add_row("predicted", clip.truth.empty(), clip.predicted);
  }
  return label_rows(scale.apply(make_grid(cells, columns)), labels);
}

void ClipPictures::require_film_to_fit(const ScaleOption& scale, const OutputFile& out,
                                       const ImageSet& clips, int64_t count, int64_t seen,
                                       int64_t frames) {
  const auto [height, width] = bordered_size(clips);
  const bool has_truth = clips.channels() > seen;
  scale.require_fit(out, has_truth ? grid_size(2, 2, height, width) : bordered_size(clips), count,
                    0, seen + frames);
}

void ClipPictures::require_sheet_to_fit(const ScaleOption& scale, const OutputFile& out,
                                        const ImageSet& clips, int64_t count, int64_t seen,
                                        int64_t shown, int64_t frames) {
  const int64_t rows = count * (clips.channels() > seen ? 2 : 1);
  scale.require_fit(out, bordered_size(clips), rows * (shown + frames), shown + frames);
}

}  // namespace vae::cli
