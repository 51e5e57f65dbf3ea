// SPDX-License-Identifier: MIT
//
// Ten training steps with everything that a second implementation needs to repeat them, as .npy
// files: torch_tensors_test.py compares.
//
// Usage: vae_tensors CONFIG.json FOLDER
//   FOLDER/full.json           every key of the configuration
//   FOLDER/initial/NAME.npy    every parameter before the first step
//   FOLDER/stepN/x.npy         the batch; z.npy, heads.npy (mu, then logvar), log_px.npy, kl.npy
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

vae::ImageSet random_images(const vae::ModelConfig& model) {
  std::vector<uint8_t> pixels(static_cast<std::size_t>(kImages * model.pixels()));
  const vae::PhiloxRow noise = vae::philox_row(3, vae::Stream::initialize, 0, 1000);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<uint8_t>(256.0f * uniform_element(noise, static_cast<uint32_t>(i)));
  }
  return {model.height, model.width, model.channels, std::move(pixels)};
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
  vae::Network network(*backend, config.model, {kImages, 1, /*training=*/true});
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
    dump.save("z", network.latent(kImages));
    dump.save("heads", network.heads(kImages));
    dump.save("kl", network.kl(kImages));
    dump.save("log_px", network.log_px(kImages));
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
