// SPDX-License-Identifier: MIT
//
// Bandwidth and latency of the L2 cache and of device memory, and the traffic of Adam.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "bench/gpu/harness.h"

namespace vae::microbench {
namespace {

constexpr int kThreads = 512;
constexpr int kRepetitions = 11;
constexpr int kUnroll = 4;  // 16-byte loads in flight in each thread

/// Past L1, and never merged with another load of the same address.
__device__ uint4 load_from_l2(const uint4* address) {
  uint4 value;
  asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "l"(address));
  return value;
}

/// Reads `count` vectors `passes` times; each thread writes the sum of the words it read.
/// count is a multiple of kUnroll times the number of threads.
__global__ void __launch_bounds__(kThreads)
    read_vectors(const uint4* data, size_t count, int passes, unsigned* sums) {
  const size_t threads = static_cast<size_t>(gridDim.x) * kThreads;
  const size_t thread = static_cast<size_t>(blockIdx.x) * kThreads + threadIdx.x;
  unsigned sum = 0;
  for (int pass = 0; pass < passes; ++pass) {
    for (size_t i = thread; i < count; i += kUnroll * threads) {
      uint4 values[kUnroll];
#pragma unroll
      for (int j = 0; j < kUnroll; ++j) values[j] = load_from_l2(data + i + j * threads);
#pragma unroll
      for (int j = 0; j < kUnroll; ++j) {
        sum += values[j].x + values[j].y + values[j].z + values[j].w;
      }
    }
  }
  sums[thread] = sum;
}

__host__ __device__ inline unsigned word_at(size_t index) {
  return static_cast<unsigned>(index * 2654435761u) ^ static_cast<unsigned>(index >> 7);
}

__global__ void fill_words(unsigned* words, size_t count) {
  const size_t threads = static_cast<size_t>(gridDim.x) * blockDim.x;
  for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += threads) {
    words[i] = word_at(i);
  }
}

/// Words in a buffer that the threads of read_vectors() share evenly, of about `bytes`.
std::size_t even_words(std::size_t bytes, std::size_t threads) {
  const std::size_t granule = threads * kUnroll * sizeof(uint4);
  return std::max<std::size_t>(1, bytes / granule) * granule / sizeof(unsigned);
}

void measure_reads(Context& context, const std::string& name, std::size_t bytes, int passes,
                   const char* peak) {
  const int blocks = 2 * context.card.multiprocessors;
  const std::size_t threads = static_cast<std::size_t>(blocks) * kThreads;
  DeviceBuffer<unsigned> words(even_words(bytes, threads));
  DeviceBuffer<unsigned> sums(threads);
  fill_words<<<blocks, kThreads, 0, context.stream>>>(words.get(), words.count());
  MICROBENCH_CHECK(cudaGetLastError());
  const auto samples = time_each(context.stream, kRepetitions, [&] {
    read_vectors<<<blocks, kThreads, 0, context.stream>>>(
        reinterpret_cast<const uint4*>(words.get()), words.bytes() / sizeof(uint4), passes,
        sums.get());
    MICROBENCH_CHECK(cudaGetLastError());
  });
  unsigned found = 0, expected = 0;
  for (const unsigned sum : sums.values()) found += sum;
  for (std::size_t i = 0; i < words.count(); ++i) expected += word_at(i);
  expected *= static_cast<unsigned>(passes);
  const auto& figure = context.report.add(
      "memory", name, "GB/s", rate(samples, 1e-9 * static_cast<double>(words.bytes()) * passes),
      checked(found == expected), std::to_string(words.bytes() >> 20) + " MiB");
  if (figure.check == Check::passed) context.report.peak(peak, 1e9 * figure.median);
}

void measure_copy(Context& context, std::size_t bytes) {
  DeviceBuffer<unsigned> from(bytes / sizeof(unsigned)), to(from.count());
  fill_words<<<1024, kThreads, 0, context.stream>>>(from.get(), from.count());
  MICROBENCH_CHECK(cudaGetLastError());
  to.zero(context.stream);
  const auto samples = time_each(context.stream, kRepetitions, [&] {
    MICROBENCH_CHECK(cudaMemcpyAsync(to.get(), from.get(), from.bytes(), cudaMemcpyDeviceToDevice,
                                     context.stream));
  });
  const std::vector<unsigned> found = to.values();
  bool correct = true;
  for (std::size_t i = 0; i < found.size(); i += 997) correct = correct && found[i] == word_at(i);
  const auto& figure =
      context.report.add("memory", "device-to-device copy, read and written", "GB/s",
                         rate(samples, 2e-9 * static_cast<double>(from.bytes())), checked(correct),
                         std::to_string(from.bytes() >> 20) + " MiB");
  if (figure.check == Check::passed) {
    context.report.peak("copy_bytes_per_second", 1e9 * figure.median);
  }
}

// ---- latency
// -------------------------------------------------------------------------------------

constexpr std::size_t kLine = 128 / sizeof(unsigned);  // one word in each cache line is used

/// One thread follows the chain; each load needs the last one's value.
__global__ void follow_chain(const unsigned* next, unsigned hops, unsigned* last) {
  unsigned position = *last;
  for (unsigned hop = 0; hop < hops; ++hop) {
    asm volatile("ld.global.cg.u32 %0, [%1];" : "=r"(position) : "l"(next + position));
  }
  *last = position;
}

/// A single cycle through `lines` cache lines in random order (Sattolo's algorithm).
std::vector<unsigned> random_cycle(std::size_t lines) {
  std::vector<unsigned> order(lines);
  std::iota(order.begin(), order.end(), 0u);
  std::mt19937 generator(1);
  for (std::size_t i = lines - 1; i > 0; --i) std::swap(order[i], order[generator() % i]);
  std::vector<unsigned> next(lines * kLine, 0);
  for (std::size_t i = 0; i < lines; ++i) {
    next[i * kLine] = static_cast<unsigned>(order[i] * kLine);
  }
  return next;
}

void measure_latency(Context& context, const std::string& name, std::size_t bytes) {
  const std::vector<unsigned> cycle = random_cycle(bytes / sizeof(unsigned) / kLine);
  const DeviceBuffer<unsigned> next(cycle);
  const std::size_t lines = cycle.size() / kLine;
  const auto hops = static_cast<unsigned>(std::min<std::size_t>(lines - 1, 1 << 15));
  DeviceBuffer<unsigned> last(1);
  last.zero(context.stream);
  constexpr int kRuns = 7;
  const auto samples = time_each(context.stream, kRuns, [&] {
    follow_chain<<<1, 1, 0, context.stream>>>(next.get(), hops, last.get());
    MICROBENCH_CHECK(cudaGetLastError());
  });
  unsigned expected = 0;
  const std::size_t all_hops = static_cast<std::size_t>(hops) * (kRuns + kWarmUpRepetitions);
  for (std::size_t hop = 0; hop < all_hops; ++hop) expected = cycle[expected];
  context.report.add("memory", name, "ns", per_unit(samples, 1e-3 * hops),
                     checked(last.values()[0] == expected),
                     std::to_string(bytes >> 20) + " MiB, one thread, random lines");
}

// ---- Adam
// ----------------------------------------------------------------------------------------

constexpr float kRate = 1e-3f, kBeta1 = 0.9f, kBeta2 = 0.999f, kEpsilon = 1e-8f;

__device__ void adam_element(float& w, float& m, float& v, float g, float rate, float scale2) {
  m = kBeta1 * m + (1.0f - kBeta1) * g;
  v = kBeta2 * v + (1.0f - kBeta2) * g * g;
  w -= rate * m / (sqrtf(v * scale2) + kEpsilon);
}

/// rate and scale2 carry the bias corrections of the step.
__global__ void adam_vectors(float4* w, float4* m, float4* v, const float4* g, int count,
                             float rate, float scale2) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float4 wi = w[i], mi = m[i], vi = v[i];
  const float4 gi = g[i];
  adam_element(wi.x, mi.x, vi.x, gi.x, rate, scale2);
  adam_element(wi.y, mi.y, vi.y, gi.y, rate, scale2);
  adam_element(wi.z, mi.z, vi.z, gi.z, rate, scale2);
  adam_element(wi.w, mi.w, vi.w, gi.w, rate, scale2);
  w[i] = wi;
  m[i] = mi;
  v[i] = vi;
}

float gradient_of(std::size_t i) { return static_cast<float>(i % 193) / 96.5f - 1.0f; }

/// After one step from zero, m = (1 - beta1) g, v = (1 - beta2) g^2 and w = -rate g / (|g| + eps).
bool first_step_correct(const std::vector<float>& w) {
  for (std::size_t i = 0; i < w.size(); i += 89) {
    const double g = gradient_of(i);
    if (std::abs(w[i] + kRate * g / (std::abs(g) + kEpsilon)) > 1e-5 * kRate) return false;
  }
  return true;
}

void measure_adam(Context& context, const std::string& name, std::size_t parameters, int steps) {
  std::vector<float> gradients(parameters);
  for (std::size_t i = 0; i < parameters; ++i) gradients[i] = gradient_of(i);
  const DeviceBuffer<float> g(gradients);
  DeviceBuffer<float> w(parameters), m(parameters), v(parameters);
  for (DeviceBuffer<float>* state : {&w, &m, &v}) state->zero(context.stream);
  const auto vectors = [](const DeviceBuffer<float>& b) {
    return reinterpret_cast<float4*>(b.get());
  };
  const auto step = [&] {
    const int count = static_cast<int>(parameters / 4);
    constexpr int kBlock = 256;
    adam_vectors<<<(count + kBlock - 1) / kBlock, kBlock, 0, context.stream>>>(
        vectors(w), vectors(m), vectors(v), vectors(g), count, kRate / (1.0f - kBeta1),
        1.0f / (1.0f - kBeta2));
    MICROBENCH_CHECK(cudaGetLastError());
  };
  step();
  const bool correct = first_step_correct(w.values());
  const Graph graph(context.stream, [&] {
    for (int i = 0; i < steps; ++i) step();
  });
  const std::vector<double> samples = per_unit(
      time_each(context.stream, kRepetitions, [&] { graph.launch(context.stream); }), steps);
  context.report.add("memory", "Adam, " + name, "us", samples, checked(correct),
                     std::to_string(steps) + " steps in a graph");
  context.report.add("memory", "Adam's traffic (28 B a parameter), " + name, "GB/s",
                     rate(samples, 28e-9 * static_cast<double>(parameters)), checked(correct));
}

}  // namespace

void measure_memory(Context& context) {
  const std::size_t l2 = context.card.l2_bytes;
  std::size_t free = 0, total = 0;
  MICROBENCH_CHECK(cudaMemGetInfo(&free, &total));
  const std::size_t large = std::min<std::size_t>(std::size_t{1} << 30, free / 8);
  measure_reads(context, "L2 reads, a quarter of it", l2 / 4, 50, "l2_bytes_per_second");
  measure_reads(context, "L2 reads, half of it", l2 / 2, 25, "l2_bytes_per_second");
  measure_reads(context, "device memory reads", large, 1, "read_bytes_per_second");
  measure_copy(context, large);
  measure_latency(context, "L2 latency", std::min<std::size_t>(l2 / 4, std::size_t{2} << 20));
  measure_latency(context, "device memory latency",
                  std::min({8 * l2, large, std::size_t{256} << 20}));
  constexpr std::size_t kMnistParameters = 652824;  // of mlp-400-20
  measure_adam(context, "652,824 parameters", kMnistParameters, 64);
  const std::size_t many = std::min<std::size_t>(std::size_t{1} << 26, free / 64);
  measure_adam(context, std::to_string(many) + " parameters", many / 4 * 4, 2);
}

}  // namespace vae::microbench
