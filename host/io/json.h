// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "vae/error.h"

namespace vae {

/// What a JSON document may be.
struct JsonRules {
  bool comments = false;  ///< Whether // and /* */ are skipped.
  size_t max_bytes = size_t{16} << 20;
  int max_depth = 64;
  /// Bounds the memory of the parsed document: text plus some 100 bytes for each value.
  size_t max_values = size_t{1} << 18;
  ErrorCode error = ErrorCode::corrupt;  ///< What to throw; a configuration is a caller's mistake.
};

/// A parsed document. nlohmann's destructor allocates where a container holds another, and a
/// destructor that cannot ends the process: this one empties the document from its leaves, which
/// takes no memory, so that running out of it stays an exception.
class JsonDocument {
 public:
  JsonDocument();
  ~JsonDocument();
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) = delete;

  nlohmann::json& operator*() { return *value_; }
  const nlohmann::json& operator*() const { return *value_; }

 private:
  std::unique_ptr<nlohmann::json> value_;
};

/// Parses one document, strictly: no duplicate keys, no NUL, valid UTF-8, nothing behind the end.
/// Messages name `origin`, line and column. Numbers beyond 64 bits become floating point: check
/// is_number_unsigned() or is_number_integer() before taking an integer.
JsonDocument parse_json(std::string_view text, std::string_view origin,
                        const JsonRules& rules = {});

}  // namespace vae
