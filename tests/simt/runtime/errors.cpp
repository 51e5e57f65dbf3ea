// SPDX-License-Identifier: MIT
//
// The frame of every call, errors and injected faults.
#include <array>
#include <cstdlib>
#include <set>
#include <string>

#include "tests/simt/runtime/state.h"

namespace simt {
namespace {

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;  // the toolkit's words
};

constexpr std::array kErrors = {
    ErrorText{cudaSuccess, "cudaSuccess", "no error"},
    ErrorText{cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    ErrorText{cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    ErrorText{cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
              "invalid configuration argument"},
    ErrorText{cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
              "CUDA driver version is insufficient for CUDA runtime version"},
    ErrorText{cudaErrorDevicesUnavailable, "cudaErrorDevicesUnavailable",
              "CUDA-capable device(s) is/are busy or unavailable"},
    ErrorText{cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction",
              "invalid device function"},
    ErrorText{cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    ErrorText{cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    ErrorText{cudaErrorNoKernelImageForDevice, "cudaErrorNoKernelImageForDevice",
              "no kernel image is available for execution on the device"},
    ErrorText{cudaErrorECCUncorrectable, "cudaErrorECCUncorrectable",
              "uncorrectable ECC error encountered"},
    ErrorText{cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle",
              "invalid resource handle"},
    ErrorText{cudaErrorIllegalState, "cudaErrorIllegalState",
              "the operation cannot be performed in the present state"},
    ErrorText{cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    ErrorText{cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
              "an illegal memory access was encountered"},
    ErrorText{cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources",
              "too many resources requested for launch"},
    ErrorText{cudaErrorLaunchTimeout, "cudaErrorLaunchTimeout",
              "the launch timed out and was terminated"},
    ErrorText{cudaErrorAssert, "cudaErrorAssert", "device-side assert triggered"},
    ErrorText{cudaErrorIllegalInstruction, "cudaErrorIllegalInstruction",
              "an illegal instruction was encountered"},
    ErrorText{cudaErrorMisalignedAddress, "cudaErrorMisalignedAddress", "misaligned address"},
    ErrorText{cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    ErrorText{cudaErrorCooperativeLaunchTooLarge, "cudaErrorCooperativeLaunchTooLarge",
              "too many blocks in cooperative launch"},
    ErrorText{cudaErrorNotPermitted, "cudaErrorNotPermitted", "operation not permitted"},
    ErrorText{cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    ErrorText{cudaErrorSystemNotReady, "cudaErrorSystemNotReady", "system not yet initialized"},
    ErrorText{cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
              "operation not permitted when stream is capturing"},
    ErrorText{cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
              "operation failed due to a previous error during capture"},
    ErrorText{cudaErrorStreamCaptureMerge, "cudaErrorStreamCaptureMerge",
              "operation would result in a merge of separate capture sequences"},
    ErrorText{cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
              "capture was not ended in the same stream as it began"},
    ErrorText{cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined",
              "capturing stream has unjoined work"},
    ErrorText{cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
              "dependency created on uncaptured work in another stream"},
    ErrorText{cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
              "operation would make the legacy stream depend on a capturing blocking stream"},
    ErrorText{cudaErrorCapturedEvent, "cudaErrorCapturedEvent",
              "operation not permitted on an event last recorded in a capturing stream"},
    ErrorText{cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const ErrorText* find_text(cudaError_t error) {
  for (const ErrorText& entry : kErrors) {
    if (entry.error == error) return &entry;
  }
  return nullptr;
}

bool releases(Call rules) { return rules == Call::release || rules == Call::release_any; }
bool outside_captures(Call rules) { return rules == Call::outside || rules == Call::release; }

// Legacy-stream captures cannot exist; a capture in a blocking stream has an error of its own.
cudaError_t refuse_during_capture(State& s, const char* name) {
  bool blocking = false;
  for (const auto& stream : s.streams) {
    if (!stream->capture) continue;
    blocking = blocking || stream->blocking;
    invalidate(*stream->capture);
  }
  return report(
      s, blocking ? cudaErrorStreamCaptureImplicit : cudaErrorStreamCaptureUnsupported,
      std::string(name) + " during a stream capture, whatever its mode: the capture is lost");
}

}  // namespace

State& state() {
  static State* const instance = [] {
    auto* created = new State;
    install_launch_hook();
    return created;
  }();
  return *instance;
}

State::State() : model(model_from_environment()) { apply_fault_environment(*this); }

cudaError_t report(State& s, cudaError_t error, const std::string& reason) {
  if (error == cudaSuccess) return error;
  s.last_error = s.reason_of = error;
  if (!reason.empty()) s.reason = reason;
  return error;
}

bool is_sticky_error(cudaError_t error) {
  return error == cudaErrorECCUncorrectable || error == cudaErrorNvlinkUncorrectable ||
         error == cudaErrorIllegalAddress || error == cudaErrorLaunchTimeout ||
         error == cudaErrorAssert || error == cudaErrorHardwareStackError ||
         error == cudaErrorIllegalInstruction || error == cudaErrorMisalignedAddress ||
         error == cudaErrorInvalidAddressSpace || error == cudaErrorInvalidPc ||
         error == cudaErrorLaunchFailure;
}

void raise_sticky(State& s, cudaError_t error, const std::string& reason) {
  if (s.sticky != cudaSuccess) return;
  s.sticky = error;
  report(s, error, reason);
}

void apply_fault_environment(State& s) {
  const char* text = std::getenv("VAE_SIMT_FAIL_LAUNCH");
  if (text == nullptr) return;
  char* end = nullptr;
  const std::int64_t k = std::strtoll(text, &end, 10);
  const auto error = static_cast<cudaError_t>(*end == ':' ? std::atoi(end + 1) : 0);
  (is_sticky_error(error) ? s.kernel_fault : s.launch_fault) = {k, error};
}

cudaError_t runtime_call(const char* name, Call rules,
                         const std::function<cudaError_t(State&)>& body) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  ++s.calls[name];
  if (s.running) {
    return report(s, cudaErrorNotPermitted, std::string(name) + " within a host function");
  }
  if (const cudaError_t error = driver_error(s.model); error != cudaSuccess) {
    return report(s, error, std::string(name) + ": the driver is simulated as missing or old");
  }
  if (releases(rules)) {
    if (outside_captures(rules) && any_capture(s)) return refuse_during_capture(s, name);
    const cudaError_t status = body(s);
    return s.sticky != cudaSuccess ? report(s, s.sticky) : status;
  }
  if (s.pending) std::rethrow_exception(std::exchange(s.pending, nullptr));
  if (s.sticky != cudaSuccess) return report(s, s.sticky);
  if (s.call_fault.strikes()) {
    return report(s, s.call_fault.error, std::string(name) + ": the fault a test asked for");
  }
  if (outside_captures(rules) && any_capture(s)) return refuse_during_capture(s, name);
  const cudaError_t status = body(s);
  return s.sticky != cudaSuccess ? report(s, s.sticky) : status;
}

void fail_allocation(std::int64_t k) {
  const std::lock_guard lock(state().mutex);
  state().allocation_fault = {k, cudaErrorMemoryAllocation};
}

void fail_call(std::int64_t k, cudaError_t error) {
  const std::lock_guard lock(state().mutex);
  state().call_fault = {k, error};
}

void fail_launch(std::int64_t k, cudaError_t error) {
  const std::lock_guard lock(state().mutex);
  (is_sticky_error(error) ? state().kernel_fault : state().launch_fault) = {k, error};
}

std::int64_t calls_of(const std::string& name) {
  const std::lock_guard lock(state().mutex);
  const auto found = state().calls.find(name);
  return found == state().calls.end() ? 0 : found->second;
}

std::string failure_reason() {
  const std::lock_guard lock(state().mutex);
  return state().reason;
}

}  // namespace simt

extern "C" {

cudaError_t cudaGetLastError() {
  simt::State& s = simt::state();
  const std::lock_guard lock(s.mutex);
  return std::exchange(s.last_error, s.sticky);
}

cudaError_t cudaPeekAtLastError() {
  simt::State& s = simt::state();
  const std::lock_guard lock(s.mutex);
  return s.last_error;
}

const char* cudaGetErrorName(cudaError_t error) {
  const simt::ErrorText* found = simt::find_text(error);
  return found ? found->name : "unrecognized error code";
}

// With the simulator's reason, if it is that of the last failure: messages of a failed test should
// have it.
const char* cudaGetErrorString(cudaError_t error) {
  simt::State& s = simt::state();
  const std::lock_guard lock(s.mutex);
  const simt::ErrorText* found = simt::find_text(error);
  const char* text = found ? found->text : "unrecognized error code";
  if (error == cudaSuccess || error != s.reason_of || s.reason.empty()) return text;
  static auto* const texts = new std::set<std::string>;  // callers keep the pointer
  return texts->insert(std::string(text) + " [simulator: " + s.reason + "]").first->c_str();
}

}  // extern "C"
