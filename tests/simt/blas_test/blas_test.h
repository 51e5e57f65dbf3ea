// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cuda/blas_gemm.h"
#include "kernels/cuda/handle.h"
#include "kernels/cuda/simt.h"
#include "kernels/cuda/stream.h"
#include "tests/simt/blas/blas.h"
#include "tests/simt/runtime/runtime.h"

namespace vae::cuda {

// Every test starts with a fresh device and library and must leave nothing on them, its members
// included: these are destroyed before this class.
class BlasTest : public ::testing::Test {
 protected:
  BlasTest() {
    simt::reset_blas();
    simt::reset_runtime();
  }
  ~BlasTest() override {
    EXPECT_EQ(simt::blas_leaks(), "");
    EXPECT_EQ(simt::runtime_leaks(), "");
    simt::reset_blas();
    simt::reset_runtime();
  }
};

#define EXPECT_CONTAINS(text, part) EXPECT_PRED_FORMAT2(contains, text, std::string(part))
inline ::testing::AssertionResult contains(const char*, const char*, const std::string& text,
                                           const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "\"" << part << "\" is not in: " << text;
}

/// Floats on the device.
class DeviceFloats {
 public:
  explicit DeviceFloats(std::size_t count) : count_(count) {
    VAE_CUDA(cudaMalloc(memory_.out(), sizeof(float) * count));
  }
  explicit DeviceFloats(const std::vector<float>& values) : DeviceFloats(values.size()) {
    VAE_CUDA(
        cudaMemcpy(memory_.get(), values.data(), sizeof(float) * count_, cudaMemcpyHostToDevice));
    VAE_CUDA(cudaDeviceSynchronize());
  }
  float* data() const { return static_cast<float*>(memory_.get()); }
  std::vector<float> read() const {
    VAE_CUDA(cudaDeviceSynchronize());
    std::vector<float> values(count_);
    VAE_CUDA(
        cudaMemcpy(values.data(), memory_.get(), sizeof(float) * count_, cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  std::size_t count_;
  UniqueMemory memory_;
};

/// Numbers in [-1, 1), the same in every run.
inline std::vector<float> numbers(std::size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
  }
  return values;
}

inline View view(const DeviceFloats& x, int64_t rows, int64_t columns) {
  return {x.data(), {rows, columns}};
}
inline View view(const DeviceFloats& x, int64_t count) { return {x.data(), {count}}; }

/// Element (row, column) of op(x), x row-major.
struct Matrix {
  const std::vector<float>& values;
  int64_t columns;  // of x itself
  bool transposed = false;
  double at(int64_t row, int64_t column) const {
    const int64_t index = transposed ? column * columns + row : row * columns + column;
    return double{values[static_cast<std::size_t>(index)]};
  }
};

/// op(a) op(b) in double, [rows, columns].
inline std::vector<double> product_of(const Matrix& a, const Matrix& b, int64_t rows,
                                      int64_t columns, int64_t depth) {
  std::vector<double> result(static_cast<std::size_t>(rows * columns));
  for (int64_t m = 0; m < rows; ++m) {
    for (int64_t n = 0; n < columns; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < depth; ++k) sum += a.at(m, k) * b.at(k, n);
      result[static_cast<std::size_t>(m * columns + n)] = sum;
    }
  }
  return result;
}

inline void expect_near(const std::vector<float>& actual, const std::vector<double>& expected,
                        double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(double{actual[i]}, expected[i], tolerance) << "element " << i;
  }
}

/// What a backend owns and a BlasGemm works with.
struct Device32MiB {
  static constexpr std::size_t kBytes = std::size_t{32} << 20;
  Stream stream{0};
  DeviceFloats workspace{kBytes / sizeof(float)};
};

/// The error of a call, as text; empty where there is none.
template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace vae::cuda
