// SPDX-License-Identifier: MIT
//
// Pictures and films of decoded images, volumes and clips among them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "host/cli/command.h"
#include "host/cli/files.h"
#include "vae/array.h"
#include "vae/image.h"
#include "vae/model.h"

namespace vae::cli {

/// --view: how images of other channels than grey or red, green and blue are shown: slices of a
/// volume, or frames of a clip. In a picture they lie side by side, in a film one follows the
/// other; or a volume is seen from outside, in a film from all sides.
class ViewOption {
 public:
  void declare(Command& command);
  bool turns() const { return view_ == "turning"; }
  /// Whether a picture is of another kind than that of any image.
  bool is_special(const OutputFile& out) const { return turns() || out.format() == "gif"; }
  /// Throws Error(invalid_argument), before any work, where is_special() and the model's images are
  /// grey or colour pictures.
  void check(const OutputFile& out, const ModelConfig& model) const;

 private:
  std::string view_ = "slices";
};

/// Images side by side: one picture, or, in a .gif file, the frames of a film.
class ViewGrid {
 public:
  /// Room for `count` images, `columns` to a row; 0: a square. Throws Error(invalid_argument) where
  /// that is too large for a picture or a film.
  ViewGrid(const ViewOption& view, const OutputFile& out, const ScaleOption& scale,
           const Model& model, int64_t count, int64_t columns);

  /// The next images, rows of values [n, X].
  void add(const Array& rows);
  /// So many black places.
  void skip(int64_t count);
  /// Enlarged, each a grid.
  std::vector<Image> frames() const;

 private:
  std::vector<Image> pictures(std::span<const float> values) const;

  const ViewOption& view_;
  const ScaleOption& scale_;
  const ModelConfig& model_;
  bool film_;
  int64_t columns_;
  int64_t pixels_ = 1;                     // of a voxel that is seen from outside
  std::vector<std::vector<Image>> cells_;  // of each frame
};

/// Writes one picture, or several as a film.
void save_frames(const OutputFile& out, const std::vector<Image>& frames);

/// Rows of pixel values made piece by piece: source(first, count) gives [count, X].
using RowSource = std::function<Array(int64_t first, int64_t count)>;

/// Writes `count` rows as .npy, as one grid of pictures or as a film of such grids. As numbers,
/// only a piece of them is in memory at once.
void write_rows(const OutputFile& out, const ScaleOption& scale, const Model& model, int64_t count,
                int64_t columns, const RowSource& source, const ViewOption& view = {});

}  // namespace vae::cli
