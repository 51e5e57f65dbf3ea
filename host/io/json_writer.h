// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vae {

/// Writes one JSON object as text, member by member. nlohmann's documents end the process when
/// memory runs out while one is built or destroyed; here that is std::bad_alloc and no more. Use it
/// for what a training writes.
///
///     JsonWriter json;
///     json.member("epoch", 3).begin("test").member("kl", 25.3).end();
///     json.text();  // {"epoch":3,"test":{"kl":25.3}}
class JsonWriter {
 public:
  enum class Order { as_written, by_key };

  /// With an indentation every member has a line of its own; with -1 all is one line.
  explicit JsonWriter(Order order = Order::as_written, int indentation = -1);

  /// A null, boolean, number or string. Numbers that are not finite become null, bytes that are not
  /// UTF-8 the replacement character.
  JsonWriter& member(std::string_view key, const nlohmann::json& scalar);
  JsonWriter& member(std::string_view key, const std::vector<double>& numbers);

  /// An object as a member; what follows goes into it, until end().
  JsonWriter& begin(std::string_view key);
  JsonWriter& end();

  /// The document, without a line break at its end; every begin() has had its end().
  std::string text() const;

 private:
  struct Object {
    std::string key;
    std::vector<std::pair<std::string, std::string>> members;  // key and text
  };

  std::string list(char open, const std::vector<std::string>& items, char close,
                   std::size_t depth) const;
  std::string text_of(const Object& object, std::size_t depth) const;
  JsonWriter& add(std::string_view key, std::string text);

  Order order_;
  int indentation_;
  std::vector<Object> open_;  // from the document inwards
};

}  // namespace vae
