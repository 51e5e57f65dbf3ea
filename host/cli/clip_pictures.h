// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "host/cli/files.h"
#include "vae/dataset.h"
#include "vae/image.h"
#include "vae/prediction.h"

namespace vae::cli {

/// Clips whose next frames were predicted, as a film or as one picture. Frames that were seen have
/// a dim border, those that come next a bright one.
class ClipPictures {
 public:
  /// A new clip for each of these, of which the first `seen` frames were seen.
  void add(const ImageSet& clips, int64_t seen, const Prediction& found);

  /// What was seen plays, then the truth, where it is known, beside what was predicted.
  std::vector<Image> film(const ScaleOption& scale) const;
  /// A row for each clip of the last `shown` frames that were seen and of those predicted; where
  /// the truth is known it stands there, and what was predicted in a row below.
  Image sheet(const ScaleOption& scale, int64_t shown) const;

  /// Throws Error(invalid_argument) where the film or sheet of so many clips would be too large.
  static void require_film_to_fit(const ScaleOption& scale, const OutputFile& out,
                                  const ImageSet& clips, int64_t count, int64_t seen,
                                  int64_t frames);
  static void require_sheet_to_fit(const ScaleOption& scale, const OutputFile& out,
                                   const ImageSet& clips, int64_t count, int64_t seen,
                                   int64_t shown, int64_t frames);

 private:
  struct Clip {
    std::vector<Image> seen, truth, predicted;
  };

  std::vector<Clip> clips_;
};

}  // namespace vae::cli
