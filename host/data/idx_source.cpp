// SPDX-License-Identifier: MIT
#include "host/data/idx_source.h"

#include <utility>

#include "host/data/array_images.h"
#include "host/io/idx.h"
#include "kernels/check.h"

namespace vae {
namespace {

/// What the labels' file holds, or nothing: a file of labels that is whole but not read costs only
/// them.
ByteArray load_labels(const std::string& path, int64_t images, const std::string& images_path,
                      const LogCallback& warn) {
  ByteArray labels;
  if (path.empty()) return labels;
  try {
    labels = read_idx(path, ArrayContent::labels);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    if (warn) warn(LogLevel::warning, concat("labels are left out: ", error.what()));
    return labels;
  }
  if (labels.dims[0] != images) {
    fail(ErrorCode::corrupt, path, ": expected ", images, " labels, as many as images in ",
         images_path, ", found ", labels.dims[0],
         "; the two files do not belong together: move the labels away, or take both files from "
         "one place");
  }
  return labels;
}

ImageSet load_images_and_labels(const std::string& images_path, const std::string& labels_path,
                                const LogCallback& warn) {
  ByteArray images = read_idx(images_path, ArrayContent::images);
  ByteArray labels = load_labels(labels_path, images.dims[0], images_path, warn);
  return images_of(std::move(images), std::move(labels.values), images_path);
}

}  // namespace

Dataset load_idx_files(const DataFiles& files, const LogCallback& warn) {
  Dataset data;
  data.train = load_images_and_labels(files[kTrainImages], files[kTrainLabels], warn);
  data.test = load_images_and_labels(files[kTestImages], files[kTestLabels], warn).as(Split::test);
  require_one_size(data.train, data.test, files[kTrainImages], files[kTestImages]);
  return data;
}

Dataset load_idx_file(const std::string& path) {
  Dataset data;
  data.train = load_images_and_labels(path, "", {});
  return data;
}

}  // namespace vae
