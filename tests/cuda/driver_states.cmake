# SPDX-License-Identifier: MIT
#
# The program under a stand-in for the NVIDIA driver; needs the toolkit, no GPU.
add_library(vae_fake_libcuda SHARED "${CMAKE_CURRENT_LIST_DIR}/fake_libcuda.cpp")
vae_set_options(vae_fake_libcuda)
# A driver exports what it has.
set_target_properties(vae_fake_libcuda PROPERTIES OUTPUT_NAME fake_libcuda
  CXX_VISIBILITY_PRESET default)
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  add_test(NAME cuda.driver_states COMMAND Python3::Interpreter -B
    "${CMAKE_CURRENT_LIST_DIR}/driver_states_test.py" $<TARGET_FILE:vae_program>
    $<TARGET_FILE:vae_fake_libcuda>)
  set_tests_properties(cuda.driver_states PROPERTIES LABELS cuda TIMEOUT 300)
endif()
