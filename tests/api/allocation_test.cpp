// SPDX-License-Identifier: MIT
//
// Counts every operator new of the process, the matrix library's among them.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/support/tiny_run.h"
#include "vae/trainer.h"

namespace {

std::atomic<int64_t> allocations{0};

}  // namespace

// The address sanitizer brings its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define VAE_COUNTS_ALLOCATIONS

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto align = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
#endif

namespace vae {
namespace {

TEST(AllocationTest, NoStepAfterTheFirstOfItsKindAllocates) {
#ifndef VAE_COUNTS_ALLOCATIONS
  GTEST_SKIP() << "this build has the sanitizer's allocator";
#endif
  Config config = test::tiny_config(3);
  config.training.batch_size = 8;  // five full batches and a short one
  TrainOptions options;
  options.device = Device::cpu(2);
  int64_t before = 0;
  std::vector<int64_t> of_step;
  of_step.reserve(100);
  options.on_step = [&](const Progress&) {
    of_step.push_back(allocations - before);
    before = allocations;
    return Command::proceed;
  };
  Trainer(config, test::tiny_data(), options).run();
  ASSERT_EQ(of_step.size(), 18u);
  EXPECT_GT(of_step[0], 0) << "the counter does not count";
  for (std::size_t step = 1; step < of_step.size(); ++step) {
    // The sixth is the first short batch; the seventh and thirteenth follow an evaluation.
    if (step == 5 || step % 6 == 0) continue;
    EXPECT_EQ(of_step[step], 0) << "step " << step + 1;
  }
}

}  // namespace
}  // namespace vae
