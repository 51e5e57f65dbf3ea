// SPDX-License-Identifier: MIT
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <iostream>
#include <stdexcept>

#include "tests/support/effort.h"

namespace vae::test {

/// The unwinder reads tables of the whole program for the first exception, some megabytes that a
/// fork does not inherit: they are no cost of what is measured.
inline void throw_once() {
  try {
    throw std::runtime_error("");
  } catch (const std::exception&) {
  }
}

/// Whether memory says something: the sanitizers keep shadows of it and what was freed.
inline constexpr bool kMeasuresMemory = !kSanitized;

/// Bytes by which the most memory held at once grows while a child process runs `body`, 0 where
/// that cannot be measured; -1 when it throws. The body must not use threads that were started
/// before.
template <typename Body>
int64_t memory_growth(Body body) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return -1;
  const auto peak = [] {
    rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    return int64_t{usage.ru_maxrss} * 1024;
  };
  const pid_t child = ::fork();
  if (child == 0) {
    int64_t growth = -1;
    throw_once();
    try {
      const int64_t before = peak();
      body();
      growth = kMeasuresMemory ? peak() - before : 0;
    } catch (const std::exception& error) {
      std::cerr << error.what() << std::endl;
    }
    const bool told = ::write(pipe_ends[1], &growth, sizeof growth) == sizeof growth;
    ::_exit(told ? 0 : 1);
  }
  ::close(pipe_ends[1]);
  int64_t growth = -1;
  if (::read(pipe_ends[0], &growth, sizeof growth) != sizeof growth) growth = -1;
  ::close(pipe_ends[0]);
  if (child > 0) ::waitpid(child, nullptr, 0);
  return growth;
}

}  // namespace vae::test
