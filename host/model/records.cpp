// SPDX-License-Identifier: MIT
#include "host/model/records.h"

#include <algorithm>

#include "kernels/check.h"
#include "vae/printable.h"

namespace vae {

namespace {

void require_labels(const ModelConfig& model, const ImageSet& images, std::string_view what) {
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

}  // namespace

std::vector<Field> fields_read(const ModelConfig& model) {
  std::vector<Field> fields = {{"images", FieldType::u8, model.image_shape(), FieldRole::input}};
  if (model.condition == Condition::label) {
    fields.push_back({"labels", FieldType::u8, {}, FieldRole::label});
  }
  if (model.condition == Condition::side) {
    fields.push_back({"side", FieldType::f32, {model.side_size}, FieldRole::side});
  }
  return fields;
}

void require_fields(const ModelConfig& model, const ImageSet& images, std::string_view what) {
  for (const Field& field : fields_read(model)) {
    if (field.role == FieldRole::label) require_labels(model, images, what);
    if (field.role == FieldRole::side) require_side(model, images, what);
  }
}

std::string class_name(std::string_view label_name) {
  constexpr std::size_t kMostBytes = 256;
  return printable_line(shortened(label_name, kMostBytes));
}

Records::Records(Arena& arena, const ModelConfig& model, const ImageSet& images,
                 std::string_view what) {
  require_fields(model, images, what);
  for (const Field& field : fields_read(model)) {
    switch (field.role) {
      case FieldRole::input:
        arena.request(pixels_, {images.count(), images.image_size()});
        break;
      case FieldRole::label:
        arena.request(labels_, {images.count()});
        break;
      case FieldRole::side:
        arena.request(side_, {images.count(), images.side_size()});
        break;
    }
  }
}

void Records::upload(Backend& backend, const ImageSet& images) {
  const auto copy = [&](const auto& view, const auto& numbers) {
    if (view) backend.copy_to_device(view.data, numbers.data(), numbers.size_bytes());
  };
  copy(pixels_, images.pixels());
  copy(labels_, images.labels());
  copy(side_, images.side());
}

BatchLoad Records::batch(const Network& network, int64_t rows, LoadBatchArgs load) const {
  load.x = network.input(rows);
  load.pixels = pixels_;
  BatchLoad batch(load);
  const View condition = network.condition(rows);
  if (labels_)
    batch.labels = LoadLabelsArgs{condition, labels_, load.state, load.shuffle, load.seed};
  if (side_) batch.side = LoadVectorsArgs{condition, side_, load.state, load.shuffle, load.seed};
  return batch;
}

}  // namespace vae
