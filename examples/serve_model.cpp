// SPDX-License-Identifier: MIT
//
// Serves a model that another program made, whatever its layers are: codes, bounds, what it makes
// of images, and new images. A model is used by one thread at a time; each worker has its own.
//
//     serve_model MODEL IMAGES.npy     MODEL: a file of Model::save() or a run folder; IMAGES.npy:
//                                      floats in [0, 1] of the model's size, an image a row
#include <cstdio>
#include <exception>
#include <thread>
#include <vector>

#include <vae/vae.h>

namespace {

constexpr int64_t kWorkers = 2;

/// What is answered of one image.
struct Answer {
  std::vector<float> code;  // mean of q(z|x), Z numbers
  double bound = 0.0;       // of log p(x), in nats: low for an image unlike those trained on
};

/// A worker answers every kWorkers-th image. What it draws depends on the image's index alone, so
/// answers are the same with any number of workers.
void work(const std::string& path, const vae::ImageSet& images, int64_t worker,
          std::vector<Answer>& answers) {
  vae::Model model = vae::Model::load(path, vae::Device::cpu(1));
  for (int64_t i = worker; i < images.count(); i += kWorkers) {
    const vae::ImageSet one = images.slice(i, 1);
    answers[i] = {model.encode(one).mean.values, model.evaluate(one).elbo};
  }
}

std::vector<Answer> answer(const std::string& path, const vae::ImageSet& images) {
  std::vector<Answer> answers(images.count());
  std::vector<std::thread> workers;
  for (int64_t worker = 0; worker < kWorkers; ++worker) {
    workers.emplace_back([&, worker] { work(path, images, worker, answers); });
  }
  for (std::thread& worker : workers) worker.join();
  return answers;
}

int serve(const std::string& path, const std::string& file) {
  vae::Model model = vae::Model::load(path, vae::Device::cpu());
  const vae::ModelConfig& config = model.config();
  std::printf("%s: %ldx%ldx%ld, %ld codes, %ld parameters\n", path.c_str(),
              static_cast<long>(config.height), static_cast<long>(config.width),
              static_cast<long>(config.channels), static_cast<long>(config.latent),
              static_cast<long>(model.parameter_count()));
  const vae::ImageSet images = vae::ImageSet::from_floats(
      config.height, config.width, config.channels, vae::load_npy(file).values);

  const std::vector<Answer> answers = answer(path, images);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    std::printf("image %zu: at least %.1f nats, code", i, answers[i].bound);
    for (const float number : answers[i].code) std::printf(" %.3f", number);
    std::printf("\n");
  }

  // A row of what the model makes of the images, a row of new ones.
  const int64_t columns = images.count();
  vae::Array rows = model.reconstruct(images);
  const vae::Array samples = model.sample(columns);
  rows.values.insert(rows.values.end(), samples.values.begin(), samples.values.end());
  rows.shape[0] += columns;
  const auto cells = vae::to_images(rows, config.height, config.width, config.channels);
  vae::save_png("serve_model.png", vae::enlarge(vae::make_grid(cells, columns), 4));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: serve_model MODEL IMAGES.npy\n");
    return 2;
  }
  try {
    return serve(argv[1], argv[2]);
  } catch (const std::exception& error) {  // a file that is missing, damaged or of another size
    std::fprintf(stderr, "serve_model: %s\n", error.what());
    return 1;
  }
}
