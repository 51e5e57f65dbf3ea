// SPDX-License-Identifier: MIT
//
// The plans that real cards give real networks. The simulated card has 4 multiprocessors, so that
// small tests fill it; an H100's 132 choose other tiles, splits and grids for the same layers.
#include <gtest/gtest.h>
#include <simt/simt.h>
#include <stdlib.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "host/network.h"
#include "host/train_step.h"
#include "kernels/backend.h"
#include "tests/simt/blas/blas.h"
#include "tests/simt/runtime/runtime.h"
#include "tests/simt/training_test/device.h"
#include "tests/support/effort.h"
#include "tests/support/tiny_run.h"
#include "vae/vae.h"

namespace vae::test {
namespace {

/// The simulated card as another one, for the length of a test.
class PlanTest : public ::testing::Test {
 protected:
  ~PlanTest() override { simt::device_model() = before_; }
  static void simulate_h100() {
    simt::DeviceModel& model = simt::device_model();
    model.major = 9;
    model.minor = 0;
    model.multiprocessors = 132;
  }

  const simt::DeviceModel before_ = simt::device_model();
};

/// What one training step leaves behind.
struct Step {
  StepState state;
  std::vector<float> gradients;
};

Step first_step(const Device& device, const Config& config, const Dataset& data) {
  const auto backend = make_backend(device);
  Network network(*backend, config.model, {config.training.batch_size, 1, /*training=*/true});
  network.initialize(config.training.seed);
  TrainStep step(network, data.train, config.training);
  step.run(1);
  return {step.state(), network.parameters().download(network.parameters().gradients())};
}

/// |found - expected| / |expected|
double distance(const std::vector<float>& found, const std::vector<float>& expected) {
  double difference = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(static_cast<double>(found[i]) - expected[i], 2);
    norm += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(difference / norm);
}

/// A test of seconds runs under one schedule of the plain build, unless all is asked for.
bool is_left_out() { return simt::options().seed != 2 && !full_effort(); }

// 784 columns are 7 large tiles on 4 multiprocessors and 25 small ones on 132.
TEST_F(PlanTest, AStepOfTheDefaultNetworkOnAnH100FollowsTheCpu) {
  if (is_left_out()) GTEST_SKIP() << "runs with VAE_SIMT_SEED=2 or VAE_TEST_FULL=1";
  simulate_h100();
  const Config config = preset("mlp-400-20");
  ASSERT_EQ(config.training.batch_size, 128);
  const Dataset data{"blobs", blobs(128, 28), blobs(1, 28)};
  const Step expected = first_step(Device::cpu(1), config, data);
  struct Case {
    Precision precision;
    double loss, gradients;  // relative
  };
  for (const Case& one : {Case{Precision::fp32, 1e-6, 1e-5},
                          {Precision::tf32, 1e-4, 3e-3},
                          {Precision::bf16, 1e-3, 6e-3}}) {
    const std::string name(to_string(one.precision));
    const Step found = first_step(cuda(one.precision), config, data);
    EXPECT_NEAR(found.state.loss, expected.state.loss, one.loss * expected.state.loss) << name;
    EXPECT_NEAR(found.state.gradient_norm, expected.state.gradient_norm,
                one.gradients * expected.state.gradient_norm)
        << name;
    EXPECT_LT(distance(found.gradients, expected.gradients), one.gradients) << name;
    EXPECT_EQ(found.state.updates, 1u) << name;
    RecordProperty(name, std::to_string(distance(found.gradients, expected.gradients)));
  }
}

/// 2^31 multiply-adds in each product of the output layer: those with an epilogue that it has are
/// the library's.
Config wide_config() {
  Config config;
  config.model.height = config.model.width = 32;
  config.model.encoder = {32};
  config.model.decoder = {1024};
  config.model.latent = 2;
  config.training.epochs = 1;
  config.training.batch_size = 2048;
  return config;
}

// Since 13.3 cuBLASLt answers no question during a capture, and a step is captured before it first
// runs. Capturing computes nothing, so the products may be as large as they are.
TEST_F(PlanTest, AWideNetIsCapturedWithTheLibrarysProducts) {
  const Config config = wide_config();
  const Dataset data{"blobs", blobs(2048, 32), blobs(1, 32)};
  const int64_t before = simt::blas_calls_of("cublasLtMatmul");
  const auto backend = make_backend(cuda(Precision::tf32));
  Network network(*backend, config.model, {config.training.batch_size, 1, /*training=*/true});
  network.initialize(config.training.seed);
  ASSERT_NO_THROW(TrainStep(network, data.train, config.training));
  EXPECT_EQ(simt::blas_calls_of("cublasLtMatmul") - before, 2) << "forward and weights";
}

TEST_F(PlanTest, StepsOfTheLibrarysProductsAreTheSameRecordedOrIssued) {
  std::vector<float> gradients[2];
  ::setenv("VAE_GEMM", "library", 1);
  for (const char* eager : {"0", "1"}) {
    ::setenv("VAE_CUDA_EAGER", eager, 1);
    Config config = tiny_config();
    config.model.height = config.model.width = 8;
    config.model.encoder = {12};
    config.model.decoder = {8};
    const Dataset data{"blobs", blobs(20, 8), blobs(1, 8)};
    const int64_t before = simt::blas_calls_of("cublasLtMatmul");
    gradients[*eager - '0'] = first_step(cuda(Precision::fp32), config, data).gradients;
    EXPECT_GT(simt::blas_calls_of("cublasLtMatmul"), before);
  }
  ::unsetenv("VAE_GEMM");
  ::unsetenv("VAE_CUDA_EAGER");
  EXPECT_EQ(gradients[0], gradients[1]);
}

}  // namespace
}  // namespace vae::test
