// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/backend.h"

namespace vae {

/// One device allocation carved into tensors. Requests are made first, each with the view to be
/// filled in; allocate() then takes memory once, zeroes it and fills in the views.
class Arena {
 public:
  static constexpr std::size_t kAlignment = 64;

  explicit Arena(Backend& backend) : backend_(backend) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  template <typename T>
  void request(BasicView<T>& view, Shape shape) {
    requests_.push_back({[&view, shape](std::byte* memory) {
                           view = BasicView<T>(reinterpret_cast<T*>(memory), shape);
                         },
                         static_cast<std::size_t>(shape.count()) * sizeof(T)});
  }
  template <typename T>
  void request(T*& object) {
    requests_.push_back(
        {[&object](std::byte* memory) { object = reinterpret_cast<T*>(memory); }, sizeof(T)});
  }

  /// The views must still be where they were when requested. Throws Error(out_of_memory) that
  /// begins with `what` and its size.
  void allocate(const char* what);
  std::size_t bytes() const;

 private:
  struct Request {
    std::function<void(std::byte*)> place;
    std::size_t bytes;
  };

  Backend& backend_;
  std::vector<Request> requests_;
  std::byte* memory_ = nullptr;
};

}  // namespace vae
