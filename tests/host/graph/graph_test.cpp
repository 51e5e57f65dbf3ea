// SPDX-License-Identifier: MIT
#include "host/graph/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "host/graph/conv.h"
#include "host/graph/dense.h"
#include "host/graph/gate.h"
#include "host/graph/initialization.h"
#include "host/graph/join.h"
#include "host/graph/likelihood.h"
#include "host/graph/posterior.h"
#include "host/graph/resample.h"
#include "host/graph/transport.h"
#include "kernels/philox.h"

namespace vae {
namespace {

constexpr int64_t kImages = 3;

/// A graph whose end is a Gaussian likelihood, with everything that a pass needs. The objective is
/// the mean over images of -log p, and of the KL where there is a posterior.
class Trained {
 public:
  /// `build` gets the graph and its input, and returns the outputs.
  template <typename Build>
  Trained(Shape item, Build build) : backend_(make_backend(Device::cpu(1))), arena_(*backend_) {
    x_ = &graph_.add_value(item, Rows::images);
    Value& outputs = build(graph_, *x_);
    target_ = &graph_.add_value(outputs.item, Rows::images);
    LikelihoodNode::Options options;
    options.likelihood = Likelihood::gaussian;
    likelihood_ = &LikelihoodNode::add(graph_, outputs, *target_, options);
    parameters_ = std::make_unique<Parameters>(*backend_, graph_.parameter_specs(), true);
    graph_.bind(*parameters_);
    initialize_parameters(*parameters_, Initialization::pytorch, 7);
    arena_.request(state_);
    graph_.plan(arena_, kImages, kImages, /*training=*/true);
    arena_.allocate("the test");
    graph_.prepare(*backend_);
    const StepState state;
    backend_->copy_to_device(state_, &state, sizeof state);
    fill(x_->data, 1);
    fill(target_->data, 2);
  }

  double objective(bool with_gradient = false) {
    Pass pass(*backend_, kImages);
    pass.noise = {3, Stream::posterior, state_, 0};
    pass.with_gradient = with_gradient;
    graph_.forward(pass, graph_.since(0));
    if (with_gradient) graph_.backward(pass);
    pass.finish();
    double sum = 0.0;
    for (const float log_p : parameters_->download(likelihood_->log_p())) sum -= log_p;
    if (posterior_ != nullptr) {
      for (const float kl : parameters_->download(posterior_->kl())) sum += kl;
    }
    return sum / kImages;
  }

  /// Every parameter's gradient against central differences of the objective.
  void expect_gradients() {
    objective(/*with_gradient=*/true);
    for (const Parameter& parameter : parameters_->all()) {
      const std::vector<float> gradient = parameters_->download(parameter.gradient);
      const std::size_t stride = std::max<std::size_t>(1, gradient.size() / 6);
      for (std::size_t i = 0; i < gradient.size(); i += stride) {
        const double numeric = derivative(parameter, i);
        EXPECT_NEAR(gradient[i], numeric, 2e-3 + 1e-2 * std::abs(numeric))
            << parameter.spec.name << '[' << i << ']';
      }
    }
  }

  void use_posterior(const PosteriorNode* posterior) { posterior_ = posterior; }

 private:
  void fill(const View& view, uint32_t row) {
    std::vector<float> numbers(view.count());
    const PhiloxRow noise = philox_row(5, Stream::initialize, 0, row);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = normal_element(noise, static_cast<uint32_t>(i));
    }
    parameters_->upload(view, numbers);
  }

  double derivative(const Parameter& parameter, std::size_t index) {
    constexpr float kStep = 1e-2f;
    const std::vector<float> original = parameters_->download(parameter.value);
    const auto at = [&](float shift) {
      std::vector<float> moved = original;
      moved[index] += shift;
      parameters_->upload(parameter.value, moved);
      return objective();
    };
    const double result = (at(kStep) - at(-kStep)) / (2.0 * kStep);
    parameters_->upload(parameter.value, original);
    return result;
  }

  std::unique_ptr<Backend> backend_;
  Arena arena_;
  Graph graph_;
  Value* x_;
  Value* target_;
  LikelihoodNode* likelihood_;
  const PosteriorNode* posterior_ = nullptr;
  std::unique_ptr<Parameters> parameters_;
  StepState* state_ = nullptr;
};

Dense& dense(Graph& graph, const std::string& name, int64_t in, Shape out) {
  return graph.add_module<Dense>(std::vector<std::string>{name}, in, out);
}

TEST(GraphTest, AModuleAppliedTwiceHasTheSumOfItsGradients) {
  for (const Activation activation : {Activation::none, Activation::tanh, Activation::silu}) {
    Trained({5}, [&](Graph& graph, Value& x) -> Value& {
      Dense& shared = dense(graph, "shared", 5, {5});
      return shared.apply(graph, shared.apply(graph, x, activation), Activation::none);
    }).expect_gradients();
  }
}

TEST(GraphTest, AValueReadTwiceHasTheSumOfItsGradients) {
  Trained({5}, [](Graph& graph, Value& x) -> Value& {
    Value& trunk = dense(graph, "trunk", 5, {4}).apply(graph, x, Activation::tanh);
    Value& left = dense(graph, "left", 4, {3}).apply(graph, trunk, Activation::softplus);
    Value& right = dense(graph, "right", 4, {3}).apply(graph, trunk, Activation::gelu);
    return dense(graph, "out", 3, {2})
        .apply(graph, add(graph, left, right, Activation::tanh), Activation::none);
  }).expect_gradients();
}

TEST(GraphTest, ASkipConnectionOfConcatenatedImagesHasItsGradients) {
  Trained({4, 6, 2}, [](Graph& graph, Value& x) -> Value& {
    ConvGeometry down{4, 6, 2, 4, 4, 2, 2, 1, 1, 2, 3, 3};
    Value& small = graph.add_module<Conv>(std::vector<std::string>{"down"}, down)
                       .apply(graph, x, Activation::tanh);
    Value& large = graph.add_module<Conv>(std::vector<std::string>{"up"}, down, true)
                       .apply(graph, small, Activation::silu);
    Value& near = upsample(graph, average_pool(graph, large, 2), 2);
    Value& again = upsample(graph, small, 2);
    Value& joined = concatenate(graph, {&large, &near, &x, &again});
    ConvGeometry same{4, 6, 9, 3, 3, 1, 1, 1, 1, 4, 6, 1};
    return graph.add_module<Conv>(std::vector<std::string>{"out"}, same)
        .apply(graph, joined, Activation::none);
  }).expect_gradients();
}

TEST(GraphTest, AVectorBesideImagesIsAtEveryPosition) {
  for (const bool first : {false, true}) {
    Trained({4, 6, 2}, [&](Graph& graph, Value& x) -> Value& {
      Value& vector = dense(graph, "vector", 48, {3}).apply(graph, x, Activation::tanh);
      Value& joined = concatenate(
          graph, first ? std::vector<Value*>{&vector, &x} : std::vector<Value*>{&x, &vector});
      EXPECT_EQ(joined.item, (Shape{4, 6, 5}));
      ConvGeometry same{4, 6, 5, 3, 3, 1, 1, 1, 1, 4, 6, 1};
      return graph.add_module<Conv>(std::vector<std::string>{"out"}, same)
          .apply(graph, joined, Activation::none);
    }).expect_gradients();
  }
}

TEST(GraphTest, MovedFramesHaveTheGradientsOfTheirMotion) {
  Trained({4, 6, 3}, [](Graph& graph, Value& x) -> Value& {
    Value& motion = dense(graph, "motion", 72, {2, 3, 6}).apply(graph, x, Activation::none);
    return transport(graph, x, motion, {4, 6, 3}, 1);
  }).expect_gradients();
}

TEST(GraphTest, EveryCodeMovesTheClipOfItsImage) {
  Graph graph;
  Value& clip = graph.add_value({4, 6, 3}, Rows::images);
  Value& motion = graph.add_value({2, 3, 6}, Rows::codes);
  EXPECT_EQ(transport(graph, clip, motion, {4, 6, 3}, 1).rows, Rows::codes);
  EXPECT_THROW(transport(graph, motion, motion, {2, 3, 6}, 1), Error);
}

TEST(GraphTest, AGatedLayerHasItsGradients) {
  Trained({5}, [](Graph& graph, Value& x) -> Value& {
    Value& below = dense(graph, "below", 5, {4}).apply(graph, x, Activation::tanh);
    Dense& heads = graph.add_module<Dense>(std::vector<std::string>{"a", "g"}, 4, Shape{3});
    Value& gated = gate(graph, heads.apply(graph, below, Activation::none), {3});
    return dense(graph, "out", 3, {2}).apply(graph, gated, Activation::none);
  }).expect_gradients();
}

TEST(GraphTest, AnAutoencoderWithAPosteriorHasItsGradients) {
  PosteriorNode* posterior = nullptr;
  Trained vae({6}, [&](Graph& graph, Value& x) -> Value& {
    Dense& heads = graph.add_module<Dense>(std::vector<std::string>{"mu", "logvar"}, 6, Shape{2});
    posterior = &PosteriorNode::add(graph, heads.apply(graph, x, Activation::none), {2}, {-30, 20});
    return dense(graph, "out", 2, {6}).apply(graph, posterior->z(), Activation::none);
  });
  vae.use_posterior(posterior);
  vae.expect_gradients();
}

// As a prior of labels would be: of what the encoder sees too.
TEST(GraphTest, AComputedPriorHasItsGradients) {
  for (const auto kl : {PriorNode::Kl::closed_form, PriorNode::Kl::sampled}) {
    PosteriorNode* posterior = nullptr;
    Trained vae({6}, [&](Graph& graph, Value& x) -> Value& {
      const auto heads = [&](const std::string& name) -> Value& {
        return graph
            .add_module<Dense>(std::vector<std::string>{name + ".mu", name + ".logvar"}, 6,
                               Shape{2})
            .apply(graph, x, Activation::none);
      };
      posterior = &PosteriorNode::add(graph, heads("posterior"), {2}, {-30, 20});
      PriorNode::add(graph, *posterior, heads("prior"), kl);
      return dense(graph, "out", 2, {6}).apply(graph, posterior->z(), Activation::none);
    });
    vae.use_posterior(posterior);
    vae.expect_gradients();
  }
}

/// The noise of two posteriors N(0, I) in one graph.
TEST(GraphTest, StochasticNodesDrawFromStreamsOfTheirOwn) {
  const auto backend = make_backend(Device::cpu(1));
  Graph graph;
  Value& heads = graph.add_value({10}, Rows::images);
  const PosteriorNode* const nodes[] = {&PosteriorNode::add(graph, heads, {5}, {-30, 20, 0}),
                                        &PosteriorNode::add(graph, heads, {5}, {-30, 20, 1}),
                                        &PosteriorNode::add(graph, heads, {5}, {-30, 20, 2})};
  Arena arena(*backend);
  StepState* state = nullptr;
  arena.request(state);
  graph.plan(arena, 2, 2, /*training=*/false);
  arena.allocate("the test");
  Pass pass(*backend, 2);
  pass.noise = {3, Stream::posterior, state, 0};
  graph.forward(pass, graph.since(0));
  pass.finish();
  for (uint32_t n = 0; n < 3; ++n) {
    std::vector<float> z(10);
    backend->copy_to_host(z.data(), nodes[n]->z().data.data, z.size() * sizeof(float));
    const auto stream = static_cast<Stream>(n == 0 ? 1 : 16 + n);
    for (uint32_t i = 0; i < z.size(); ++i) {
      EXPECT_EQ(z[i], normal_element(philox_row(3, stream, 0, i / 5), i % 5)) << n;
    }
  }
}

TEST(GraphTest, RefusesAPriorThatDoesNotFit) {
  Graph graph;
  Value& heads = graph.add_value({4}, Rows::images);
  PosteriorNode& posterior = PosteriorNode::add(graph, heads, {2}, {-30, 20});
  Value& narrow = graph.add_value({2}, Rows::images);
  Value& bent = graph.add_value({4}, Rows::images, Activation::tanh);
  Value& of_codes = graph.add_value({4}, Rows::codes);
  using Kl = PriorNode::Kl;
  EXPECT_THROW(PriorNode::add(graph, posterior, narrow, Kl::sampled), Error);
  EXPECT_THROW(PriorNode::add(graph, posterior, bent, Kl::sampled), Error);
  EXPECT_THROW(PriorNode::add(graph, posterior, of_codes, Kl::closed_form), Error);
  PriorNode::add(graph, posterior, of_codes, Kl::sampled);
}

TEST(GraphTest, RefusesWhatDoesNotFit) {
  Graph graph;
  Value& x = graph.add_value({4, 4, 2}, Rows::images);
  EXPECT_THROW(dense(graph, "a", 31, {3}).apply(graph, x, Activation::none), Error);
  EXPECT_THROW(average_pool(graph, x, 3), Error);
  EXPECT_THROW(upsample(graph, graph.add_value({7}, Rows::images), 2), Error);
  Value& vector = graph.add_value({32}, Rows::images);
  EXPECT_THROW(transport(graph, vector, x, {4, 4, 2}, 1), Error);  // 2 numbers a cell, not 3
  EXPECT_THROW(transport(graph, vector, vector, {4, 4, 2}, 1), Error);
  EXPECT_THROW(transport(graph, x, x, {4, 8, 2}, 1), Error);
  Value& below = dense(graph, "clip", 32, {32}).apply(graph, x, Activation::none);
  Value& motion = graph.add_value({4, 4, 3}, Rows::images);
  EXPECT_NO_THROW(transport(graph, vector, motion, {4, 4, 2}, 1));
  EXPECT_THROW(transport(graph, below, motion, {4, 4, 2}, 1), Error);  // no data
  EXPECT_THROW(add(graph, x, vector, Activation::none), Error);
  EXPECT_THROW(concatenate(graph, {&x, &graph.add_value({4, 2, 2}, Rows::images)}), Error);
  EXPECT_THROW(PosteriorNode::add(graph, graph.add_value({7}, Rows::images), {3}, {-30, 20}),
               Error);
}

/// Outputs are overwritten by their gradient: nobody else may read them.
TEST(GraphTest, RefusesASecondReaderOfTheLikelihoodsOutputs) {
  const auto backend = make_backend(Device::cpu(1));
  Graph graph;
  Value& x = graph.add_value({3}, Rows::images);
  Value& outputs = dense(graph, "out", 3, {3}).apply(graph, x, Activation::none);
  dense(graph, "other", 3, {3}).apply(graph, outputs, Activation::none);
  LikelihoodNode::add(graph, outputs, x, {Likelihood::bernoulli});
  Arena arena(*backend);
  EXPECT_THROW(graph.plan(arena, 1, 1, true), Error);
}

}  // namespace
}  // namespace vae
