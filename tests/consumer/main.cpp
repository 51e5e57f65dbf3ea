// SPDX-License-Identifier: MIT
//
// A program of somebody else's: plain C++ against the installed package. The function is the
// README's, word for word; main() calls it with little to do.
#include <cmath>
#include <cstdio>

#include <vae/vae.h>

double train_and_score(const vae::Dataset& data, const vae::Config& config) {
  vae::Model model = vae::train(config, data, {.run_folder = "runs/library"});
  vae::Array digits = model.sample(64);
  vae::save_png("digits.png", vae::make_grid(vae::to_images(digits, 28, 28, 1)));
  return *model.evaluate(data.test, {.importance_samples = 100}).nll;
}

int main() {
  vae::Dataset data = vae::Dataset::load("mnist");
  data.train = data.train.slice(0, 2000);
  data.test = data.test.slice(0, 50);
  vae::Config config = vae::preset("mlp-400-20");
  config.training.epochs = 1;
  const double nll = train_and_score(data, config);
  std::printf("%s: nll %.1f nats\n", vae::build_description().c_str(), nll);
  return std::isfinite(nll) && nll > 0.0 ? 0 : 1;
}
