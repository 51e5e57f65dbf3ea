// SPDX-License-Identifier: MIT
//
// libjpeg reports errors through longjmp, which must not pass a destructor: every function here
// that calls setjmp holds nothing but plain data, and all memory belongs to its caller.
#include "host/io/jpeg.h"

#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it

#include <jpeglib.h>

#include <jerror.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "host/io/exif.h"
#include "host/io/foreign.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr uint64_t kLargestJpegBytes = uint64_t{1} << 28;  // decoded
/// A block of 8 x 8 pixels takes one bit at least, where a Huffman code has not fewer.
constexpr uint64_t kPixelsOfByte = 8 * 64;
/// Encoders write about ten; each costs a pass over the whole picture.
constexpr int kMostScans = 100;

struct JpegErrors {
  jpeg_error_mgr manager;  // first: libjpeg hands out its address
  std::jmp_buf back;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void leave(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->message.data());
  std::longjmp(errors->back, 1);
}

/// A negative level is a warning: libjpeg goes on with pixels that it made up. Those about what
/// stands beside the picture are harmless.
void judge_warning(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_BOGUS_ICC:
      return;
    default:
      leave(info);
  }
}

void count_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMostScans) return;
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  std::snprintf(errors->message.data(), errors->message.size(), "more than %d scans", kMostScans);
  std::longjmp(errors->back, 1);
}

/// libjpeg's state; frees itself.
struct JpegState {
  jpeg_decompress_struct info = {};
  JpegErrors errors = {};
  jpeg_progress_mgr progress = {};

  JpegState() {
    info.err = ::jpeg_std_error(&errors.manager);
    errors.manager.error_exit = leave;
    errors.manager.emit_message = judge_warning;
    progress.progress_monitor = count_scans;
  }
  ~JpegState() { ::jpeg_destroy_decompress(&info); }
  JpegState(const JpegState&) = delete;
  JpegState& operator=(const JpegState&) = delete;
};

/// False with a message in state.errors. The same holds for the two functions below.
bool read_header(JpegState& state, const unsigned char* data, unsigned long bytes) {
  if (setjmp(state.errors.back) != 0) return false;
  jpeg_create_decompress(&state.info);
  state.info.progress = &state.progress;
  ::jpeg_mem_src(&state.info, data, bytes);
  ::jpeg_save_markers(&state.info, JPEG_APP0 + 1, 0xffff);
  ::jpeg_read_header(&state.info, TRUE);
  return true;
}

bool begin_rows(JpegState& state) {
  if (setjmp(state.errors.back) != 0) return false;
  ::jpeg_start_decompress(&state.info);
  return true;
}

bool read_rows(JpegState& state, unsigned char* pixels, std::size_t row_bytes) {
  if (setjmp(state.errors.back) != 0) return false;
  while (state.info.output_scanline < state.info.output_height) {
    JSAMPROW row = pixels + row_bytes * state.info.output_scanline;
    ::jpeg_read_scanlines(&state.info, &row, 1);
  }
  ::jpeg_finish_decompress(&state.info);
  return true;
}

[[noreturn]] void fail_corrupt_jpeg(std::string_view origin, std::string_view expected,
                                    std::string_view found) {
  fail(ErrorCode::corrupt, origin, ": not a readable JPEG picture: expected ", expected, ", found ",
       found, "; the file is damaged, incomplete or of another kind");
}

/// One JPEG file from its header to its pixels.
class JpegReader {
 public:
  JpegReader(std::span<const std::byte> file, std::string_view origin) : origin_(origin) {
    if (!looks_like_jpeg(file))
      fail_corrupt_jpeg(origin, "JPEG's first bytes", describe_start(file));
    if (!read_header(state_, reinterpret_cast<const unsigned char*>(file.data()), file.size())) {
      fail_corrupt_jpeg(origin, "a whole header", state_.errors.message.data());
    }
    check_size(file.size());
    for (const jpeg_marker_struct* marker = state_.info.marker_list; marker != nullptr;
         marker = marker->next) {
      orientation_ = exif_orientation(std::as_bytes(std::span(marker->data, marker->data_length)))
                         .value_or(orientation_);
    }
  }

  PictureSize size() const {
    const PictureSize stored{state_.info.image_height, state_.info.image_width, channels()};
    return swaps_sides(orientation_) ? PictureSize{stored.width, stored.height, stored.channels}
                                     : stored;
  }

  Image decode() {
    jpeg_decompress_struct& info = state_.info;
    const bool four = info.num_components == 4;
    info.out_color_space = four ? JCS_CMYK : channels() == 1 ? JCS_GRAYSCALE : JCS_RGB;
    info.dct_method = JDCT_ISLOW;  // the one with the same bits everywhere
    if (!begin_rows(state_)) fail_corrupt_jpeg(origin_, "pixels", state_.errors.message.data());
    Image image{info.output_height, info.output_width, four ? 4 : channels(), {}};
    const auto row_bytes = static_cast<std::size_t>(image.width * image.channels);
    image.pixels.resize(row_bytes * static_cast<std::size_t>(image.height));
    if (!read_rows(state_, image.pixels.data(), row_bytes)) {
      fail_corrupt_jpeg(origin_, "pixels of all rows", state_.errors.message.data());
    }
    if (four) ink_to_rgb(image);
    return turned_upright(image, orientation_);
  }

 private:
  int64_t channels() const { return state_.info.num_components == 1 ? 1 : 3; }

  void check_size(std::size_t file_bytes) const {
    const uint64_t width = state_.info.image_width, height = state_.info.image_height;
    const int components = state_.info.num_components;
    if (components != 1 && components != 3 && components != 4) {
      fail_corrupt_jpeg(origin_, "1, 3 or 4 components", concat(components));
    }
    const uint64_t most = std::min<uint64_t>(kLargestJpegBytes / 4, file_bytes * kPixelsOfByte);
    if (width * height > most) {
      fail_corrupt_jpeg(origin_, concat("at most ", most, " pixels"), concat(width, " x ", height));
    }
  }

  /// Four inks to three lights. Adobe's programs, who write nearly all of these, store them
  /// inverted.
  void ink_to_rgb(Image& image) const {
    const bool inverted = state_.info.saw_Adobe_marker != 0;
    auto to = image.pixels.begin();
    for (auto from = image.pixels.begin(); from != image.pixels.end(); from += 4) {
      const auto light = [&](int i) { return inverted ? from[i] : 255 - from[i]; };
      const int black = light(3);
      for (int i = 0; i < 3; ++i) *to++ = static_cast<uint8_t>((light(i) * black + 127) / 255);
    }
    image.pixels.erase(to, image.pixels.end());
    image.channels = 3;
  }

  JpegState state_;
  std::string_view origin_;
  int orientation_ = kUpright;
};

}  // namespace

bool looks_like_jpeg(std::span<const std::byte> content) {
  constexpr std::array kStart = {std::byte{0xFF}, std::byte{0xD8}, std::byte{0xFF}};
  return content.size() >= kStart.size() &&
         std::equal(kStart.begin(), kStart.end(), content.begin());
}

PictureSize jpeg_size(std::span<const std::byte> file, std::string_view origin) {
  return JpegReader(file, origin).size();
}

Image decode_jpeg(std::span<const std::byte> file, std::string_view origin) {
  return JpegReader(file, origin).decode();
}

}  // namespace vae
