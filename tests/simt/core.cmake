# SPDX-License-Identifier: MIT
#
# vae_simt_core: CUDA kernels on the CPU, and vae_simt_core_test, its own tests. tests/simt/README.md
# says what it is. Sources compiled against it use CUDA names after #include "kernels/cuda/simt.h".
add_library(vae_simt_core STATIC
  ${CMAKE_CURRENT_LIST_DIR}/core/async_copy.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/atomics.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/barriers.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/context.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/errors.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/launch.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/schedule.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/shared_memory.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/vectors.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/warp.cpp
)
vae_set_simulator_options(vae_simt_core)
target_compile_definitions(vae_simt_core PUBLIC VAE_SIMT)
target_include_directories(vae_simt_core BEFORE
  PUBLIC "${CMAKE_CURRENT_LIST_DIR}/include"
  PUBLIC "${PROJECT_SOURCE_DIR}")
# The core tells the sanitizers what happens instead of being watched by them.
if(VAE_SANITIZE MATCHES "address")
  target_compile_definitions(vae_simt_core PRIVATE VAE_SIMT_WITH_ASAN)
elseif(VAE_SANITIZE MATCHES "thread")
  target_compile_definitions(vae_simt_core PRIVATE VAE_SIMT_WITH_TSAN)
endif()
if(VAE_SANITIZE)
  target_compile_options(vae_simt_core PRIVATE -fno-sanitize=${VAE_SANITIZE})
endif()

file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/core_test/*.cpp")
add_executable(vae_simt_core_test ${sources})
vae_set_test_options(vae_simt_core_test)
target_link_libraries(vae_simt_core_test PRIVATE vae_simt_core GTest::gtest GTest::gtest_main)
vae_add_shards(simt.core vae_simt_core_test simt 2 "*")
