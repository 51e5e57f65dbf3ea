// SPDX-License-Identifier: MIT
//
// Ten training steps with everything that a second implementation needs to repeat them, as .npy
// files: torch_tensors_test.py compares.
//
// Usage: vae_tensors CONFIG.json FOLDER
//   FOLDER/full.json           every key of the configuration
//   FOLDER/data/images.npy     the images, [n, height, width, channels]; where the model reads them
//                              labels.npy [n], masks.npy [n, height, width], side.npy [n, size] and
//                              boxes.npy, a row each: image, x, y, width, height, class
//   FOLDER/initial/NAME.npy    every parameter before the first step
//   FOLDER/stepN/x.npy         what is encoded; clean.npy, as it was before its corruption; where
//                              the model has them condition.npy, counted.npy (weights of values),
//                              classes.npy and boxes.npy (of the target)
//   FOLDER/stepN/heads.npy     mu, then logvar; log_px.npy; kl.npy, or log_ratio.npy of samples
//   FOLDER/stepN/NAME.grad.npy its gradient of every parameter
//   FOLDER/stepN/NAME.npy      every parameter after the step; NAME.average.npy, its running mean
//
// vae_tensors --presets prints their names.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/model/network.h"
#include "host/training/train_step.h"
#include "kernels/philox.h"
#include "vae/vae.h"

namespace {

constexpr int64_t kImages = 12, kSteps = 10, kEpochs = 10;

std::vector<uint8_t> random_bytes(int64_t count, int64_t below, uint32_t row) {
  std::vector<uint8_t> bytes(static_cast<std::size_t>(count));
  const vae::PhiloxRow noise = vae::philox_row(3, vae::Stream::initialize, 0, row);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const double share = vae::middle_of_word(word_of(noise, static_cast<uint32_t>(i)));
    bytes[i] = static_cast<uint8_t>(static_cast<double>(below) * share);
  }
  return bytes;
}

/// Every fifth was not observed.
std::vector<uint8_t> random_classes(int64_t count, int64_t classes, uint32_t row) {
  std::vector<uint8_t> bytes = random_bytes(count, classes, row);
  for (std::size_t i = 3; i < bytes.size(); i += 5) bytes[i] = 255;
  return bytes;
}

std::vector<float> random_side(int64_t size) {
  std::vector<float> side;
  for (const uint8_t byte : random_bytes(kImages * size, 256, 1002)) {
    side.push_back(static_cast<float>(byte) / 128.0f - 1.0f);
  }
  return side;
}

/// Up to four an image, so that some cells have several.
std::vector<std::vector<vae::Box>> random_boxes(const vae::ModelConfig& model) {
  const vae::PhiloxRow noise = vae::philox_row(3, vae::Stream::initialize, 0, 1005);
  uint32_t drawn = 0;
  const auto share = [&] {
    return static_cast<float>(vae::middle_of_word(word_of(noise, drawn++)));
  };
  const auto width = static_cast<float>(model.width), height = static_cast<float>(model.height);
  std::vector<std::vector<vae::Box>> boxes(kImages);
  for (std::size_t image = 0; image < boxes.size(); ++image) {
    boxes[image].resize(image % 5);
    for (vae::Box& box : boxes[image]) {
      box.width = (0.1f + 0.4f * share()) * width;
      box.height = (0.1f + 0.4f * share()) * height;
      box.x = share() * (width - box.width);
      box.y = share() * (height - box.height);
      box.class_ = static_cast<uint8_t>(share() * static_cast<float>(model.target_classes));
    }
  }
  return boxes;
}

/// With what models are told of them, and what they are to find.
vae::ImageSet random_images(const vae::ModelConfig& model) {
  vae::ImageSet images(model.height, model.width, model.channels,
                       random_bytes(kImages * model.pixels(), 256, 1000));
  if (model.condition == vae::Condition::label) {
    images = images.with_labels(random_bytes(kImages, model.classes, 1001));
  }
  if (model.condition == vae::Condition::side) {
    images = images.with_side(model.side_size, random_side(model.side_size));
  }
  if (model.target == vae::Target::label) {
    images = images.with_labels(random_classes(kImages, model.target_classes, 1003));
  }
  if (model.target == vae::Target::mask) {
    const int64_t pixels = kImages * model.height * model.width;
    images = images.with_masks(random_classes(pixels, model.target_classes, 1004));
  }
  if (model.target == vae::Target::boxes) images = images.with_boxes(random_boxes(model));
  return images;
}

void save_images(const vae::ImageSet& images, const std::string& folder) {
  std::filesystem::create_directories(folder);
  const int64_t count = images.count(), height = images.height(), width = images.width();
  vae::save_npy(folder + "/images.npy", {count, height, width, images.channels()}, images.pixels());
  if (!images.labels().empty()) vae::save_npy(folder + "/labels.npy", {count}, images.labels());
  if (!images.masks().empty()) {
    vae::save_npy(folder + "/masks.npy", {count, height, width}, images.masks());
  }
  if (!images.side().empty()) {
    const std::vector<float> values(images.side().begin(), images.side().end());
    vae::save_npy(folder + "/side.npy", {{count, images.side_size()}, values});
  }
  if (!images.has_boxes()) return;
  vae::Array rows;
  for (int64_t image = 0; image < count; ++image) {
    for (const vae::Box& box : images.boxes(image)) {
      rows.values.insert(rows.values.end(), {static_cast<float>(image), box.x, box.y, box.width,
                                             box.height, static_cast<float>(box.class_)});
    }
  }
  rows.shape = {rows.count() / 6, 6};
  vae::save_npy(folder + "/boxes.npy", rows);
}

/// Writes tensors of a network into one folder.
class Dump {
 public:
  Dump(const vae::Network& network, std::string folder)
      : network_(network), folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
  }

  /// Nothing of an empty view.
  void save(const std::string& name, vae::ConstView view) const {
    if (!view) return;
    vae::save_npy(path(name), {sizes(view.shape), network_.parameters().download(view)});
  }

  void save(const std::string& name, vae::BasicView<uint8_t> view) const {
    if (!view) return;
    std::vector<uint8_t> bytes(static_cast<std::size_t>(view.count()));
    network_.backend().copy_to_host(bytes.data(), view.data, bytes.size());
    vae::save_npy(path(name), sizes(view.shape), bytes);
  }

  void save_values() const {
    for (const vae::Parameter& parameter : network_.parameters().all()) {
      save(parameter.spec.name, parameter.value);
    }
  }

  void save_averages() const {
    for (const vae::Parameter& parameter : network_.parameters().all()) {
      save(parameter.spec.name + ".average", parameter.average);
    }
  }

  void save_gradients() const {
    for (const vae::Parameter& parameter : network_.parameters().all()) {
      save(parameter.spec.name + ".grad", parameter.gradient);
    }
  }

  void save_batch(int64_t rows) const {
    save("x", network_.input(rows));
    save("clean", network_.clean(rows));
    save("counted", network_.counted(rows));
    save("condition", network_.condition(rows));
    save("classes", network_.classes(rows));
    save("boxes", network_.boxes(rows));
  }

  void save_forward(int64_t rows, int64_t samples) const {
    save("heads", network_.heads(rows));
    if (samples == 1) save("kl", network_.kl(rows));
    if (samples > 1) save("log_ratio", network_.log_ratio(rows * samples));
    save("log_px", network_.log_px(rows * samples));
  }

 private:
  std::string path(const std::string& name) const { return folder_ + "/" + name + ".npy"; }

  static std::vector<int64_t> sizes(const vae::Shape& shape) {
    std::vector<int64_t> all;
    for (int axis = 0; axis < shape.rank(); ++axis) all.push_back(shape[axis]);
    return all;
  }

  const vae::Network& network_;
  std::string folder_;
};

vae::Config read_config(const std::string& path) {
  std::ifstream file(path);
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  vae::Config config = vae::config_from_json(json, {}, path);
  config.training.batch_size = std::min(config.training.batch_size, kImages);
  config.training.epochs = kEpochs;
  vae::validate(config);
  return config;
}

void run(const vae::Config& config, const std::string& folder) {
  const auto backend = vae::make_backend(vae::Device::cpu());
  const int64_t batch = config.training.batch_size, samples = config.training.importance_samples;
  vae::Network network(*backend, config.model,
                       {batch, samples, /*training=*/true, config.data.corrupt});
  const vae::ImageSet images = random_images(config.model);
  network.initialize(config.training.seed, images.mean_pixels());
  vae::TrainStep step(network, images, config.training);
  std::ofstream(folder + "/full.json") << vae::config_to_json(config);
  save_images(images, folder + "/data");
  Dump(network, folder + "/initial").save_values();
  for (int64_t i = 0; i < kSteps; ++i) {
    step.run();
    const int64_t first = i % step.steps_per_epoch() * batch;
    const int64_t rows = std::min(batch, kImages - first);
    const Dump dump(network, folder + "/step" + std::to_string(i));
    dump.save_batch(rows);
    dump.save_forward(rows, samples);
    dump.save_gradients();
    dump.save_values();
    dump.save_averages();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--presets") {
    for (const std::string& name : vae::preset_names()) std::printf("%s\n", name.c_str());
    return 0;
  }
  if (argc != 3) {
    std::fprintf(stderr, "usage: vae_tensors CONFIG.json FOLDER, or vae_tensors --presets\n");
    return 2;
  }
  try {
    run(read_config(argv[1]), argv[2]);
  } catch (const vae::Error& error) {
    std::fprintf(stderr, "vae_tensors: %s\n", error.what());
    return 1;
  }
  return 0;
}
