// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vae {

enum class DeviceKind { automatic, cpu, cuda };

/// How a GPU multiplies matrices. Parameters, sums and everything else stay in 32-bit floats.
enum class Precision {
  automatic,  ///< tf32 where the card has it, else fp32.
  fp32,       ///< Fused multiply-adds in 32-bit floats: the CPU's arithmetic.
  tf32,       ///< Tensor cores, factors rounded to 10 mantissa bits (sm_80 and later).
  bf16,       ///< Tensor cores, factors rounded to 7 mantissa bits (sm_80 and later).
};

/// "auto", "fp32", "tf32" or "bf16".
std::string_view to_string(Precision value);

/// Where a model lives and computes.
struct Device {
  DeviceKind kind = DeviceKind::automatic;
  int index = 0;        ///< Number of the card for `cuda`.
  int threads = 0;      ///< CPU threads; 0 takes the affinity mask and the cgroup quota.
  std::string cpu_isa;  ///< "" picks the best; "baseline", "avx2" or "avx512" pins it.
  Precision precision = Precision::automatic;  ///< CUDA only; the CPU computes in fp32.

  /// Parses "auto", "cpu", "cuda" or "cuda:1". Throws Error(invalid_argument).
  static Device parse(std::string_view text);

  /// The best device of this machine.
  static Device best() { return {}; }
  static Device cpu(int threads = 0) { return {DeviceKind::cpu, 0, threads, {}}; }
};

/// One device of this machine, usable or not.
struct DeviceInfo {
  std::string name;         ///< What `--device` takes: "cpu", "cuda:0".
  std::string description;  ///< Model name, instruction set, threads, memory.
  bool usable = false;
  std::string reason;        ///< Why it is not usable and what to do; empty when usable.
  int threads = 0;           ///< CPU only.
  int64_t memory_bytes = 0;  ///< Total memory, 0 when unknown.
};

/// All devices, the CPU always among them.
std::vector<DeviceInfo> list_devices();

/// The device `automatic` stands for here, with the reason in one line. Other kinds are checked:
/// throws Error(unavailable) saying why the device cannot be used.
struct DeviceChoice {
  Device device;
  std::string name;    ///< "cpu" or "cuda:0".
  std::string reason;  ///< One line for a person.
};
DeviceChoice choose_device(const Device& wanted);

}  // namespace vae
