// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

namespace vae {

/// Makes `count` things on several threads and takes them one by one in their order on this one:
/// make(i) returns a Result and throws nothing, take(i, Result) may throw. Only some dozens of them
/// are there at once.
template <typename Result, typename Make, typename Take>
void make_in_order(std::size_t count, const Make& make, const Take& take) {
  constexpr std::size_t kMostThreads = 8, kThingsOfAThread = 8;
  const std::size_t threads =
      std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
  const std::size_t window = threads * kThingsOfAThread;
  for (std::size_t first = 0; first < count; first += window) {
    std::vector<Result> results(std::min(window, count - first));
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < results.size(); i = next++) results[i] = make(first + i);
    };
    {
      std::vector<std::jthread> others;
      for (std::size_t i = 1; i < std::min(threads, results.size()); ++i) others.emplace_back(work);
      work();
    }
    for (std::size_t i = 0; i < results.size(); ++i) take(first + i, std::move(results[i]));
  }
}

}  // namespace vae
