// SPDX-License-Identifier: MIT
//
// Images that are not like those a model was trained on: how well two digits in one picture are
// told apart from single ones, and a picture of the oddest of the test digits.
//
//     odd_images [RUN]     RUN: a run folder of `vae train` on MNIST; without one a small model is
//                          trained first
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

#include <vae/vae.h>

namespace {

vae::Model get_model(int argc, char** argv, const vae::Dataset& data) {
  if (argc > 1) return vae::Model::load(argv[1]);
  vae::Config config = vae::preset("mlp-400-20");
  config.training.epochs = 5;
  return vae::train(config, data);
}

/// Each image with the next one over it.
vae::ImageSet pairs_of(const vae::ImageSet& images) {
  std::vector<uint8_t> pixels(images.pixels().begin(), images.pixels().end());
  const std::size_t size = images.image_size();
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = std::max(pixels[i], images.pixels()[(i + size) % pixels.size()]);
  }
  return vae::ImageSet(images.height(), images.width(), images.channels(), pixels);
}

}  // namespace

int main(int argc, char** argv) {
  vae::Dataset data = vae::Dataset::load("mnist");
  data.train = data.train.slice(0, 10000);
  data.test = data.test.slice(0, 2000);
  vae::Model model = get_model(argc, argv, data);

  // What is usual is measured on images that the model was made for, not on any odd one.
  const vae::ImageSet known = vae::calibration_images(data, 4000);
  const vae::AnomalyDetector detector(vae::anomaly_features(model, known));
  const vae::AnomalyScores single = detector.score(vae::anomaly_features(model, data.test));
  const vae::AnomalyScores pairs =
      detector.score(vae::anomaly_features(model, pairs_of(data.test)));
  const vae::RocCurve curve = vae::roc_curve(single.distances, pairs.distances);
  std::printf("AUROC of pairs of digits against digits: %.3f +- %.3f\n", curve.area,
              curve.standard_error);

  std::vector<int64_t> order(data.test.count());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return single.distances[a] > single.distances[b]; });
  std::vector<vae::Image> oddest;
  for (int i = 0; i < 32; ++i) oddest.push_back(data.test.image(order[i]));
  vae::save_png("odd_images.png", vae::enlarge(vae::make_grid(oddest, 8), 2));
}
