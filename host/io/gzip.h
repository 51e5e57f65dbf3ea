// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vae {

/// Whether the content starts like a gzip file.
bool looks_like_gzip(std::span<const std::byte> content);

/// A deflate stream cannot expand further than this: a bound for what a compressed file can hold.
inline constexpr uint64_t kLargestDeflateRatio = 1032;

/// Inflates a gzip file fed in pieces of any size: members one behind the other [RFC 1952, 2.2],
/// and behind the last one zeros or nothing (tapes and archives fill up with them). Everything else
/// throws Error(corrupt): a truncated file, a wrong checksum or length, other bytes at the end.
class GzipDecoder {
 public:
  using Sink = std::function<void(std::span<const std::byte>)>;

  /// `origin` names the file in messages. `sink` gets the plain bytes piece by piece and stops the
  /// decoder by throwing.
  GzipDecoder(std::string origin, Sink sink);
  ~GzipDecoder();
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;

  void feed(std::span<const std::byte> compressed);
  void finish();  ///< after the last piece

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The content of a gzip file that is already in memory. More than `max_bytes` of it is
/// Error(corrupt), thrown before the excess is stored.
std::vector<std::byte> inflate_gzip(std::span<const std::byte> compressed, uint64_t max_bytes,
                                    std::string_view origin);

}  // namespace vae
