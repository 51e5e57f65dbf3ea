// SPDX-License-Identifier: MIT
#include "host/run/pictures.h"

#include <algorithm>
#include <filesystem>

#include "host/io/atomic_file.h"
#include "host/run/picture_names.h"
#include "host/text/number_text.h"
#include "kernels/check.h"
#include "vae/detection.h"
#include "vae/image.h"
#include "vae/latent.h"
#include "vae/latent_map.h"
#include "vae/reconstructions.h"
#include "vae/report.h"

namespace vae {
namespace {

constexpr int64_t kColumns = 12;
constexpr int64_t kReconstructionBands = 2;  // of inputs above outputs
constexpr int64_t kSampleRows = 8;
constexpr int64_t kManifoldSide = 20;
constexpr int64_t kComfortableSide = 56;            // pixels; smaller images are enlarged to it
constexpr int64_t kLargestCell = 256;               // pixels a side; larger images are reduced
constexpr int64_t kPictureSide = 1024;              // what columns and rows of cells have to fit in
constexpr int64_t kChunkBytes = int64_t{64} << 20;  // of pixel values at once
constexpr int64_t kMostDots = 2000;                 // of a map
constexpr int64_t kMostCodeValues = int64_t{1} << 22;
constexpr uint64_t kPictureSeed = 1;  // the same draws at every epoch

/// How images of one size become the cells of a picture of bounded size.
struct PictureLayout {
  int64_t enlarge, reduce;
  int64_t columns, rows;
};

int64_t divided_up(int64_t number, int64_t divisor) { return (number + divisor - 1) / divisor; }

/// At most so many columns and rows; two of each even of the largest images.
PictureLayout lay_out(const ModelConfig& model, int64_t columns, int64_t rows) {
  const auto [height, width] = picture_size(model.height, model.width, model.channels);
  const int64_t side = std::max(height, width);
  PictureLayout layout;
  layout.enlarge = std::max<int64_t>(1, kComfortableSide / side);
  layout.reduce = divided_up(side, kLargestCell);
  const auto most = [&](int64_t pixels, int64_t wanted) {
    const int64_t cell = divided_up(pixels * layout.enlarge, layout.reduce);
    return std::clamp<int64_t>(kPictureSide / cell, 2, wanted);
  };
  layout.columns = most(width, columns);
  layout.rows = most(height, rows);
  return layout;
}

Image cell_of(const Image& image, const PictureLayout& layout) {
  return layout.reduce > 1 ? shrink(image, layout.reduce) : enlarge(image, layout.enlarge);
}

/// So many that the numbers decoded of them take a bounded place.
int64_t images_at_once(const ModelConfig& model) {
  const int64_t numbers = std::max(model.pixels(), model.decoded_size());
  return std::max<int64_t>(1, kChunkBytes / (numbers * static_cast<int64_t>(sizeof(float))));
}

/// Cells from the rows that `produce(first, count)` gives [count, X], a bounded number at a time.
template <typename Produce>
std::vector<Image> make_cells(int64_t count, const ModelConfig& model, const PictureLayout& layout,
                              Produce produce) {
  const int64_t chunk = images_at_once(model);
  std::vector<Image> cells;
  for (int64_t first = 0; first < count; first += chunk) {
    const Array rows = produce(first, std::min(chunk, count - first));
    for (const Image& image : to_images(rows, model.height, model.width, model.channels)) {
      cells.push_back(cell_of(image, layout));
    }
  }
  return cells;
}

/// Inputs above what the model makes of them, a bounded number of images at a time.
Image reconstruction_picture(Model& model, const ImageSet& test) {
  const ModelConfig& config = model.config();
  const int64_t rows_of_band = config.has_class_target() || model.restores() ? 3 : 2;
  const PictureLayout layout = lay_out(config, kColumns, rows_of_band * kReconstructionBands);
  const int64_t columns = std::min(test.count(), layout.columns);
  const int64_t bands = std::max<int64_t>(1, layout.rows / rows_of_band);
  const int64_t count = std::min(test.count(), layout.columns * bands);
  const int64_t chunk = images_at_once(config);
  std::vector<std::vector<Image>> cells;
  for (int64_t first = 0; first < count; first += chunk) {
    const auto rows = reconstruction_rows(model, test.slice(first, std::min(chunk, count - first)));
    cells.resize(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (const Image& image : rows[row]) cells[row].push_back(cell_of(image, layout));
    }
  }
  return make_bands(cells, columns);
}

/// What is found in the first test images, and what is there.
Image detection_picture(Model& model, const ImageSet& test) {
  constexpr int64_t kSide = 160, kMostColumns = 6, kMostRows = 2;
  const ModelConfig& config = model.config();
  const int64_t factor = std::max<int64_t>(1, kSide / std::max(config.height, config.width));
  const ImageSet images = test.slice(0, std::min(test.count(), kMostColumns * kMostRows));
  const auto found = model.detect(images);
  std::vector<Image> pictures;
  for (int64_t i = 0; i < images.count(); ++i) {
    pictures.push_back(draw_boxes(images.image(i), found[static_cast<std::size_t>(i)],
                                  images.boxes(i), config.target_classes, model.label_names(),
                                  factor));
  }
  return make_grid(pictures, std::min(images.count(), kMostColumns));
}

/// What the pictures show of a model with a condition: rows of one label, or what is known of
/// images `first` on, which begin anew behind the last one.
Array conditions_of(const Model& model, int64_t count, int64_t first, uint8_t label,
                    const ImageSet& known) {
  const ModelConfig& config = model.config();
  switch (config.condition) {
    case Condition::none:
      return {};
    case Condition::label:
      return model.conditions(std::vector<uint8_t>(static_cast<std::size_t>(count), label));
    case Condition::side:
    case Condition::seen:
      break;
  }
  const Array all = model.conditions(known);
  Array conditions{{count, config.condition_size()}, {}};
  for (int64_t i = 0; i < count && known.count() > 0; ++i) {
    const int64_t image = (first + i) % known.count();
    conditions.values.insert(conditions.values.end(), all.row(image), all.row(image + 1));
  }
  return conditions;
}

/// Never enlarged: so many cells make a large picture anyhow. Of a model with a condition it shows
/// the first class, or what is known of the first image.
Image manifold_picture(Model& model, const ImageSet& known) {
  const ModelConfig& config = model.config();
  const auto [height, width] = picture_size(config.height, config.width, config.channels);
  const int64_t side = std::max(height, width);
  const PictureLayout layout{1, divided_up(side * kManifoldSide, kPictureSide), kManifoldSide,
                             kManifoldSide};
  const Array codes = manifold_grid(kManifoldSide);
  const ImageSet one = known.slice(0, 1);
  return make_grid(make_cells(codes.rows(), config, layout,
                              [&](int64_t first, int64_t rows) {
                                const Array told = conditions_of(model, rows, 0, 0, one);
                                const Array part = {{rows, codes.row_size()},
                                                    {codes.row(first), codes.row(first + rows)}};
                                return model.decode(model.in_prior(part, told), told);
                              }),
                   layout.columns);
}

/// The first test images as dots, so many as a page can hold and memory allows.
std::string map_drawing(Model& model, const ImageSet& test) {
  const int64_t most = std::max<int64_t>(1, kMostCodeValues / model.config().latent);
  const int64_t count = std::min({test.count(), kMostDots, most});
  const ImageSet images = test.slice(0, count);
  LatentMap map = make_latent_map(model.encode(images).mean, images.labels(), images.label_names());
  if (count < test.count()) {
    const std::string shown =
        "the first " + grouped_text(count) + " of " + grouped_text(test.count()) + " test images";
    map.note = map.note.empty() ? shown : shown + "; " + map.note;
  }
  return latent_map_svg(map);
}

/// E[x|z] of draws from the prior, with conditions where the model needs them.
Array draw(Model& model, int64_t count, uint64_t seed, int64_t first, uint8_t label,
           const ImageSet& known) {
  if (model.config().condition == Condition::none) return model.sample(count, seed, first);
  return model.sample(conditions_of(model, count, first, label, known), seed, first);
}

}  // namespace

Image sample_picture(Model& model, uint64_t seed, int64_t columns, int64_t rows,
                     const ImageSet& known) {
  const ModelConfig& config = model.config();
  const PictureLayout layout = lay_out(config, columns, rows);
  if (config.condition != Condition::label) {
    const int64_t count = layout.columns * layout.rows;
    // Below what is seen of an image stand several draws of it.
    const bool in_columns = config.condition == Condition::seen;
    const int64_t told = in_columns ? layout.columns : count;
    const ImageSet first_ones = known.slice(0, std::min(told, known.count()));
    return make_grid(make_cells(count, config, layout,
                                [&](int64_t first, int64_t draws) {
                                  return draw(model, draws, seed, first, 0, first_ones);
                                }),
                     layout.columns);
  }
  std::vector<Image> cells;
  for (int64_t label = 0; label < std::min(layout.rows, config.classes); ++label) {
    const auto of_label = [&](int64_t first, int64_t draws) {
      return draw(model, draws, seed, first, static_cast<uint8_t>(label), known);
    };
    for (Image& cell : make_cells(layout.columns, config, layout, of_label)) {
      cells.push_back(std::move(cell));
    }
  }
  return make_grid(cells, layout.columns);
}

namespace {

/// What a model of images decodes from draws of the prior.
template <typename Save>
void save_samples(Model& model, const ImageSet& known, const Save& save) {
  const ModelConfig& config = model.config();
  const int64_t rows = config.condition == Condition::label ? kColumns : kSampleRows;
  save(PictureKind::samples, sample_picture(model, kPictureSeed, kColumns, rows, known));
  if (config.latent == 2) save(PictureKind::manifold, manifold_picture(model, known));
}

}  // namespace

void write_epoch_pictures(const std::string& run_folder, Model& model, const Dataset& data,
                          int64_t epoch) {
  const std::string folder = run_folder + "/images";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    fail(ErrorCode::io, "cannot create ", folder, ": ", error.message());
  }
  const auto save = [&](PictureKind kind, const Image& picture) {
    save_png(folder + "/" + picture_name(epoch, kind), picture);
  };
  const ModelConfig& config = model.config();
  if (config.target == Target::boxes) {
    save(PictureKind::reconstructions, detection_picture(model, data.test));
  } else if (config.target != Target::label) {
    save(PictureKind::reconstructions, reconstruction_picture(model, data.test));
  }
  if (!config.has_class_target() && !config.decodes_with_image())
    save_samples(model, data.test, save);
  write_file_atomically(folder + "/" + picture_name(epoch, PictureKind::map),
                        std::string_view(map_drawing(model, data.test)));
}

}  // namespace vae
