// SPDX-License-Identifier: MIT
//
// Runs a test on every backend, and on the CPU with every instruction set and thread count.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "tests/support/effort.h"
#include "vae/error.h"

namespace vae::testing {

struct TestDevice {
  std::string name;
  Device device;
};

/// What test names and messages show of a device.
inline void PrintTo(const TestDevice& device, std::ostream* out) { *out << device.name; }

inline TestDevice cuda_test_device(std::string name, Precision precision) {
  TestDevice device{std::move(name), {}};
  device.device.kind = DeviceKind::cuda;
  device.device.precision = precision;
  return device;
}

/// "cuda" is always listed and skips where it is missing; an instruction set only where it runs.
/// It computes in fp32, so that one tolerance serves all devices.
inline std::vector<TestDevice> test_devices() {
  const auto cpu = [](std::string name, int threads, std::string isa) {
    return TestDevice{std::move(name), {DeviceKind::cpu, 0, threads, std::move(isa)}};
  };
  std::vector<TestDevice> devices = {cpu("cpu_3_threads", 3, ""),
                                     cuda_test_device("cuda", Precision::fp32)};
  if (!test::kSanitized ||
      test::full_effort()) {  // slow there, and like the instruction sets below
    devices.push_back(cpu("cpu", 0, ""));
    devices.push_back(cpu("cpu_1_thread", 1, ""));
  }
  for (const char* isa : {"avx512", "avx2_16", "avx2", "baseline"}) {
    try {
      make_backend({DeviceKind::cpu, 0, 1, isa});
      devices.push_back(cpu(std::string("cpu_") + isa, 2, isa));
    } catch (const Error&) {
      // not on this processor
    }
  }
  return devices;
}

/// All devices, and the GPU in every precision: for operations that multiply matrices.
inline std::vector<TestDevice> test_devices_and_precisions() {
  std::vector<TestDevice> devices = test_devices();
  devices.push_back(cuda_test_device("cuda_tf32", Precision::tf32));
  devices.push_back(cuda_test_device("cuda_bf16", Precision::bf16));
  return devices;
}

/// Relative rounding of a product's factors: what bounds the error of a sum of |a| |b|.
inline double factor_rounding(Precision precision) {
  if (precision == Precision::tf32) return 0x1p-11;
  if (precision == Precision::bf16) return 0x1p-8;
  return 0x1p-24;
}

/// The backend, or null where this machine has none and VAE_REQUIRE_GPU does not ask for one. A
/// card without the precision is no reason to fail.
inline std::unique_ptr<Backend> open_backend(Device device) {
  try {
    return make_backend(device);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unavailable) throw;
    const char* required = std::getenv("VAE_REQUIRE_GPU");
    if (device.kind == DeviceKind::cuda && required != nullptr && *required == '1') {
      if (device.precision != Precision::tf32 && device.precision != Precision::bf16) throw;
      device.precision = Precision::automatic;
      make_backend(device);  // throws without a card
    }
    return nullptr;
  }
}

/// A tensor in a backend's memory between two rows of sentinels that must survive.
template <typename T>
class DeviceTensor {
 public:
  DeviceTensor(Backend& backend, Shape shape)
      : backend_(backend), shape_(shape), count_(static_cast<std::size_t>(shape.count())) {
    memory_ = static_cast<T*>(backend.allocate(bytes()));
    std::vector<T> all(count_ + 2 * kGuard, sentinel());
    backend.copy_to_device(memory_, all.data(), bytes());
  }
  DeviceTensor(Backend& backend, Shape shape, const std::vector<T>& values)
      : DeviceTensor(backend, shape) {
    EXPECT_EQ(values.size(), count_);
    backend.copy_to_device(memory_ + kGuard, values.data(), count_ * sizeof(T));
  }
  ~DeviceTensor() {
    std::vector<T> all(count_ + 2 * kGuard);
    backend_.copy_to_host(all.data(), memory_, bytes());
    for (std::size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(std::memcmp(&all[i], &kSentinelOf, sizeof(T)), 0) << "written before the tensor";
      EXPECT_EQ(std::memcmp(&all[kGuard + count_ + i], &kSentinelOf, sizeof(T)), 0)
          << "written past the tensor";
    }
    backend_.deallocate(memory_);
  }
  DeviceTensor(const DeviceTensor&) = delete;
  DeviceTensor& operator=(const DeviceTensor&) = delete;

  BasicView<T> view() const { return BasicView<T>(memory_ + kGuard, shape_); }
  operator BasicView<T>() const { return view(); }
  std::vector<T> values() const {
    std::vector<T> result(count_);
    backend_.copy_to_host(result.data(), memory_ + kGuard, count_ * sizeof(T));
    return result;
  }

 private:
  static constexpr std::size_t kGuard = 64 / sizeof(T) * 2;  // keeps the tensor aligned to 64
  static constexpr T kSentinelOf = static_cast<T>(113);
  static T sentinel() { return kSentinelOf; }
  std::size_t bytes() const { return (count_ + 2 * kGuard) * sizeof(T); }

  Backend& backend_;
  Shape shape_;
  std::size_t count_;
  T* memory_ = nullptr;
};

using FloatTensor = DeviceTensor<float>;

/// A StepState in the backend's memory.
class DeviceState {
 public:
  DeviceState(Backend& backend, const StepState& state) : backend_(backend) {
    memory_ = static_cast<StepState*>(backend.allocate(sizeof(StepState)));
    backend.copy_to_device(memory_, &state, sizeof state);
  }
  ~DeviceState() { backend_.deallocate(memory_); }
  DeviceState(const DeviceState&) = delete;
  DeviceState& operator=(const DeviceState&) = delete;

  StepState* get() const { return memory_; }
  StepState value() const {
    StepState state;
    backend_.copy_to_host(&state, memory_, sizeof state);
    return state;
  }

 private:
  Backend& backend_;
  StepState* memory_;
};

class BackendTest : public ::testing::TestWithParam<TestDevice> {
 protected:
  void SetUp() override {
    backend_ = open_backend(GetParam().device);
    if (backend_ == nullptr) GTEST_SKIP() << GetParam().name << " is not available here";
  }
  Backend& backend() { return *backend_; }

 private:
  std::unique_ptr<Backend> backend_;
};

/// Reproducible numbers, uniform in [low, high].
inline std::vector<float> random_values(int64_t count, uint64_t seed, float low = -1.0f,
                                        float high = 1.0f) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = uniform(generator);
  return values;
}

/// For comparisons that see the sign of a zero, and take a NaN for itself.
inline std::vector<uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<uint32_t> bits(values.size());
  std::memcpy(bits.data(), values.data(), values.size() * sizeof(float));
  return bits;
}

/// Largest |a - b| / max(scale, |b|).
inline double worst_error(const std::vector<float>& found, const std::vector<double>& expected,
                          double scale = 1.0) {
  EXPECT_EQ(found.size(), expected.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    const double error = std::abs(found[i] - expected[i]) / std::max(scale, std::abs(expected[i]));
    worst = error >= worst || error != error ? error : worst;
  }
  return worst;
}

}  // namespace vae::testing

/// Instantiates a BackendTest suite for every device.
#define VAE_INSTANTIATE_BACKENDS(suite) VAE_INSTANTIATE_ON(suite, vae::testing::test_devices())

/// Instantiates a BackendTest suite for every device and every precision of the GPU.
#define VAE_INSTANTIATE_BACKENDS_AND_PRECISIONS(suite) \
  VAE_INSTANTIATE_ON(suite, vae::testing::test_devices_and_precisions())

#define VAE_INSTANTIATE_ON(suite, devices)                              \
  INSTANTIATE_TEST_SUITE_P(Device, suite, ::testing::ValuesIn(devices), \
                           [](const auto& info) { return info.param.name; })
