// SPDX-License-Identifier: MIT
//
// Barriers across the whole grid: cooperative groups' grid.sync() against two written by hand.
#include <cooperative_groups.h>

#include "bench/gpu/harness.h"

namespace vae::microbench {
namespace {

constexpr int kThreads = 256;
constexpr int kFewRounds = 200, kManyRounds = 1200;
constexpr int kRepetitions = 11;

enum class Barrier { grid_sync, counter, flags };

__device__ void add_release(unsigned* address) {
  asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(address) : "memory");
}
__device__ void store_release(unsigned* address, unsigned value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
}
__device__ unsigned load_acquire(const unsigned* address) {
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
  return value;
}

/// Waits for *address >= target. A cooperative launch has all blocks resident, so the limit, about
/// a second, is reached only by a defect; then the caller's result is wrong instead of late.
__device__ void wait_for(const unsigned* address, unsigned target) {
  for (unsigned spins = 0; load_acquire(address) < target && spins < (1u << 21); ++spins) {
  }
}

/// Nothing is reset between rounds or launches: `round` only grows, from 1.
template <Barrier kBarrier>
__device__ void grid_barrier(unsigned* arrivals, unsigned round) {
  if (kBarrier == Barrier::grid_sync) {
    cooperative_groups::this_grid().sync();
    return;
  }
  __syncthreads();
  if (kBarrier == Barrier::counter) {
    if (threadIdx.x == 0) {
      add_release(arrivals);
      wait_for(arrivals, round * gridDim.x);
    }
  } else {
    if (threadIdx.x == 0) store_release(&arrivals[blockIdx.x], round);
    for (unsigned i = threadIdx.x; i < gridDim.x; i += kThreads) wait_for(&arrivals[i], round);
  }
  __syncthreads();
}

/// With kExchange each round also hands a word from every block to its neighbour; the slots
/// alternate, so that a slow reader is not overtaken. A block's result is the number of rounds if
/// all words were right.
template <Barrier kBarrier, bool kExchange>
__global__ void __launch_bounds__(kThreads)
    barrier_rounds(unsigned* arrivals, unsigned* slots, unsigned* results, unsigned rounds) {
  const unsigned next = (blockIdx.x + 1) % gridDim.x;
  unsigned right = 0;
  for (unsigned round = 1; round <= rounds; ++round) {
    unsigned* slot = slots + (round % 2) * gridDim.x;
    if (kExchange && threadIdx.x == 0) slot[blockIdx.x] = round;
    grid_barrier<kBarrier>(arrivals, round);
    if (kExchange && threadIdx.x == 0 && __ldcg(&slot[next]) == round) ++right;
  }
  if (kExchange && threadIdx.x == 0) results[blockIdx.x] = right;
}

class BarrierBench {
 public:
  explicit BarrierBench(Context& context)
      : context_(context),
        arrivals_(context.card.multiprocessors),
        slots_(2 * arrivals_.count()),
        results_(arrivals_.count()) {}

  template <Barrier kBarrier>
  void measure(const std::string& barrier, int blocks) {
    const std::string name = barrier + ", " + std::to_string(blocks) + " CTAs";
    context_.report.add("barrier", name, "us", per_round<kBarrier, false>(blocks));
    results_.zero(context_.stream);
    const std::vector<double> samples = per_round<kBarrier, true>(blocks);
    bool correct = true;
    for (const unsigned rounds : results_.values(blocks)) {
      correct = correct && rounds == kManyRounds;
    }
    context_.report.add("barrier", name + ", with a word exchanged", "us", samples,
                        checked(correct));
  }

 private:
  /// Difference of a long and a short launch, so that the launch itself drops out.
  template <Barrier kBarrier, bool kExchange>
  std::vector<double> per_round(int blocks) {
    const auto run = [&](unsigned rounds) {
      return time_each(context_.stream, kRepetitions, [&, rounds] {
        arrivals_.zero(context_.stream);
        launch<kBarrier, kExchange>(blocks, rounds);
      });
    };
    const std::vector<double> few = run(kFewRounds);
    std::vector<double> samples = run(kManyRounds);
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] -= few[i];
    return per_unit(samples, kManyRounds - kFewRounds);
  }

  template <Barrier kBarrier, bool kExchange>
  void launch(int blocks, unsigned rounds) {
    unsigned *arrivals = arrivals_.get(), *slots = slots_.get(), *results = results_.get();
    void* arguments[] = {&arrivals, &slots, &results, &rounds};
    const auto* kernel = reinterpret_cast<const void*>(&barrier_rounds<kBarrier, kExchange>);
    MICROBENCH_CHECK(cudaLaunchCooperativeKernel(kernel, dim3(blocks), dim3(kThreads), arguments, 0,
                                                 context_.stream));
  }

  Context& context_;
  DeviceBuffer<unsigned> arrivals_, slots_, results_;
};

}  // namespace

void measure_barriers(Context& context) {
  if (!context.card.cooperative) {
    return context.report.skip("barrier", "grid barriers", "no cooperative launch on this card");
  }
  BarrierBench bench(context);
  const int all = context.card.multiprocessors;
  for (const int blocks : {all / 2, all * 10 / 11, all}) {  // 66, 120, 132 on an H100
    bench.measure<Barrier::grid_sync>("grid.sync()", blocks);
    bench.measure<Barrier::counter>("one counter", blocks);
    bench.measure<Barrier::flags>("a flag per CTA", blocks);
  }
}

}  // namespace vae::microbench
