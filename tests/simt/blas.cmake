# SPDX-License-Identifier: MIT
#
# vae_simt_blas: cuBLASLt on the simulated device, for programs that link it in place of the
# library, and vae_simt_blas_test: its own tests, and those of the sources that call it.
set(VAE_SIMT_BLAS_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/blas/checks.cpp
  ${CMAKE_CURRENT_LIST_DIR}/blas/descriptors.cpp
  ${CMAKE_CURRENT_LIST_DIR}/blas/header_values.cpp
  ${CMAKE_CURRENT_LIST_DIR}/blas/matmul.cpp
  ${CMAKE_CURRENT_LIST_DIR}/blas/product.cpp
)
add_library(vae_simt_blas STATIC ${VAE_SIMT_BLAS_SOURCES})
vae_set_simulator_options(vae_simt_blas)
set_target_properties(vae_simt_blas PROPERTIES UNITY_BUILD OFF)
target_link_libraries(vae_simt_blas PUBLIC vae_simt_runtime)
# The race detector watches kernels, not what stands in for the library.
if(VAE_SANITIZE MATCHES "thread")
  target_compile_options(vae_simt_blas PRIVATE -fno-sanitize=thread)
endif()

# Only what these tests are about, so that they build in seconds.
set(sources
  host/io/atomic_file.cpp
  host/io/file_descriptor.cpp
  host/io/input_file.cpp
  host/machine/tuning_file.cpp
  kernels/cuda/blas_gemm.cpp
  kernels/cuda/blas_library.cpp
  kernels/cuda/errors.cpp
  kernels/cuda/gemm_choice.cpp
  kernels/cuda/gemm_dispatch.cpp
  kernels/cuda/stream.cpp
  kernels/error.cpp
  kernels/printable.cpp
)
list(TRANSFORM sources PREPEND "${PROJECT_SOURCE_DIR}/")
file(GLOB tests CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/blas_test/*.cpp")
add_executable(vae_simt_blas_test ${tests} ${sources})
vae_set_simulator_options(vae_simt_blas_test)
set_target_properties(vae_simt_blas_test PROPERTIES UNITY_BUILD OFF)
target_include_directories(vae_simt_blas_test PRIVATE "${PROJECT_SOURCE_DIR}/include")
target_link_libraries(vae_simt_blas_test PRIVATE vae_simt_blas GTest::gtest GTest::gtest_main)
vae_add_shards(simt.blas vae_simt_blas_test simt 2 "*")

# The stand-in's definitions and values against the headers of the toolkit, as one source.
find_package(CUDAToolkit QUIET)
if(CUDAToolkit_FOUND)
  set(arguments)
  foreach(folder IN LISTS CUDAToolkit_INCLUDE_DIRS)
    list(APPEND arguments -isystem ${folder})
  endforeach()
  list(APPEND arguments -isystem "${CMAKE_CURRENT_LIST_DIR}/include" -I "${PROJECT_SOURCE_DIR}")
  foreach(name descriptors header_values matmul)
    list(APPEND arguments -include "${CMAKE_CURRENT_LIST_DIR}/blas/${name}.cpp")
  endforeach()
  add_test(NAME simt.blas_headers_agree COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -fsyntax-only
    -Wall -Wextra -Werror ${arguments} -x c++ /dev/null)
else()
  add_test(NAME simt.blas_headers_agree COMMAND ${CMAKE_COMMAND} -E echo "no CUDA toolkit")
endif()
set_tests_properties(simt.blas_headers_agree PROPERTIES LABELS simt TIMEOUT 300
  SKIP_REGULAR_EXPRESSION "^no CUDA toolkit")
