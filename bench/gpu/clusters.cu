// SPDX-License-Identifier: MIT
//
// Thread block clusters (sm_90 and later): how many fit, their barrier, and a sum over the blocks'
// shared memories (DSMEM) as in a split-K product of [128, 98].
#include <cooperative_groups.h>

#include "bench/gpu/harness.h"

namespace vae::microbench {
namespace {

constexpr int kThreads = 256;
constexpr int kFewRounds = 200, kManyRounds = 1200;
constexpr int kRepetitions = 11;
constexpr int kTile = 128 * 98;  // floats of one block's partial sums
constexpr int kTileVectors = kTile / 4;
constexpr int kTileBytes = kTile * static_cast<int>(sizeof(float));

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define MICROBENCH_CLUSTERS 1
#endif

enum class Barrier { cooperative_groups, aligned };

/// cluster.sync(), or its two instructions alone for warps that have not diverged.
template <Barrier kBarrier>
__device__ void cluster_barrier() {
#ifdef MICROBENCH_CLUSTERS
  if (kBarrier == Barrier::cooperative_groups) {
    cooperative_groups::this_cluster().sync();
  } else {
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
  }
#endif
}

/// With kExchange each round also reads a word of the next block's shared memory. A block's result
/// is the number of rounds if all words were right.
template <Barrier kBarrier, bool kExchange>
__global__ void __launch_bounds__(kThreads) cluster_rounds(unsigned* results, unsigned rounds) {
#ifdef MICROBENCH_CLUSTERS
  const auto cluster = cooperative_groups::this_cluster();
  __shared__ unsigned slots[2];
  const unsigned next = (cluster.block_rank() + 1) % cluster.num_blocks();
  const unsigned* remote = cluster.map_shared_rank(slots, next);
  unsigned right = 0;
  for (unsigned round = 1; round <= rounds; ++round) {
    if (kExchange && threadIdx.x == 0) slots[round % 2] = round;
    cluster_barrier<kBarrier>();
    if (kExchange && threadIdx.x == 0 && remote[round % 2] == round) ++right;
  }
  if (kExchange && threadIdx.x == 0) results[blockIdx.x] = right;
  cluster_barrier<kBarrier>();  // no block may leave while its shared memory is read
#endif
}

__host__ __device__ inline float partial_sum(int rank, int element) {
  return static_cast<float>((element * 7 + rank * 13) % 101);  // sums of these are exact
}

/// Each block sums its share of the tile over the cluster, rank 0 first, and writes it out.
__global__ void __launch_bounds__(kThreads) sum_tiles(float4* sums, unsigned rounds) {
#ifdef MICROBENCH_CLUSTERS
  extern __shared__ float4 tile[];  // [kTileVectors]
  const auto cluster = cooperative_groups::this_cluster();
  const int size = static_cast<int>(cluster.num_blocks());
  const int rank = static_cast<int>(cluster.block_rank());
  for (int i = threadIdx.x; i < kTile; i += kThreads) {
    reinterpret_cast<float*>(tile)[i] = partial_sum(rank, i);
  }
  float4* out = sums + static_cast<size_t>(blockIdx.x / size) * kTileVectors;
  const int share = kTileVectors / size;
  for (unsigned round = 0; round < rounds; ++round) {
    cluster_barrier<Barrier::aligned>();
    for (int i = rank * share + threadIdx.x; i < (rank + 1) * share; i += kThreads) {
      float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
      for (int peer = 0; peer < size; ++peer) {
        const float4 part = cluster.map_shared_rank(tile, peer)[i];
        sum.x += part.x;
        sum.y += part.y;
        sum.z += part.z;
        sum.w += part.w;
      }
      out[i] = sum;
    }
    cluster_barrier<Barrier::aligned>();
  }
#endif
}

class ClusterBench {
 public:
  explicit ClusterBench(Context& context) : context_(context) {}

  void measure_occupancy(int size);
  template <Barrier kBarrier>
  void measure_sync(const std::string& barrier, int size);
  void measure_sum(int size, bool whole_card);

 private:
  cudaLaunchConfig_t config(int size, int clusters, int shared_bytes) {
    attribute_.id = cudaLaunchAttributeClusterDimension;
    attribute_.val.clusterDim.x = size;
    attribute_.val.clusterDim.y = attribute_.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(size * clusters);
    config.blockDim = dim3(kThreads);
    config.dynamicSmemBytes = shared_bytes;
    config.stream = context_.stream;
    config.attrs = &attribute_;
    config.numAttrs = 1;
    return config;
  }

  /// Clusters of this size that run at once; 0 where the card has none so large.
  int active(const void* kernel, int size, int shared_bytes) {
    MICROBENCH_CHECK(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes));
    MICROBENCH_CHECK(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
    cudaLaunchConfig_t wanted = config(size, 1, shared_bytes);
    int clusters = 0;
    if (cudaOccupancyMaxActiveClusters(&clusters, kernel, &wanted) != cudaSuccess) {
      cudaGetLastError();  // the size is refused; not an error of this program
      return 0;
    }
    return clusters;
  }

  std::string reason(const void* kernel, int size, int shared_bytes) {
    const std::string missing = missing_feature(context_.card, kernel, 90);
    if (!missing.empty()) return missing;
    if (active(kernel, size, shared_bytes) > 0) return {};
    return "no cluster of " + std::to_string(size) + " fits on sm_" +
           std::to_string(context_.card.arch());
  }

  /// Difference of a long and a short launch.
  std::vector<double> per_round(const std::function<void(unsigned)>& launch) {
    const auto run = [&](unsigned rounds) {
      return time_each(context_.stream, kRepetitions, [&, rounds] { launch(rounds); });
    };
    const std::vector<double> few = run(kFewRounds);
    std::vector<double> samples = run(kManyRounds);
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] -= few[i];
    return per_unit(samples, kManyRounds - kFewRounds);
  }

  template <Barrier kBarrier, bool kExchange>
  std::vector<double> time_sync(int size, DeviceBuffer<unsigned>& results) {
    const cudaLaunchConfig_t launch = config(size, 1, 0);
    return per_round([&](unsigned rounds) {
      MICROBENCH_CHECK(
          cudaLaunchKernelEx(&launch, cluster_rounds<kBarrier, kExchange>, results.get(), rounds));
    });
  }

  Context& context_;
  cudaLaunchAttribute attribute_ = {};
};

/// With all the shared memory a block can have, so that each block has a multiprocessor to itself.
void ClusterBench::measure_occupancy(int size) {
  const auto* kernel = reinterpret_cast<const void*>(&sum_tiles);
  const std::string name = "clusters of " + std::to_string(size) + " at once, 1 CTA per SM";
  const int shared_bytes = static_cast<int>(context_.card.shared_bytes);
  const std::string missing = reason(kernel, size, shared_bytes);
  if (!missing.empty()) return context_.report.skip("cluster", name, missing);
  context_.report.add("cluster", name, "clusters",
                      {static_cast<double>(active(kernel, size, shared_bytes))});
}

template <Barrier kBarrier>
void ClusterBench::measure_sync(const std::string& barrier, int size) {
  const std::string name = barrier + ", " + std::to_string(size) + " CTAs";
  for (const void* kernel : {reinterpret_cast<const void*>(&cluster_rounds<kBarrier, false>),
                             reinterpret_cast<const void*>(&cluster_rounds<kBarrier, true>)}) {
    const std::string missing = reason(kernel, size, 0);
    if (!missing.empty()) return context_.report.skip("cluster", name, missing);
  }
  DeviceBuffer<unsigned> results(size);
  results.zero(context_.stream);
  context_.report.add("cluster", name, "us", time_sync<kBarrier, false>(size, results));
  const std::vector<double> samples = time_sync<kBarrier, true>(size, results);
  bool correct = true;
  for (const unsigned rounds : results.values()) correct = correct && rounds == kManyRounds;
  context_.report.add("cluster", name + ", with a word exchanged", "us", samples, checked(correct));
}

void ClusterBench::measure_sum(int size, bool whole_card) {
  const auto* kernel = reinterpret_cast<const void*>(&sum_tiles);
  const std::string name = "DSMEM sum of 128x98 fp32, " + std::to_string(size) + " CTAs" +
                           (whole_card ? ", all clusters at once" : "");
  const std::string missing = reason(kernel, size, kTileBytes);
  if (!missing.empty()) return context_.report.skip("cluster", name, missing);
  const int clusters = whole_card ? active(kernel, size, kTileBytes) : 1;
  DeviceBuffer<float4> sums(static_cast<std::size_t>(clusters) * kTileVectors);
  sums.zero(context_.stream);
  const cudaLaunchConfig_t launch = config(size, clusters, kTileBytes);
  const std::vector<double> samples = per_round([&](unsigned rounds) {
    MICROBENCH_CHECK(cudaLaunchKernelEx(&launch, sum_tiles, sums.get(), rounds));
  });
  const std::vector<float4> found = sums.values();
  bool correct = true;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const float lanes[] = {found[i].x, found[i].y, found[i].z, found[i].w};
    for (int lane = 0; lane < 4; ++lane) {
      float expected = 0.0f;
      const int element = static_cast<int>(i % kTileVectors) * 4 + lane;
      for (int rank = 0; rank < size; ++rank) expected += partial_sum(rank, element);
      correct = correct && lanes[lane] == expected;
    }
  }
  context_.report.add("cluster", name, "us", samples, checked(correct),
                      "two cluster barriers included, " + std::to_string(clusters) +
                          (clusters == 1 ? " cluster" : " clusters"));
}

}  // namespace

void measure_clusters(Context& context) {
  ClusterBench bench(context);
  for (const int size : {8, 16}) bench.measure_occupancy(size);
  for (const int size : {2, 4, 8, 16}) {
    bench.measure_sync<Barrier::cooperative_groups>("cluster.sync()", size);
    bench.measure_sync<Barrier::aligned>("barrier.cluster, aligned", size);
  }
  for (const int size : {4, 8, 16}) bench.measure_sum(size, false);
  for (const int size : {4, 8, 16}) bench.measure_sum(size, true);
}

}  // namespace vae::microbench
