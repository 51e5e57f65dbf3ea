// SPDX-License-Identifier: MIT
#include "host/io/json.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "kernels/check.h"

namespace vae {
namespace {

using Json = nlohmann::json;

/// Reads the text and tells how far the parser has come.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, size_t* consumed) : at_(at), consumed_(consumed) {}

  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*consumed_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  size_t* consumed_;
};

/// Builds the document and refuses what nlohmann's own builder lets pass: duplicate keys (the last
/// would win), any depth, any number of values.
class DocumentBuilder : public nlohmann::json_sax<Json> {
 public:
  explicit DocumentBuilder(const JsonRules& rules) : rules_(rules) {}

  JsonDocument take_document() { return std::move(document_); }
  const std::string& problem() const { return problem_; }

  bool null() override { return place(nullptr) != nullptr; }
  bool boolean(bool value) override { return place(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return place(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return place(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override {
    return place(value) != nullptr;
  }
  bool string(string_t& value) override { return place(std::move(value)) != nullptr; }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (open_.back()->contains(name)) {
      return refuse(concat("the key \"", shortened(name), "\" twice"));
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    const std::string_view text = error.what();
    const size_t start = text.find("] ");  // behind nlohmann's own tag
    return refuse(text.substr(start == std::string_view::npos ? 0 : start + 2));
  }

 private:
  bool refuse(std::string_view problem) {
    problem_ = problem;
    return false;
  }

  template <typename Value>
  Json* place(Value&& value) {
    if (++values_ > rules_.max_values) {
      refuse(concat("more than ", rules_.max_values, " values"));
      return nullptr;
    }
    if (open_.empty()) {
      *document_ = std::forward<Value>(value);
      return &*document_;
    }
    // Only the innermost open container grows, so the pointers to the outer ones stay valid.
    Json& parent = *open_.back();
    if (parent.is_array()) return &parent.emplace_back(std::forward<Value>(value));
    return &(parent[key_] = std::forward<Value>(value));
  }

  bool open(Json container) {
    if (static_cast<int>(open_.size()) >= rules_.max_depth) {
      return refuse(concat("nesting deeper than ", rules_.max_depth));
    }
    Json* placed = place(std::move(container));
    if (placed != nullptr) open_.push_back(placed);
    return placed != nullptr;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const JsonRules& rules_;
  JsonDocument document_;
  std::vector<Json*> open_;
  std::string key_;
  std::string problem_;
  size_t values_ = 0;
};

std::string position(std::string_view text, size_t consumed) {
  const std::string_view before = text.substr(0, consumed);
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 == 0
  return concat("line ", 1 + std::count(before.begin(), before.end(), '\n'), ", column ",
                before.size() - line_start);
}

[[noreturn]] void fail_json(const JsonRules& rules, std::string_view origin,
                            std::string_view found) {
  fail(rules.error, origin, ": not acceptable JSON: ", shortened(found, 512));
}

/// Leaves no container in a container for nlohmann's destructor to find.
void empty_from_the_leaves(Json& value) {
  if (!value.is_structured()) return;
  for (Json& child : value) empty_from_the_leaves(child);
  value.clear();
}

}  // namespace

JsonDocument::JsonDocument() : value_(std::make_unique<Json>()) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() {
  if (value_) empty_from_the_leaves(*value_);
}

JsonDocument parse_json(std::string_view text, std::string_view origin, const JsonRules& rules) {
  if (text.size() > rules.max_bytes) {
    fail_json(rules, origin,
              concat("expected at most ", rules.max_bytes, " bytes, found ", text.size()));
  }
  // nlohmann takes a NUL behind the document for its end; no JSON text holds one.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    fail_json(rules, origin, concat("a NUL byte at ", position(text, nul + 1)));
  }
  DocumentBuilder builder(rules);
  size_t consumed = 0;
  const CountingIterator first(text.data(), &consumed);
  const CountingIterator last(text.data() + text.size(), &consumed);
  constexpr bool kNothingBehind = true;
  if (!Json::sax_parse(first, last, &builder, Json::input_format_t::json, kNothingBehind,
                       rules.comments)) {
    const bool placed = builder.problem().find("line ") != std::string::npos;
    fail_json(
        rules, origin,
        placed ? builder.problem() : concat(builder.problem(), " at ", position(text, consumed)));
  }
  return builder.take_document();
}

}  // namespace vae
