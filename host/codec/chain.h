// SPDX-License-Identifier: MIT
//
// Bits back: what the latents of an image cost is given back by drawing them, as their posterior
// tells, from the bits of the images before. [BB-ANS] With several samples all of them are drawn,
// and then which of them the image is told by, in proportion to its importance weight; the others
// go back. That costs the importance-weighted bound. [McBits, BB-IS]
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "host/codec/bit_stack.h"
#include "host/codec/latent_slices.h"
#include "host/model/network.h"

namespace vae {

/// Images on stacks and off again by one network. Several stacks, `lanes`, take turns: step t
/// pushes images t L .. t L + L - 1, one on each, so that the networks work on L rows at once and
/// the host's threads on a stack each. What each step computes depends on the images of the step
/// and on no other thing, least of all on threads or the device.
class Chain {
 public:
  static constexpr uint32_t kMostSamples = 16;

  /// Called with the share done in [0, 1]; false stops.
  using Progress = std::function<bool(double)>;

  /// Throws Error(corrupt): stacks hold something else than they should, though checksums are
  /// right.
  [[noreturn]] static void fail_unlike(std::string_view origin);

  /// The network's likelihood must have value slices; images have 2^sample_bits samples. Makes room
  /// for `lanes` images.
  explicit Chain(Network& network, int64_t lanes, int sample_bits = 0);

  /// The stacks of images [n, X]; empty when stopped.
  std::vector<BitStack> push(std::span<const uint8_t> pixels, const Progress& progress);
  /// The pixels of n images, and nothing is left of the stacks; empty when stopped. Throws
  /// Error(corrupt), which begins with `origin`, where these are not what push() leaves of n
  /// images.
  std::vector<uint8_t> pop(std::vector<BitStack>& stacks, int64_t images, std::string_view origin,
                           const Progress& progress);

 private:
  /// One image of a step while it is on its way.
  struct Row {
    BitStack* stack;
    std::vector<uint32_t> buckets;  // of the latents of each sample
    uint32_t chosen = 0;            // the sample that the image is told by
    bool intact = true;             // what was popped can have been pushed
  };

  void start_step(int64_t step);
  /// Slices of the samples.
  using Choices = std::array<Slice, kMostSamples>;

  std::vector<Row> rows_of(std::vector<BitStack>& stacks, int64_t rows) const;
  void read(std::span<const uint8_t> pixels, int64_t rows);
  void decode(const std::vector<Row>& rows);
  void decode_chosen(const std::vector<Row>& rows);
  void decode_codes(int64_t count);
  void add_codes(const Row& row, uint32_t sample);
  void draw_latents(Row& row, int64_t index, uint32_t sample) const;
  void return_latents(Row& row, int64_t index, uint32_t sample) const;
  void push_latents(Row& row) const;
  void pop_latents(Row& row) const;
  template <typename Rule>
  Choices choices(const Row& row, int64_t index, const uint8_t* pixels) const;
  template <typename Rule>
  double log_weight(const Row& row, int64_t index, uint32_t sample, const uint8_t* pixels) const;
  template <typename Rule>
  void choose(Row& row, int64_t index, const uint8_t* pixels) const;
  template <typename Rule>
  void return_choice(Row& row, int64_t index, const uint8_t* pixels) const;
  uint32_t samples() const { return uint32_t{1} << sample_bits_; }
  std::span<uint32_t> latents_of(Row& row, uint32_t sample) const {
    return std::span(row.buckets).subspan(sample * latents_, latents_);
  }
  const float* outputs_of(int64_t index, uint32_t sample, int per_value) const {
    return outputs_.data() + (index * samples() + sample) * values_ * per_value;
  }
  template <typename Rule>
  void push_values(Row& row, int64_t index, const uint8_t* pixels) const;
  template <typename Rule>
  void pop_values(Row& row, int64_t index, uint8_t* pixels) const;
  template <typename Rule>
  void push_step(std::vector<Row>& rows, const uint8_t* pixels);
  PosteriorSlices posterior(int64_t index, int64_t dimension) const;
  template <typename Rule>
  void pop_step(std::vector<Row>& rows, uint8_t* pixels);
  void for_rows(std::vector<Row>& rows, const std::function<void(Row&, int64_t)>& task) const;

  Network& network_;
  int64_t lanes_, values_, latents_;
  LatentBuckets buckets_;
  int most_sample_bits_;
  int bits_ = 0;                                        // of the buckets of this step
  int sample_bits_ = 0;                                 // of its samples
  bool drawn_ = false;                                  // from the stacks
  std::vector<float> input_, heads_, codes_, outputs_;  // of this step
};

}  // namespace vae
