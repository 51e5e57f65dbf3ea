// SPDX-License-Identifier: MIT
//
// The host side of the CUDA backend: cards, architectures, copies, and what follows an error.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/architectures.h"
#include "tests/simt/runtime/runtime.h"
#include "tests/support/backend_test.h"
#include "vae/device.h"
#include "vae/error.h"
#include "vae/model.h"

namespace vae::test {
namespace {

/// The simulated card as a test wants it; as it was afterwards.
class CardTest : public ::testing::Test {
 protected:
  ~CardTest() override {
    simt::device_model() = before_;
    simt::reset_runtime();
  }
  static std::unique_ptr<Backend> open(Precision precision = Precision::automatic) {
    return open_card(0, precision);
  }
  static std::unique_ptr<Backend> open_card(int index, Precision precision = Precision::automatic) {
    Device device;
    device.kind = DeviceKind::cuda;
    device.index = index;
    device.precision = precision;
    return make_backend(device);
  }
  template <typename Action>
  static std::string failure(ErrorCode code, Action action) {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return {};
  }
  static void set_capability(int major, int minor) {
    simt::device_model().major = major;
    simt::device_model().minor = minor;
  }

  const simt::DeviceModel before_ = simt::device_model();
};

#define EXPECT_HOLDS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(CardTest, PrecisionFollowsTheCard) {
  EXPECT_HOLDS(open()->description(), ", tf32,");
  EXPECT_HOLDS(open(Precision::bf16)->description(), ", bf16,");
  set_capability(7, 5);
  EXPECT_HOLDS(open()->description(), ", fp32,");
  for (const Precision precision : {Precision::tf32, Precision::bf16}) {
    const std::string message = failure(ErrorCode::unavailable, [&] { open(precision); });
    EXPECT_HOLDS(message, "sm_80 or later");
    EXPECT_HOLDS(message, "sm_75");
  }
}

TEST_F(CardTest, TestsSkipAPrecisionThatTheCardLacksButNotTheCard) {
  ::setenv("VAE_REQUIRE_GPU", "1", 1);
  Device device;
  device.kind = DeviceKind::cuda;
  device.precision = Precision::bf16;
  using vae::testing::open_backend;
  EXPECT_NE(open_backend(device), nullptr);
  set_capability(7, 5);
  EXPECT_EQ(open_backend(device), nullptr);
  set_capability(7, 0);
  EXPECT_THROW(open_backend(device), Error);
}

TEST_F(CardTest, ACardThatIsTooOldOrNotThereSaysSo) {
  set_capability(7, 0);
  const DeviceInfo old = cuda_device(0);
  EXPECT_FALSE(old.usable);
  EXPECT_HOLDS(old.reason, "compute capability 7.0");
  EXPECT_HOLDS(failure(ErrorCode::unavailable, [] { open(); }), "7.5");
  EXPECT_HOLDS(cuda_device(3).reason, "the last one is cuda:0");
}

TEST_F(CardTest, AProgramWithoutCodeForTheCardSaysSo) {
  simt::device_model().kernel_image = false;
  const std::string message = failure(ErrorCode::unavailable, [] {
    const auto backend = open();
    void* const state = backend->allocate(sizeof(StepState));
    backend->issue(BeginStepArgs{static_cast<StepState*>(state), Schedule()});
  });
  EXPECT_HOLDS(message, "no code for this card");
  EXPECT_HOLDS(message, "CMAKE_CUDA_ARCHITECTURES");
}

TEST_F(CardTest, SmallCopiesArriveInOrderThoughNobodyWaits) {
  constexpr std::size_t kCopies = 200, kBytes = 52;  // more than there are staging slots
  const auto backend = open();
  auto* const memory = static_cast<std::byte*>(backend->allocate(kCopies * kBytes));
  std::vector<std::byte> expected(kCopies * kBytes);
  for (std::size_t i = 0; i < kCopies; ++i) {
    std::vector<std::byte> piece(kBytes, static_cast<std::byte>(i + 1));
    std::memcpy(expected.data() + i * kBytes, piece.data(), kBytes);
    backend->copy_to_device(memory + i * kBytes, piece.data(), kBytes);
    piece.assign(kBytes, std::byte{0});  // the caller's memory is its own again
  }
  std::vector<std::byte> found(kCopies * kBytes);
  backend->copy_to_host(found.data(), memory, found.size());
  EXPECT_EQ(found, expected);
  std::vector<std::byte> piece(kBytes);
  backend->copy_to_host(piece.data(), memory + 99 * kBytes, kBytes);
  EXPECT_EQ(piece, std::vector<std::byte>(kBytes, std::byte{100}));
  backend->deallocate(memory);
}

TEST_F(CardTest, MemoryThatIsFreeAtTheSecondAttemptIsTaken) {
  const auto backend = open();
  simt::fail_allocation(1);
  void* const memory = backend->allocate(1000);
  EXPECT_NE(memory, nullptr);
  backend->deallocate(memory);
}

TEST_F(CardTest, AfterAStickyErrorNothingIsCalledAnyMore) {
  std::unique_ptr<Recording> recording;
  auto backend = open();
  auto* const state = static_cast<StepState*>(backend->allocate(sizeof(StepState)));
  backend->fill_zero(state, sizeof *state);
  recording = backend->record([&] { backend->issue(BeginStepArgs{state, Schedule()}); });
  simt::fail_launch(1, cudaErrorIllegalAddress);
  const std::string message = failure(ErrorCode::device, [&] {
    recording->replay();
    backend->synchronize();
  });
  EXPECT_HOLDS(message, "begin_step");
  EXPECT_HOLDS(message, "VAE_CUDA_SYNC=1");
  const char* const destroying[] = {"cudaFree", "cudaFreeHost", "cudaStreamDestroy",
                                    "cudaGraphExecDestroy"};
  std::vector<int64_t> calls;
  for (const char* name : destroying) calls.push_back(simt::calls_of(name));
  backend->deallocate(state);
  recording.reset();
  backend.reset();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(simt::calls_of(destroying[i]), calls[i]) << destroying[i];
  }
}

TEST_F(CardTest, SynchronousKernelsNameTheOneThatFailedAlsoWhenRecorded) {
  ::setenv("VAE_CUDA_SYNC", "1", 1);
  const auto backend = open();
  ::unsetenv("VAE_CUDA_SYNC");
  auto* const state = static_cast<StepState*>(backend->allocate(sizeof(StepState)));
  auto* const z = static_cast<float*>(backend->allocate(64));
  backend->fill_zero(state, sizeof *state);
  const auto recording = backend->record([&] {
    backend->issue(BeginStepArgs{state, Schedule()});
    backend->issue(PriorSampleArgs{View(z, {4, 4}), {1, Stream::prior, state, 0}});
    backend->issue(BeginStepArgs{state, Schedule()});
  });
  simt::fail_launch(2, cudaErrorIllegalAddress);
  const std::string message = failure(ErrorCode::device, [&] { recording->replay(); });
  EXPECT_HOLDS(message, "last kernels launched: begin_step, prior_sample; this process");
}

/// The choice of a device where the card at `--device auto` or `cuda` does not admit this process.
DeviceChoice choice_of(DeviceKind kind) {
  Device device;
  device.kind = kind;
  return choose_device(device);
}

TEST_F(CardTest, ABusyCardIsPassedOverByAutoAndNamedByItsCode) {
  simt::device_model().refusing = 1;
  const std::string code = "cudaErrorDevicesUnavailable (46, ";
  const DeviceChoice choice = choice_of(DeviceKind::automatic);
  EXPECT_EQ(choice.name, "cpu");
  const std::string message = failure(ErrorCode::unavailable, [] { choice_of(DeviceKind::cuda); });
  for (const std::string& text : {choice.reason, message}) {
    EXPECT_HOLDS(text, "cuda:0");
    EXPECT_HOLDS(text, code);
    EXPECT_HOLDS(text, "`nvidia-smi` lists the processes");
    EXPECT_EQ(text.find('\n'), std::string::npos);
  }
  EXPECT_HOLDS(message, "choose --device cpu or --device auto");
  EXPECT_HOLDS(failure(ErrorCode::unavailable, [] { open(); }), code);
  Device best;
  EXPECT_EQ(Model(ModelConfig{}, best).device_name(), "cpu");
  simt::device_model().refusing = 0;  // it is left
  EXPECT_EQ(choice_of(DeviceKind::automatic).name, "cuda:0");
}

TEST_F(CardTest, TheReasonNamesTheComputeModeAndItsRemedy) {
  simt::device_model().refusing = 1;
  simt::device_model().compute_mode = cudaComputeModeExclusiveProcess;
  EXPECT_HOLDS(choice_of(DeviceKind::automatic).reason, "Exclusive_Process and another process");
  EXPECT_TRUE(cuda_devices().front().usable) << "nobody asked the card yet";
  simt::device_model().compute_mode = cudaComputeModeProhibited;
  const DeviceInfo listed = cuda_devices().front();
  EXPECT_FALSE(listed.usable) << "known without asking";
  for (const std::string& text : {listed.reason, choice_of(DeviceKind::automatic).reason}) {
    EXPECT_HOLDS(text, "cudaErrorDevicesUnavailable (46, ");
    EXPECT_HOLDS(text, "Prohibited");
    EXPECT_HOLDS(text, "nvidia-smi -i 0 -c DEFAULT");
  }
}

TEST_F(CardTest, OtherReasonsNotToBeAdmittedSayWhatToDo) {
  simt::device_model().refusing = 1;
  const std::vector<std::pair<cudaError_t, std::string>> refusals = {
      {cudaErrorMemoryAllocation, "other programs take all of its memory"},
      {cudaErrorSystemNotReady, "nvidia-fabricmanager"},
      {static_cast<cudaError_t>(805), "nvidia-cuda-mps-control"},
      {cudaErrorUnknown, "cudaErrorUnknown (999, "},
  };
  for (const auto& [error, advice] : refusals) {
    simt::device_model().refusal = error;
    const DeviceChoice choice = choice_of(DeviceKind::automatic);
    EXPECT_EQ(choice.name, "cpu");
    EXPECT_HOLDS(choice.reason, advice);
    EXPECT_HOLDS(choice.reason, "(" + std::to_string(error) + ", ");
  }
}

TEST_F(CardTest, AutoTakesTheFirstCardThatIsNotBusy) {
  simt::device_model().count = 3;
  simt::device_model().refusing = 1;
  const DeviceChoice choice = choice_of(DeviceKind::automatic);
  EXPECT_EQ(choice.name, "cuda:1");
  EXPECT_EQ(make_backend(choice.device)->name(), "cuda-sim");
}

// A thread's current card is the first one until it says otherwise.
TEST_F(CardTest, TwoCardsTakeTurnsAlsoInAnotherThread) {
  simt::device_model().count = 2;
  struct OnCard {
    explicit OnCard(int index) : backend(open_card(index)) {
      state = static_cast<StepState*>(backend->allocate(sizeof *state));
      backend->fill_zero(state, sizeof *state);
      recording = backend->record([this] { backend->issue(BeginStepArgs{state, Schedule()}); });
    }
    ~OnCard() { backend->deallocate(state); }
    uint32_t steps() const {
      StepState now;
      backend->copy_to_host(&now, state, sizeof now);
      return now.step;
    }
    std::unique_ptr<Backend> backend;
    StepState* state;
    std::unique_ptr<Recording> recording;
  };
  OnCard first(0), second(1);
  EXPECT_EQ(simt::device_of(first.state), 0);
  EXPECT_EQ(simt::device_of(second.state), 1);
  for (OnCard* card : {&first, &second, &first}) card->recording->replay();
  first.backend->issue(BeginStepArgs{first.state, Schedule()});
  std::thread([&] {
    second.recording->replay();
    second.backend->issue(BeginStepArgs{second.state, Schedule()});
    EXPECT_EQ(second.steps(), 3u);
  }).join();
  EXPECT_EQ(first.steps(), 3u);
}

TEST_F(CardTest, ProductsOfTheLibraryAreAmongTheLastKernels) {
  ::setenv("VAE_GEMM", "library", 1);
  const auto backend = open(Precision::tf32);
  ::unsetenv("VAE_GEMM");
  auto* const state = static_cast<StepState*>(backend->allocate(sizeof(StepState)));
  auto* const memory = static_cast<float*>(backend->allocate(4 * 64 * sizeof(float)));
  backend->fill_zero(memory, 4 * 64 * sizeof(float));
  GemmArgs args;
  args.c = {memory, {8, 8}};
  args.a = {memory + 64, {8, 8}};
  args.b = {memory + 128, {8, 8}};
  backend->issue(args);
  backend->synchronize();
  simt::fail_launch(1, cudaErrorIllegalAddress);
  const std::string message = failure(ErrorCode::device, [&] {
    backend->issue(PriorSampleArgs{View(memory + 192, {4, 4}), {1, Stream::prior, state, 0}});
    backend->synchronize();
  });
  EXPECT_HOLDS(message, "last kernels launched: gemm by cuBLASLt, prior_sample");
}

// Two trainings on one card, each in its thread: cuBLASLt answers the second one's question only
// after the first one's capture.
TEST_F(CardTest, QuestionsToTheLibraryWaitForTheCapturesOfOtherThreads) {
  ::setenv("VAE_GEMM", "library", 1);
  const auto capturing = open(Precision::tf32), asking = open(Precision::tf32);
  ::unsetenv("VAE_GEMM");
  auto* const state = static_cast<StepState*>(capturing->allocate(sizeof(StepState)));
  auto* const memory = static_cast<float*>(asking->allocate(3 * 64 * sizeof(float)));
  asking->fill_zero(memory, 3 * 64 * sizeof(float));
  const GemmArgs args{{memory, {8, 8}}, {memory + 64, {8, 8}}, {memory + 128, {8, 8}}};
  std::string error;
  std::thread other;
  const auto recording = capturing->record([&] {
    capturing->issue(BeginStepArgs{state, Schedule()});
    other = std::thread([&] {
      try {
        asking->issue(args);
      } catch (const Error& thrown) {
        error = thrown.what();
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // time to ask too early
  });
  other.join();
  EXPECT_EQ(error, "");
  asking->synchronize();
  asking->deallocate(memory);
  capturing->deallocate(state);
}

TEST(ArchitecturesTest, MachineCodeRunsOnItsMajorVersionAndPtxOnLaterCards) {
  const auto list = cuda::parse_architectures("75-real;80-real,90");
  EXPECT_EQ(cuda::to_text(list), "sm_75 sm_80 sm_90 PTX_90");
  for (const int capability : {75, 80, 86, 89, 90, 100, 120}) {
    EXPECT_TRUE(cuda::runs_on(list, capability)) << capability;
  }
  EXPECT_FALSE(cuda::runs_on(list, 70));
  EXPECT_FALSE(cuda::runs_on(cuda::parse_architectures("86-real"), 80));
  EXPECT_FALSE(cuda::runs_on(cuda::parse_architectures("80-real"), 90));
  EXPECT_TRUE(cuda::runs_on(cuda::parse_architectures("80-virtual"), 90));
  EXPECT_FALSE(cuda::runs_on(cuda::parse_architectures("90a"), 100));
  EXPECT_TRUE(cuda::runs_on(cuda::parse_architectures("90a"), 90));
  EXPECT_TRUE(cuda::parse_architectures("native").empty());
  EXPECT_TRUE(cuda::parse_architectures("").empty());
}

}  // namespace
}  // namespace vae::test
