# SPDX-License-Identifier: MIT
#
# vae_fuzz: every tests/fuzz/<name>_fuzz.cpp is one target of it, with the seeds of
# tests/fuzz/corpus/<name>. Ordinary builds replay the seeds; with VAE_BUILD_FUZZERS libFuzzer goes
# on from them for VAE_FUZZ_SECONDS.
set(VAE_FUZZ_SECONDS 5 CACHE STRING "How long a test runs each fuzz target (libFuzzer)")

file(GLOB targets CONFIGURE_DEPENDS fuzz/*_fuzz.cpp)
add_executable(vae_fuzz fuzz/main.cpp ${targets})
vae_set_test_options(vae_fuzz)
target_link_libraries(vae_fuzz PRIVATE vae::vae nlohmann_json::nlohmann_json ZLIB::ZLIB)
if(VAE_BUILD_FUZZERS)
  target_compile_definitions(vae_fuzz PRIVATE VAE_LIBFUZZER)
  target_link_options(vae_fuzz PRIVATE -fsanitize=fuzzer)
endif()

foreach(source IN LISTS targets)
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" name ${name})
  set(arguments "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name}")
  if(VAE_BUILD_FUZZERS)
    # New inputs go to the first folder, seeds come from both; a crash leaves its input beside them.
    set(found "${CMAKE_CURRENT_BINARY_DIR}/fuzz/${name}")
    file(MAKE_DIRECTORY "${found}")
    list(PREPEND arguments -max_total_time=${VAE_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=2048
      -print_final_stats=1 "-artifact_prefix=${found}-" "${found}")
  endif()
  add_test(NAME fuzz.${name} COMMAND vae_fuzz ${name} ${arguments})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 300)
endforeach()
