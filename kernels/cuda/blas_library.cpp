// SPDX-License-Identifier: MIT
#include "kernels/cuda/blas_library.h"

#ifndef VAE_SIMT
#include <dlfcn.h>

#include <string>

#include "kernels/check.h"
#endif

namespace vae::cuda {

namespace {

#ifdef VAE_SIMT

BlasLibrary open_library() {
  BlasLibrary library;
#define VAE_BLAS_ADDRESS(name) library.name = &::name;
  VAE_BLAS_FUNCTIONS(VAE_BLAS_ADDRESS)
#undef VAE_BLAS_ADDRESS
  return library;
}

#else

/// By its name where the loader finds it, else where the toolkit is installed by default.
void* open_file() {
  const std::string name = concat("libcublasLt.so.", CUBLAS_VER_MAJOR);
  void* file = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) {
    file = dlopen(("/usr/local/cuda/lib64/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  if (file == nullptr) {
    fail(ErrorCode::unavailable, name, " cannot be opened (", dlerror(),
         "); install cuBLAS, or set VAE_GEMM=own to do without it");
  }
  return file;
}

BlasLibrary open_library() {
  void* const file = open_file();  // stays open as long as the program runs
  BlasLibrary library;
#define VAE_BLAS_ADDRESS(name)                                                         \
  library.name = reinterpret_cast<decltype(library.name)>(dlsym(file, #name));         \
  if (library.name == nullptr) {                                                       \
    fail(ErrorCode::unavailable, "libcublasLt has no function " #name                  \
                                 "; install the version this program was built with"); \
  }
  VAE_BLAS_FUNCTIONS(VAE_BLAS_ADDRESS)
#undef VAE_BLAS_ADDRESS
  return library;
}

#endif

}  // namespace

const BlasLibrary& blas_library() {
  static const BlasLibrary library = open_library();
  return library;
}

}  // namespace vae::cuda
