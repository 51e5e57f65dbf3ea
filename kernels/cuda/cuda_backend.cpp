// SPDX-License-Identifier: MIT
#include "kernels/cuda/cuda_backend.h"

#include <algorithm>

#include "kernels/check.h"
#include "kernels/cuda/make_cuda_backend.h"
#include "kernels/cuda/recording.h"
#include "kernels/mebibytes.h"
#include "kernels/rules/sums.h"

namespace vae::cuda {

namespace {

constexpr int kFirstWithTensorFloats = 80;  // sm_80: tf32 and bf16 products

Precision resolve(Precision wanted, const Card& card) {
  const bool has_tensor_floats = card.capability >= kFirstWithTensorFloats;
  if (wanted == Precision::automatic) {
    return has_tensor_floats ? Precision::tf32 : Precision::fp32;
  }
  if (wanted != Precision::fp32 && !has_tensor_floats) {
    fail(ErrorCode::unavailable, "precision ", to_string(wanted),
         " needs a card of sm_80 or later; ", card.name, " is sm_", card.capability,
         "; choose fp32 or auto");
  }
  return wanted;
}

}  // namespace

CudaBackend::CudaBackend(const Device& device, TuningStore* tuning)
    : card_(find_card(device.index)),
      precision_(resolve(device.precision, card_)),
      stream_(device.index),
      staging_(stream_) {
  workspace_.capacity = card_.multiprocessors * Workspace::kFloatsOfMultiprocessor;
  const std::size_t float_bytes = static_cast<std::size_t>(workspace_.capacity) * sizeof(float);
  constexpr std::size_t kTicketBytes = Workspace::kTickets * sizeof(uint32_t);
  workspace_floats_ = UniqueMemory(allocate(float_bytes));
  workspace_tickets_ = UniqueMemory(allocate(kTicketBytes));
  workspace_.floats = static_cast<float*>(workspace_floats_.get());
  workspace_.tickets = static_cast<uint32_t*>(workspace_tickets_.get());
  fill_zero(workspace_.tickets, kTicketBytes);
  const GemmDispatch::Setup setup{gemm_mode_from_environment(),
                                  precision_,
                                  card_.capability,
                                  card_.name,
                                  tuning,
                                  [this](const char* product) { stream_.remember(product); }};
  gemms_.emplace(setup, stream_.get(), workspace_.floats, float_bytes);
}

CudaBackend::~CudaBackend() {
  if (!stream_.is_broken()) return;
  if (gemms_) gemms_->abandon();
  workspace_floats_.release();
  workspace_tickets_.release();
}

LongSumSpace CudaBackend::long_sum_space(std::string_view operation, int64_t count,
                                         int64_t threads) const {
  const int64_t range = threads / 32 * kSumBlock, most = workspace_.capacity / 2;
  const int64_t blocks = std::max<int64_t>(1, (count + range - 1) / range);
  VAE_CHECK(blocks <= most, operation, ": ", count, " parameters are more than the ", most * range,
            " that its workspace is made for");
  return {static_cast<unsigned>(blocks), reinterpret_cast<double*>(workspace_.floats)};
}

void CudaBackend::make_current() { stream_.make_current(); }

void* CudaBackend::allocate(std::size_t bytes) {
  make_current();
  void* memory = nullptr;
  cudaError_t status = cudaSuccess;
  for (int attempt = 0; attempt < 2; ++attempt) {  // another program may have left in between
    status = cudaMalloc(&memory, std::max<std::size_t>(bytes, 1));
    if (status != cudaErrorMemoryAllocation) break;
    static_cast<void>(cudaGetLastError());  // not sticky: the card can still be used
  }
  if (status == cudaErrorMemoryAllocation) {
    std::size_t free = 0, total = 0;
    static_cast<void>(cudaMemGetInfo(&free, &total));
    fail(ErrorCode::out_of_memory, name(), ": ", mebibytes(bytes), " more are needed, ",
         mebibytes(free), " of ", mebibytes(total),
         " are free; other programs on the card may hold some");
  }
  stream_.check(status, "cudaMalloc(&memory, bytes)");
  return memory;
}

void CudaBackend::deallocate(void* memory) noexcept {
  if (memory != nullptr && !stream_.is_broken()) static_cast<void>(cudaFree(memory));
}

void CudaBackend::copy_to_device(void* device, const void* host, std::size_t bytes) {
  if (bytes == 0) return;
  make_current();
  if (bytes <= Staging::kLargest) {
    staging_.to_device(device, host, bytes);
    return;
  }
  stream_.check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_.get()),
                "cudaMemcpyAsync(to device)");
  stream_.synchronize();  // the caller may reuse its memory at once
}

void CudaBackend::copy_to_host(void* host, const void* device, std::size_t bytes) {
  if (bytes == 0) return;
  make_current();
  if (bytes <= Staging::kLargest) {
    staging_.to_host(host, device, bytes);
    return;
  }
  stream_.check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_.get()),
                "cudaMemcpyAsync(to host)");
  stream_.synchronize();
}

void CudaBackend::fill_zero(void* device, std::size_t bytes) {
  if (bytes == 0) return;
  make_current();
  stream_.check(cudaMemsetAsync(device, 0, bytes, stream_.get()), "cudaMemsetAsync(device, 0)");
}

void CudaBackend::synchronize() { stream_.synchronize(); }

std::unique_ptr<Recording> CudaBackend::record(std::function<void()> body) {
  make_current();
  return gemms_->capture_tuned([&] { return record_graph(stream_, body); });
}

std::string CudaBackend::name() const {
#ifdef VAE_SIMT
  return "cuda-sim";
#else
  return concat("cuda:", stream_.device());
#endif
}

std::string CudaBackend::description() const {
  const CudaInfo info = cuda_info();
  return concat(to_text(card_), ", ", to_string(precision_), ", CUDA ", info.runtime,
                ", driver for CUDA ", info.driver);
}

}  // namespace vae::cuda

namespace vae {

std::unique_ptr<Backend> make_cuda_backend(const Device& device, TuningStore* tuning) {
  const DeviceInfo card = cuda_device(device.index);
  if (!card.usable) fail(ErrorCode::unavailable, "device ", card.name, ": ", card.reason);
  return std::make_unique<cuda::CudaBackend>(device, tuning);
}

}  // namespace vae
