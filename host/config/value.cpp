// SPDX-License-Identifier: MIT
#include "host/config/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "host/config/layer_ranges.h"
#include "host/config/layer_text.h"
#include "host/config/scene_text.h"
#include "host/text/suggest.h"

namespace vae::config_detail {
namespace {

using nlohmann::json;

std::string quoted(std::string_view text) {
  return json(std::string(text.substr(0, 80))).dump(-1, ' ', true, json::error_handler_t::replace);
}

template <typename Enum>
std::vector<std::string> word_list() {
  std::vector<std::string> list;
  for (const auto& [value, word] : words(Enum{})) list.emplace_back(word);
  return list;
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& word : list) text += (text.empty() ? "" : "|") + word;
  return text;
}

std::string layers_text(const Range& range) {
  std::string text =
      "none, or up to " + std::to_string(range.max_items) + " layers, a comma between: N";
  if (range.layers_of == LayersOf::vectors) return text + ", dense, gated";
  for (const std::string& word : layer_words()) {
    if (word != "skip" || range.layers_of == LayersOf::decoder) text += ", " + word;
  }
  return text;
}

std::string range_text(const Range& range) {
  if (std::isinf(range.low)) return "any finite number";
  if (std::isinf(range.high)) {
    return (range.low_open ? "> " : ">= ") + number_text(range.low);
  }
  const std::string text = number_text(range.low) + ".." + number_text(range.high);
  return range.high_open ? text + " (" + number_text(range.high) + " itself excluded)" : text;
}

template <typename T>
std::string kind_text(const Range& range) {
  if constexpr (std::is_same_v<T, bool>) {
    return "true|false";
  } else if constexpr (std::is_enum_v<T>) {
    return joined(word_list<T>());
  } else if constexpr (std::is_same_v<T, uint64_t>) {
    return "0..18446744073709551615";
  } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
    return "none, or up to " + std::to_string(range.max_items) + " numbers " + range_text(range) +
           " with commas";
  } else if constexpr (std::is_same_v<T, std::vector<Layer>>) {
    return layers_text(range);
  } else if constexpr (std::is_same_v<T, Layer>) {
    return "dense, conv HxW[/S] or deconv HxW[/S]";
  } else if constexpr (std::is_same_v<T, ImageSize>) {
    return "none, WIDTH or WIDTHxHEIGHT, each " + range_text(range);
  } else if constexpr (std::is_same_v<T, Corruption>) {
    return "none, noise=SIGMA, quadrants=1, 2 or 3, random-quadrants=1, 2 or 3, or frames=N";
  } else if constexpr (std::is_same_v<T, SceneConfig>) {
    return scene_choices();
  } else {
    return range_text(range);
  }
}

template <typename T>
std::string kind_name() {
  if constexpr (std::is_same_v<T, double>) return "a number";
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, std::vector<int64_t>>) return "a list of whole numbers";
  if constexpr (std::is_same_v<T, std::vector<Layer>>) return "a list of layers";
  if constexpr (std::is_same_v<T, Layer>) return "a layer in quotes";
  if constexpr (std::is_same_v<T, ImageSize>) return "a size";
  if constexpr (std::is_same_v<T, Corruption>) return "a corruption";
  if constexpr (std::is_same_v<T, SceneConfig>) return "a scene in quotes";
  if constexpr (std::is_enum_v<T>) return "one of " + joined(word_list<T>());
  return "a whole number";
}

template <typename T>
bool parse_number(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  T parsed{};
  const auto result = std::from_chars(text.data(), end, parsed);
  if (text.empty() || result.ec != std::errc() || result.ptr != end) return false;
  value = parsed;
  return true;
}

bool parse_list(std::string_view text, std::vector<int64_t>& list) {
  std::vector<int64_t> parsed;
  while (text != "none") {
    const std::size_t comma = text.find(',');
    if (!parse_number(text.substr(0, comma), parsed.emplace_back())) return false;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  list = std::move(parsed);
  return true;
}

/// "64x48", "64" for 64x64, or "none".
bool parse_size(std::string_view text, ImageSize& size) {
  ImageSize parsed;
  if (text != "none") {
    const std::size_t cross = text.find('x');
    if (!parse_number(text.substr(0, cross), parsed.width)) return false;
    parsed.height = parsed.width;
    if (cross != std::string_view::npos && !parse_number(text.substr(cross + 1), parsed.height)) {
      return false;
    }
    if (parsed.width <= 0 || parsed.height <= 0) return false;
  }
  size = parsed;
  return true;
}

std::string size_text(const ImageSize& size) {
  if (size == ImageSize()) return "none";
  return std::to_string(size.width) + "x" + std::to_string(size.height);
}

/// "noise=0.5", "quadrants=1", or "none".
bool parse_corruption(std::string_view text, Corruption& corruption) {
  Corruption parsed;
  const std::size_t equals = text.find('=');
  const auto& list = words(CorruptionKind());
  const auto found = std::find_if(list.begin(), list.end(), [&](const auto& word) {
    return word.word == text.substr(0, equals);
  });
  if (found == list.end()) return false;
  parsed.kind = found->value;
  const bool has_amount = equals != std::string_view::npos;
  if (has_amount != (parsed.kind != CorruptionKind::none)) return false;
  if (has_amount && !parse_number(text.substr(equals + 1), parsed.amount)) return false;
  corruption = parsed;
  return true;
}

/// Sets the scene, or says which part of the text is none of its parts.
std::string read_scene(std::string_view text, SceneConfig& scene) {
  const std::string problem = parse_scene(text, scene);
  return problem.empty() ? problem : "cannot be " + quoted(text) + ": " + problem;
}

template <typename T>
bool parse(std::string_view text, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (text != "true" && text != "false") return false;
    value = text == "true";
    return true;
  } else if constexpr (std::is_enum_v<T>) {
    for (const auto& [candidate, word] : words(T{})) {
      if (word != text) continue;
      value = candidate;
      return true;
    }
    return false;
  } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
    return parse_list(text, value);
  } else if constexpr (std::is_same_v<T, ImageSize>) {
    return parse_size(text, value);
  } else if constexpr (std::is_same_v<T, Corruption>) {
    return parse_corruption(text, value);
  } else {
    return parse_number(text, value);
  }
}

/// A JSON integer as T; nlohmann would silently turn -1 into 2^64 - 1 and 2^64 into a double.
template <typename T>
bool read_integer(const json& value, T& number) {
  if (value.is_number_unsigned()) {
    const uint64_t wide = value.get<uint64_t>();
    if (!std::in_range<T>(wide)) return false;
    number = static_cast<T>(wide);
    return true;
  }
  if (!value.is_number_integer() || !std::in_range<T>(value.get<int64_t>())) return false;
  number = static_cast<T>(value.get<int64_t>());
  return true;
}

bool read_list(const json& value, std::vector<int64_t>& list) {
  if (!value.is_array()) return false;
  std::vector<int64_t> numbers;
  for (const json& item : value) {
    if (!read_integer(item, numbers.emplace_back())) return false;
  }
  list = std::move(numbers);
  return true;
}

std::string dumped(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 80);
}

/// One entry of a list of layers. Returns "" or what is wrong with it.
std::string read_layer(const json& value, Layer& layer) {
  if (value.is_string()) {
    const std::string problem = parse_layer(value.get_ref<const std::string&>(), layer);
    return problem.empty() ? problem : ", " + problem;
  }
  int64_t width = 0;
  if (!read_integer(value, width)) {
    return " cannot be " + dumped(value) +
           ": expected a whole number, or words such as \"conv 32 4x4/2\"";
  }
  layer = width;
  return {};
}

std::string read_layers(const json& value, std::vector<Layer>& layers) {
  std::vector<Layer> read(value.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    const std::string problem = read_layer(value[i], read[i]);
    if (!problem.empty()) return "at [" + std::to_string(i) + "]" + problem;
  }
  layers = std::move(read);
  return {};
}

template <typename T>
bool read(const json& value, T& target) {
  if constexpr (std::is_same_v<T, double>) {
    if (!value.is_number()) return false;
    target = value.get<double>();
    return true;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) return false;
    target = value.get<bool>();
    return true;
  } else if constexpr (std::is_enum_v<T> || std::is_same_v<T, ImageSize> ||
                       std::is_same_v<T, Corruption>) {
    return value.is_string() && parse(value.get_ref<const std::string&>(), target);
  } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
    return read_list(value, target);
  } else {
    return read_integer(value, target);
  }
}

template <typename T>
std::string suggestion(std::string_view text) {
  if constexpr (std::is_enum_v<T>) return did_you_mean(text, word_list<T>());
  return {};
}

std::string layer_json(const Layer& layer) {
  const std::string text = to_string(layer);
  return layer.is_plain() ? text : json(text).dump();
}

bool inside(double value, const Range& range) {
  if (!std::isfinite(value)) return false;
  if (value < range.low || (range.low_open && value == range.low)) return false;
  return value < range.high || (!range.high_open && value == range.high);
}

/// The number in the type it is computed with in the end.
double as_float(double value) { return static_cast<double>(static_cast<float>(value)); }

/// "" or what is wrong with a number: it must lie in the range as it is written and as a float, and
/// must not turn into 0 on the way.
std::string number_problem(double value, const Range& range) {
  const std::string is = "is " + number_text(value);
  if (!inside(value, range)) return is + ", expected " + range_text(range);
  Range floats = range;
  floats.low = as_float(range.low);
  floats.high = as_float(range.high);
  const double used = as_float(value);
  if (inside(used, floats) && (used != 0.0 || value == 0.0)) return {};
  return is + ", which is " + (std::isinf(used) ? "infinite" : number_text(used)) +
         " as a 32-bit float, expected " + range_text(range);
}

std::string length_problem(std::size_t length, const Range& range) {
  if (static_cast<int64_t>(length) <= range.max_items) return {};
  return "has " + std::to_string(length) + " entries, at most " + std::to_string(range.max_items) +
         " are allowed";
}

std::string layers_problem(const std::vector<Layer>& layers, const Range& range) {
  const std::string length = length_problem(layers.size(), range);
  if (!length.empty()) return length;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string problem = layer_problem(layers[i]);
    if (!problem.empty()) return "at [" + std::to_string(i) + "]: " + problem;
  }
  return {};
}

/// Sigma within the range; one to three whole quadrants; frames of a clip that has one more.
std::string corruption_problem(const Corruption& corruption, const Range& range) {
  switch (corruption.kind) {
    case CorruptionKind::none:
      return {};
    case CorruptionKind::noise:
      return number_problem(corruption.amount, range);
    case CorruptionKind::quadrants:
    case CorruptionKind::random_quadrants:
      break;
    case CorruptionKind::frames:
      if (corruption.amount >= 1 && corruption.amount < kMostFrames &&
          corruption.amount == std::trunc(corruption.amount)) {
        return {};
      }
      return "is " + corruption_text(corruption) + ", expected a whole number of frames, 1.." +
             std::to_string(kMostFrames - 1);
  }
  const double count = corruption.amount;
  if (count == 1.0 || count == 2.0 || count == 3.0) return {};
  return "is " + corruption_text(corruption) + ", expected 1, 2 or 3 of the four";
}

std::string list_problem(const std::vector<int64_t>& list, const Range& range) {
  const std::string length = length_problem(list.size(), range);
  if (!length.empty()) return length;
  for (const int64_t item : list) {
    if (inside(static_cast<double>(item), range)) continue;
    return "holds " + std::to_string(item) + ", expected " + range_text(range);
  }
  return {};
}

}  // namespace

std::string number_text(double value) {
  if (std::abs(value) < 1e15 && value == std::trunc(value) && !std::signbit(value)) {
    return std::to_string(static_cast<int64_t>(value));
  }
  char buffer[40];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, result.ptr);
}

std::string set_from_text(const Field& field, const Range& range, std::string_view text) {
  return std::visit(
      [&](auto* target) -> std::string {
        using T = std::remove_pointer_t<decltype(target)>;
        if constexpr (std::is_same_v<T, std::vector<Layer>>) {
          return parse_layers(text, *target);
        } else if constexpr (std::is_same_v<T, Layer>) {
          return parse_output(text, *target);
        } else if constexpr (std::is_same_v<T, SceneConfig>) {
          return read_scene(text, *target);
        } else if (parse(text, *target)) {
          return {};
        }
        return "cannot be " + quoted(text) + ": expected " + kind_name<T>() +
               (std::is_enum_v<T> ? "" : " (" + kind_text<T>(range) + ")") + suggestion<T>(text);
      },
      field);
}

std::string set_from_json(const Field& field, const Range& range, const json& value) {
  return std::visit(
      [&](auto* target) -> std::string {
        using T = std::remove_pointer_t<decltype(target)>;
        if constexpr (std::is_same_v<T, std::vector<Layer>>) {
          if (value.is_array()) return read_layers(value, *target);
        } else if constexpr (std::is_same_v<T, Layer>) {
          if (value.is_string()) return parse_output(value.get_ref<const std::string&>(), *target);
        } else if constexpr (std::is_same_v<T, SceneConfig>) {
          if (value.is_string()) return read_scene(value.get_ref<const std::string&>(), *target);
        } else if (read(value, *target)) {
          return {};
        }
        const std::string word = value.is_string() ? value.get<std::string>() : std::string();
        return "cannot be " + dumped(value) + ": expected " + kind_name<T>() +
               (std::is_enum_v<T> ? "" : " (" + kind_text<T>(range) + ")") + suggestion<T>(word);
      },
      field);
}

std::string to_json_text(const Field& field) {
  return std::visit(
      [](const auto* value) -> std::string {
        using T = std::remove_cv_t<std::remove_pointer_t<decltype(value)>>;
        if constexpr (std::is_enum_v<T>) {
          return json(std::string(to_string(*value))).dump();
        } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
          std::string text;
          for (const int64_t item : *value) {
            text += (text.empty() ? "" : ", ") + std::to_string(item);
          }
          return "[" + text + "]";
        } else if constexpr (std::is_same_v<T, std::vector<Layer>>) {
          std::string text;
          for (const Layer& layer : *value) text += (text.empty() ? "" : ", ") + layer_json(layer);
          return "[" + text + "]";
        } else if constexpr (std::is_same_v<T, Layer>) {
          return json(to_string(*value)).dump();
        } else if constexpr (std::is_same_v<T, double>) {
          return std::isfinite(*value) ? number_text(*value) : "null";
        } else if constexpr (std::is_same_v<T, ImageSize>) {
          return json(size_text(*value)).dump();
        } else if constexpr (std::is_same_v<T, Corruption>) {
          return json(corruption_text(*value)).dump();
        } else if constexpr (std::is_same_v<T, SceneConfig>) {
          return json(scene_text(*value)).dump();
        } else {
          return json(*value).dump();
        }
      },
      field);
}

std::string check_range(const Field& field, const Range& range) {
  return std::visit(
      [&](const auto* value) -> std::string {
        using T = std::remove_cv_t<std::remove_pointer_t<decltype(value)>>;
        if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
          return list_problem(*value, range);
        } else if constexpr (std::is_same_v<T, std::vector<Layer>>) {
          return layers_problem(*value, range);
        } else if constexpr (std::is_same_v<T, Layer>) {
          return output_problem(*value);
        } else if constexpr (std::is_same_v<T, double>) {
          return number_problem(*value, range);
        } else if constexpr (std::is_same_v<T, ImageSize>) {
          const auto fits = [&](int64_t side) { return inside(static_cast<double>(side), range); };
          if (*value == ImageSize() || (fits(value->width) && fits(value->height))) return {};
          return "is " + size_text(*value) + ", expected " + kind_text<T>(range);
        } else if constexpr (std::is_same_v<T, Corruption>) {
          return corruption_problem(*value, range);
        } else if constexpr (std::is_same_v<T, SceneConfig>) {
          return scene_problem(*value);
        } else if constexpr (std::is_same_v<T, int64_t>) {
          if (inside(static_cast<double>(*value), range)) return {};
          return "is " + std::to_string(*value) + ", expected " + range_text(range);
        } else {
          return {};
        }
      },
      field);
}

std::string corruption_text(const Corruption& corruption) {
  const std::string word(to_string(corruption.kind));
  return corruption.kind == CorruptionKind::none ? word
                                                 : word + "=" + number_text(corruption.amount);
}

std::string_view placeholder_text(const Field& field) {
  return std::visit(
      [](const auto* value) -> std::string_view {
        using T = std::remove_cv_t<std::remove_pointer_t<decltype(value)>>;
        if constexpr (std::is_same_v<T, double>) return "X";
        if constexpr (std::is_same_v<T, bool>) return "true|false";
        if constexpr (std::is_enum_v<T>) return "WORD";
        if constexpr (std::is_same_v<T, std::vector<int64_t>>) return "N,N,...";
        if constexpr (std::is_same_v<T, std::vector<Layer>>) return "LAYER,...";
        if constexpr (std::is_same_v<T, Layer>) return "LAYER";
        if constexpr (std::is_same_v<T, ImageSize>) return "WxH";
        if constexpr (std::is_same_v<T, Corruption>) return "WORD=X";
        if constexpr (std::is_same_v<T, SceneConfig>) return "WORD=N,...";
        return "N";
      },
      field);
}

std::string choices_text(const Field& field, const Range& range) {
  return std::visit(
      [&](const auto* value) {
        return kind_text<std::remove_cv_t<std::remove_pointer_t<decltype(value)>>>(range);
      },
      field);
}

}  // namespace vae::config_detail
