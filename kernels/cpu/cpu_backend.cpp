// SPDX-License-Identifier: MIT
#include "kernels/cpu/cpu_backend.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <utility>

#include "kernels/check.h"
#include "kernels/cpu/memory.h"
#include "kernels/mebibytes.h"

namespace vae::cpu {

namespace {

constexpr std::size_t kAlignment = 64;  // a cache line and an AVX-512 register
// Ten megabytes of parameters and moments are passed over in every step; in pages of 4 KiB they
// overflow the TLB of most processors.
constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Replays by calling the closure again.
class Closure final : public Recording {
 public:
  explicit Closure(std::function<void()> body) : body_(std::move(body)) {}
  void replay() override { body_(); }

 private:
  std::function<void()> body_;
};

/// Linux hands out more memory than there is and kills whoever uses it: a demand that cannot be met
/// is refused here, while a message is still possible.
void require_memory(std::size_t bytes) {
  constexpr std::size_t kSmall = std::size_t{16} << 20;  // not worth asking the system
  if (bytes < kSmall) return;
  const std::size_t available = available_memory();
  if (bytes <= available) return;
  fail(ErrorCode::out_of_memory, "cpu: ", mebibytes(bytes), " more are needed, ",
       mebibytes(available), " are available; other programs may hold some");
}

std::string processor_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.starts_with("model name")) {
      const std::size_t colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  }
  return "unknown processor";
}

}  // namespace

CpuBackend::CpuBackend(int threads, std::string_view isa)
    : ops_(vector_ops(isa)),
      pool_(threads > 0 ? threads : available_threads()),
      products_(pool_, ops_),
      convolutions_(pool_, ops_) {}

void* CpuBackend::allocate(std::size_t bytes) {
  const std::size_t alignment = bytes < kHugePage ? kAlignment : kHugePage;
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment;
  require_memory(bytes);
  void* memory = std::aligned_alloc(alignment, rounded * alignment);
  if (memory == nullptr) {
    fail(ErrorCode::out_of_memory, "cpu: the system refuses ", mebibytes(bytes), " more");
  }
  if (alignment == kHugePage) madvise(memory, rounded * alignment, MADV_HUGEPAGE);  // a hint
  return memory;
}

void CpuBackend::deallocate(void* memory) noexcept { std::free(memory); }

void CpuBackend::copy_to_device(void* device, const void* host, std::size_t bytes) {
  if (bytes > 0) std::memcpy(device, host, bytes);
}

void CpuBackend::copy_to_host(void* host, const void* device, std::size_t bytes) {
  if (bytes > 0) std::memcpy(host, device, bytes);
}

void CpuBackend::fill_zero(void* device, std::size_t bytes) {
  if (bytes > 0) std::memset(device, 0, bytes);
}

std::unique_ptr<Recording> CpuBackend::record(std::function<void()> body) {
  return std::make_unique<Closure>(std::move(body));
}

std::string CpuBackend::description() const {
  std::string threads = concat(pool_.size(), pool_.size() == 1 ? " thread" : " threads");
  if (pool_.started() < pool_.size()) threads += concat(" on ", pool_.started(), " CPUs");
  return concat(processor_name(), ", ", ops_.isa, ", ", threads);
}

}  // namespace vae::cpu

namespace vae {

std::unique_ptr<Backend> make_cpu_backend(const Device& device) {
  VAE_CHECK(device.threads >= 0 && device.threads <= 1024,
            "threads must lie between 0 (all) and 1024, got ", device.threads);
  return std::make_unique<cpu::CpuBackend>(device.threads, device.cpu_isa);
}

DeviceInfo cpu_device() {
  const cpu::CpuBackend backend(0, {});
  DeviceInfo info;
  info.name = "cpu";
  info.description = backend.description();
  info.usable = true;
  info.threads = cpu::available_threads();
  info.memory_bytes =
      static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGE_SIZE));
  return info;
}

}  // namespace vae
