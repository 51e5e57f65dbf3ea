// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vae/dataset.h"
#include "vae/image.h"

namespace vae::cli {

/// A folder beside the path that it is for, until commit() puts it there in one step: whole and on
/// disk, so that nobody sees a part of it, also after a power cut. What is not committed is
/// removed.
class UnfinishedFolder {
 public:
  /// Makes it. Throws Error(io).
  explicit UnfinishedFolder(const std::string& path);
  ~UnfinishedFolder();
  UnfinishedFolder(const UnfinishedFolder&) = delete;
  UnfinishedFolder& operator=(const UnfinishedFolder&) = delete;

  /// Where a file of it is to be written, which may lie in a subfolder: that is there then. Nobody
  /// need wait for the disk, as write_unsynced() does not: commit() waits once, for all files.
  /// Throws Error(io).
  std::string file(const std::string& name) const;
  /// A PNG file in it. Throws Error(io).
  void save(const std::string& name, const Image& picture) const;
  /// Throws Error(io): there is no folder then, or it is there but might not survive a power cut.
  void commit() const;

 private:
  std::string path_, draft_;
};

/// A new folder of pictures as an output.
class OutputFolder {
 public:
  /// `path` as --out has it.
  explicit OutputFolder(std::string path) : path_(std::move(path)) {}
  /// Throws Error(io) where something but an empty folder is there already. Call it before any
  /// work.
  void check() const;
  /// PNG files of these names, which may lie in subfolders: all of them, or no folder at all.
  /// picture(i) makes number i. Throws Error(io).
  void write(const std::vector<std::string>& names,
             const std::function<Image(std::size_t)>& picture) const;

 private:
  std::string path_;
};

/// Names of PNG files for so many images: their numbers.
std::vector<std::string> png_names(int64_t count);

/// Names of PNG files for what is made of each image: those of the pictures that were read, with
/// another extension, or else the images' numbers. Throws Error(invalid_argument) where two
/// pictures would have one.
std::vector<std::string> png_names(const ImageSet& images);

}  // namespace vae::cli
