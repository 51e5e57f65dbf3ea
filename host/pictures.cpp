// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>

#include "host/report/picture_names.h"
#include "kernels/check.h"
#include "vae/image.h"
#include "vae/latent.h"
#include "vae/report.h"

namespace vae {
namespace {

constexpr int64_t kColumns = 12;
constexpr int64_t kReconstructionBands = 2;  // of inputs above outputs
constexpr int64_t kSampleRows = 8;
constexpr int64_t kManifoldSide = 20;
constexpr int64_t kComfortableSide = 56;  // pixels; smaller pictures are enlarged to it
constexpr uint64_t kPictureSeed = 1;      // the same draws at every epoch

std::vector<Image> comfortable_images(const Array& pixels, const ModelConfig& model) {
  std::vector<Image> images = to_images(pixels, model.height, model.width, model.channels);
  const int64_t side = std::max(model.height, model.width);
  const int64_t factor = std::max<int64_t>(1, kComfortableSide / side);
  for (Image& image : images) image = enlarge(image, factor);
  return images;
}

/// Rows of inputs, each above the row of its reconstructions. The last band is filled up with
/// black where the data set is too small.
Image reconstruction_picture(Model& model, const ImageSet& test) {
  const int64_t count = std::min(test.count(), kColumns * kReconstructionBands);
  const int64_t columns = std::min(count, kColumns);
  const ImageSet images = test.slice(0, count);
  const std::vector<Image> inputs = comfortable_images(model.inputs(images), model.config());
  const std::vector<Image> outputs = comfortable_images(model.reconstruct(images), model.config());
  Image black = inputs.front();
  std::fill(black.pixels.begin(), black.pixels.end(), uint8_t{0});
  std::vector<Image> cells;
  for (int64_t first = 0; first < count; first += columns) {
    for (const std::vector<Image>* row : {&inputs, &outputs}) {
      for (int64_t i = first; i < first + columns; ++i) {
        cells.push_back(i < count ? (*row)[i] : black);
      }
    }
  }
  return make_grid(cells, columns);
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
  save(PictureKind::reconstructions, reconstruction_picture(model, data.test));
  save(PictureKind::samples,
       make_grid(
           comfortable_images(model.sample(kColumns * kSampleRows, kPictureSeed), model.config()),
           kColumns));
  if (model.config().latent == 2) {
    // Not enlarged: so many cells make a large picture anyhow.
    save(PictureKind::manifold,
         make_grid(to_images(model.decode(manifold_grid(kManifoldSide)), model.config().height,
                             model.config().width, model.config().channels),
                   kManifoldSide));
  }
}

}  // namespace vae
