// SPDX-License-Identifier: MIT
#include "host/model/records.h"

#include <algorithm>
#include <span>
#include <vector>

#include "kernels/check.h"
#include "vae/printable.h"

namespace vae {

namespace {

constexpr uint8_t kNotObserved = 255;

void require_known_labels(const ModelConfig& model, const ImageSet& images, std::string_view what) {
  const auto labels = images.labels();
  VAE_CHECK(!labels.empty() || images.count() == 0, what, " have no labels, but the model is told ",
            "them (model.condition label, --condition): name data with labels (--data)");
  const auto unknown = std::find_if(labels.begin(), labels.end(),
                                    [&](uint8_t label) { return label >= model.classes; });
  VAE_CHECK(unknown == labels.end(), what, ": the label of image ", unknown - labels.begin(),
            " is ", static_cast<int>(*unknown), ", but the model knows the classes 0 to ",
            model.classes - 1, " (model.classes, --classes)");
}

void require_side(const ModelConfig& model, const ImageSet& images, std::string_view what) {
  VAE_CHECK(images.side_size() > 0 || images.count() == 0, what,
            " have no side vectors, but the model is told them (model.condition side, "
            "--condition): give them with the images (--side-vectors)");
  VAE_CHECK(images.side_size() == model.side_size || images.count() == 0, what,
            " have side vectors of ", images.side_size(), " numbers, but the model takes ",
            model.side_size, " (model.side_size, --side-size)");
}

void require_target_labels(const ModelConfig& model, const ImageSet& images,
                           std::string_view what) {
  const auto labels = images.labels();
  VAE_CHECK(!labels.empty() || images.count() == 0, what, " have no labels, but they are the ",
            "target (model.target label, --target): name data with labels (--data)");
  const auto unknown = std::find_if(labels.begin(), labels.end(), [&](uint8_t label) {
    return label >= model.target_classes && label != kNotObserved;
  });
  VAE_CHECK(unknown == labels.end(), what, ": the label of image ", unknown - labels.begin(),
            " is ", static_cast<int>(*unknown), ", but the model's targets are the classes 0 to ",
            model.target_classes - 1, " (model.target_classes, --target-classes)");
}

void require_masks(const ModelConfig& model, const ImageSet& images, std::string_view what) {
  const auto masks = images.masks();
  VAE_CHECK(!masks.empty() || images.count() == 0, what, " have no masks, but they are the target ",
            "(model.target mask, --target): give them with the images (--masks)");
  const auto unknown = std::find_if(masks.begin(), masks.end(), [&](uint8_t value) {
    return value >= model.target_classes && value != kNotObserved;
  });
  const int64_t at = unknown - masks.begin(), pixels = images.height() * images.width();
  VAE_CHECK(unknown == masks.end(), what, ": the mask of image ", at / pixels, " has class ",
            static_cast<int>(*unknown), " in row ", at % pixels / images.width(), ", column ",
            at % images.width(), " (counted from 0), but the model's targets are the classes 0 to ",
            model.target_classes - 1,
            " (model.target_classes, --target-classes), and 255 for what ", "was not observed");
}

void require_boxes(const ModelConfig& model, const ImageSet& images, std::string_view what) {
  VAE_CHECK(images.has_boxes() || images.count() == 0, what, " have no boxes, but they are the ",
            "target (model.target boxes, --target): give them with the images (--boxes), or make ",
            "scenes of them (--scene)");
  for (int64_t image = 0; image < images.count(); ++image) {
    for (const Box& box : images.boxes(image)) {
      VAE_CHECK(box.class_ < model.target_classes, what, ": image ", image, " has a box of class ",
                static_cast<int>(box.class_), ", but the model's targets are the classes 0 to ",
                model.target_classes - 1, " (model.target_classes, --target-classes)");
    }
  }
}

}  // namespace

std::vector<Field> fields_read(const ModelConfig& model, Reading reading) {
  std::vector<Field> fields = {{"images", FieldType::u8, model.image_shape(), FieldRole::input}};
  const bool targets = reading == Reading::targets;
  if (model.condition == Condition::label || (targets && model.target == Target::label)) {
    fields.push_back({"labels", FieldType::u8, {}, FieldRole::label});
  }
  if (targets && model.target == Target::mask) {
    fields.push_back({"masks", FieldType::u8, {model.height, model.width}, FieldRole::mask});
  }
  if (model.condition == Condition::side) {
    fields.push_back({"side", FieldType::f32, {model.side_size}, FieldRole::side});
  }
  return fields;
}

void require_fields(const ModelConfig& model, const ImageSet& images, std::string_view what,
                    Reading reading) {
  if (model.condition == Condition::label) require_known_labels(model, images, what);
  if (model.condition == Condition::side) require_side(model, images, what);
  if (reading != Reading::targets) return;
  if (model.target == Target::label) require_target_labels(model, images, what);
  if (model.target == Target::mask) require_masks(model, images, what);
  if (model.target == Target::boxes) require_boxes(model, images, what);
}

std::string class_name(std::string_view label_name) {
  constexpr std::size_t kMostBytes = 256;
  return printable_line(shortened(label_name, kMostBytes));
}

Records::Records(Arena& arena, const ModelConfig& model, const ImageSet& images,
                 std::string_view what, Reading reading)
    : first_index_(static_cast<uint32_t>(images.first_index())) {
  require_fields(model, images, what, reading);
  for (const Field& field : fields_read(model, reading)) {
    switch (field.role) {
      case FieldRole::input:
        arena.request(pixels_, {images.count(), images.image_size()});
        break;
      case FieldRole::label:
        arena.request(labels_, {images.count()});
        break;
      case FieldRole::mask:
        arena.request(masks_, {images.count(), images.height() * images.width()});
        break;
      case FieldRole::side:
        arena.request(side_, {images.count(), images.side_size()});
        break;
    }
  }
  if (reading != Reading::targets || model.target != Target::boxes) return;
  grid_.emplace(model);
  arena.request(cell_classes_, {images.count(), grid_->cells()});
  arena.request(cell_boxes_, {images.count(), grid_->cells() * BoxGrid::kNumbers});
}

void Records::upload(Backend& backend, const ImageSet& images) {
  const auto copy = [&](const auto& view, const auto& numbers) {
    if (view) backend.copy_to_device(view.data, numbers.data(), numbers.size_bytes());
  };
  copy(pixels_, images.pixels());
  copy(labels_, images.labels());
  copy(masks_, images.masks());
  copy(side_, images.side());
  if (grid_) upload_boxes(backend, images);
}

/// Some images at a time, so that the host holds no second copy of all targets.
void Records::upload_boxes(Backend& backend, const ImageSet& images) {
  constexpr int64_t kImages = 1024;
  const int64_t cells = grid_->cells(), numbers = cells * BoxGrid::kNumbers;
  std::vector<uint8_t> classes;
  std::vector<float> boxes;
  for (int64_t first = 0; first < images.count(); first += kImages) {
    const int64_t rows = std::min(kImages, images.count() - first);
    classes.resize(static_cast<std::size_t>(rows * cells));
    boxes.resize(static_cast<std::size_t>(rows * numbers));
    for (int64_t row = 0; row < rows; ++row) {
      grid_->encode(images.boxes(first + row), std::span(classes).subspan(row * cells, cells),
                    std::span(boxes).subspan(row * numbers, numbers));
    }
    backend.copy_to_device(cell_classes_.data + first * cells, classes.data(), classes.size());
    backend.copy_to_device(cell_boxes_.data + first * numbers, boxes.data(),
                           boxes.size() * sizeof(float));
  }
}

BatchLoad Records::batch(const Network& network, int64_t rows, LoadBatchArgs load) const {
  load.x = network.clean(rows);
  load.pixels = pixels_;
  BatchLoad batch(load);
  const View condition = network.condition(rows);
  const ModelConfig& model = network.config();
  if (model.condition == Condition::label) {
    batch.labels = LoadLabelsArgs{condition, labels_, load.state, load.shuffle, load.seed};
  }
  if (side_) batch.side = LoadVectorsArgs{condition, side_, load.state, load.shuffle, load.seed};
  if (const BasicView<const uint8_t> classes = target_classes(model)) {
    batch.classes =
        LoadClassesArgs{network.classes(rows), classes, load.state, load.shuffle, load.seed};
  }
  if (grid_) {
    batch.boxes =
        LoadVectorsArgs{network.boxes(rows), cell_boxes_, load.state, load.shuffle, load.seed};
  }
  if (network.restores()) batch.corrupt = corruption(network, load);
  return batch;
}

CorruptArgs Records::corruption(const Network& network, const LoadBatchArgs& load) const {
  const ModelConfig& model = network.config();
  CorruptArgs args;
  args.y = network.shown(load.x.rows());
  args.counted = network.counted(load.x.rows());
  args.x = load.x;
  args.kind = network.corruption().kind;
  args.amount = static_cast<float>(network.corruption().amount);
  args.height = model.height;
  args.width = model.width;
  args.channels = model.channels;
  args.images = pixels_.rows();
  args.state = load.state;
  args.shuffle = load.shuffle;
  args.seed = load.seed;
  args.first_draw = first_index_;
  return args;
}

/// [N, T]; empty where the target is the image, or is not read.
BasicView<const uint8_t> Records::target_classes(const ModelConfig& model) const {
  switch (model.target) {
    case Target::image:
      break;
    case Target::label:
      return labels_ ? BasicView<const uint8_t>(labels_.data, {labels_.rows(), 1})
                     : BasicView<const uint8_t>();
    case Target::mask:
      return masks_;
    case Target::boxes:
      return cell_classes_;
  }
  return {};
}

}  // namespace vae
