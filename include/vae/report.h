// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <string>
#include <vector>

#include "vae/dataset.h"
#include "vae/device.h"
#include "vae/model.h"

namespace vae {

/// (Re)writes `run_folder`/report.html from its config.json, metrics.jsonl and images/: one
/// self-contained page with curves as inline SVG and the pictures inline. Where explore.html lies
/// beside it, it is linked [write_explorer()]. Throws Error(io), Error(corrupt).
void write_report(const std::string& run_folder);

/// How write_comparison() draws the samples that stand side by side.
struct ComparisonOptions {
  uint64_t seed = 1;  ///< Of the samples.
  Device device;      ///< Where they are made.
};

/// Writes one self-contained page about 1 to 64 runs: their results, curves over one another, the
/// settings that differ, and samples of each run's best checkpoint (or its newest one) from the
/// same draws. A run without a checkpoint has none. Throws Error(io) for a folder that is no run,
/// Error(corrupt), Error(unavailable).
void write_comparison(const std::string& path, const std::vector<std::string>& run_folders,
                      const ComparisonOptions& options = {});

/// Writes the pictures of one epoch into `run_folder`/images: reconstructions, prior samples, a
/// map of the latent space [LatentMap] and, for a 2-D latent, the manifold. The same images and
/// draws every epoch, so epochs compare; the test images are read without chance, as
/// Model::reconstruct() does.
void write_epoch_pictures(const std::string& run_folder, Model& model, const Dataset& data,
                          int64_t epoch);

/// What a file is and holds, as a JSON document: a checkpoint's header, a picture's, an IDX or .npy
/// file's sizes, a run folder's state, and of whatever Dataset::load takes, read with `options`,
/// the shape, counts, range of the pixels, labels and doubts. Tensor data is only read for the
/// checksum. Throws Error(corrupt), and what Dataset::load throws.
std::string inspect(const std::string& path, const LoadOptions& options = {});

}  // namespace vae
