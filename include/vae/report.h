// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <string>

#include "vae/dataset.h"
#include "vae/model.h"

namespace vae {

/// (Re)writes `run_folder`/report.html from its config.json, metrics.jsonl and images/: one
/// self-contained page with curves as inline SVG and the pictures inline. Throws Error(io).
void write_report(const std::string& run_folder);

/// Writes the pictures of one epoch into `run_folder`/images: reconstructions, prior samples and,
/// for a 2-D latent, the manifold. The same images and draws every epoch, so epochs compare; the
/// test images are read without chance, as Model::reconstruct() does.
void write_epoch_pictures(const std::string& run_folder, Model& model, const Dataset& data,
                          int64_t epoch);

/// What a file is and holds, as a JSON document: a checkpoint's header, an IDX or .npy file's
/// sizes, a run folder's state, and of whatever Dataset::load takes the shape, counts, range of the
/// pixels, labels and doubts. Tensor data is only read for the checksum. Throws Error(corrupt).
std::string inspect(const std::string& path);

}  // namespace vae
