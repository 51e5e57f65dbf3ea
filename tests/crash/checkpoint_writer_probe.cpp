// SPDX-License-Identifier: MIT
//
// What strace_sweep.py kills and starves: small writes whose outcome is easy to judge.
//
// - `atomic FILE` replaces FILE twice: by kFirst bytes of A, then by kSecond of B and a newline.
// - `in-place FILE` does the same without care, to prove that the sweep finds torn files.
// - `append FILE` appends the lines "two" and "three".
// - `recover FILE` does what a restart does: deletes stale temporaries, cuts a half line.
//
// Exit status: 0 done, 4 an error that was reported, 2 usage.
#include <cstdio>
#include <filesystem>
#include <string>

#include "host/io/atomic_file.h"
#include "vae/error.h"

namespace {

constexpr size_t kFirst = 200'000, kSecond = 300'000;

std::string content_of(size_t bytes, char letter) { return std::string(bytes - 1, letter) + '\n'; }

void write_in_place(const std::string& path, const std::string& content) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) throw vae::Error(vae::ErrorCode::io, "cannot open " + path);
  const bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
  if (std::fclose(file) != 0 || !written) {
    throw vae::Error(vae::ErrorCode::io, "cannot write " + path);
  }
}

int run(const std::string& action, const std::string& path) {
  if (action == "atomic") {
    vae::write_file_atomically(path, content_of(kFirst, 'A'));
    vae::write_file_atomically(path, content_of(kSecond, 'B'));
  } else if (action == "in-place") {
    write_in_place(path, content_of(kFirst, 'A'));
    write_in_place(path, content_of(kSecond, 'B'));
  } else if (action == "append") {
    vae::append_line(path, "two", /*sync=*/true);
    vae::append_line(path, "three", /*sync=*/true);
  } else if (action == "recover") {
    vae::remove_stale_temporaries(std::filesystem::path(path).parent_path().string());
    vae::truncate_after_last_newline(path);
  } else {
    return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    return run(argv[1], argv[2]);
  } catch (const vae::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 4;
  }
}
