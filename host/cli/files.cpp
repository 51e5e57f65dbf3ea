// SPDX-License-Identifier: MIT
#include "host/cli/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "host/cli/output_folder.h"
#include "vae/error.h"
#include "vae/printable.h"

namespace vae::cli {
namespace {

constexpr std::size_t kLongestTextFile = 16 << 20;

[[noreturn]] void fail_io(const std::string& path, const char* what) {
  throw Error(ErrorCode::io, fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

std::string lower_extension(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  if (!extension.empty()) extension.erase(0, 1);
  for (char& letter : extension) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return extension;
}

std::string read_descriptor(int descriptor, const std::string& path) {
  std::string text;
  char buffer[16384];
  while (true) {
    const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_io(path, "cannot read");
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > kLongestTextFile) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: too long for a configuration", path));
    }
  }
}

/// Returns 0 or the errno of what failed.
int write_whole(const std::string& path, std::span<const std::byte> content) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return errno;
  int error = 0;
  while (!content.empty() && error == 0) {
    const ssize_t count = ::write(descriptor, content.data(), content.size());
    if (count >= 0) {
      content = content.subspan(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (::close(descriptor) != 0 && error == 0) error = errno;
  return error;
}

}  // namespace

void require_input(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail_io(path, "cannot open");
}

std::string read_text_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_io(path, "cannot open");
  try {
    std::string text = read_descriptor(descriptor, path);
    ::close(descriptor);
    return text;
  } catch (...) {
    ::close(descriptor);
    throw;
  }
}

void write_unsynced(const std::string& path, std::span<const std::byte> content) {
  errno = write_whole(path, content);
  if (errno != 0) fail_io(path, "cannot write");
}

void write_text_file(const std::string& path, const std::string& text) {
  const std::string draft = path + ".tmp";
  errno = write_whole(draft, std::as_bytes(std::span(text)));
  if (errno != 0 || ::rename(draft.c_str(), path.c_str()) != 0) fail_io(path, "cannot write");
}

std::string without_npy(const std::string& path) { return path.substr(0, path.size() - 4); }

std::optional<std::string> save_names(const ImageSet& images, const std::string& npy_path) {
  if (images.names().empty()) return std::nullopt;
  const std::string path = without_npy(npy_path) + ".names.txt";
  std::string text;
  for (const std::string& name : images.names()) text += printable_line(name) + "\n";
  write_text_file(path, text);
  return path;
}

std::string csv_field(const std::string& text) {
  const std::string line = printable_line(text);
  if (line.find_first_of(",\"") == std::string::npos) return line;
  std::string quoted = "\"";
  for (const char c : line) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

bool names_preset(const std::string& json) {
  return nlohmann::json::parse(json, nullptr, false, true).contains("preset");
}

void OutputFile::declare(Command& command, std::vector<std::string> formats,
                         const std::string& help, bool or_folder) {
  formats_ = std::move(formats);
  or_folder_ = or_folder;
  command.required_text(
      "--out", fmt::format("FILE.{}{}", fmt::join(formats_, "|"), or_folder ? "|FOLDER" : ""),
      path_, help);
}

void OutputFile::declare_optional(Command& command, std::vector<std::string> formats,
                                  const std::string& help) {
  formats_ = std::move(formats);
  command.text("--out", fmt::format("FILE.{}", fmt::join(formats_, "|")), path_, help);
}

std::string OutputFile::format() const { return lower_extension(path_); }

bool OutputFile::allows(const std::string& format) const {
  return std::find(formats_.begin(), formats_.end(), format) != formats_.end();
}

namespace {

/// What is made there appears by a rename, so it is the folder that must be writable.
void check_parent(const std::string& option, const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const std::string folder = parent.empty() ? std::string(".") : parent;
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    fail_io(fmt::format("{} {}", option, path),
            fmt::format("the folder {} cannot be written to", folder).c_str());
  }
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::io, fmt::format("{} {}: {} is no folder", option, path, folder));
  }
}

}  // namespace

void check_output(const std::string& option, const std::string& path,
                  const std::vector<std::string>& formats) {
  if (std::find(formats.begin(), formats.end(), lower_extension(path)) == formats.end()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} {}: the extension decides the format and must be .{}", option, path,
                            fmt::join(formats, " or .")));
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::io, fmt::format("{} {}: exists and is no ordinary file", option, path));
  }
  check_parent(option, path);
}

void OutputFile::check() const {
  if (!is_folder()) return check_output("--out", path_, formats_);
  OutputFolder(path_).check();
  std::filesystem::path path = path_;
  if (!path.has_filename()) path = path.parent_path();  // a slash at the end
  check_parent("--out", path.string());
}

void ScaleOption::declare(Command& command) {
  command.integer("--scale", scale_, 0, 64,
                  "enlarge pictures N times; 0: small ones to about 500 pixels");
}

int64_t ScaleOption::factor(int64_t height, int64_t width) const {
  constexpr int64_t kComfortable = 500;
  const int64_t side = std::max<int64_t>({1, height, width});
  const int64_t fitting = std::max<int64_t>(1, (kComfortable + side / 2) / side);  // rounded
  return scale_ > 0 ? scale_ : fitting;
}

Image ScaleOption::apply(const Image& image) const {
  const int64_t times = factor(image.height, image.width);
  return times == 1 ? image : enlarge(image, times);
}

void ScaleOption::require_fit(const OutputFile& out, const Model& model, int64_t count,
                              int64_t columns, int64_t frames) const {
  const ModelConfig& config = model.config();
  require_fit(out, picture_size(config.height, config.width, config.channels), count, columns,
              frames);
}

void ScaleOption::require_fit(const OutputFile& out, std::pair<int64_t, int64_t> picture,
                              int64_t count, int64_t columns, int64_t frames) const {
  constexpr int64_t kLargestSide = 65535;  // of a GIF; a PNG may have one pixel more
  constexpr int64_t kMostPixels = int64_t{1} << 26, kMostFilmPixels = int64_t{1} << 28;
  const auto [picture_height, picture_width] = picture;
  const auto [grid_height, grid_width] = grid_size(count, columns, picture_height, picture_width);
  const int64_t times = factor(grid_height, grid_width);
  const int64_t height = grid_height * times, width = grid_width * times;
  const bool side_fits = height <= kLargestSide && width <= kLargestSide;
  if (side_fits && height * width <= kMostPixels && height * width <= kMostFilmPixels / frames) {
    return;
  }
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format(
          "--out {}: {}{} pictures of {} x {} make {} x {} pixels; at most {} a side, {} "
          "in all{} are written; choose fewer, or a smaller --scale{}",
          out.path(), frames > 1 ? fmt::format("{} frames of ", frames) : std::string(), count,
          picture_height, picture_width, height, width, kLargestSide, kMostPixels,
          frames > 1 ? fmt::format(" and {} in all frames", kMostFilmPixels) : std::string(),
          out.allows("npy") ? ", or FILE.npy" : ""));
}

ImageSet one_image(const ImageSet& images, const char* option, int64_t index) {
  if (index >= images.count()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: there is no image {}, the set has {} (0..{})", option, index,
                            images.count(), images.count() - 1));
  }
  return images.slice(index, 1);
}

std::vector<Image> there_and_back(std::vector<Image> frames) {
  const std::size_t count = frames.size();
  for (std::size_t i = count; i-- > 2;) {
    Image frame = frames[i - 1];  // a copy: push_back may move what it refers to
    frames.push_back(std::move(frame));
  }
  return frames;
}

Array rows_of(const Array& array, int64_t first, int64_t count) {
  return {{count, array.row_size()}, {array.row(first), array.row(first + count)}};
}

std::vector<Image> pictures_of(const Array& rows, const Model& model) {
  const ModelConfig& config = model.config();
  return to_images(rows, config.height, config.width, config.channels);
}

}  // namespace vae::cli
