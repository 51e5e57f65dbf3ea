// SPDX-License-Identifier: MIT
//
// What the device says about itself.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/simt/runtime/state.h"

namespace simt {
namespace {

constexpr int kOldestCapability = 75;    // that toolkit 13 compiles for
constexpr int kOldDriver = 11040;        // CUDA 11.4
constexpr int kRegistersPerThread = 64;  // assumed of every kernel
constexpr int kRegisters = 65536;        // of a multiprocessor
constexpr int kDefaultShared = 48 * 1024;

// CUDA programming guide, table of technical specifications per compute capability.
struct Limits {
  int capability;  // and above, up to the next line
  int shared_per_multiprocessor;
  int shared_per_block;  // with opt-in
  int threads;           // of a multiprocessor
  int blocks;            // of a multiprocessor
  int reserved_shared;   // per block, by the system
};
constexpr Limits kLimits[] = {
    {0, 64 << 10, 48 << 10, 2048, 32, 0},       {70, 96 << 10, 96 << 10, 2048, 32, 0},
    {75, 64 << 10, 64 << 10, 1024, 16, 0},      {80, 164 << 10, 163 << 10, 2048, 32, 1024},
    {86, 100 << 10, 99 << 10, 1536, 16, 1024},  {87, 164 << 10, 163 << 10, 1536, 16, 1024},
    {89, 100 << 10, 99 << 10, 1536, 24, 1024},  {90, 228 << 10, 227 << 10, 2048, 32, 1024},
    {120, 100 << 10, 99 << 10, 1536, 24, 1024},
};

int capability(const DeviceModel& model) { return 10 * model.major + model.minor; }

const Limits& limits(const DeviceModel& model) {
  const Limits* found = kLimits;
  for (const Limits& line : kLimits) {
    if (line.capability <= capability(model)) found = &line;
  }
  return *found;
}

const char* environment(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? text : nullptr;
}

cudaError_t check_device(State& s, int device) {
  if (device >= 0 && device < s.model.count) return cudaSuccess;
  return report(s, cudaErrorInvalidDevice,
                "the last device is " + std::to_string(s.model.count - 1));
}

void describe(const DeviceModel& model, cudaDeviceProp* prop) {
  const auto attribute = [&](cudaDeviceAttr a) { return device_attribute(model, a); };
  *prop = {};
  std::strncpy(prop->name, model.name.c_str(), sizeof prop->name - 1);
  prop->totalGlobalMem = model.memory_bytes;
  prop->sharedMemPerBlock = kDefaultShared;
  prop->regsPerBlock = kRegisters;
  prop->warpSize = 32;
  prop->maxThreadsPerBlock = 1024;
  const cudaDeviceAttr block[] = {cudaDevAttrMaxBlockDimX, cudaDevAttrMaxBlockDimY,
                                  cudaDevAttrMaxBlockDimZ};
  const cudaDeviceAttr grid[] = {cudaDevAttrMaxGridDimX, cudaDevAttrMaxGridDimY,
                                 cudaDevAttrMaxGridDimZ};
  for (int i = 0; i < 3; ++i) {
    prop->maxThreadsDim[i] = attribute(block[i]);
    prop->maxGridSize[i] = attribute(grid[i]);
  }
  prop->major = model.major;
  prop->minor = model.minor;
  prop->multiProcessorCount = model.multiprocessors;
  prop->concurrentKernels = 1;
  prop->asyncEngineCount = 2;
  prop->unifiedAddressing = 1;
  prop->memoryBusWidth = attribute(cudaDevAttrGlobalMemoryBusWidth);
  prop->l2CacheSize = attribute(cudaDevAttrL2CacheSize);
  prop->maxThreadsPerMultiProcessor = limits(model).threads;
  prop->sharedMemPerMultiprocessor =
      static_cast<std::size_t>(limits(model).shared_per_multiprocessor);
  prop->regsPerMultiprocessor = kRegisters;
  prop->cooperativeLaunch = 1;
  prop->sharedMemPerBlockOptin = static_cast<std::size_t>(limits(model).shared_per_block);
  prop->maxBlocksPerMultiProcessor = limits(model).blocks;
  prop->reservedSharedMemPerBlock = static_cast<std::size_t>(limits(model).reserved_shared);
}

cudaError_t no_image(State& s) {
  return report(s, cudaErrorNoKernelImageForDevice,
                "the program holds no code for capability " + std::to_string(s.model.major) + "." +
                    std::to_string(s.model.minor));
}

cudaError_t set_function_attribute(State& s, const void* function, cudaFuncAttribute attribute,
                                   int value) {
  if (!has_kernel_image(s.model)) return no_image(s);
  if (function == nullptr) return report(s, cudaErrorInvalidDeviceFunction, "null kernel");
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;
  const int most = limits(s.model).shared_per_block;
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 || value > most) {
    return report(s, cudaErrorInvalidValue,
                  "function attribute " + std::to_string(attribute) + " = " +
                      std::to_string(value) + "; the device has " + std::to_string(most) +
                      " bytes of shared memory per block");
  }
  s.dynamic_shared_limit[function] = value;
  return cudaSuccess;
}

int dynamic_shared_limit(const State& s, const void* function) {
  const auto found = s.dynamic_shared_limit.find(function);
  return found == s.dynamic_shared_limit.end() ? kDefaultShared : found->second;
}

}  // namespace

DeviceModel& device_model() { return state().model; }

DeviceModel model_from_environment() {
  DeviceModel model;
  if (const char* text = environment("VAE_SIMT_CAPABILITY")) {
    model.major = std::atoi(text) / 10;
    model.minor = std::atoi(text) % 10;
  }
  if (const char* text = environment("VAE_SIMT_SMS")) {
    model.multiprocessors = std::max(1, std::atoi(text));
  }
  if (const char* text = environment("VAE_SIMT_MEMORY")) {
    model.memory_bytes = std::strtoull(text, nullptr, 10);
  }
  if (const char* text = environment("VAE_SIMT_COUNT")) model.count = std::atoi(text);
  if (const char* text = environment("VAE_SIMT_COMPUTE_MODE")) {
    model.compute_mode = static_cast<cudaComputeMode>(std::atoi(text));
  }
  if (const char* text = environment("VAE_SIMT_REFUSES")) {
    char* end = nullptr;
    model.refusing = static_cast<int>(std::strtol(text, &end, 10));
    if (*end == ':') model.refusal = static_cast<cudaError_t>(std::atoi(end + 1));
  }
  if (const char* text = environment("VAE_SIMT_DRIVER")) {
    const std::string driver = text;
    if (driver == "missing") model.driver = Driver::missing;
    if (driver == "old") model.driver = Driver::old;
    if (driver == "no_device") model.driver = Driver::no_device;
  }
  return model;
}

int& current_device() {
  thread_local int device = 0;
  return device;
}

cudaError_t driver_error(const DeviceModel& model) {
  switch (model.driver) {
    case Driver::present:
      return cudaSuccess;
    case Driver::missing:
    case Driver::old:
      return cudaErrorInsufficientDriver;
    case Driver::no_device:
      return cudaErrorNoDevice;
  }
  return cudaErrorUnknown;
}

bool has_kernel_image(const DeviceModel& model) {
  return model.kernel_image && capability(model) >= kOldestCapability;
}

int resident_blocks(const DeviceModel& model, int threads, std::size_t shared_bytes) {
  const Limits& most = limits(model);
  const int warps = (threads + 31) / 32;
  const int by_threads = most.threads / (32 * warps);
  const int by_registers = kRegisters / (32 * warps * kRegistersPerThread);
  const std::size_t shared = shared_bytes + static_cast<std::size_t>(most.reserved_shared);
  const int by_shared =
      shared == 0
          ? most.blocks
          : static_cast<int>(static_cast<std::size_t>(most.shared_per_multiprocessor) / shared);
  return std::min({most.blocks, by_threads, by_registers, by_shared});
}

int device_attribute(const DeviceModel& model, cudaDeviceAttr attribute) {
  const Limits& most = limits(model);
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
      return 1024;
    case cudaDevAttrMaxBlockDimZ:
      return 64;
    case cudaDevAttrMaxGridDimX:
      return 0x7FFFFFFF;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
      return 65535;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return kDefaultShared;
    case cudaDevAttrWarpSize:
      return 32;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      return kRegisters;
    case cudaDevAttrClockRate:
      return 1'000'000;  // kHz
    case cudaDevAttrMultiProcessorCount:
      return model.multiprocessors;
    case cudaDevAttrComputeMode:
      return model.compute_mode;
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrCooperativeLaunch:
      return 1;
    case cudaDevAttrMemoryClockRate:
      return 1'000'000;  // kHz
    case cudaDevAttrGlobalMemoryBusWidth:
      return 256;  // bits
    case cudaDevAttrL2CacheSize:
      return 4 << 20;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return most.threads;
    case cudaDevAttrComputeCapabilityMajor:
      return model.major;
    case cudaDevAttrComputeCapabilityMinor:
      return model.minor;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      return most.shared_per_multiprocessor;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return most.shared_per_block;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      return most.blocks;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      return most.reserved_shared;
    default:
      return 0;
  }
}

}  // namespace simt

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  if (count != nullptr) *count = 0;
  return simt::runtime_call("cudaGetDeviceCount", simt::Call::any, [&](simt::State& s) {
    if (count == nullptr) return report(s, cudaErrorInvalidValue, "null result pointer");
    *count = s.model.count;
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return simt::runtime_call("cudaSetDevice", simt::Call::any, [&](simt::State& s) {
    cudaError_t status = simt::check_device(s, device);
    if (status == cudaSuccess && device < s.model.refusing) {
      status = report(s, s.model.refusal, "the device does not admit this process");
    }
    if (status == cudaSuccess) simt::current_device() = device;
    return status;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return simt::runtime_call("cudaGetDevice", simt::Call::any, [&](simt::State& s) {
    if (device == nullptr) return report(s, cudaErrorInvalidValue, "null result pointer");
    *device = simt::current_device();
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* prop, int device) {
  return simt::runtime_call("cudaGetDeviceProperties", simt::Call::any, [&](simt::State& s) {
    if (prop == nullptr) return report(s, cudaErrorInvalidValue, "null result pointer");
    const cudaError_t status = simt::check_device(s, device);
    if (status == cudaSuccess) simt::describe(s.model, prop);
    return status;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attr, int device) {
  return simt::runtime_call("cudaDeviceGetAttribute", simt::Call::any, [&](simt::State& s) {
    if (value == nullptr) return report(s, cudaErrorInvalidValue, "null result pointer");
    const cudaError_t status = simt::check_device(s, device);
    if (status == cudaSuccess) *value = simt::device_attribute(s.model, attr);
    return status;
  });
}

// Versions are known without a driver that works.
cudaError_t cudaDriverGetVersion(int* driverVersion) {
  if (driverVersion == nullptr) return cudaErrorInvalidValue;
  const simt::Driver driver = simt::state().model.driver;
  *driverVersion = driver == simt::Driver::missing ? 0
                   : driver == simt::Driver::old   ? simt::kOldDriver
                                                   : CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* runtimeVersion) {
  if (runtimeVersion == nullptr) return cudaErrorInvalidValue;
  *runtimeVersion = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* func, cudaFuncAttribute attr, int value) {
  return simt::runtime_call("cudaFuncSetAttribute", simt::Call::any, [&](simt::State& s) {
    return simt::set_function_attribute(s, func, attr, value);
  });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attr, const void* func) {
  return simt::runtime_call("cudaFuncGetAttributes", simt::Call::any, [&](simt::State& s) {
    if (!simt::has_kernel_image(s.model)) return simt::no_image(s);
    if (attr == nullptr || func == nullptr) return report(s, cudaErrorInvalidValue, "null");
    *attr = {};
    attr->maxThreadsPerBlock = 1024;
    attr->numRegs = simt::kRegistersPerThread;
    attr->binaryVersion = attr->ptxVersion = simt::capability(s.model);
    attr->maxDynamicSharedSizeBytes = simt::dynamic_shared_limit(s, func);
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, const void* func,
                                                          int blockSize, size_t dynamicSMemSize) {
  return simt::runtime_call(
      "cudaOccupancyMaxActiveBlocksPerMultiprocessor", simt::Call::any, [&](simt::State& s) {
        if (!simt::has_kernel_image(s.model)) return simt::no_image(s);
        if (numBlocks == nullptr || func == nullptr || blockSize < 1) {
          return report(s, cudaErrorInvalidValue, "null pointer or no threads");
        }
        const auto granted = static_cast<size_t>(simt::dynamic_shared_limit(s, func));
        const bool fits = blockSize <= 1024 && dynamicSMemSize <= granted;
        *numBlocks = fits ? simt::resident_blocks(s.model, blockSize, dynamicSMemSize) : 0;
        return cudaSuccess;
      });
}

}  // extern "C"
