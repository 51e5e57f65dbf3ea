// SPDX-License-Identifier: MIT
#include "host/io/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "kernels/check.h"

namespace vae {

namespace {

constexpr std::byte kGzipMagic{0x1F};  // the first of two

}  // namespace

struct GzipDecoder::State {
  std::string origin;
  Sink sink;
  z_stream stream = {};
  bool ended = false;   // a member, and no other one has begun
  bool padded = false;  // zeros were behind it
  std::array<std::byte, 64 * 1024> plain;

  [[noreturn]] void fail_corrupt(std::string_view found) const {
    fail(ErrorCode::corrupt, origin, ": expected a complete gzip file, found ", found,
         "; the file is damaged or incomplete, copy or download it again");
  }

  /// Behind a member: zeros, or the start of another one. Returns what is left to inflate.
  std::span<const std::byte> go_on_behind_member(std::span<const std::byte> compressed) {
    const auto first = std::find_if(compressed.begin(), compressed.end(),
                                    [](std::byte byte) { return byte != std::byte{0}; });
    padded = padded || first != compressed.begin();
    if (first == compressed.end()) return {};
    if (padded || *first != kGzipMagic) fail_corrupt("other bytes behind the last member");
    ::inflateReset(&stream);
    ended = false;
    return compressed;
  }
};

bool looks_like_gzip(std::span<const std::byte> content) {
  return content.size() >= 2 && content[0] == kGzipMagic && content[1] == std::byte{0x8B};
}

GzipDecoder::GzipDecoder(std::string origin, Sink sink) : state_(std::make_unique<State>()) {
  state_->origin = std::move(origin);
  state_->sink = std::move(sink);
  constexpr int kGzipOnly = 16;  // added to the window bits: a gzip wrapper, nothing else
  if (::inflateInit2(&state_->stream, MAX_WBITS + kGzipOnly) != Z_OK) {
    fail(ErrorCode::out_of_memory, "not enough memory to decompress ", state_->origin);
  }
}

GzipDecoder::~GzipDecoder() { ::inflateEnd(&state_->stream); }

void GzipDecoder::feed(std::span<const std::byte> compressed) {
  z_stream& stream = state_->stream;
  while (!compressed.empty()) {
    if (state_->ended) compressed = state_->go_on_behind_member(compressed);
    if (compressed.empty()) return;
    const size_t piece = std::min<size_t>(compressed.size(), std::numeric_limits<uInt>::max());
    // zlib does not write through next_in; its type only lacks the const.
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(compressed.data()));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(state_->plain.data());
    stream.avail_out = static_cast<uInt>(state_->plain.size());
    const int status = ::inflate(&stream, Z_NO_FLUSH);
    const size_t produced = state_->plain.size() - stream.avail_out;
    compressed = compressed.subspan(piece - stream.avail_in);
    if (produced > 0) state_->sink(std::span(state_->plain).first(produced));
    state_->ended = status == Z_STREAM_END;
    if (status == Z_MEM_ERROR) {
      fail(ErrorCode::out_of_memory, "not enough memory to decompress ", state_->origin);
    }
    // Z_BUF_ERROR only says that this call could not make progress: more input or room is needed.
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      state_->fail_corrupt(stream.msg != nullptr ? stream.msg : "damaged data");
    }
  }
}

void GzipDecoder::finish() {
  // What inflate() still holds back after the last input: run it dry.
  z_stream& stream = state_->stream;
  stream.avail_in = 0;
  for (size_t produced = 1; !state_->ended && produced > 0;) {
    stream.next_out = reinterpret_cast<Bytef*>(state_->plain.data());
    stream.avail_out = static_cast<uInt>(state_->plain.size());
    const int status = ::inflate(&stream, Z_NO_FLUSH);
    produced = state_->plain.size() - stream.avail_out;
    if (produced > 0) state_->sink(std::span(state_->plain).first(produced));
    state_->ended = status == Z_STREAM_END;
    if (status == Z_DATA_ERROR) state_->fail_corrupt(stream.msg);
  }
  if (!state_->ended) state_->fail_corrupt("a truncated one");
}

std::vector<std::byte> inflate_gzip(std::span<const std::byte> compressed, uint64_t max_bytes,
                                    std::string_view origin) {
  std::vector<std::byte> plain;
  GzipDecoder decoder(std::string(origin), [&](std::span<const std::byte> piece) {
    if (piece.size() > max_bytes - plain.size()) {
      fail(ErrorCode::corrupt, origin, ": expected at most ", max_bytes,
           " bytes after decompression, found more; is it the right file?");
    }
    plain.insert(plain.end(), piece.begin(), piece.end());
  });
  decoder.feed(compressed);
  decoder.finish();
  return plain;
}

}  // namespace vae
