// SPDX-License-Identifier: MIT
//
// Rows through a network outside training, some at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "host/model/network.h"
#include "vae/array.h"

namespace vae {

inline constexpr int64_t kInferenceRows = 128;  // full GEMM speed, small enough for any cache
inline constexpr std::size_t kInferenceBytes = std::size_t{256} << 20;  // rows of large images

/// Downloads rows and puts them behind what is there.
inline void append(Backend& backend, ConstView rows, std::vector<float>& out) {
  const std::size_t before = out.size();
  out.resize(before + rows.count());
  backend.copy_to_host(out.data() + before, rows.data, rows.count() * sizeof(float));
}

/// How many of `count` rows go through the network at once.
inline int64_t batch_of(Network& network, int64_t count, std::size_t bytes_of_one) {
  const auto fitting = static_cast<int64_t>(kInferenceBytes / bytes_of_one);
  return std::min({kInferenceRows, std::max<int64_t>(1, fitting), std::max<int64_t>(1, count),
                   network.most_rows()});
}

/// Calls body(first, rows) for consecutive batches of `count` rows.
template <typename Body>
void for_batches(int64_t batch, int64_t count, Body body) {
  for (int64_t first = 0; first < count; first += batch) {
    body(first, std::min(batch, count - first));
  }
}

/// The same, after room was made for such batches in the encoder.
template <typename Body>
void encode_batches(Network& network, int64_t count, Body body) {
  const int64_t batch = batch_of(network, count, network.activation_bytes(1, 0));
  network.reserve(batch, 0);
  for_batches(batch, count, body);
}

/// The same, after room was made for such batches in the decoder, and for their conditions.
template <typename Body>
void decode_batches(Network& network, int64_t count, Body body) {
  const int64_t images = network.config().condition_size() > 0 ? 1 : 0;
  const int64_t batch = batch_of(network, count, network.activation_bytes(images, 1));
  network.reserve(images * batch, batch);
  for_batches(batch, count, body);
}

/// The same, after room was made for such batches in both, with a code of each image. After each
/// batch `progress`, where there is one, is told the share done; where it returns false, the rest
/// is left out and so does this.
template <typename Body>
bool encode_and_decode_batches(Network& network, int64_t count,
                               const std::function<bool(double)>& progress, Body body) {
  const int64_t batch = batch_of(network, count, network.activation_bytes(1, 1));
  network.reserve(batch, batch);
  for (int64_t first = 0; first < count; first += batch) {
    const int64_t rows = std::min(batch, count - first);
    body(first, rows);
    const double share = static_cast<double>(first + rows) / static_cast<double>(count);
    if (progress && !progress(share)) return false;
  }
  return true;
}

/// Tells the network the conditions from row `first` on.
inline void write_conditions(Network& network, const Array& conditions, int64_t first,
                             int64_t rows) {
  const View condition = network.condition(rows);
  if (!condition) return;
  network.backend().copy_to_device(condition.data, conditions.row(first),
                                   condition.count() * sizeof(float));
}

}  // namespace vae
