// SPDX-License-Identifier: MIT
//
// CIFAR-10 and CIFAR-100 in their binary version [https://www.cs.toronto.edu/~kriz/cifar.html]:
// rows of one label (CIFAR-100: a coarse and a fine one, of which the fine one is taken) and
// 32 x 32 pixels, first all red, then all green, then all blue.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "vae/dataset.h"

namespace vae {

/// Whether a folder holds the files by their names: data_batch_1.bin ... and test_batch.bin, or
/// train.bin and test.bin.
bool is_cifar_folder(const std::string& folder);

/// All training batches of a folder and its test batch, with the names of the labels where their
/// file is there. Throws Error(io), Error(corrupt).
Dataset load_cifar_folder(const std::string& folder);

/// One file as training images.
Dataset load_cifar_file(const std::string& path);

/// The rows of a file; which of the two it is, its size and its labels tell. Throws Error(corrupt).
ImageSet parse_cifar(std::span<const std::byte> file, std::string_view origin);

}  // namespace vae
