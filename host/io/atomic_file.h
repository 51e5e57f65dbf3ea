// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vae {

/// Replaces the file `path` by `content`, all or nothing: at every instant, also after a crash or
/// a power cut, `path` holds its old content or the new one whole. Written to a temporary file
/// beside it, synced, renamed. After an error the old file stands and the temporary is gone; only
/// when the folder itself cannot be synced does an error leave the new content in place.
/// A symbolic link is replaced, not followed. Throws Error(io).
void write_file_atomically(const std::string& path, std::span<const std::byte> content);
void write_file_atomically(const std::string& path, std::string_view content);

/// The same for content that comes in pieces, so that it need not be in memory as a whole.
class AtomicFile {
 public:
  /// Reserves `bytes`, so that a full disk shows at once. Throws Error(io).
  AtomicFile(const std::string& path, uint64_t bytes);
  /// Without commit() nothing has happened.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void append(std::span<const std::byte> piece);
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The whole file in memory. Throws Error(io), Error(corrupt) when it is larger than `max_bytes`
/// or changes while it is read, Error(out_of_memory).
std::vector<std::byte> read_file(const std::string& path, uint64_t max_bytes);

/// Deletes what killed writers left in a folder (".tmp-*"); returns how many. Only for whoever
/// holds the folder's lock: the temporary of a living writer would go too. Throws Error(io).
int remove_stale_temporaries(const std::string& folder);

/// Appends `line` and a newline in one write(), creating the file where it is missing. A line that
/// could not be written whole is taken back. `sync` waits until it is on disk. Throws Error(io).
void append_line(const std::string& path, std::string_view line, bool sync = false);

/// Creates a folder with its missing parents, each on disk with its name: a power cut must not take
/// the folder away from the files in it. Throws Error(io).
void create_folder(const std::string& path);

/// Cuts off what follows the last newline: the half line of a killed writer. A missing file is
/// fine. Returns the number of bytes cut. Throws Error(io).
uint64_t truncate_after_last_newline(const std::string& path);

/// The bytes of a text, and the text of bytes, without a copy.
inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace vae
