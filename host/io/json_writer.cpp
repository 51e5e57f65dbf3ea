// SPDX-License-Identifier: MIT
#include "host/io/json_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kernels/check.h"

namespace vae {
namespace {

/// A scalar owns no other value, so that its destructor allocates nothing.
std::string scalar_text(const nlohmann::json& scalar) {
  return scalar.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

JsonWriter::JsonWriter(Order order, int indentation)
    : order_(order), indentation_(indentation), open_(1) {}

JsonWriter& JsonWriter::member(std::string_view key, const nlohmann::json& scalar) {
  VAE_CHECK(scalar.is_primitive(), "\"", key, "\" is no scalar");
  return add(key, scalar_text(scalar));
}

JsonWriter& JsonWriter::member(std::string_view key, const std::vector<double>& numbers) {
  std::vector<std::string> items;
  for (const double number : numbers) items.push_back(scalar_text(number));
  return add(key, list('[', items, ']', open_.size()));
}

JsonWriter& JsonWriter::begin(std::string_view key) {
  open_.push_back({std::string(key), {}});
  return *this;
}

JsonWriter& JsonWriter::end() {
  VAE_CHECK(open_.size() > 1, "an end without a begin");
  const Object object = std::move(open_.back());
  open_.pop_back();
  return add(object.key, text_of(object, open_.size()));
}

std::string JsonWriter::text() const {
  VAE_CHECK(open_.size() == 1, "\"", open_.back().key, "\" has no end");
  return text_of(open_.front(), 0);
}

JsonWriter& JsonWriter::add(std::string_view key, std::string text) {
  open_.back().members.emplace_back(key, std::move(text));
  return *this;
}

std::string JsonWriter::text_of(const Object& object, std::size_t depth) const {
  auto members = object.members;
  if (order_ == Order::by_key) std::sort(members.begin(), members.end());
  std::vector<std::string> items;
  for (const auto& [key, text] : members) {
    items.push_back(scalar_text(key) + (indentation_ < 0 ? ":" : ": ") + text);
  }
  return list('{', items, '}', depth);
}

std::string JsonWriter::list(char open, const std::vector<std::string>& items, char close,
                             std::size_t depth) const {
  const auto line = [&](std::size_t level) {
    if (indentation_ < 0 || items.empty()) return std::string();
    return '\n' + std::string(level * static_cast<std::size_t>(indentation_), ' ');
  };
  std::string text(1, open);
  for (const std::string& item : items) {
    if (text.size() > 1) text += ',';
    text += line(depth + 1) + item;
  }
  return text + line(depth) + close;
}

}  // namespace vae
