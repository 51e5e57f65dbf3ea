// SPDX-License-Identifier: MIT
#include "vae/version.h"

#include "kernels/backend.h"
#include "kernels/check.h"

namespace vae {
namespace {

std::string compiler() {
#if defined(__clang__)
  return concat("clang ", __clang_major__, ".", __clang_minor__, ".", __clang_patchlevel__);
#elif defined(__GNUC__)
  return concat("gcc ", __GNUC__, ".", __GNUC_MINOR__, ".", __GNUC_PATCHLEVEL__);
#else
  return "an unknown compiler";
#endif
}

std::string cuda() {
  const std::string toolkit = cuda_toolkit();
  return toolkit.empty() ? "no CUDA" : "CUDA " + toolkit;
}

}  // namespace

std::string version() { return VAE_VERSION; }

std::string build_description() {
#ifdef NDEBUG
  constexpr const char* kChecks = "";
#else
  constexpr const char* kChecks = ", assertions on";
#endif
  return concat("vae ", version(), " (", compiler(), ", ", cuda(), kChecks, ")");
}

}  // namespace vae
