// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vae {

class JsonWriter;

/// Averages over one set of images, in nats per image.
struct Bound {
  double reconstruction = 0.0;
  double kl = 0.0;
  std::optional<double> weighted =
      {};  // L_K at the objective's final weight, where that is trained

  bool operator==(const Bound&) const = default;
};

/// What was measured of the weights that an epoch ended with. The best epoch of a run is chosen by
/// it, and stored with it: what is said of the best checkpoint belongs to its weights.
struct EpochRecord {
  int64_t epoch = 0;  // 1: the first
  int64_t step = 0;
  std::optional<Bound> validation;  // where images were set aside
  Bound test;
  int64_t active_units = 0;               // of the test set, like the next
  std::vector<double> kl_per_dimension;   // Z
  std::vector<double> kl_per_layer = {};  // of latents; empty where there is one

  /// The split by which the best epoch is chosen: "validation", or "test" where there is none.
  std::string_view chosen_on() const { return validation ? "validation" : "test"; }
  /// The training objective on that split: L_K, or reconstruction - beta KL. It compares epochs
  /// when `beta` is the weight after the warm-up for all of them.
  double objective(double beta) const;

  bool operator==(const EpochRecord&) const = default;
};

/// Writes the record as the member `key`, with what follows from it, `chosen_on` and `objective`,
/// for readers.
void write_member(JsonWriter& json, std::string_view key, const EpochRecord& record, double beta);

/// Throws Error(corrupt) naming `origin` and the member that is missing or wrong.
EpochRecord epoch_record_from_json(const nlohmann::json& document, const std::string& origin);

}  // namespace vae
