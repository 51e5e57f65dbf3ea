// SPDX-License-Identifier: MIT
#include "host/model/epoch_record.h"

#include <nlohmann/json.hpp>

#include "host/io/json_writer.h"
#include "kernels/check.h"
#include "vae/error.h"

namespace vae {

namespace {

using nlohmann::json;

void write_members(JsonWriter& json, const Bound& bound) {
  json.member("elbo", bound.reconstruction - bound.kl)
      .member("reconstruction", bound.reconstruction)
      .member("kl", bound.kl);
  if (bound.weighted) json.member("bound", *bound.weighted);
}

[[noreturn]] void fail_member(const char* key, const std::string& origin) {
  fail(ErrorCode::corrupt, origin, ": the record of an epoch lacks a valid \"", key, "\"");
}

const json& member(const json& document, const char* key, const std::string& origin) {
  const auto found = document.is_object() ? document.find(key) : document.end();
  if (found == document.end()) fail_member(key, origin);
  return *found;
}

double real(const json& document, const char* key, const std::string& origin) {
  const json& value = member(document, key, origin);
  if (!value.is_number()) fail_member(key, origin);
  return value.get<double>();
}

std::vector<double> reals(const json& document, const char* key, const std::string& origin) {
  const json& values = member(document, key, origin);
  if (!values.is_array()) fail_member(key, origin);
  std::vector<double> numbers;
  for (const json& value : values) {
    if (!value.is_number()) fail_member(key, origin);
    numbers.push_back(value.get<double>());
  }
  return numbers;
}

int64_t count(const json& document, const char* key, const std::string& origin) {
  const json& value = member(document, key, origin);
  if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{INT64_MAX}) {
    fail_member(key, origin);
  }
  return value.get<int64_t>();
}

Bound bound_from_json(const json& document, const std::string& origin) {
  Bound bound{real(document, "reconstruction", origin), real(document, "kl", origin)};
  if (document.contains("bound")) bound.weighted = real(document, "bound", origin);
  return bound;
}

}  // namespace

double EpochRecord::objective(double beta) const {
  const Bound& bound = validation ? *validation : test;
  return bound.weighted.value_or(bound.reconstruction - beta * bound.kl);
}

void write_member(JsonWriter& json, std::string_view key, const EpochRecord& record, double beta) {
  json.begin(key)
      .member("epoch", record.epoch)
      .member("step", record.step)
      .member("chosen_on", record.chosen_on())
      .member("objective", record.objective(beta));
  if (record.validation) {
    json.begin("validation");
    write_members(json, *record.validation);
    json.end();
  }
  json.begin("test");
  write_members(json, record.test);
  json.member("active_units", record.active_units)
      .member("kl_per_dimension", record.kl_per_dimension);
  if (!record.kl_per_layer.empty()) json.member("kl_per_layer", record.kl_per_layer);
  json.end().end();
}

EpochRecord epoch_record_from_json(const json& document, const std::string& origin) {
  EpochRecord record;
  record.epoch = count(document, "epoch", origin);
  record.step = count(document, "step", origin);
  if (document.contains("validation")) {
    record.validation = bound_from_json(document.at("validation"), origin);
  }
  const json& test = member(document, "test", origin);
  record.test = bound_from_json(test, origin);
  record.active_units = count(test, "active_units", origin);
  record.kl_per_dimension = reals(test, "kl_per_dimension", origin);
  if (test.contains("kl_per_layer")) record.kl_per_layer = reals(test, "kl_per_layer", origin);
  return record;
}

}  // namespace vae
