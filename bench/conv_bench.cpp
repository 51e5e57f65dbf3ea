// SPDX-License-Identifier: MIT
//
// The convolutional network conv-28 on the CPU: convolutions of 32 and 64 filters, 4x4 with stride
// 2, a dense layer of 256, 20 latents, and the way back. Each product of a training step, its rate
// beside that of the dense ones, and the step.
//   conv_bench [BATCH [THREADS [SECONDS]]] >results.json
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace {

using namespace vae;
using nlohmann::ordered_json;

/// Computing time where only this thread computes, which other programs disturb less.
double now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Memory of a backend, filled with numbers from `low` to `low` + 1.
class Memory {
 public:
  explicit Memory(Backend& backend) : backend_(backend) {}

  View tensor(Shape shape, float low = -0.5f) {
    auto* const data = static_cast<float*>(bytes(shape.count() * sizeof(float)));
    for (int64_t i = 0; i < shape.count(); ++i) {
      data[i] = static_cast<float>(next() >> 8) * 0x1p-24f + low;
    }
    return {data, shape};
  }
  void* bytes(std::size_t count) {
    void* const data = backend_.allocate(count);
    memory_.emplace_back(data, [this](void* memory) { backend_.deallocate(memory); });
    std::memset(data, 0, count);
    return data;
  }
  uint32_t next() { return state_ = state_ * 1664525 + 1013904223; }

 private:
  Backend& backend_;
  std::vector<std::shared_ptr<void>> memory_;
  uint32_t state_ = 1;
};

/// A layer of the network: its operations, and what one product of it costs.
struct Layer {
  std::string name;
  double flop;
  std::function<void()> forward, input_gradient, weight_gradient;
};

ConvGeometry strided(int64_t size, int64_t channels, int64_t filters) {
  ConvGeometry g;
  g.height = g.width = size;
  g.channels = channels;
  g.kernel_height = g.kernel_width = 4;
  g.stride_y = g.stride_x = 2;
  g.top = g.left = 1;
  g.out_height = g.out_width = size / 2;
  g.filters = filters;
  return g;
}

/// Parameters and gradients, side by side as an optimizer wants them.
class Parameters {
 public:
  Parameters(Memory& memory, int64_t most)
      : values_(memory.tensor({most})), gradients_(memory.tensor({most})) {
    for (int64_t i = 0; i < most; ++i) values_.data[i] *= 0.1f;
  }
  View value(Shape shape) const { return {values_.data + count_, shape}; }
  View gradient(Shape shape) {
    const View view(gradients_.data + count_, shape);
    count_ += shape.count();
    return view;
  }
  View values() const { return {values_.data, {count_}}; }
  View gradients() const { return {gradients_.data, {count_}}; }

 private:
  View values_, gradients_;
  int64_t count_ = 0;
};

class ConvNetwork {
 public:
  ConvNetwork(Backend& backend, int64_t rows)
      : backend_(backend), rows_(rows), memory_(backend), parameters_(memory_, 1 << 21) {
    state_ = static_cast<StepState*>(memory_.bytes(sizeof(StepState)));
    state_->learning_rate = 1e-6f;
    state_->beta = 1.0f;
    auto* const pixels = static_cast<uint8_t*>(memory_.bytes(kImages * 784));
    for (int64_t i = 0; i < kImages * 784; ++i) pixels[i] = memory_.next() >> 24;
    pixels_ = {pixels, {kImages, 784}};
    x_ = value(784);
    x_gradient_ = value(784);
    View y, dy;
    conv("conv 1 to 32", strided(28, 1, 32), false, Activation::relu, x_, {}, &y, &dy);
    conv("conv 32 to 64", strided(14, 32, 64), false, Activation::relu, y, dy, &y, &dy);
    dense("dense 3136 to 256", 256, Activation::relu, y, dy, &y, &dy);
    dense("dense 256 to 40", 40, Activation::none, y, dy, &heads_, &heads_gradient_);
    encoder_ = layers_.size();
    z_ = value(20);
    z_gradient_ = value(20);
    dense("dense 20 to 256", 256, Activation::relu, z_, z_gradient_, &y, &dy, Activation::none);
    dense("dense 256 to 3136", 3136, Activation::relu, y, dy, &y, &dy);
    conv("deconv 64 to 32", strided(14, 32, 64), true, Activation::relu, y, dy, &y, &dy);
    conv("deconv 32 to 1", strided(28, 1, 32), true, Activation::none, y, dy, &logits_,
         &logits_gradient_);
    first_moment_ = memory_.tensor({parameters_.values().count()}, 0.0f);
    second_moment_ = memory_.tensor({parameters_.values().count()}, 0.0f);
    log_px_ = memory_.tensor({rows});
    kl_ = memory_.tensor({rows});
  }

  const std::vector<Layer>& layers() const { return layers_; }

  void step() {
    const float scale = 1.0f / static_cast<float>(rows_);
    state_->first_row = 0;
    NoiseKey noise;
    noise.state = state_;
    backend_.issue(LoadBatchArgs{x_, pixels_, state_, Binarization::dynamic, true, 1});
    for (std::size_t i = 0; i < encoder_; ++i) layers_[i].forward();
    backend_.issue(GaussianForwardArgs{z_, kl_, {}, heads_, 1, -30.0f, 20.0f, noise});
    for (std::size_t i = encoder_; i < layers_.size(); ++i) layers_[i].forward();
    backend_.issue(LikelihoodArgs{
        log_px_, logits_gradient_, {}, logits_, x_, {}, 1, Likelihood::bernoulli, scale});
    for (std::size_t i = layers_.size(); i-- > encoder_;) backward(layers_[i]);
    backend_.issue(
        GaussianBackwardArgs{heads_gradient_, z_gradient_, heads_, -30.0f, 20.0f, scale, noise});
    for (std::size_t i = encoder_; i-- > 0;) backward(layers_[i]);
    backend_.issue(JudgeGradientArgs{state_, parameters_.gradients(), 0.0f});
    backend_.issue(AdamArgs{parameters_.values(), first_moment_, second_moment_,
                            parameters_.gradients(), state_});
  }

 private:
  static constexpr int64_t kImages = 4096;

  static void backward(const Layer& layer) {
    layer.weight_gradient();
    if (layer.input_gradient) layer.input_gradient();
  }
  View value(int64_t width) { return memory_.tensor({rows_, width}, 0.0f); }

  void conv(std::string name, const ConvGeometry& g, bool transposed, Activation activation, View x,
            View dx, View* y, View* dy) {
    const View out = value(transposed ? g.large() : g.small());
    const View gradient = value(transposed ? g.large() : g.small());
    const View w = parameters_.value({g.filters, g.row_weights()});
    const View dw = parameters_.gradient(w.shape);
    const View b = parameters_.value({transposed ? g.channels : g.filters});
    const View db = parameters_.gradient(b.shape);
    Layer layer;
    layer.name = std::move(name);
    layer.flop = 2.0 * static_cast<double>(rows_ * g.out_positions() * g.filters * g.row_weights());
    layer.forward = [=, this] {
      backend_.issue(ConvForwardArgs{out, {}, x, w, b, activation, g, transposed});
    };
    layer.weight_gradient = [=, this] {
      backend_.issue(ConvBackwardWeightsArgs{dw, db, gradient, x, g, transposed});
    };
    if (dx) {
      layer.input_gradient = [=, this] {
        backend_.issue(
            ConvBackwardInputArgs{dx, gradient, w, x, {}, Activation::relu, g, transposed});
      };
    }
    layers_.push_back(std::move(layer));
    *y = out;
    *dy = gradient;
  }

  void dense(std::string name, int64_t width, Activation activation, View x, View dx, View* y,
             View* dy, Activation below = Activation::relu) {
    const View out = value(width), gradient = value(width);
    const View w = parameters_.value({width, x.cols()}), dw = parameters_.gradient(w.shape);
    const View b = parameters_.value({width}), db = parameters_.gradient(b.shape);
    Layer layer;
    layer.name = std::move(name);
    layer.flop = 2.0 * static_cast<double>(rows_ * w.count());
    layer.forward = [=, this] { backend_.issue(DenseForwardArgs{out, {}, x, w, b, activation}); };
    layer.weight_gradient = [=, this] {
      backend_.issue(DenseBackwardWeightsArgs{dw, db, gradient, x});
    };
    layer.input_gradient = [=, this] {
      backend_.issue(DenseBackwardInputArgs{dx, gradient, w, x, {}, below});
    };
    layers_.push_back(std::move(layer));
    *y = out;
    *dy = gradient;
  }

  Backend& backend_;
  int64_t rows_;
  Memory memory_;
  Parameters parameters_;
  std::vector<Layer> layers_;
  std::size_t encoder_ = 0;
  StepState* state_ = nullptr;
  BasicView<const uint8_t> pixels_;
  View x_, x_gradient_, heads_, heads_gradient_, z_, z_gradient_, logits_, logits_gradient_;
  View first_moment_, second_moment_, log_px_, kl_;
};

/// What is timed, and the least of its times so far.
struct Timed {
  std::string name;
  double flop;
  std::function<void()> body;
  double least = 1e9;
};

}  // namespace

int main(int count, char** words) {
  const int64_t batch = count > 1 ? std::atoi(words[1]) : 128;
  const int threads = count > 2 ? std::atoi(words[2]) : 2;
  const double budget = count > 3 ? std::atof(words[3]) : 3.0;
  const std::unique_ptr<Backend> backend = make_backend(Device::cpu(threads));
  ConvNetwork network(*backend, batch);
  std::vector<Timed> all;
  double flop = 0.0;
  for (const Layer& layer : network.layers()) {
    all.push_back({layer.name + ", forward", layer.flop, layer.forward});
    all.push_back({layer.name + ", weight gradient", layer.flop, layer.weight_gradient});
    if (layer.input_gradient) {
      all.push_back({layer.name + ", input gradient", layer.flop, layer.input_gradient});
    }
  }
  for (const Timed& timed : all) flop += timed.flop;
  all.push_back({"step", flop, [&] { network.step(); }});
  // In turn, so that all see the same machine.
  const clockid_t clock = threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  const double end = now(clock) + budget;
  do {
    for (Timed& timed : all) {
      const double begin = now(clock);
      timed.body();
      timed.least = std::min(timed.least, now(clock) - begin);
    }
  } while (now(clock) < end);
  ordered_json report = {{"processor", backend->description()}, {"batch_size", batch}};
  for (const Timed& timed : all) {
    std::fprintf(stderr, "%-36s %9.1f us %7.1f GFLOP/s\n", timed.name.c_str(), timed.least * 1e6,
                 timed.flop / timed.least * 1e-9);
    report["results"].push_back({{"name", timed.name},
                                 {"us", timed.least * 1e6},
                                 {"gflops", timed.flop / timed.least * 1e-9}});
  }
  report["samples_per_second"] = static_cast<double>(batch) / all.back().least;
  std::printf("%s\n", report.dump(2).c_str());
}
