// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vae {

/// A kind of device.
enum class DeviceKind {
  automatic,  ///< The first card that is not busy, else the CPU.
  cpu,        ///< The processor.
  cuda,       ///< An NVIDIA card.
};

/// How a GPU multiplies matrices. Parameters, sums and everything else stay in 32-bit floats.
enum class Precision {
  automatic,  ///< tf32 where the card has it, else fp32.
  fp32,       ///< Fused multiply-adds in 32-bit floats: the CPU's arithmetic.
  tf32,       ///< Tensor cores, factors rounded to 10 mantissa bits (sm_80 and later).
  bf16,       ///< Tensor cores, factors rounded to 7 mantissa bits (sm_80 and later).
};

/// "auto", "fp32", "tf32" or "bf16".
std::string_view to_string(Precision value);

/// Reads such a word. Throws Error(invalid_argument).
Precision precision_from_string(std::string_view word);

/// Where a model lives and computes. The default is the best device of the machine.
///
///     vae::Model model = vae::Model::load("runs/first", vae::Device::cpu(4));  // four threads
///     vae::train(config, data, {.device = vae::Device::parse("cuda:1")});
struct Device {
  DeviceKind kind = DeviceKind::automatic;  ///< Which kind.
  int index = 0;                            ///< Number of the card for `cuda`.
  /// CPU threads; 0 takes what the affinity mask and the cgroup quota allow. No more than that are
  /// started; the numbers are the same with any.
  int threads = 0;
  std::string cpu_isa;  ///< "" picks the best; "baseline", "avx2" or "avx512" pins it.
  Precision precision = Precision::automatic;  ///< CUDA only; the CPU computes in fp32.

  /// Parses "auto", "cpu", "cuda" or "cuda:1". Throws Error(invalid_argument).
  static Device parse(std::string_view text);

  /// The best device of this machine.
  static Device best() { return {}; }
  /// The processor; 0 threads are as many as there is leave to use.
  static Device cpu(int threads = 0) { return {DeviceKind::cpu, 0, threads, {}}; }
};

/// One device of this machine, usable or not.
struct DeviceInfo {
  std::string name;          ///< What `--device` takes: "cpu", "cuda:0".
  std::string description;   ///< Model name, instruction set, threads, memory.
  bool usable = false;       ///< Whether a model can live there now.
  std::string reason;        ///< Why it is not usable and what to do; empty when usable.
  int threads = 0;           ///< CPU only.
  int64_t memory_bytes = 0;  ///< Total memory, 0 when unknown.
};

/// All devices, the CPU always among them. Throws nothing for a driver that is missing or broken.
///
///     for (const vae::DeviceInfo& device : vae::list_devices())
///       std::printf("%s: %s\n", device.name.c_str(), device.description.c_str());
std::vector<DeviceInfo> list_devices();

/// The CUDA backend of this build and the driver of this machine. Texts are empty for what is not
/// there.
struct CudaInfo {
  std::string toolkit;        ///< The version this build was made with: "13.0".
  std::string architectures;  ///< What it holds code for: "sm_80 sm_90 PTX_90".
  std::string runtime;        ///< The version of CUDA linked into it.
  std::string driver;         ///< The newest version of CUDA that the driver supports.
};

/// What is known of them.
CudaInfo cuda_info();

/// A device that can be used, and why it is that one.
struct DeviceChoice {
  Device device;       ///< Of a definite kind.
  std::string name;    ///< "cpu" or "cuda:0".
  std::string reason;  ///< One line for a person.
};

/// The device `automatic` stands for here, with the reason in one line. Other kinds are checked:
/// throws Error(unavailable) saying why the device cannot be used, and Error(invalid_argument) for
/// a precision that the CPU does not have.
DeviceChoice choose_device(const Device& wanted);

}  // namespace vae
