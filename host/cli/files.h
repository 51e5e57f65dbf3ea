// SPDX-License-Identifier: MIT
//
// Files the verbs read and write. An output is checked before the work that fills it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/cli/command.h"
#include "vae/array.h"
#include "vae/dataset.h"
#include "vae/image.h"
#include "vae/model.h"

namespace vae::cli {

/// Throws Error(io) when the path does not exist.
void require_input(const std::string& path);

/// A small text file, such as a configuration. Throws Error(io).
std::string read_text_file(const std::string& path);

/// Writes a new file without waiting for the disk; of one that could not be written whole a part
/// may be there. Throws Error(io).
void write_unsynced(const std::string& path, std::span<const std::byte> content);

/// Writes a small text file, whole or not at all. Throws Error(io).
void write_text_file(const std::string& path, const std::string& text);

/// A field of a .csv file, printable: in quotes where it has a comma or a quote.
std::string csv_field(const std::string& text);

/// Whether a JSON configuration has a key "preset".
bool names_preset(const std::string& json);

/// What is done with a path before the work that fills it: throws Error(invalid_argument) for
/// another extension than one of `formats`, Error(io) when the file cannot be written there.
void check_output(const std::string& option, const std::string& path,
                  const std::vector<std::string>& formats);

/// --out: the extension decides the format.
class OutputFile {
 public:
  /// `formats` are extensions without the dot: {"png", "npy"}. With `or_folder` a path without an
  /// extension is a folder, see OutputFolder.
  void declare(Command& command, std::vector<std::string> formats, const std::string& help,
               bool or_folder = false);
  /// The same where --out may be left out: take() then says where the file goes.
  void declare_optional(Command& command, std::vector<std::string> formats,
                        const std::string& help);
  bool is_given() const { return !path_.empty(); }
  void take(const std::string& path) { path_ = path; }
  /// check_output(), or that there can be such a folder. Call it before any work.
  void check() const;
  /// The extension in lower case.
  std::string format() const;
  bool is_folder() const { return or_folder_ && format().empty(); }
  /// Whether a format is one of those declared.
  bool allows(const std::string& format) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::vector<std::string> formats_;
  bool or_folder_ = false;
};

/// --scale: whole enlargement of pictures.
class ScaleOption {
 public:
  void declare(Command& command);
  /// 0 enlarges small pictures to about 500 pixels.
  Image apply(const Image& image) const;
  /// How many times a picture of that size is enlarged.
  int64_t factor(int64_t height, int64_t width) const;
  /// Throws Error(invalid_argument) when such a grid of the model's images, enlarged, would be too
  /// large for a picture or, `frames` of them, for a film. Call it before any work.
  void require_fit(const OutputFile& out, const Model& model, int64_t count, int64_t columns,
                   int64_t frames = 1) const;
  /// The same of pictures of any height and width.
  void require_fit(const OutputFile& out, std::pair<int64_t, int64_t> picture, int64_t count,
                   int64_t columns, int64_t frames = 1) const;

 private:
  int64_t scale_ = 0;
};

/// Image number `index`; throws Error(invalid_argument) naming the option when there is none.
ImageSet one_image(const ImageSet& images, const char* option, int64_t index);

/// The frames and then back again without repeating the ends: a loop without a jump.
std::vector<Image> there_and_back(std::vector<Image> frames);

/// "latents" of "latents.npy": what the names of files that belong to it begin with.
std::string without_npy(const std::string& path);

/// Writes which row of FILE.npy is which picture, a printable line each, to FILE.names.txt. Returns
/// that path, or nothing where the images have no names.
std::optional<std::string> save_names(const ImageSet& images, const std::string& npy_path);

/// Pictures of decoded rows [n, X] in the model's image size.
std::vector<Image> pictures_of(const Array& rows, const Model& model);

/// Rows `first` to before `first + count` of an array [n, X].
Array rows_of(const Array& array, int64_t first, int64_t count);

}  // namespace vae::cli
