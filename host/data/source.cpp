// SPDX-License-Identifier: MIT
#include "host/data/source.h"

#include <array>
#include <filesystem>
#include <span>
#include <string_view>

#include "host/data/cifar.h"
#include "host/data/idx_source.h"
#include "host/data/masks.h"
#include "host/data/mnist.h"
#include "host/data/numpy_source.h"
#include "host/data/picture.h"
#include "host/data/picture_folder.h"
#include "host/data/prepare.h"
#include "host/io/ascii.h"
#include "host/io/foreign.h"
#include "host/io/gzip.h"
#include "host/io/input_file.h"
#include "host/text/shell_quote.h"
#include "kernels/check.h"

namespace vae {
namespace {

namespace fs = std::filesystem;

/// EMNIST's own files, by their name: [emnist-letters-]train-images...
bool is_emnist(const std::string& path) {
  return lower_case(fs::path(path).filename().string()).starts_with("emnist");
}

/// The name of a data set: its folder's or file's.
std::string name_of(const fs::path& path) {
  fs::path absolute = fs::absolute(path).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // a slash at the end
  return absolute.filename().string();
}

Dataset load_idx_folder(const std::string& folder, const std::string& prefix,
                        const LoadOptions& options) {
  const DataFiles files = find_data_files(folder, prefix, options.log);
  Dataset data = load_idx_files(files, options.log);
  data.name = prefix.empty() || prefix == "train" ? name_of(folder) : prefix;
  if (data.name.ends_with('-')) data.name.pop_back();
  if (options.log && is_emnist(files[kTrainImages]) && !options.data.transpose) {
    options.log(LogLevel::warning,
                "EMNIST's files hold each image transposed, so pictures lie on their side; "
                "training does not mind, and --transpose turns them");
  }
  return data;
}

std::string first_bytes(const std::string& path) {
  std::array<char, 64> start = {};
  const std::size_t count = InputFile(path).read(std::as_writable_bytes(std::span(start)));
  return {start.data(), count};
}

/// One file of a data set of several, which was probably meant whole.
void require_no_part(const std::string& path) {
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : ".";
  if (!is_part_of_data_set(path)) return;
  fail(ErrorCode::io, path,
       " is a file of a data set with files for training and for testing: ", "name the folder, ",
       shell_quoted_path(folder.string()));
}

Dataset load_file(const std::string& path, const LoadOptions& options,
                  const std::optional<PictureSize>& wanted) {
  const std::string text = first_bytes(path);
  const auto start = std::as_bytes(std::span(text));
  if (is_picture(start)) return load_picture_file(path, options, wanted);
  if (text.starts_with("\x93NUMPY")) return load_npy_images(path);
  if (text.starts_with("PK")) return load_npz(path, options.log);
  const bool idx = looks_like_gzip(start) || text.starts_with(std::string_view("\0\0", 2));
  if (lower_case(path).ends_with(".bin")) return load_cifar_file(path);
  if (idx) {
    if (!wanted) require_no_part(path);
    return load_idx_file(path);
  }
  const std::string kind = describe_start(start);
  refuse_foreign_picture(kind, path);
  fail(ErrorCode::corrupt, path,
       ": not a file of images: expected IDX (gzipped or not), .npy, .npz, CIFAR's .bin, PNG or "
       "JPEG, found ",
       kind, "; is it the right file, and was it downloaded whole?");
}

Dataset load_folder(const std::string& folder, const LoadOptions& options,
                    const std::optional<PictureSize>& wanted) {
  if (is_cifar_folder(folder)) return load_cifar_folder(folder);
  if (!holds_idx_files(folder) && holds_pictures(folder)) {
    return load_picture_folder(folder, options, wanted);
  }
  return load_idx_folder(folder, "", options);
}

/// "folder/prefix" of a folder with several data sets.
Dataset load_prefix(const std::string& where, const LoadOptions& options) {
  const fs::path path = fs::path(where).lexically_normal();
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code error;
  if (where.empty() || !fs::is_directory(folder, error)) {
    fail(ErrorCode::io, "there is no data set '", where,
         "'; name 'mnist', a folder with pictures or IDX files, or a file of images");
  }
  return load_idx_folder(folder.string(), path.filename().string(), options);
}

/// Pictures are prepared one by one as they are read, or they would have no common size.
bool is_prepared(const Dataset& data) { return !data.train.names().empty(); }

/// Masks of a file, of images that are not prepared yet.
Dataset with_masks_of_file(const Dataset& data, const LoadOptions& options) {
  if (is_prepared(data) && changes_images(options.data)) {
    fail(ErrorCode::unsupported, "--masks ", options.masks, ": the pictures of ", data.name,
         " are scaled or turned as they are read, and masks in an array would not follow; give a "
         "folder of PNG files named like the pictures");
  }
  return with_mask_file(data, options.masks);
}

}  // namespace

Dataset read_source(const std::string& where, const LoadOptions& options,
                    const std::optional<PictureSize>& wanted) {
  std::error_code error;
  const bool folder = fs::is_directory(where, error), file = fs::is_regular_file(where, error);
  const bool mask_pictures = fs::is_directory(options.masks, error);
  LoadOptions of_pictures = options;
  if (!mask_pictures) of_pictures.masks.clear();
  Dataset data = where == "mnist" ? load_mnist(options.log)
                 : folder         ? load_folder(where, of_pictures, wanted)
                 : file           ? load_file(where, of_pictures, wanted)
                                  : load_prefix(where, options);
  if (data.name.empty()) data.name = name_of(where);
  if (mask_pictures && !is_prepared(data)) {
    fail(ErrorCode::unsupported, "--masks ", options.masks, ": a folder of masks belongs to a ",
         "folder of pictures of the same names, and ", where, " has arrays: give a .npy file [n, ",
         "height, width]");
  }
  if (!options.boxes.empty() && !is_prepared(data)) {
    fail(ErrorCode::unsupported, "--boxes ", options.boxes, ": boxes belong to a folder of ",
         "pictures, which the file lists by their names, and ", where, " has arrays");
  }
  if (!mask_pictures && !options.masks.empty()) data = with_masks_of_file(data, options);
  data.prepared = options.data;
  data.prepared.scene = {};  // which are made of the sets that training and testing have
  if (data.train.count() == 0) fail(ErrorCode::corrupt, where, ": there are no images");
  if (is_prepared(data) || !changes_images(options.data)) return data;
  data.source_hash = data.fingerprint();
  data.train = prepare(data.train, options.data);
  data.test = prepare(data.test, options.data);
  return data;
}

}  // namespace vae
