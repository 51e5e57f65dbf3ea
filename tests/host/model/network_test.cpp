// SPDX-License-Identifier: MIT
#include "host/model/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "host/model/evaluator.h"
#include "host/model/image_reader.h"
#include "host/training/train_step.h"
#include "kernels/backend.h"
#include "tests/support/reference.h"

namespace vae {
namespace {

/// Smooth blobs, so that networks have something to learn.
ImageSet blobs(int64_t count, int64_t side = 6) {
  std::vector<uint8_t> pixels;
  for (int64_t n = 0; n < count; ++n) {
    const double cx = 1.0 + static_cast<double>((n * 7) % 40) / 10.0;
    const double cy = 1.0 + static_cast<double>((n * 13) % 37) / 10.0;
    for (int64_t y = 0; y < side; ++y) {
      for (int64_t x = 0; x < side; ++x) {
        const double d =
            std::pow(static_cast<double>(x) - cx, 2) + std::pow(static_cast<double>(y) - cy, 2);
        pixels.push_back(static_cast<uint8_t>(255.0 * std::exp(-d / 2.0)));
      }
    }
  }
  return ImageSet(side, side, 1, pixels);
}

ModelConfig small_model(Activation activation) {
  ModelConfig model;
  model.height = model.width = 6;
  model.encoder = {9, 7};
  model.decoder = {8};
  model.latent = 3;
  model.activation = activation;
  return model;
}

/// They have a class of three each, and so have most of their pixels.
ImageSet labelled_blobs(int64_t count) {
  const ImageSet images = blobs(count);
  std::vector<uint8_t> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(static_cast<uint8_t>(i * 2 % 3));
  std::vector<uint8_t> masks;
  for (const uint8_t pixel : images.pixels()) {
    masks.push_back(pixel < 9 ? 255 : static_cast<uint8_t>(pixel / 86));  // some not observed
  }
  return images.with_labels(labels).with_masks(masks);
}

/// One layer of every kind, on images of 6x6.
ModelConfig layered_model() {
  ModelConfig model = small_model(Activation::tanh);
  model.encoder =
      layers_from_string("conv 3 3x3, residual (conv 3 3x3, conv 3 1x1), pool 2, gated dense 8");
  model.decoder = layers_from_string("dense 3x3x2, upsample 2, conv 3 3x3, pool 2");
  model.output = deconv_output({4, 4}, 2);
  return model;
}

/// The objective and its gradient on fixed images and noise: beta 1, mean over the batch.
class Objective {
 public:
  /// In a network with room for `capacity` rows; 0: for just these.
  Objective(const ModelConfig& model, int64_t rows, int64_t capacity = 0,
            const Corruption& corruption = {})
      : rows_(rows),
        backend_(make_backend(Device::cpu())),
        network_(*backend_, model, {std::max(rows, capacity), 1, /*training=*/true, corruption}),
        reader_(network_, labelled_blobs(rows), Binarization::none, 5, Reading::targets) {
    network_.initialize(11);
  }

  double value(bool with_gradient = false) {
    network_.infer(reader_.batch(0, rows_), reader_.noise());
    const ConstView log_px = network_.score(rows_, 1, with_gradient);
    const Parameters& parameters = network_.parameters();
    const std::vector<float> log_p = parameters.download(log_px);
    const std::vector<float> kl = parameters.download(network_.kl(rows_));
    double sum = 0.0;
    for (int64_t row = 0; row < rows_; ++row) {
      sum += static_cast<double>(kl[row]) - static_cast<double>(log_p[row]);
    }
    if (with_gradient) network_.backward(rows_, reader_.noise());
    return sum / static_cast<double>(rows_);
  }

  Network& network() { return network_; }

 private:
  int64_t rows_;
  std::unique_ptr<Backend> backend_;
  Network network_;
  ImageReader reader_;
};

/// Central difference of the objective along one parameter entry.
double numeric_derivative(Objective& objective, const Parameter& parameter, std::size_t index) {
  constexpr float kStep = 2e-2f;
  Parameters& parameters = objective.network().parameters();
  const std::vector<float> original = parameters.download(parameter.value);
  const auto at = [&](float shift) {
    std::vector<float> moved = original;
    moved[index] += shift;
    parameters.upload(parameter.value, moved);
    return objective.value();
  };
  const double derivative = (at(kStep) - at(-kStep)) / (2.0 * kStep);
  parameters.upload(parameter.value, original);
  return derivative;
}

/// Whether the gradients of the objective are its central differences, at some entries of every
/// parameter.
void expect_gradients(const ModelConfig& model, const Corruption& corruption = {}) {
  Objective objective(model, 5, 0, corruption);
  objective.value(/*with_gradient=*/true);
  Parameters& parameters = objective.network().parameters();
  for (const Parameter& parameter : parameters.all()) {
    const std::vector<float> gradient = parameters.download(parameter.gradient);
    const std::size_t stride = std::max<std::size_t>(1, gradient.size() / 5);
    for (std::size_t i = 0; i < gradient.size(); i += stride) {
      const double numeric = numeric_derivative(objective, parameter, i);
      EXPECT_NEAR(gradient[i], numeric, 5e-3 + 2e-2 * std::abs(numeric))
          << parameter.spec.name << '[' << i << "] " << to_string(model.likelihood) << ' '
          << to_string(model.variance);
    }
  }
}

class NetworkGradientTest : public ::testing::TestWithParam<Activation> {};

TEST_P(NetworkGradientTest, MatchesCentralDifferencesOfTheWholeObjective) {
  for (const Likelihood likelihood : {Likelihood::bernoulli, Likelihood::gaussian}) {
    ModelConfig model = small_model(GetParam());
    model.likelihood = likelihood;
    model.variance = Variance::learned;
    expect_gradients(model);
  }
}

TEST(NetworkTest, GradientsOfEveryLikelihoodMatchCentralDifferences) {
  for (const auto& [likelihood, variance] : testing::all_observations()) {
    ModelConfig model = small_model(Activation::tanh);
    model.likelihood = likelihood;
    model.variance = variance;
    expect_gradients(model);
  }
}

TEST(NetworkTest, GradientsOfClassTargetsMatchCentralDifferences) {
  for (const Target target : {Target::label, Target::mask}) {
    ModelConfig model = small_model(Activation::tanh);
    model.target = target;
    model.target_classes = 3;
    expect_gradients(model);
    if (target == Target::label) continue;
    model.decoder = layers_from_string("dense 6x6x2");
    model.output = conv_output({3, 3});
    expect_gradients(model);
  }
}

TEST(NetworkTest, GradientsOfModelsThatRestoreMatchCentralDifferences) {
  for (const auto& [likelihood, variance] : testing::all_observations()) {
    ModelConfig model = small_model(Activation::tanh);
    model.likelihood = likelihood;
    model.variance = variance;
    expect_gradients(model, {CorruptionKind::quadrants, 1});
    if (likelihood == Likelihood::gaussian) expect_gradients(model, {CorruptionKind::noise, 0.5});
  }
  ModelConfig learned = small_model(Activation::tanh);
  learned.likelihood = Likelihood::gaussian;
  learned.variance = Variance::learned;
  expect_gradients(learned, {CorruptionKind::quadrants, 2});
}

TEST(NetworkTest, OutputsAndVariancesAreAsManyAsTheLikelihoodTakes) {
  struct Case {
    Likelihood likelihood;
    Variance variance;
    int64_t per_value, variances;
  };
  for (const Case& c : {Case{Likelihood::bernoulli, Variance::learned, 1, 0},
                        {Likelihood::gaussian, Variance::fixed, 1, 0},
                        {Likelihood::gaussian, Variance::learned, 1, 1},
                        {Likelihood::gaussian, Variance::per_channel, 1, 3},
                        {Likelihood::gaussian, Variance::per_pixel, 2, 0},
                        {Likelihood::logistic, Variance::fixed, 2, 0},
                        {Likelihood::beta_binomial, Variance::fixed, 2, 0}}) {
    ModelConfig model = small_model(Activation::relu);
    model.width = 2;
    model.channels = 3;
    model.likelihood = c.likelihood;
    model.variance = c.variance;
    const auto backend = make_backend(Device::cpu(1));
    Network network(*backend, model, {2, 1, /*training=*/false});
    const int64_t outputs = 36 * c.per_value;
    EXPECT_EQ(network.parameters().find("decoder.output.weight").value.shape, (Shape{outputs, 8}));
    const std::vector<ParameterSpec> specs = parameter_specs(model);
    const bool is_there = specs.back().name == "decoder.log_variance";
    EXPECT_EQ(is_there ? specs.back().shape.count() : 0, c.variances);
    model.output_bias_from_mean = true;
    Network centred(*backend, model, {2, 1, /*training=*/false});
    centred.initialize(1, std::vector<double>(36, 0.5));
    EXPECT_EQ(centred.parameters().find("decoder.output.bias").value.count(), outputs);
    backend->fill_zero(centred.parameters().find("decoder.output.weight").value.data,
                       static_cast<std::size_t>(outputs * 8) * sizeof(float));
    backend->fill_zero(centred.latent(2).data, sizeof(float) * 6);
    centred.decode(2);
    const std::vector<float> mean = centred.parameters().download(centred.output_mean(2));
    ASSERT_EQ(mean.size(), 72u);
    for (const float value : mean) EXPECT_NEAR(value, 0.5f, 1e-5f);
  }
}

TEST(NetworkTest, LayersOfEveryKindHaveTheirGradients) { expect_gradients(layered_model()); }

TEST(NetworkTest, AConditionLeavesEveryGradientRight) {
  for (const Activation activation : {Activation::tanh, Activation::silu, Activation::softplus}) {
    ModelConfig model = small_model(activation);
    model.condition = Condition::label;
    model.classes = 3;
    expect_gradients(model);
  }
}

TEST(NetworkTest, AConditionStandsAtEveryPositionOfImages) {
  ModelConfig model = small_model(Activation::tanh);
  model.encoder = layers_from_string("conv 3 4x4/2");
  model.heads = conv_output(1);
  model.latent = 18;  // [3, 3, 2]
  model.decoder = layers_from_string("conv 4 3x3");
  model.output = deconv_output({4, 4}, 2);
  model.condition = Condition::label;
  model.classes = 3;
  EXPECT_EQ(model.heads_input_shape(), (ItemShape{3, 3, 6}));
  EXPECT_EQ(model.decoder_input_shape(), (ItemShape{3, 3, 5}));
  expect_gradients(model);
  model.heads = Layer();
  EXPECT_EQ(model.heads_input_shape(), (ItemShape{30})) << "once, behind the 27 numbers";
  EXPECT_EQ(model.decoder_input_shape(), (ItemShape{21}));
}

TEST(NetworkTest, EverySampleOfAnImageIsToldItsLabel) {
  ModelConfig model = small_model(Activation::tanh);
  model.condition = Condition::label;
  model.classes = 3;
  const auto backend = make_backend(Device::cpu());
  Network network(*backend, model, {5, 4, /*training=*/false});
  network.initialize(11);
  ImageReader reader(network, labelled_blobs(5), Binarization::none, 5, Reading::targets);
  network.encode(reader.batch(0, 5));
  network.sample_posterior(5, 4, reader.noise());
  const auto log_p = network.parameters().download(network.score(5, 4, false));
  const auto codes = network.parameters().download(network.latent(20));
  for (int64_t row = 0; row < 20; ++row) {
    // The same code alone: one image, one sample.
    ImageReader one(network, labelled_blobs(5).slice(row / 4, 1), Binarization::none, 5,
                    Reading::targets);
    network.encode(one.batch(0, 1));
    const View code = network.latent(1);
    backend->copy_to_device(code.data, codes.data() + row * 3, 3 * sizeof(float));
    EXPECT_EQ(network.parameters().download(network.score(1, 1, false)).front(), log_p[row]) << row;
  }
}

TEST(NetworkTest, CodesThatAreImagesHaveTheirGradients) {
  ModelConfig model = small_model(Activation::tanh);
  model.encoder = layers_from_string("conv 3 4x4/2");
  model.heads = conv_output(1);
  model.latent = 3 * 3 * 2;
  model.decoder = layers_from_string("conv 4 3x3");
  model.output = deconv_output({4, 4}, 2);
  EXPECT_EQ(model.latent_shape(), (ItemShape{3, 3, 2}));
  expect_gradients(model);
  model.latent = 19;
  EXPECT_THROW(validate({model, {}, {}}), Error);
}

// Kinks of relu-like functions lie inside a central difference now and then; tests/kernels checks
// each of those away from its kink.
INSTANTIATE_TEST_SUITE_P(Smooth, NetworkGradientTest,
                         ::testing::Values(Activation::none, Activation::tanh, Activation::sigmoid,
                                           Activation::softplus, Activation::gelu,
                                           Activation::silu),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(NetworkTest, HasTwoHeadsOnOneTrunk) {
  const auto backend = make_backend(Device::cpu());
  Network network(*backend, small_model(Activation::relu), {4, 1, false});
  const Parameters& parameters = network.parameters();
  EXPECT_EQ(parameters.find("encoder.mu.weight").value.shape, (Shape{3, 7}));
  EXPECT_EQ(parameters.find("encoder.logvar.weight").value.shape, (Shape{3, 7}));
  EXPECT_EQ(parameters.find("encoder.logvar.weight").value.data,
            parameters.find("encoder.mu.weight").value.data + 21)
      << "both heads form one matrix";
}

TEST(NetworkTest, CountsTheParametersOfTheDefaultModel) {
  const auto backend = make_backend(Device::cpu());
  Network network(*backend, ModelConfig{}, {1, 1, false});
  EXPECT_EQ(network.parameters().count(), 652824);
}

TEST(NetworkTest, InitialisationDependsOnTheSeedAlone) {
  const auto backend = make_backend(Device::cpu());
  Network a(*backend, small_model(Activation::relu), {4, 1, false});
  Network b(*backend, small_model(Activation::relu), {32, 2, true});
  a.initialize(7);
  b.initialize(7);
  EXPECT_EQ(a.parameters().download(a.parameters().values()),
            b.parameters().download(b.parameters().values()));
  b.initialize(8);
  EXPECT_NE(a.parameters().download(a.parameters().values()),
            b.parameters().download(b.parameters().values()));
}

TEST(NetworkTest, AShortBatchHasTheObjectiveAndGradientOfANetworkOfItsSize) {
  const ModelConfig model = small_model(Activation::tanh);
  Objective exact(model, 5), roomy(model, 5, 32);
  EXPECT_DOUBLE_EQ(exact.value(true), roomy.value(true));
  const auto gradient = [](Objective& objective) {
    Parameters& parameters = objective.network().parameters();
    return parameters.download(parameters.gradients());
  };
  const std::vector<float> expected = gradient(exact), found = gradient(roomy);
  ASSERT_EQ(expected.size(), found.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-5);
}

/// Spread of the weights of a layer of `in` inputs and `out` outputs, as the literature defines
/// it: the half-width of a uniform or the deviation of a normal distribution.
struct Scheme {
  Initialization name;
  bool normal;
  double (*spread)(double in, double out);
};

TEST(NetworkTest, InitialWeightsHaveTheDistributionOfTheirScheme) {
  const auto backend = make_backend(Device::cpu());
  const Scheme schemes[] = {
      {Initialization::glorot_uniform, false,
       [](double in, double out) { return std::sqrt(6.0 / (in + out)); }},
      {Initialization::glorot_normal, true,
       [](double in, double out) { return std::sqrt(2.0 / (in + out)); }},
      {Initialization::he_uniform, false, [](double in, double) { return std::sqrt(6.0 / in); }},
      {Initialization::he_normal, true, [](double in, double) { return std::sqrt(2.0 / in); }},
      {Initialization::lecun_normal, true, [](double in, double) { return std::sqrt(1.0 / in); }},
      {Initialization::pytorch, false, [](double in, double) { return std::sqrt(1.0 / in); }}};
  for (const Scheme& scheme : schemes) {
    SCOPED_TRACE(to_string(scheme.name));
    ModelConfig model;  // 400-300-60-400
    model.height = model.width = 20;
    model.encoder = {300};
    model.decoder = {};
    model.latent = 60;
    model.initialization = scheme.name;
    Network network(*backend, model, {1, 1, false});
    network.initialize(5);
    const Parameters& parameters = network.parameters();
    const auto numbers = [&](const char* name) {
      return parameters.download(parameters.find(name).value);
    };
    // Each of the two heads is a layer of its own, though they are multiplied as one.
    for (const auto& [name, in, out] : {std::tuple("encoder.0.weight", 400.0, 300.0),
                                        std::tuple("encoder.logvar.weight", 300.0, 60.0),
                                        std::tuple("decoder.output.weight", 60.0, 400.0)}) {
      SCOPED_TRACE(name);
      double sum = 0.0, squares = 0.0, largest = 0.0;
      const std::vector<float> weights = numbers(name);
      for (const double w : weights) {
        sum += w;
        squares += w * w;
        largest = std::max(largest, std::abs(w));
      }
      const auto count = static_cast<double>(weights.size());
      const double spread = scheme.spread(in, out);
      const double deviation = scheme.normal ? spread : spread / std::sqrt(3.0);
      EXPECT_NEAR(std::sqrt(squares / count), deviation, 0.02 * deviation);
      EXPECT_NEAR(sum / count, 0.0, 0.03 * deviation);
      if (scheme.normal) {
        EXPECT_GT(largest, 3.0 * spread);
      } else {
        EXPECT_LE(largest, spread * 1.000001);
        EXPECT_GT(largest, spread * 0.999);
      }
    }
    double largest_bias = 0.0;
    for (const double b : numbers("encoder.0.bias")) {
      largest_bias = std::max(largest_bias, std::abs(b));
    }
    if (scheme.name == Initialization::pytorch) {
      EXPECT_LE(largest_bias, 0.05);  // 1 / sqrt(400)
      EXPECT_GT(largest_bias, 0.048);
    } else {
      EXPECT_EQ(largest_bias, 0.0);
    }
  }
}

TEST(NetworkTest, OutputBiasStartsAtTheLogitOfTheMeanPixel) {
  const auto backend = make_backend(Device::cpu());
  ModelConfig model = small_model(Activation::relu);
  model.output_bias_from_mean = true;
  Network network(*backend, model, {4, 1, false});
  network.initialize(1, std::vector<double>(36, 0.25));
  for (const float bias :
       network.parameters().download(network.parameters().find("decoder.output.bias").value)) {
    EXPECT_NEAR(bias, std::log(0.25 / 0.75), 1e-6);
  }
}

TEST(EvaluatorTest, BoundTightensWithMoreImportanceSamples) {
  const auto backend = make_backend(Device::cpu());
  const ImageSet images = blobs(200);
  Network network(*backend, small_model(Activation::tanh), {64, 1, true});
  network.initialize(3);
  TrainConfig training;
  training.epochs = 20;
  training.batch_size = 20;
  TrainStep step(network, images, training);
  for (int64_t i = 0; i < step.total_steps(); ++i) step.run();
  double previous = 1e9;
  for (const int64_t samples : {1, 8, 64, 512}) {
    EvaluateOptions options;
    options.importance_samples = samples;
    const Evaluation result = evaluate(network, images, options);
    EXPECT_LT(*result.nll, previous + (samples == 1 ? 0.0 : 0.02)) << samples << " samples";
    if (samples == 1) {
      EXPECT_NEAR(-*result.nll, result.elbo, 4.0 * result.elbo_standard_error + 0.5);
    }
    previous = *result.nll;
  }
}

TEST(EvaluatorTest, DoesNotDependOnTheBatchSizeBeyondRounding) {
  const auto backend = make_backend(Device::cpu());
  const ImageSet images = blobs(77);
  Network network(*backend, small_model(Activation::elu), {64, 2, false});
  network.initialize(3);
  EvaluateOptions options;
  options.importance_samples = 10;
  options.batch_size = 64;
  const Evaluation large = evaluate(network, images, options);
  options.batch_size = 3;
  const Evaluation small = evaluate(network, images, options);
  EXPECT_NEAR(large.elbo, small.elbo, 1e-4);
  EXPECT_NEAR(*large.nll, *small.nll, 1e-4);
  EXPECT_EQ(large.active_units, small.active_units);
}

/// The bounds of single images are the differences of the sums over the first 1, 2, ... images: the
/// draws of an image depend on its index only.
TEST(EvaluatorTest, StandardErrorsAreThoseOfTheMeansOverImages) {
  const auto backend = make_backend(Device::cpu(1));
  const ImageSet images = blobs(9);
  Network network(*backend, small_model(Activation::tanh), {64, 2, false});
  network.initialize(3);
  EvaluateOptions options;
  options.importance_samples = 7;
  Evaluation result;
  std::vector<double> elbo = {0.0}, nll = {0.0};  // sums over the first images
  for (int64_t n = 1; n <= images.count(); ++n) {
    result = evaluate(network, images.slice(0, n), options);
    elbo.push_back(result.elbo * static_cast<double>(n));
    nll.push_back(*result.nll * static_cast<double>(n));
    EXPECT_EQ(std::isnan(result.elbo_standard_error), n == 1);
    EXPECT_EQ(std::isnan(result.nll_standard_error), n == 1);
  }
  const auto standard_error = [](const std::vector<double>& sums) {
    const auto n = static_cast<double>(sums.size() - 1);
    double squares = 0.0;
    for (std::size_t i = 1; i < sums.size(); ++i) {
      const double distance = sums[i] - sums[i - 1] - sums.back() / n;
      squares += distance * distance;
    }
    return std::sqrt(squares / (n - 1) / n);
  };
  EXPECT_NEAR(result.elbo_standard_error, standard_error(elbo), 1e-4);
  EXPECT_NEAR(result.nll_standard_error, standard_error(nll), 1e-4);
  EXPECT_GT(result.nll_standard_error, 1e-2);
}

TEST(TrainStepTest, UsesTheShortLastBatchAndLowersTheLoss) {
  const auto backend = make_backend(Device::cpu());
  const ImageSet images = blobs(45);
  Network network(*backend, small_model(Activation::relu), {20, 1, true});
  network.initialize(1);
  TrainConfig training;
  training.epochs = 60;
  training.batch_size = 20;
  TrainStep step(network, images, training);
  ASSERT_EQ(step.steps_per_epoch(), 3);
  double first = 0.0, last = 0.0;
  for (int64_t epoch = 0; epoch < training.epochs; ++epoch) {
    for (int64_t batch = 0; batch < 3; ++batch) step.run();
    const Totals totals = step.totals();
    EXPECT_EQ(totals.images, 45);
    last = (totals.kl - totals.reconstruction) / 45.0;
    if (epoch == 0) first = last;
  }
  EXPECT_LT(last, first - 2.0);
}

}  // namespace
}  // namespace vae
