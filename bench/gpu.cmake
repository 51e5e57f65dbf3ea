# SPDX-License-Identifier: MIT
# gpu_microbench: what a card can do. Needs a CUDA toolkit to build and a GPU to run, no vae library.
if(VAE_WITH_CUDA STREQUAL "OFF")
  return()
endif()
find_package(CUDAToolkit QUIET)
if(NOT CUDAToolkit_FOUND)
  message(STATUS "vae: no gpu_microbench: no CUDA toolkit")
  return()
endif()
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
  set(CMAKE_CUDA_ARCHITECTURES all-major)  # "native" stops where no GPU is visible
endif()
enable_language(CUDA)

add_executable(gpu_microbench
  gpu/arithmetic.cu
  gpu/barriers.cu
  gpu/clusters.cu
  gpu/harness.cpp
  gpu/launches.cu
  gpu/memory.cu
  gpu/microbench.cu
  gpu/operands.cu
  gpu/products.cpp
)
set_target_properties(gpu_microbench PROPERTIES UNITY_BUILD OFF CXX_EXTENSIONS OFF
  CUDA_RUNTIME_LIBRARY Static)
target_compile_features(gpu_microbench PRIVATE cxx_std_20)
target_include_directories(gpu_microbench PRIVATE "${PROJECT_SOURCE_DIR}")
# CMake 3.25 knows no feature cuda_std_20.
set(warnings -Wall -Wextra $<$<BOOL:${VAE_WERROR}>:-Werror>)
target_compile_options(gpu_microbench PRIVATE
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off;${warnings}>
  $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-Xcompiler=-Wall,-Wextra$<$<BOOL:${VAE_WERROR}>:,-Werror>>)
target_link_libraries(gpu_microbench PRIVATE CUDA::cudart_static CUDA::cublasLt)
