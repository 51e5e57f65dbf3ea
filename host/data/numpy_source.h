// SPDX-License-Identifier: MIT
//
// Data sets as Python writes them: numpy.save, numpy.savez, numpy.savez_compressed.
#pragma once

#include <string>

#include "vae/dataset.h"

namespace vae {

/// Images of one .npy file, without labels and without a test set.
Dataset load_npy_images(const std::string& path);

/// Images and labels of a .npz file. The keys say what is what, in any case of letters, with "_",
/// "-" or nothing between the words:
///   training images   train_images, x_train, train_x, train_data, images_train, train; without a
///                     test set also images, x, data, imgs, or the only array there is
///   training labels   train_labels, y_train, train_y, labels_train, train_targets; labels, y,
///                     targets, label, classes
///   test images       the first line with "test" for "train"; labels likewise
/// `log` is told which keys were not read. Labels that are no bytes are left out with a warning.
Dataset load_npz(const std::string& path, const LogCallback& log);

}  // namespace vae
