// SPDX-License-Identifier: MIT
#include "host/codec/chain.h"

#include <algorithm>
#include <utility>

#include "host/codec/value_slices.h"
#include "host/model/batches.h"
#include "kernels/check.h"
#include "kernels/rules/binarization.h"

namespace vae {

namespace {

/// A pixel as its symbol, and back.
template <typename Rule>
uint32_t symbol_of(uint8_t pixel) {
  if constexpr (Rule::kProtocol == Binarization::threshold) return pixel >= 128 ? 1 : 0;
  return pixel;
}
template <typename Rule>
uint8_t pixel_of(uint32_t symbol) {
  if constexpr (Rule::kProtocol == Binarization::threshold) return symbol == 0 ? 0 : 255;
  return static_cast<uint8_t>(symbol);
}

}  // namespace

Chain::Chain(Network& network, int64_t lanes)
    : network_(network),
      lanes_(lanes),
      values_(network.config().pixels()),
      latents_(network.config().latent) {
  network.reserve(lanes, lanes);
}

std::vector<BitStack> Chain::push(std::span<const uint8_t> pixels, const Progress& progress) {
  const int64_t images = std::ssize(pixels) / values_;
  std::vector<BitStack> stacks(static_cast<std::size_t>(lanes_));
  for (int64_t first = 0; first < images; first += lanes_) {
    const int64_t count = std::min(lanes_, images - first);
    const auto step_pixels = pixels.subspan(first * values_, count * values_);
    std::vector<Row> rows = rows_of(stacks, count);
    start_step(first / lanes_);
    read(step_pixels, count);
    for_rows(rows, [&](Row& row, int64_t index) { draw_latents(row, index); });
    decode(rows);
    with_value_slices(network_.config().likelihood, [&]<typename Rule>(std::type_identity<Rule>) {
      for_rows(rows, [&](Row& row, int64_t index) {
        push_values<Rule>(row, index, step_pixels.data() + index * values_);
        push_latents(row);
      });
    });
    if (!progress(static_cast<double>(first + count) / static_cast<double>(images))) return {};
  }
  return stacks;
}

std::vector<uint8_t> Chain::pop(std::vector<BitStack>& stacks, int64_t images,
                                std::string_view origin, const Progress& progress) {
  const int64_t steps = (images + lanes_ - 1) / lanes_;
  std::vector<uint8_t> pixels(static_cast<std::size_t>(images * values_));
  for (int64_t step = steps; step-- > 0;) {
    const int64_t first = step * lanes_;
    std::vector<Row> rows = rows_of(stacks, std::min(lanes_, images - first));
    start_step(step);
    pop_step(rows, pixels.data() + first * values_);
    if (!std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.intact; })) {
      fail_unlike(origin);
    }
    if (!progress(static_cast<double>(images - first) / static_cast<double>(images))) return {};
  }
  for (const BitStack& stack : stacks) {
    if (!stack.is_at_bottom()) fail_unlike(origin);
  }
  return pixels;
}

/// The other way round, step by step, of what push() does.
void Chain::pop_step(std::vector<Row>& rows, uint8_t* pixels) {
  const auto count = static_cast<int64_t>(rows.size());
  for_rows(rows, [&](Row& row, int64_t) { pop_latents(row); });
  decode(rows);
  with_value_slices(network_.config().likelihood, [&]<typename Rule>(std::type_identity<Rule>) {
    for_rows(rows, [&](Row& row, int64_t index) {
      pop_values<Rule>(row, index, pixels + index * values_);
    });
  });
  if (!drawn_) return;
  read({pixels, static_cast<std::size_t>(count * values_)}, count);
  for_rows(rows, [&](Row& row, int64_t index) { return_latents(row, index); });
}

void Chain::fail_unlike(std::string_view origin) {
  fail(ErrorCode::corrupt, origin, ": what is in it does not come out as it went in, though its ",
       "checksums are right: it was not written by `vae compress`, or by another arithmetic");
}

/// With all the memory that a step's tasks need: they may not throw.
std::vector<Chain::Row> Chain::rows_of(std::vector<BitStack>& stacks, int64_t rows) const {
  std::vector<Row> result;
  for (int64_t i = 0; i < rows; ++i) {
    BitStack& stack = stacks[static_cast<std::size_t>(i)];
    stack.make_room(static_cast<std::size_t>(values_ + latents_));
    result.push_back({&stack, std::vector<uint32_t>(static_cast<std::size_t>(latents_))});
  }
  return result;
}

void Chain::for_rows(std::vector<Row>& rows, const std::function<void(Row&, int64_t)>& task) const {
  network_.backend().run_on_host(
      std::ssize(rows), [&](int64_t index) { task(rows[static_cast<std::size_t>(index)], index); });
}

/// The first images find stacks that hold nothing to draw from.
void Chain::start_step(int64_t step) {
  bits_ = LatentBuckets::bits_of_step(step);
  drawn_ = step > 0;
}

/// Images -> heads of their posteriors.
void Chain::read(std::span<const uint8_t> pixels, int64_t rows) {
  input_.resize(pixels.size());
  visit(*protocol_of(network_.config().likelihood), [&](auto rule) {
    std::transform(pixels.begin(), pixels.end(), input_.begin(),
                   [&](uint8_t pixel) { return rule.value(pixel, 0); });
  });
  const View x = network_.input(rows);
  network_.backend().copy_to_device(x.data, input_.data(), input_.size() * sizeof(float));
  heads_.clear();
  append(network_.backend(), network_.encode(rows), heads_);
}

/// Buckets -> outputs of the decoder.
void Chain::decode(const std::vector<Row>& rows) {
  codes_.clear();
  for (const Row& row : rows) {
    for (const uint32_t bucket : row.buckets) codes_.push_back(buckets_.middle(bucket, bits_));
  }
  const auto count = static_cast<int64_t>(rows.size());
  const View z = network_.latent(count);
  network_.backend().copy_to_device(z.data, codes_.data(), codes_.size() * sizeof(float));
  outputs_.clear();
  append(network_.backend(), network_.decode(count), outputs_);
}

PosteriorSlices Chain::posterior(int64_t index, int64_t dimension) const {
  const ModelConfig& model = network_.config();
  const float* mean = heads_.data() + index * 2 * latents_ + dimension;
  const float logvar = clamped(mean[latents_], static_cast<float>(model.logvar_min),
                               static_cast<float>(model.logvar_max));
  return {buckets_, bits_, *mean, logvar};
}

void Chain::draw_latents(Row& row, int64_t index) const {
  for (int64_t i = 0; i < latents_; ++i) {
    const PosteriorSlices slices = posterior(index, i);
    uint32_t& bucket = row.buckets[static_cast<std::size_t>(i)];
    if (!drawn_) {
      bucket = slices.nearest();
      continue;
    }
    bucket = slices.find(row.stack->top(PosteriorSlices::kBits));
    row.stack->pop(slices.slice(bucket), PosteriorSlices::kBits);
  }
}

void Chain::return_latents(Row& row, int64_t index) const {
  for (int64_t i = latents_; i-- > 0 && row.intact;) {
    const Slice slice = posterior(index, i).slice(row.buckets[static_cast<std::size_t>(i)]);
    row.intact = slice.size > 0;
    if (row.intact) row.stack->push(slice, PosteriorSlices::kBits);
  }
}

void Chain::push_latents(Row& row) const {
  for (const uint32_t bucket : row.buckets) row.stack->push({bucket, 1}, bits_);
}

void Chain::pop_latents(Row& row) const {
  for (auto bucket = row.buckets.rbegin(); bucket != row.buckets.rend(); ++bucket) {
    *bucket = static_cast<uint32_t>(row.stack->top(bits_));
    row.stack->pop({*bucket, 1}, bits_);
  }
}

/// The last value first, so that they are popped in their order.
template <typename Rule>
void Chain::push_values(Row& row, int64_t index, const uint8_t* pixels) const {
  const float* outputs = outputs_.data() + index * values_ * Rule::kOutputs;
  for (int64_t i = values_; i-- > 0;) {
    Rule rule(outputs + i * Rule::kOutputs);
    row.stack->push(rule.slice(symbol_of<Rule>(pixels[i])), kValueBits);
  }
}

template <typename Rule>
void Chain::pop_values(Row& row, int64_t index, uint8_t* pixels) const {
  const float* outputs = outputs_.data() + index * values_ * Rule::kOutputs;
  for (int64_t i = 0; i < values_; ++i) {
    Rule rule(outputs + i * Rule::kOutputs);
    const ValueSymbol found = rule.find(row.stack->top(kValueBits));
    row.stack->pop(found.slice, kValueBits);
    pixels[i] = pixel_of<Rule>(found.symbol);
  }
  row.intact = row.intact && !row.stack->exhausted();
}

}  // namespace vae
