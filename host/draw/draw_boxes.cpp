// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
#include <cmath>

#include "host/draw/canvas.h"
#include "host/draw/font.h"
#include "vae/detection.h"
#include "vae/printable.h"

namespace vae {
namespace {

constexpr int64_t kFrameLine = 2;  // pixels of a frame's line
constexpr int64_t kFrameDash = 6;  // of a dash, and of what is left out behind it
constexpr int64_t kTextGap = 3;

/// The pixels of a box in an enlarged picture.
struct PixelFrame {
  int64_t left, top, right, bottom;  // the last two are beyond it
};

PixelFrame frame_of(const Box& box, int64_t factor, const Canvas& canvas) {
  const auto pixel = [&](double at, int64_t most) {
    return std::clamp<int64_t>(std::lround(at * static_cast<double>(factor)), 0, most);
  };
  return {pixel(box.x, canvas.width()), pixel(box.y, canvas.height()),
          pixel(double{box.x} + box.width, canvas.width()),
          pixel(double{box.y} + box.height, canvas.height())};
}

/// Four lines, each in pieces of `piece` pixels of which every other one is drawn.
void draw_frame(Canvas& canvas, const PixelFrame& frame, int64_t piece, Colour colour) {
  const auto line = [&](int64_t x, int64_t y, int64_t along_x, int64_t along_y, int64_t length) {
    for (int64_t at = 0; at < length; at += 2 * piece) {
      const int64_t drawn = std::min(piece, length - at);
      canvas.rectangle(x + along_x * at, y + along_y * at, along_x ? drawn : kFrameLine,
                       along_y ? drawn : kFrameLine, colour);
    }
  };
  const int64_t width = frame.right - frame.left, height = frame.bottom - frame.top;
  line(frame.left, frame.top, 1, 0, width);
  line(frame.left, std::max(frame.top, frame.bottom - kFrameLine), 1, 0, width);
  line(frame.left, frame.top, 0, 1, height);
  line(std::max(frame.left, frame.right - kFrameLine), frame.top, 0, 1, height);
}

/// "7 0.98", "cat 0.31"
std::string text_of(const Detection& box, std::span<const std::string> names) {
  char score[16];
  const auto end = std::to_chars(score, score + sizeof score, static_cast<double>(box.score),
                                 std::chars_format::fixed, 2);
  const std::string name =
      box.class_ < names.size() ? printable_line(names[box.class_]) : std::to_string(box.class_);
  return name + " " + std::string(score, end.ptr);
}

/// Above the frame, or within it at the picture's upper edge; never beyond the picture's sides.
void write_above(Canvas& canvas, const PixelFrame& frame, const std::string& text, Colour colour) {
  constexpr Colour kRim = {0, 0, 0};
  const std::string line = fitting_text(text, canvas.width() - 2 * kTextGap);
  const int64_t room = canvas.width() - kTextGap - text_width(line);
  const int64_t x = std::max(kTextGap, std::min(frame.left + kTextGap, room));
  const bool fits = frame.top >= kTextHeight;
  const int64_t baseline =
      fits ? frame.top - kTextDescent : frame.top + kTextAscent + kFrameLine + kTextGap;
  canvas.rimmed_text(x, baseline, line, colour, kRim);
}

/// A picture of one channel or three in red, green and blue.
Image coloured(const Image& picture) {
  if (picture.channels == 3) return picture;
  Image result{picture.height, picture.width, 3, {}};
  for (const uint8_t grey : picture.pixels) result.pixels.insert(result.pixels.end(), 3, grey);
  return result;
}

/// The class's colour, lightened so that letters can be read on black.
Colour light_colour(int64_t index, int64_t count) {
  const Colour full = class_colour(index, count);
  const auto lighter = [](uint8_t part) { return static_cast<uint8_t>(part + (255 - part) / 3); };
  return {lighter(full.red), lighter(full.green), lighter(full.blue)};
}

}  // namespace

Image draw_boxes(const Image& picture, std::span<const Detection> found, std::span<const Box> known,
                 int64_t classes, std::span<const std::string> names, int64_t factor) {
  constexpr Colour kKnown = {255, 255, 255};
  const Image large = coloured(enlarge(picture, factor));
  Canvas canvas(large.height, large.width, 3, {});
  canvas.paste(large, 0, 0);
  for (const Box& box : known)
    draw_frame(canvas, frame_of(box, factor, canvas), kFrameDash, kKnown);
  for (const Detection& box : found) {
    const Colour colour = light_colour(box.class_, std::max<int64_t>(classes, box.class_ + 1));
    draw_frame(canvas, frame_of(box, factor, canvas), canvas.width() + canvas.height(), colour);
  }
  for (const Detection& box : found) {
    const Colour colour = light_colour(box.class_, std::max<int64_t>(classes, box.class_ + 1));
    write_above(canvas, frame_of(box, factor, canvas), text_of(box, names), colour);
  }
  return canvas.image();
}

}  // namespace vae
