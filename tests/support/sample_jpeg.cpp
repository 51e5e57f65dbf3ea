// SPDX-License-Identifier: MIT
#include "tests/support/sample_jpeg.h"

#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

namespace vae::test {
namespace {

/// An APP1 segment with one tag, the orientation.
std::string exif_segment(int orientation) {
  using namespace std::string_literals;
  return "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s +
         static_cast<char>(orientation) + "\0\0\0\0\0\0"s;
}

}  // namespace

std::string make_jpeg(const Image& image, const JpegKind& kind) {
  jpeg_compress_struct info = {};
  jpeg_error_mgr errors = {};
  info.err = ::jpeg_std_error(&errors);  // ends the process on an error
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long bytes = 0;
  ::jpeg_mem_dest(&info, &buffer, &bytes);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = static_cast<int>(image.channels);
  info.in_color_space = kind.cmyk ? JCS_CMYK : image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  ::jpeg_set_defaults(&info);
  ::jpeg_set_quality(&info, kind.quality, TRUE);
  if (kind.progressive) ::jpeg_simple_progression(&info);
  ::jpeg_start_compress(&info, TRUE);
  if (kind.orientation != 0) {
    const std::string segment = exif_segment(kind.orientation);
    ::jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(segment.data()),
                        static_cast<unsigned>(segment.size()));
  }
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPLE*>(image.pixels.data()) +
                info.next_scanline * image.width * image.channels;
    ::jpeg_write_scanlines(&info, &row, 1);
  }
  ::jpeg_finish_compress(&info);
  std::string file(reinterpret_cast<const char*>(buffer), bytes);
  ::jpeg_destroy_compress(&info);
  std::free(buffer);
  return file;
}

}  // namespace vae::test
