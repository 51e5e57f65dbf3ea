// SPDX-License-Identifier: MIT
//
// A stand-in for the NVIDIA driver's libcuda.so.1, as far as the CUDA runtime asks before it gives
// up: FAKE_CUDA_VERSION is the driver's version, FAKE_CUDA_INIT what cuInit() returns, and
// FAKE_CUDA_LOG a file that cuInit() creates.
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

int number(const char* variable, int otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::atoi(text) : otherwise;
}

int unknown() { return 999; }

}  // namespace

extern "C" {

int cuDriverGetVersion(int* version) {
  *version = number("FAKE_CUDA_VERSION", 13000);
  return 0;
}

int cuInit(unsigned) {
  if (const char* const path = std::getenv("FAKE_CUDA_LOG")) {
    if (std::FILE* const file = std::fopen(path, "w")) std::fclose(file);
  }
  return number("FAKE_CUDA_INIT", 100);
}

int cuGetExportTable(const void** table, const void*) {
  *table = nullptr;
  return 500;
}

int cuGetProcAddress_v2(const char* name, void** function, int, unsigned long long, int* status) {
  const auto is = [name](const char* text) { return std::strcmp(name, text) == 0; };
  *function = reinterpret_cast<void*>(unknown);
  if (is("cuDriverGetVersion")) *function = reinterpret_cast<void*>(cuDriverGetVersion);
  if (is("cuInit")) *function = reinterpret_cast<void*>(cuInit);
  if (is("cuGetExportTable")) *function = reinterpret_cast<void*>(cuGetExportTable);
  if (is("cuGetProcAddress")) *function = reinterpret_cast<void*>(cuGetProcAddress_v2);
  if (status != nullptr) *status = 0;
  return 0;
}

int cuGetProcAddress(const char* name, void** function, int version, unsigned long long flags) {
  return cuGetProcAddress_v2(name, function, version, flags, nullptr);
}

}  // extern "C"
