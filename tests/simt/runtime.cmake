# SPDX-License-Identifier: MIT
#
# vae_simt_runtime: the CUDA runtime on the CPU, for programs that link it in place of cudart, and
# vae_simt_runtime_test, its own tests. tests/simt/runtime/README.md says what it is.
set(VAE_SIMT_RUNTIME_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/runtime/capture.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/copies.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/device.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/errors.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/events.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/graphs.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/header_values.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/launch.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/leaks.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/memory.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/schedule.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/streams.cpp
)
add_library(vae_simt_runtime STATIC ${VAE_SIMT_RUNTIME_SOURCES})
vae_set_simulator_options(vae_simt_runtime)
target_include_directories(vae_simt_runtime BEFORE
  PUBLIC "${CMAKE_CURRENT_LIST_DIR}/include"  # before the toolkit's headers of the same names
  PUBLIC "${PROJECT_SOURCE_DIR}")
target_link_libraries(vae_simt_runtime PUBLIC vae_simt_core)
# The race detector watches kernels, not what runs them.
if(VAE_SANITIZE MATCHES "thread")
  target_compile_options(vae_simt_runtime PRIVATE -fno-sanitize=thread)
endif()

file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/runtime_test/*.cpp")
add_executable(vae_simt_runtime_test ${sources})
vae_set_test_options(vae_simt_runtime_test)
target_link_libraries(vae_simt_runtime_test PRIVATE vae_simt_runtime GTest::gtest
  GTest::gtest_main)
vae_add_shards(simt.runtime vae_simt_runtime_test simt 2 "*")

# The simulator's definitions and values against the headers of the toolkit, as one source.
find_package(CUDAToolkit QUIET)
if(CUDAToolkit_FOUND)
  set(toolkit)
  set(included)
  foreach(source IN LISTS VAE_SIMT_RUNTIME_SOURCES)
    list(APPEND included -include ${source})
  endforeach()
  foreach(folder IN LISTS CUDAToolkit_INCLUDE_DIRS)
    list(APPEND toolkit -isystem ${folder})
  endforeach()
  add_test(NAME simt.headers_agree COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -fsyntax-only -Wall
    -Wextra -Werror ${toolkit} -isystem "${CMAKE_CURRENT_LIST_DIR}/include"
    -I "${PROJECT_SOURCE_DIR}" ${included} -x c++ /dev/null)
else()
  add_test(NAME simt.headers_agree COMMAND ${CMAKE_COMMAND} -E echo "no CUDA toolkit")
endif()
set_tests_properties(simt.headers_agree PROPERTIES LABELS simt TIMEOUT 300
  SKIP_REGULAR_EXPRESSION "^no CUDA toolkit")
