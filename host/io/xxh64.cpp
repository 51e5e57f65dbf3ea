// SPDX-License-Identifier: MIT
#include "host/io/xxh64.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vae {
namespace {

static_assert(std::endian::native == std::endian::little, "files are read as little-endian");

// The five primes of the specification.
constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4F;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5;

template <typename Word>
Word load(const std::byte* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

uint64_t round(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

void absorb_stripe(std::array<uint64_t, 4>& lanes, const std::byte* stripe) {
  for (size_t i = 0; i < 4; ++i) lanes[i] = round(lanes[i], load<uint64_t>(stripe + 8 * i));
}

uint64_t merge_lanes(const std::array<uint64_t, 4>& lanes) {
  uint64_t hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
                  std::rotl(lanes[3], 18);
  for (const uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * kPrime1 + kPrime4;
  return hash;
}

uint64_t absorb_tail(uint64_t hash, std::span<const std::byte> tail) {
  for (; tail.size() >= 8; tail = tail.subspan(8)) {
    hash = std::rotl(hash ^ round(0, load<uint64_t>(tail.data())), 27) * kPrime1 + kPrime4;
  }
  if (tail.size() >= 4) {
    hash = std::rotl(hash ^ load<uint32_t>(tail.data()) * kPrime1, 23) * kPrime2 + kPrime3;
    tail = tail.subspan(4);
  }
  for (const std::byte byte : tail) {
    hash = std::rotl(hash ^ static_cast<uint64_t>(byte) * kPrime5, 11) * kPrime1;
  }
  return hash;
}

uint64_t avalanche(uint64_t hash) {
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

}  // namespace

Xxh64::Xxh64(uint64_t seed)
    : lanes_{seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1}, seed_(seed) {}

void Xxh64::update(std::span<const std::byte> bytes) {
  total_ += bytes.size();
  if (pending_count_ > 0) {
    const size_t taken = std::min(bytes.size(), pending_.size() - pending_count_);
    std::copy_n(bytes.begin(), taken, pending_.begin() + pending_count_);
    pending_count_ += taken;
    bytes = bytes.subspan(taken);
    if (pending_count_ < pending_.size()) return;
    absorb_stripe(lanes_, pending_.data());
    pending_count_ = 0;
  }
  for (; bytes.size() >= 32; bytes = bytes.subspan(32)) absorb_stripe(lanes_, bytes.data());
  std::copy(bytes.begin(), bytes.end(), pending_.begin());
  pending_count_ = bytes.size();
}

uint64_t Xxh64::digest() const {
  const uint64_t hash = total_ >= 32 ? merge_lanes(lanes_) : seed_ + kPrime5;
  return avalanche(absorb_tail(hash + total_, std::span(pending_).first(pending_count_)));
}

uint64_t xxh64(std::span<const std::byte> bytes, uint64_t seed) {
  Xxh64 hash(seed);
  hash.update(bytes);
  return hash.digest();
}

std::string to_hex(uint64_t value) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = 0; i < 16; ++i) text[i] = kHex[value >> (60 - 4 * i) & 15];
  return text;
}

}  // namespace vae
