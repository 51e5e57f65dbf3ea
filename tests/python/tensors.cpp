// SPDX-License-Identifier: MIT
//
// Ten training steps with everything that a second implementation needs to repeat them, as .npy
// files: torch_tensors_test.py compares.
//
// Usage: vae_tensors CONFIG.json FOLDER
//   FOLDER/full.json           every key of the configuration
//   FOLDER/initial/NAME.npy    every parameter before the first step
//   FOLDER/stepN/x.npy         the batch, and condition.npy where the model is told one
//   FOLDER/stepN/heads.npy     mu, then logvar; log_px.npy; kl.npy, or log_ratio.npy of samples
//   FOLDER/stepN/NAME.grad.npy its gradient of every parameter
//   FOLDER/stepN/NAME.npy      every parameter after the step
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "host/model/network.h"
#include "host/training/train_step.h"
#include "kernels/philox.h"
#include "vae/vae.h"

namespace {

constexpr int64_t kImages = 12, kSteps = 10;

std::vector<uint8_t> random_bytes(int64_t count, int64_t below, uint32_t row) {
  std::vector<uint8_t> bytes(static_cast<std::size_t>(count));
  const vae::PhiloxRow noise = vae::philox_row(3, vae::Stream::initialize, 0, row);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const double share = vae::middle_of_word(word_of(noise, static_cast<uint32_t>(i)));
    bytes[i] = static_cast<uint8_t>(static_cast<double>(below) * share);
  }
  return bytes;
}

/// With labels and vectors for models that are told them.
vae::ImageSet random_images(const vae::ModelConfig& model) {
  const vae::ImageSet images(model.height, model.width, model.channels,
                             random_bytes(kImages * model.pixels(), 256, 1000));
  if (model.condition == vae::Condition::label) {
    return images.with_labels(random_bytes(kImages, model.classes, 1001));
  }
  if (model.condition == vae::Condition::none) return images;
  const std::vector<uint8_t> bytes = random_bytes(kImages * model.side_size, 256, 1002);
  std::vector<float> side;
  for (const uint8_t byte : bytes) side.push_back(static_cast<float>(byte) / 128.0f - 1.0f);
  return images.with_side(model.side_size, std::move(side));
}

/// Writes tensors of a network into one folder.
class Dump {
 public:
  Dump(const vae::Parameters& parameters, std::string folder)
      : parameters_(parameters), folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
  }

  void save(const std::string& name, vae::ConstView view) const {
    vae::Array array;
    for (int axis = 0; axis < view.shape.rank(); ++axis) array.shape.push_back(view.shape[axis]);
    array.values = parameters_.download(view);
    vae::save_npy(folder_ + "/" + name + ".npy", array);
  }

  void save_values() const {
    for (const vae::Parameter& parameter : parameters_.all()) {
      save(parameter.spec.name, parameter.value);
    }
  }

  void save_gradients() const {
    for (const vae::Parameter& parameter : parameters_.all()) {
      save(parameter.spec.name + ".grad", parameter.gradient);
    }
  }

 private:
  const vae::Parameters& parameters_;
  std::string folder_;
};

void run(const std::string& config_path, const std::string& folder) {
  std::ifstream file(config_path);
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  vae::Config config = vae::config_from_json(json, {}, config_path);
  config.training.batch_size = kImages;
  config.training.epochs = kSteps;
  vae::validate(config);

  const auto backend = vae::make_backend(vae::Device::cpu());
  const int64_t samples = config.training.importance_samples;
  vae::Network network(*backend, config.model, {kImages, samples, /*training=*/true});
  const vae::ImageSet images = random_images(config.model);
  network.initialize(config.training.seed, images.mean_pixels());
  vae::TrainStep step(network, images, config.training);
  const vae::Parameters& parameters = network.parameters();
  std::ofstream(folder + "/full.json") << vae::config_to_json(config);
  Dump(parameters, folder + "/initial").save_values();
  for (int64_t i = 0; i < kSteps; ++i) {
    step.run();
    const Dump dump(parameters, folder + "/step" + std::to_string(i));
    dump.save("x", network.input(kImages));
    if (const vae::View told = network.condition(kImages)) dump.save("condition", told);
    dump.save("heads", network.heads(kImages));
    if (samples == 1) dump.save("kl", network.kl(kImages));
    if (samples > 1) dump.save("log_ratio", network.log_ratio(kImages * samples));
    dump.save("log_px", network.log_px(kImages * samples));
    dump.save_gradients();
    dump.save_values();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: vae_tensors CONFIG.json FOLDER\n");
    return 2;
  }
  try {
    run(argv[1], argv[2]);
  } catch (const vae::Error& error) {
    std::fprintf(stderr, "vae_tensors: %s\n", error.what());
    return 1;
  }
  return 0;
}
