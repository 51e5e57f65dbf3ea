// SPDX-License-Identifier: MIT
//
// What the microbenchmarks share: checked calls, memory, graphs, timing and the report.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace vae::microbench {

/// Throws std::runtime_error naming the call unless it succeeded.
void check_call(cudaError_t status, const char* call);
#define MICROBENCH_CHECK(call) ::vae::microbench::check_call((call), #call)

/// The card under test.
struct Card {
  static Card open(int index);

  int arch() const { return 10 * major + minor; }  ///< 90 for sm_90

  int index = 0, major = 0, minor = 0, multiprocessors = 0;
  int driver = 0, runtime = 0;                                   ///< 13000 for 13.0
  std::size_t memory_bytes = 0, l2_bytes = 0, shared_bytes = 0;  ///< shared: a block's limit
  bool cooperative = false;
  std::string name;
};

/// Device memory of `count` elements.
template <typename T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(std::size_t count) : count_(count) {
    MICROBENCH_CHECK(cudaMalloc(&data_, bytes()));
  }
  explicit DeviceBuffer(const std::vector<T>& values) : DeviceBuffer(values.size()) {
    MICROBENCH_CHECK(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice));
  }
  ~DeviceBuffer() { cudaFree(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  T* get() const { return data_; }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }
  void zero(cudaStream_t stream) { MICROBENCH_CHECK(cudaMemsetAsync(data_, 0, bytes(), stream)); }
  /// The first `count` elements; waits for the device.
  std::vector<T> values(std::size_t count) const {
    std::vector<T> result(count);
    MICROBENCH_CHECK(cudaDeviceSynchronize());
    MICROBENCH_CHECK(cudaMemcpy(result.data(), data_, count * sizeof(T), cudaMemcpyDeviceToHost));
    return result;
  }
  std::vector<T> values() const { return values(count_); }

 private:
  std::size_t count_;
  T* data_ = nullptr;
};

/// What `body` issues on a stream, recorded once.
class Graph {
 public:
  Graph(cudaStream_t stream, const std::function<void()>& body);
  ~Graph() { cudaGraphExecDestroy(executable_); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(cudaStream_t stream) const;

 private:
  cudaGraphExec_t executable_ = nullptr;
};

constexpr int kWarmUpRepetitions = 2;

/// Microseconds of each repetition of `body`, which issues work on the stream; by CUDA events,
/// after the repetitions of warm-up.
std::vector<double> time_each(cudaStream_t stream, int repetitions,
                              const std::function<void()>& body);

enum class Check { none, passed, failed };
inline Check checked(bool correct) { return correct ? Check::passed : Check::failed; }

/// One figure: the samples' median and quartiles, or the reason why there is none.
struct Figure {
  std::string group, name, unit;
  double median = 0.0, low = 0.0, high = 0.0;
  int repetitions = 0;
  Check check = Check::none;
  std::string note;
  std::string detail;   ///< More of it for programs, as JSON.
  std::string skipped;  ///< Not empty: not measured, because of this.
};

/// Collects the figures and prints each as it comes.
class Report {
 public:
  /// `samples` are in `unit`; the note is for people, `detail` (JSON) for programs. The reference
  /// holds until the next call.
  const Figure& add(const std::string& group, const std::string& name, const std::string& unit,
                    std::vector<double> samples, Check check = Check::none,
                    const std::string& note = {}, const std::string& detail = {});
  void skip(const std::string& group, const std::string& name, const std::string& reason);
  /// A ceiling that other benchmarks divide by; the largest value given for a name stays.
  void peak(const std::string& name, double value);

  int failures() const;
  void write_json(const std::string& path, const Card& card, double seconds) const;

 private:
  std::vector<Figure> figures_;
  std::vector<std::pair<std::string, double>> peaks_;
};

/// What every group of measurements is given.
struct Context {
  Card card;
  cudaStream_t stream = nullptr;
  Report report;
};

/// Why a kernel that needs `arch` cannot be measured here, or "" if it can.
std::string missing_feature(const Card& card, const void* kernel, int arch);

/// Each sample divided by, or dividing, a constant.
std::vector<double> per_unit(std::vector<double> samples, double units);
std::vector<double> rate(std::vector<double> microseconds, double units);  ///< units a second

// The groups.
void measure_launches(Context& context);
void measure_barriers(Context& context);
void measure_clusters(Context& context);
void measure_memory(Context& context);
void measure_arithmetic(Context& context);
void measure_products(Context& context);

}  // namespace vae::microbench
