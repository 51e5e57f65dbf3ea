// SPDX-License-Identifier: MIT
//
// A training whose loop is the caller's: run() returns after each epoch, callbacks tell how far it
// is, and every epoch adds a row of samples to one picture. Ends early when nothing improves.
#include <cstdio>
#include <utility>
#include <vector>

#include <vae/vae.h>

int main() {
  vae::Dataset data = vae::Dataset::load("mnist");
  data.train = data.train.slice(0, 6000);
  data.test = data.test.slice(0, 500);
  vae::Config config = vae::preset("mlp-400-20");
  config.training.epochs = 5;

  vae::TrainOptions options;  // without a run_folder nothing is written
  options.on_step = [](const vae::Progress& progress) {
    if (progress.batch % 20 == 0) {
      std::printf("epoch %ld, batch %ld of %ld: loss %.1f\n", static_cast<long>(progress.epoch),
                  static_cast<long>(progress.batch), static_cast<long>(progress.batches),
                  progress.loss);
    }
    return progress.batch == progress.batches ? vae::Command::stop : vae::Command::proceed;
  };
  options.on_metrics = [](const vae::Metrics& metrics) {
    std::printf("epoch %ld, %s: %.2f nats per image\n", static_cast<long>(metrics.epoch),
                metrics.split.c_str(), metrics.elbo);
  };

  constexpr int64_t kColumns = 10;
  constexpr double kWorthwhile = 0.5;  // nats
  vae::Trainer trainer(config, data, options);
  std::vector<vae::Image> rows;
  double best = -1e9;
  while (true) {
    const vae::TrainResult result = trainer.run();
    // The same draws every time, so that the columns show one digit becoming clear.
    const vae::Array samples = trainer.model().sample(kColumns, /*seed=*/1);
    for (vae::Image& image : vae::to_images(samples, 28, 28, 1)) rows.push_back(std::move(image));
    if (result.finished || result.test.elbo < best + kWorthwhile) break;
    best = result.test.elbo;
  }
  vae::save_png("training_loop.png", vae::enlarge(vae::make_grid(rows, kColumns), 2));
  trainer.model().save("training_loop.safetensors");
}
