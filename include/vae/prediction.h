// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "vae/array.h"
#include "vae/config.h"
#include "vae/dataset.h"

namespace vae {

/// How Model::predict() predicts.
struct PredictOptions {
  int64_t frames = 10;  ///< F: how many frames are predicted, 1..65536.
  int64_t seen = 0;     ///< S: the first S frames of a clip are what is seen; 0: all of them.
  /// Called with the share done in [0, 1]; returning false stops with an empty result.
  std::function<bool(double)> progress = {};
};

/// What is predicted of frames without learning.
enum class FrameGuess {
  black,       ///< 0.
  mean_image,  ///< The mean of all frames that are seen of all clips.
  mean_seen,   ///< Of each clip the mean of the frames that are seen.
  last_seen,   ///< Of each clip the last frame that is seen.
};

/// "black", "mean_image".
std::string_view to_string(FrameGuess value);
/// All of them.
inline constexpr FrameGuess kFrameGuesses[] = {FrameGuess::black, FrameGuess::mean_image,
                                               FrameGuess::mean_seen, FrameGuess::last_seen};

/// Squared errors of predicted frames, and of guesses, as sums over clips, so that those of several
/// pieces of a set can be added. K frames ahead have a truth; values are in [0, 1].
struct PredictionErrors {
  int64_t clips = 0;               ///< n, clips with a truth.
  std::vector<double> predicted;   ///< Of each frame ahead, mean over its values, summed [K].
  std::vector<double> black;       ///< Likewise of FrameGuess::black.
  std::vector<double> mean_seen;   ///< Likewise.
  std::vector<double> last_seen;   ///< Likewise.
  double squares = 0.0;            ///< Sum of squares of the mean over all values of a clip.
  int64_t seen_frames = 0;         ///< Frames that were seen, of all clips.
  std::vector<double> seen_sums;   ///< Their sum, height * width.
  std::vector<double> truth_sums;  ///< The sum of all frames with a truth, likewise.

  /// Adds those of other clips, of as many frames. Throws Error(invalid_argument).
  PredictionErrors& operator+=(const PredictionErrors& other);
  /// Mean squared error of what was predicted. NaN without clips, here and below.
  double mse() const;
  /// Of each frame ahead [K].
  std::vector<double> mse_by_frame() const;
  /// Of mse(), that of the mean over the clips; NaN where there is one only.
  double mse_standard_error() const;
  /// Mean squared error of a guess.
  double mse(FrameGuess guess) const;
  /// The guess with the smallest one.
  FrameGuess best_guess() const;
  /// mse() over that of the best guess.
  double ratio() const { return mse() / mse(best_guess()); }
};

/// What Model::predict() gives of n clips, values in [0, 1].
struct Prediction {
  Array frames;  ///< [n, F, height, width]
  /// The frames that the clips have behind those that were seen, K of them, F at most, as the model
  /// reads them [n, K, height, width]; K may be 0.
  Array truth;
  PredictionErrors errors;  ///< Of the first K frames; no clips where there is no truth.
};

/// Clips of a .npy file, one [T, height, width] or several [n, T, height, width], bytes or floats
/// in [0, 1], as images whose channels are their T frames. Of the test split: no model was trained
/// on them. Throws Error(io), Error(corrupt), and Error(unsupported) for another rank and, with
/// what they should be, for clips of another size than the model's images.
ImageSet load_clips(const std::string& path, const ModelConfig& model);

}  // namespace vae
