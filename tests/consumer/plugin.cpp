// SPDX-License-Identifier: MIT
//
// A shared library of somebody else's that holds all of vae inside. What it exports are its own two
// functions.
#include <string>
#include <utility>
#include <vector>

#include <vae/vae.h>

#define EXPORT extern "C" __attribute__((visibility("default")))

/// Trains, reads, writes and draws a little, so that most of the library is linked in.
EXPORT int plugin_run() {
  std::vector<uint8_t> pixels(20 * 16);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 37);
  const vae::ImageSet images(4, 4, 1, std::move(pixels));
  vae::Config config;
  config.model.height = config.model.width = 4;
  config.model.encoder = config.model.decoder = {3};
  config.training.epochs = 1;
  vae::train(config, {"stripes", images, images}, {.run_folder = "plugin-run"});
  vae::Model model = vae::Model::load("plugin-run");
  vae::save_npy("plugin.npy", model.sample(2));
  return static_cast<int>(vae::inspect("plugin.npy").size() + vae::list_devices().size());
}

/// Lets an error of vae out.
EXPORT void plugin_fail() { vae::Model::load("no-such-file"); }
