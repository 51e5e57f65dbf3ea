// SPDX-License-Identifier: MIT
#include "host/codec/chain.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "host/codec/value_slices.h"
#include "host/model/batches.h"
#include "kernels/check.h"
#include "kernels/math_double.h"
#include "kernels/rules/binarization.h"

namespace vae {

namespace {

constexpr int kChoiceBits = 24;  // of the distribution over samples

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

Chain::Chain(Network& network, int64_t lanes, int sample_bits)
    : network_(network),
      lanes_(lanes),
      values_(network.config().pixels()),
      latents_(network.config().latent),
      most_sample_bits_(sample_bits) {
  network.reserve(lanes, lanes << sample_bits);
}

std::vector<BitStack> Chain::push(std::span<const uint8_t> pixels, const Progress& progress) {
  const int64_t images = std::ssize(pixels) / values_;
  std::vector<BitStack> stacks(static_cast<std::size_t>(lanes_));
  for (int64_t first = 0; first < images; first += lanes_) {
    const int64_t count = std::min(lanes_, images - first);
    start_step(first / lanes_);
    std::vector<Row> rows = rows_of(stacks, count);
    with_value_slices(network_.config().likelihood, [&]<typename Rule>(std::type_identity<Rule>) {
      push_step<Rule>(rows, pixels.data() + first * values_);
    });
    if (!progress(static_cast<double>(first + count) / static_cast<double>(images))) return {};
  }
  return stacks;
}

template <typename Rule>
void Chain::push_step(std::vector<Row>& rows, const uint8_t* pixels) {
  const auto count = static_cast<int64_t>(rows.size());
  read({pixels, static_cast<std::size_t>(count * values_)}, count);
  for_rows(rows, [&](Row& row, int64_t index) {
    for (uint32_t sample = 0; sample < samples(); ++sample) draw_latents(row, index, sample);
  });
  decode(rows);
  for_rows(rows, [&](Row& row, int64_t index) {
    const uint8_t* own = pixels + index * values_;
    if (sample_bits_ > 0) choose<Rule>(row, index, own);
    push_values<Rule>(row, index, own);
    push_latents(row);
  });
}

std::vector<uint8_t> Chain::pop(std::vector<BitStack>& stacks, int64_t images,
                                std::string_view origin, const Progress& progress) {
  const int64_t steps = (images + lanes_ - 1) / lanes_;
  std::vector<uint8_t> pixels(static_cast<std::size_t>(images * values_));
  for (int64_t step = steps; step-- > 0;) {
    const int64_t first = step * lanes_;
    start_step(step);
    std::vector<Row> rows = rows_of(stacks, std::min(lanes_, images - first));
    with_value_slices(network_.config().likelihood, [&]<typename Rule>(std::type_identity<Rule>) {
      pop_step<Rule>(rows, pixels.data() + first * values_);
    });
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

/// The other way round, step by step, of what push_step() does.
template <typename Rule>
void Chain::pop_step(std::vector<Row>& rows, uint8_t* pixels) {
  const auto count = static_cast<int64_t>(rows.size());
  for_rows(rows, [&](Row& row, int64_t) { pop_latents(row); });
  decode_chosen(rows);
  for_rows(rows, [&](Row& row, int64_t index) {
    pop_values<Rule>(row, index, pixels + index * values_);
  });
  if (!drawn_) return;
  read({pixels, static_cast<std::size_t>(count * values_)}, count);
  if (sample_bits_ > 0) {
    for_rows(rows, [&](Row& row, int64_t index) {
      for (uint32_t sample = 0; sample < samples(); ++sample) {
        if (sample != row.chosen) draw_latents(row, index, sample);
      }
    });
    decode(rows);
  }
  for_rows(rows, [&](Row& row, int64_t index) {
    if (sample_bits_ > 0) return_choice<Rule>(row, index, pixels + index * values_);
    for (uint32_t sample = samples(); sample-- > 0;) return_latents(row, index, sample);
  });
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
    const auto latents = static_cast<std::size_t>(latents_) << sample_bits_;
    stack.make_room(static_cast<std::size_t>(values_) + 2 * latents + 2);
    result.push_back({&stack, std::vector<uint32_t>(latents)});
  }
  return result;
}

void Chain::for_rows(std::vector<Row>& rows, const std::function<void(Row&, int64_t)>& task) const {
  network_.backend().run_on_host(
      std::ssize(rows), [&](int64_t index) { task(rows[static_cast<std::size_t>(index)], index); });
}

/// The first images find stacks that hold nothing to draw from, and the next ones little.
void Chain::start_step(int64_t step) {
  constexpr int64_t kStepsToDouble = 4;
  bits_ = LatentBuckets::bits_of_step(step);
  sample_bits_ = static_cast<int>(std::min<int64_t>(most_sample_bits_, step / kStepsToDouble));
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

/// Buckets of all samples -> outputs of the decoder.
void Chain::decode(const std::vector<Row>& rows) {
  codes_.clear();
  for (const Row& row : rows) {
    for (uint32_t sample = 0; sample < samples(); ++sample) add_codes(row, sample);
  }
  decode_codes(std::ssize(rows) * samples());
}

/// The same of the sample that each image is told by alone: outputs are those of a step with one.
void Chain::decode_chosen(const std::vector<Row>& rows) {
  codes_.clear();
  for (const Row& row : rows) add_codes(row, row.chosen);
  decode_codes(std::ssize(rows));
}

void Chain::add_codes(const Row& row, uint32_t sample) {
  for (int64_t i = 0; i < latents_; ++i) {
    const uint32_t bucket = row.buckets[static_cast<std::size_t>(sample * latents_ + i)];
    codes_.push_back(buckets_.middle(bucket, bits_));
  }
}

void Chain::decode_codes(int64_t count) {
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

void Chain::draw_latents(Row& row, int64_t index, uint32_t sample) const {
  const std::span<uint32_t> buckets = latents_of(row, sample);
  for (int64_t i = 0; i < latents_; ++i) {
    const PosteriorSlices slices = posterior(index, i);
    uint32_t& bucket = buckets[static_cast<std::size_t>(i)];
    if (!drawn_) {
      bucket = slices.nearest();
      continue;
    }
    bucket = slices.find(row.stack->top(PosteriorSlices::kBits));
    row.stack->pop(slices.slice(bucket), PosteriorSlices::kBits);
  }
}

void Chain::return_latents(Row& row, int64_t index, uint32_t sample) const {
  const std::span<const uint32_t> buckets = latents_of(row, sample);
  for (int64_t i = latents_; i-- > 0 && row.intact;) {
    const Slice slice = posterior(index, i).slice(buckets[static_cast<std::size_t>(i)]);
    row.intact = slice.size > 0;
    if (row.intact) row.stack->push(slice, PosteriorSlices::kBits);
  }
}

/// And which sample they are.
void Chain::push_latents(Row& row) const {
  for (const uint32_t bucket : latents_of(row, row.chosen)) row.stack->push({bucket, 1}, bits_);
  if (sample_bits_ > 0) row.stack->push({row.chosen, 1}, sample_bits_);
}

void Chain::pop_latents(Row& row) const {
  if (sample_bits_ > 0) {
    row.chosen = static_cast<uint32_t>(row.stack->top(sample_bits_));
    row.stack->pop({row.chosen, 1}, sample_bits_);
  }
  const std::span<uint32_t> buckets = latents_of(row, row.chosen);
  for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {
    *bucket = static_cast<uint32_t>(row.stack->top(bits_));
    row.stack->pop({*bucket, 1}, bits_);
  }
}

/// log p(x, z) - log q(z|x) but for what all samples share, of the numbers that are coded with.
template <typename Rule>
double Chain::log_weight(const Row& row, int64_t index, uint32_t sample,
                         const uint8_t* pixels) const {
  constexpr int64_t kAtOnce = 16;  // sizes whose product stays a finite number
  const auto sum_of_logs = [](int64_t count, const auto& size) {
    double sum = 0.0;
    for (int64_t first = 0; first < count; first += kAtOnce) {
      double product = 1.0;
      for (int64_t i = first; i < std::min(first + kAtOnce, count); ++i) {
        product *= static_cast<double>(size(i));
      }
      sum += logarithm(product);
    }
    return sum;
  };
  const float* outputs = outputs_of(index, sample, Rule::kOutputs);
  const double log_p = sum_of_logs(values_, [&](int64_t i) {
    return Rule(outputs + i * Rule::kOutputs).slice(symbol_of<Rule>(pixels[i])).size;
  });
  return log_p - sum_of_logs(latents_, [&](int64_t i) {
           const uint32_t bucket = row.buckets[static_cast<std::size_t>(sample * latents_ + i)];
           return std::max<uint64_t>(1, posterior(index, i).slice(bucket).size);
         });
}

/// What each sample has of 2^kChoiceBits: one, and of what is left in proportion to its weight.
template <typename Rule>
Chain::Choices Chain::choices(const Row& row, int64_t index, const uint8_t* pixels) const {
  std::array<double, kMostSamples> weights = {};
  double most = -std::numeric_limits<double>::infinity(), sum = 0.0;
  for (uint32_t sample = 0; sample < samples(); ++sample) {
    weights[sample] = log_weight<Rule>(row, index, sample, pixels);
    most = std::max(most, weights[sample]);
  }
  for (uint32_t sample = 0; sample < samples(); ++sample) {
    weights[sample] = exponential(weights[sample] - most);
    sum += weights[sample];
  }
  const uint64_t all = uint64_t{1} << kChoiceBits;
  Choices slices = {};
  uint64_t start = 0;
  for (uint32_t sample = 0; sample < samples(); ++sample) {
    const double share = weights[sample] / sum * static_cast<double>(all - samples());
    const bool last = sample + 1 == samples();
    slices[sample] = {start, last ? all - start : 1 + static_cast<uint64_t>(share)};
    start += slices[sample].size;
  }
  return slices;
}

template <typename Rule>
void Chain::choose(Row& row, int64_t index, const uint8_t* pixels) const {
  const Choices slices = choices<Rule>(row, index, pixels);
  const uint64_t top = row.stack->top(kChoiceBits);
  while (top >= slices[row.chosen].start + slices[row.chosen].size) ++row.chosen;
  row.stack->pop(slices[row.chosen], kChoiceBits);
  for (uint32_t sample = samples(); sample-- > 0;) {
    if (sample != row.chosen) return_latents(row, index, sample);
  }
}

template <typename Rule>
void Chain::return_choice(Row& row, int64_t index, const uint8_t* pixels) const {
  if (!row.intact) return;
  row.stack->push(choices<Rule>(row, index, pixels)[row.chosen], kChoiceBits);
}

/// The last value first, so that they are popped in their order.
template <typename Rule>
void Chain::push_values(Row& row, int64_t index, const uint8_t* pixels) const {
  const float* outputs = outputs_of(index, row.chosen, Rule::kOutputs);
  for (int64_t i = values_; i-- > 0;) {
    Rule rule(outputs + i * Rule::kOutputs);
    row.stack->push(rule.slice(symbol_of<Rule>(pixels[i])), kValueBits);
  }
}

/// After decode_chosen().
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
