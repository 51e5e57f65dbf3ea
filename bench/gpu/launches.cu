// SPDX-License-Identifier: MIT
//
// The time from one kernel to the next that needs its result: in a stream, in a graph, and in a
// graph with programmatic dependent launch (PDL), where a kernel's prologue runs beside its
// predecessor. The prologue copies 64 KB of weights to shared memory, which no predecessor writes.
#include <chrono>

#include "bench/gpu/harness.h"

namespace vae::microbench {
namespace {

constexpr int kThreads = 128;
constexpr int kLinks = 256;  // even: the last link then writes the first buffer
constexpr int kStagedBytes = 64 * 1024;
constexpr int kStagedVectors = kStagedBytes / sizeof(uint4);
constexpr int kRepetitions = 15;

struct Chain {
  unsigned* values[2];   // [blocks] each
  const uint4* weights;  // [blocks, kStagedVectors], every word 1
};

/// One link: each block adds one to what its neighbour wrote in the link before. The next link may
/// start its prologue only when this one has seen all of its predecessor, so that no more than two
/// links overlap, as in a training step.
template <bool kStaged, bool kDependent>
__global__ void chain_link(const unsigned* previous, unsigned* next, const uint4* weights) {
  extern __shared__ uint4 staged[];
  unsigned one = 1;
  if (kStaged) {
    const uint4* own = weights + static_cast<size_t>(blockIdx.x) * kStagedVectors;
    for (int i = threadIdx.x; i < kStagedVectors; i += kThreads) staged[i] = own[i];
    __syncthreads();
    one = staged[(blockIdx.x + threadIdx.x) % kStagedVectors].x;
  }
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  if (kDependent) {
    asm volatile("griddepcontrol.wait;" ::: "memory");
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  }
#endif
  if (threadIdx.x == 0) {
    next[blockIdx.x] = __ldcg(&previous[(blockIdx.x + 1) % gridDim.x]) + one;
  }
}

template <bool kStaged, bool kDependent>
void issue_chain(const Context& context, const Chain& chain, int links) {
  cudaLaunchAttribute attribute;
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(context.card.multiprocessors);
  config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = kStaged ? kStagedBytes : 0;
  config.stream = context.stream;
  config.attrs = &attribute;
  config.numAttrs = kDependent ? 1 : 0;
  for (int i = 0; i < links; ++i) {
    const unsigned* previous = chain.values[i % 2];
    MICROBENCH_CHECK(cudaLaunchKernelEx(&config, chain_link<kStaged, kDependent>, previous,
                                        chain.values[(i + 1) % 2], chain.weights));
  }
}

class ChainBench {
 public:
  explicit ChainBench(Context& context)
      : context_(context),
        blocks_(context.card.multiprocessors),
        first_(blocks_),
        second_(blocks_),
        weights_(std::vector<uint4>(static_cast<std::size_t>(blocks_) * kStagedVectors,
                                    make_uint4(1, 1, 1, 1))),
        chain_{{first_.get(), second_.get()}, weights_.get()} {}

  template <bool kStaged>
  void measure(const std::string& kernel) {
    const auto* plain = reinterpret_cast<const void*>(&chain_link<kStaged, false>);
    const auto* dependent = reinterpret_cast<const void*>(&chain_link<kStaged, true>);
    for (const void* function : {plain, dependent}) {
      MICROBENCH_CHECK(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                            kStaged ? kStagedBytes : 0));
    }
    const auto issue = [this] { issue_chain<kStaged, false>(context_, chain_, kLinks); };
    add("stream, " + kernel, issue);
    const Graph graph(context_.stream, issue);
    add("graph, " + kernel, [&] { graph.launch(context_.stream); });

    const std::string name = "graph + PDL, " + kernel;
    const std::string reason = missing_feature(context_.card, dependent, 90);
    if (!reason.empty()) return context_.report.skip("launch", name, reason);
    const Graph overlapped(context_.stream,
                           [this] { issue_chain<kStaged, true>(context_, chain_, kLinks); });
    add(name, [&] { overlapped.launch(context_.stream); });
  }

 private:
  void add(const std::string& name, const std::function<void()>& run_chain) {
    first_.zero(context_.stream);
    run_chain();
    const std::vector<unsigned> links = first_.values();
    bool correct = true;
    for (const unsigned value : links) correct = correct && value == kLinks;
    context_.report.add("launch", name, "us",
                        per_unit(time_each(context_.stream, kRepetitions, run_chain), kLinks),
                        checked(correct));
  }

  Context& context_;
  int blocks_;
  DeviceBuffer<unsigned> first_, second_;
  DeviceBuffer<uint4> weights_;
  Chain chain_;
};

/// Microseconds of host time that one call of `body` takes when the device has room for it.
std::vector<double> host_time(cudaStream_t stream, int calls, const std::function<void()>& body) {
  std::vector<double> microseconds;
  for (int i = -kWarmUpRepetitions; i < kRepetitions; ++i) {
    MICROBENCH_CHECK(cudaStreamSynchronize(stream));
    const auto begin = std::chrono::steady_clock::now();
    for (int call = 0; call < calls; ++call) body();
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
    if (i >= 0) microseconds.push_back(time.count() / calls);
  }
  MICROBENCH_CHECK(cudaStreamSynchronize(stream));
  return microseconds;
}

void measure_host_cost(Context& context) {
  DeviceBuffer<unsigned> values(context.card.multiprocessors), other(values.count());
  const Chain chain{{values.get(), other.get()}, nullptr};
  constexpr int kCalls = 64;
  const auto one = [&] { issue_chain<false, false>(context, chain, 1); };
  context.report.add("launch", "host time of a stream launch", "us",
                     host_time(context.stream, kCalls, one));
  for (const int nodes : {8, 536}) {
    const Graph graph(context.stream, [&] { issue_chain<false, false>(context, chain, nodes); });
    context.report.add("launch", "host time of a graph launch, " + std::to_string(nodes) + " nodes",
                       "us", host_time(context.stream, 4, [&] { graph.launch(context.stream); }));
  }
}

}  // namespace

void measure_launches(Context& context) {
  {
    ChainBench bench(context);
    bench.measure<false>("empty kernel");
    bench.measure<true>("kernel with 64 KB prologue");
  }
  measure_host_cost(context);
}

}  // namespace vae::microbench
