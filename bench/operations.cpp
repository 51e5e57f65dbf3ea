// SPDX-License-Identifier: MIT
#include "bench/operations.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <random>

#include "host/graph/arena.h"

namespace vae::ops {
namespace {

using workloads::Layer;
using workloads::Product;
using workloads::Workload;

/// Tensors of one call, filled with random numbers: on a GPU zeros need less power and so run
/// faster than data do.
class Tensors {
 public:
  explicit Tensors(Backend& backend) : backend_(backend), arena_(backend) {}

  View& floats(Shape shape) {
    arena_.request(floats_.emplace_back(), shape);
    return floats_.back();
  }
  BasicView<uint8_t>& bytes(Shape shape) {
    arena_.request(bytes_.emplace_back(), shape);
    return bytes_.back();
  }
  StepState*& state() {
    arena_.request(state_);
    return state_;
  }
  void allocate();

 private:
  template <typename T>
  void fill(const BasicView<T>& view);

  Backend& backend_;
  Arena arena_;
  std::deque<View> floats_;  // addresses stay
  std::deque<BasicView<uint8_t>> bytes_;
  StepState* state_ = nullptr;
};

/// Random bits of a million numbers: floats in [1/8, 1/4), so that second moments are positive.
const std::vector<uint32_t>& random_floats() {
  static const std::vector<uint32_t> words = [] {
    std::mt19937 generator(1);
    std::vector<uint32_t> result(1 << 20);
    for (uint32_t& word : result) word = 0x3e000000u | (generator() >> 9);
    return result;
  }();
  return words;
}

template <typename T>
void Tensors::fill(const BasicView<T>& view) {
  const std::vector<uint32_t>& words = random_floats();
  auto* data = reinterpret_cast<std::byte*>(view.data);
  const std::size_t all = static_cast<std::size_t>(view.count()) * sizeof(T);
  const std::size_t piece = words.size() * sizeof(uint32_t);
  for (std::size_t offset = 0; offset < all; offset += piece) {
    backend_.copy_to_device(data + offset, words.data(), std::min(piece, all - offset));
  }
}

void Tensors::allocate() {
  arena_.allocate("the operands");
  for (const View& view : floats_) fill(view);
  for (const BasicView<uint8_t>& view : bytes_) fill(view);
  if (state_ == nullptr) return;
  StepState state;
  state.step = state.updates = state.apply = 1;
  state.learning_rate = 1e-6f;
  backend_.copy_to_device(state_, &state, sizeof state);
}

// ---- dense layers
// --------------------------------------------------------------------------------

Call make_gemm(Backend& backend, const Product& p) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View& c = tensors->floats({p.m, p.n});
  View& a = tensors->floats(p.transpose_a ? Shape{p.k, p.m} : Shape{p.m, p.k});
  View& b = tensors->floats(p.transpose_b ? Shape{p.n, p.k} : Shape{p.k, p.n});
  tensors->allocate();
  return [tensors, &backend, &c, &a, &b, p] {
    backend.issue(GemmArgs{c, a, b, p.transpose_a, p.transpose_b});
  };
}

Call make_forward(Backend& backend, const Layer& l) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View &y = tensors->floats({l.rows, l.out}), &x = tensors->floats({l.rows, l.in});
  View &w = tensors->floats({l.out, l.in}), &b = tensors->floats({l.out});
  tensors->allocate();
  return [tensors, &backend, &y, &x, &w, &b] {
    backend.issue(DenseForwardArgs{y, {}, x, w, b, Activation::relu});
  };
}

Call make_backward_input(Backend& backend, const Layer& l) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View &dx = tensors->floats({l.rows, l.in}), &dy = tensors->floats({l.rows, l.out});
  View &w = tensors->floats({l.out, l.in}), &x = tensors->floats({l.rows, l.in});
  tensors->allocate();
  return [tensors, &backend, &dx, &dy, &w, &x] {
    backend.issue(DenseBackwardInputArgs{dx, dy, w, x, {}, Activation::relu});
  };
}

Call make_backward_weights(Backend& backend, const Layer& l) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View &dw = tensors->floats({l.out, l.in}), &db = tensors->floats({l.out});
  View &dy = tensors->floats({l.rows, l.out}), &x = tensors->floats({l.rows, l.in});
  tensors->allocate();
  return [tensors, &backend, &dw, &db, &dy, &x] {
    backend.issue(DenseBackwardWeightsArgs{dw, db, dy, x});
  };
}

/// An operation made of the product and of `more` bytes beside it.
Operation with_product(const std::string& name, const std::string& workload, const Layer& l,
                       const Product& p, double more, std::function<Call(Backend&)> make) {
  Operation operation;
  operation.name = name + "/" + workload + "/" + std::to_string(l.rows) + "x" +
                   std::to_string(l.in) + "x" + std::to_string(l.out);
  operation.flops = p.flops();
  operation.bytes = p.bytes() + more;
  operation.bytes_of_memory = operation.bytes;
  operation.product = p.name();
  operation.make = std::move(make);
  operation.make_gemm = [p](Backend& backend) { return make_gemm(backend, p); };
  return operation;
}

double floats(int64_t count) { return 4.0 * static_cast<double>(count); }

// ---- the rest of a step
// --------------------------------------------------------------------------

constexpr int64_t kImages = 16384;

struct Sizes {
  int64_t rows, pixels, latent;
};

Operation operation_of(const std::string& name, const std::string& workload, int64_t rows,
                       int64_t width, double bytes, std::function<Call(Backend&)> make) {
  Operation operation;
  operation.name = name + "/" + workload + "/" + std::to_string(rows) + "x" + std::to_string(width);
  operation.bytes = operation.bytes_of_memory = bytes;
  operation.make = std::move(make);
  return operation;
}

LoadBatchArgs load_arguments(const View& x, const BasicView<uint8_t>& pixels, StepState* state) {
  LoadBatchArgs load;
  load.x = x;
  load.pixels = BasicView<const uint8_t>(pixels.data, pixels.shape);
  load.state = state;
  load.binarization = Binarization::dynamic;
  load.shuffle = true;
  return load;
}

Call make_load(Backend& backend, const Sizes& s) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View& x = tensors->floats({s.rows, s.pixels});
  BasicView<uint8_t>& pixels = tensors->bytes({kImages, s.pixels});
  StepState*& state = tensors->state();
  tensors->allocate();
  return
      [tensors, &backend, &x, &pixels, &state] { backend.issue(load_arguments(x, pixels, state)); };
}

Call make_load_dense(Backend& backend, const Layer& l) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View &y = tensors->floats({l.rows, l.out}), &x = tensors->floats({l.rows, l.in});
  View &w = tensors->floats({l.out, l.in}), &b = tensors->floats({l.out});
  BasicView<uint8_t>& pixels = tensors->bytes({kImages, l.in});
  StepState*& state = tensors->state();
  tensors->allocate();
  return [tensors, &backend, &y, &x, &w, &b, &pixels, &state] {
    backend.issue(load_arguments(x, pixels, state),
                  DenseForwardArgs{y, {}, x, w, b, Activation::relu});
  };
}

GaussianForwardArgs gaussian_arguments(const View& z, const View& kl, const View& heads,
                                       StepState* state) {
  GaussianForwardArgs gaussian;
  gaussian.z = z;
  gaussian.kl = kl;
  gaussian.heads = heads;
  gaussian.noise.state = state;
  return gaussian;
}

Call make_gaussian_forward(Backend& backend, const Sizes& s) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View &z = tensors->floats({s.rows, s.latent}), &kl = tensors->floats({s.rows});
  View& heads = tensors->floats({s.rows, 2 * s.latent});
  StepState*& state = tensors->state();
  tensors->allocate();
  return [tensors, &backend, &z, &kl, &heads, &state] {
    backend.issue(gaussian_arguments(z, kl, heads, state));
  };
}

Call make_dense_gaussian(Backend& backend, const Layer& l) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View &heads = tensors->floats({l.rows, l.out}), &x = tensors->floats({l.rows, l.in});
  View &w = tensors->floats({l.out, l.in}), &b = tensors->floats({l.out});
  View &z = tensors->floats({l.rows, l.out / 2}), &kl = tensors->floats({l.rows});
  StepState*& state = tensors->state();
  tensors->allocate();
  return [tensors, &backend, &heads, &x, &w, &b, &z, &kl, &state] {
    backend.issue(DenseForwardArgs{heads, {}, x, w, b, Activation::none},
                  gaussian_arguments(z, kl, heads, state));
  };
}

Call make_gaussian_backward(Backend& backend, const Sizes& s) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View& dheads = tensors->floats({s.rows, 2 * s.latent});
  View& heads = tensors->floats({s.rows, 2 * s.latent});
  View& dz = tensors->floats({s.rows, s.latent});
  StepState*& state = tensors->state();
  tensors->allocate();
  return [tensors, &backend, &dheads, &heads, &dz, &state] {
    GaussianBackwardArgs gaussian;
    gaussian.dheads = dheads;
    gaussian.dz = dz;
    gaussian.heads = heads;
    gaussian.noise.state = state;
    backend.issue(gaussian);
  };
}

/// With the gradient written over the outputs, as in training.
LikelihoodArgs likelihood_arguments(const View& log_px, const View& outputs, const View& x) {
  LikelihoodArgs likelihood;
  likelihood.log_px = log_px;
  likelihood.doutputs = outputs;
  likelihood.outputs = outputs;
  likelihood.x = x;
  return likelihood;
}

Call make_likelihood(Backend& backend, int64_t rows, int64_t width) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View &outputs = tensors->floats({rows, width}), &x = tensors->floats({rows, width});
  View& log_px = tensors->floats({rows});
  tensors->allocate();
  return [tensors, &backend, &outputs, &x, &log_px] {
    backend.issue(likelihood_arguments(log_px, outputs, x));
  };
}

Call make_dense_likelihood(Backend& backend, const Layer& l) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View &outputs = tensors->floats({l.rows, l.out}), &h = tensors->floats({l.rows, l.in});
  View &w = tensors->floats({l.out, l.in}), &b = tensors->floats({l.out});
  View &x = tensors->floats({l.rows, l.out}), &log_px = tensors->floats({l.rows});
  tensors->allocate();
  return [tensors, &backend, &outputs, &h, &w, &b, &x, &log_px] {
    backend.issue(DenseForwardArgs{outputs, {}, h, w, b, Activation::none},
                  likelihood_arguments(log_px, outputs, x));
  };
}

Call make_judge(Backend& backend, int64_t parameters) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View& gradients = tensors->floats({parameters});
  StepState*& state = tensors->state();
  tensors->allocate();
  return [tensors, &backend, &gradients, &state] {
    backend.issue(JudgeGradientArgs{state, gradients, 0.0f});
  };
}

Call make_adam(Backend& backend, int64_t parameters) {
  const auto tensors = std::make_shared<Tensors>(backend);
  View &w = tensors->floats({parameters}), &m = tensors->floats({parameters});
  View &v = tensors->floats({parameters}), &g = tensors->floats({parameters});
  StepState*& state = tensors->state();
  tensors->allocate();
  return [tensors, &backend, &w, &m, &v, &g, &state] {
    AdamArgs adam;
    adam.parameters = w;
    adam.first_moment = m;
    adam.second_moment = v;
    adam.gradients = g;
    adam.state = state;
    backend.issue(adam);
  };
}

int64_t parameter_count(const Workload& workload) {
  int64_t count = 0;
  for (const Layer& l : workload.layers) count += l.out * (l.in + 1);
  return count;
}

/// The layer whose output, both heads, has twice the width that the next layer takes.
const Layer& heads_of(const Workload& workload) {
  std::size_t i = 0;
  while (workload.layers[i].out == workload.layers[i + 1].in) ++i;
  return workload.layers[i];
}

}  // namespace

std::vector<Operation> layer_operations(const std::string& workload, const Layer& l,
                                        bool input_gradient) {
  const Product forward = workloads::forward(l);
  std::vector<Operation> result;
  result.push_back(with_product("gemm", workload, l, forward, 0.0,
                                [forward](Backend& b) { return make_gemm(b, forward); }));
  result.back().make_gemm = nullptr;
  result.push_back(with_product("dense_forward", workload, l, forward, floats(l.out),
                                [l](Backend& b) { return make_forward(b, l); }));
  if (input_gradient) {
    result.push_back(with_product("dense_backward_input", workload, l, workloads::input_gradient(l),
                                  floats(l.rows * l.in),
                                  [l](Backend& b) { return make_backward_input(b, l); }));
  }
  result.push_back(with_product("dense_backward_weights", workload, l,
                                workloads::weight_gradient(l), floats(l.out),
                                [l](Backend& b) { return make_backward_weights(b, l); }));
  return result;
}

std::vector<Operation> dense_operations(const Workload& workload) {
  std::vector<Operation> result;
  for (std::size_t i = 0; i < workload.layers.size(); ++i) {
    for (Operation& operation : layer_operations(workload.name, workload.layers[i], i > 0)) {
      result.push_back(std::move(operation));
    }
  }
  return result;
}

std::vector<Operation> other_operations(const Workload& workload) {
  const std::string& name = workload.name;
  const Layer first = workload.layers.front(), last = workload.layers.back();
  const Layer heads = heads_of(workload);
  const Sizes s{first.rows, first.in, heads.out / 2};
  const int64_t parameters = parameter_count(workload);
  const double pixels = static_cast<double>(s.rows * s.pixels);
  std::vector<Operation> result;
  result.push_back(operation_of("load_batch", name, s.rows, s.pixels, 5.0 * pixels,
                                [s](Backend& b) { return make_load(b, s); }));
  // The data set is there once for all sets of tensors only in a training; here each has its own.
  result.back().bytes_of_memory = static_cast<double>(kImages * s.pixels);
  result.push_back(with_product("load_dense_forward", name, first, workloads::forward(first),
                                pixels, [first](Backend& b) { return make_load_dense(b, first); }));
  result.back().bytes_of_memory = static_cast<double>(kImages * s.pixels);
  result.push_back(operation_of("gaussian_forward", name, s.rows, s.latent,
                                floats(3 * s.rows * s.latent + s.rows),
                                [s](Backend& b) { return make_gaussian_forward(b, s); }));
  result.push_back(with_product("dense_gaussian_forward", name, heads, workloads::forward(heads),
                                floats(s.rows * s.latent + s.rows),
                                [heads](Backend& b) { return make_dense_gaussian(b, heads); }));
  result.push_back(operation_of("gaussian_backward", name, s.rows, s.latent,
                                floats(5 * s.rows * s.latent),
                                [s](Backend& b) { return make_gaussian_backward(b, s); }));
  result.push_back(likelihood_operation(name, last.rows, last.out));
  result.push_back(with_product("dense_likelihood", name, last, workloads::forward(last),
                                floats(last.rows * last.out + last.rows),
                                [last](Backend& b) { return make_dense_likelihood(b, last); }));
  result.push_back(operation_of("judge_gradient", name, 1, parameters, floats(parameters),
                                [=](Backend& b) { return make_judge(b, parameters); }));
  result.push_back(operation_of("adam", name, 1, parameters, floats(7 * parameters),
                                [=](Backend& b) { return make_adam(b, parameters); }));
  return result;
}

Operation likelihood_operation(const std::string& workload, int64_t rows, int64_t width) {
  return operation_of("likelihood", workload, rows, width, floats(3 * rows * width + rows),
                      [=](Backend& b) { return make_likelihood(b, rows, width); });
}

}  // namespace vae::ops
