// SPDX-License-Identifier: MIT
#include "host/bench/gemm_floor.h"

#include <utility>

#include "kernels/philox.h"

namespace vae {

namespace {

/// Input and output width of every dense layer, in order; both heads count as one.
std::vector<std::pair<int64_t, int64_t>> layer_widths(const ModelConfig& model) {
  std::vector<std::pair<int64_t, int64_t>> widths;
  int64_t width = model.pixels();
  for (const int64_t next : model.encoder) widths.emplace_back(std::exchange(width, next), next);
  widths.emplace_back(width, 2 * model.latent);
  width = model.latent;
  for (const int64_t next : model.decoder) widths.emplace_back(std::exchange(width, next), next);
  widths.emplace_back(width, model.pixels());
  return widths;
}

void fill_with_noise(Backend& backend, const View& view, uint32_t row) {
  std::vector<float> numbers(view.count());
  const PhiloxRow noise = philox_row(0, Stream::initialize, 0, row);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = uniform_element(noise, static_cast<uint32_t>(i)) - 0.5f;
  }
  backend.copy_to_device(view.data, numbers.data(), numbers.size() * sizeof(float));
}

}  // namespace

GemmFloor::GemmFloor(Backend& backend, const ModelConfig& model, int64_t batch_size)
    : backend_(backend), arena_(backend), layers_(layer_widths(model).size()) {
  const auto widths = layer_widths(model);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto [in, out] = widths[i];
    arena_.request(layers_[i].x, {batch_size, in});
    arena_.request(layers_[i].w, {out, in});
    arena_.request(layers_[i].y, {batch_size, out});
    arena_.request(layers_[i].dw, {out, in});
    if (i > 0) arena_.request(layers_[i].dx, {batch_size, in});
  }
  arena_.allocate("the matrices");
  uint32_t row = 0;
  for (const LayerProducts& layer : layers_) {
    fill_with_noise(backend, layer.x, row++);
    fill_with_noise(backend, layer.w, row++);
    fill_with_noise(backend, layer.y, row++);
  }
}

void GemmFloor::run() {
  for (const LayerProducts& layer : layers_) {
    backend_.issue(GemmArgs{layer.y, layer.x, layer.w, false, /*transpose_b=*/true});
  }
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const LayerProducts& layer = layers_[i];
    backend_.issue(GemmArgs{layer.dw, layer.y, layer.x, /*transpose_a=*/true, false});
    if (layer.dx) backend_.issue(GemmArgs{layer.dx, layer.y, layer.w, false, false});
  }
}

double GemmFloor::gflop() const {
  double flop = 0.0;
  for (const LayerProducts& layer : layers_) {
    const double products = static_cast<double>(layer.x.count() * layer.w.rows());
    flop += 2.0 * products * (layer.dx ? 3.0 : 2.0);
  }
  return flop * 1e-9;
}

}  // namespace vae
