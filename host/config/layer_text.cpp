// SPDX-License-Identifier: MIT
#include "host/config/layer_text.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

#include "host/config/layer_ranges.h"
#include "host/config/table.h"
#include "host/text/suggest.h"
#include "kernels/check.h"

namespace vae::config_detail {
namespace {

/// Where a text is not what it should be; never leaves this file.
struct Fault {
  std::size_t at;
  std::string what;
};

struct Token {
  std::string_view text;  // "(", ")", "," or a run of other visible characters; empty at the end
  std::size_t at = 0;
};

constexpr std::string_view kSpaces = " \t\n\r";
constexpr std::string_view kMarks = "(),";

Token token_at(std::string_view text, std::size_t from) {
  const std::size_t at = std::min(text.find_first_not_of(kSpaces, from), text.size());
  if (at == text.size()) return {{}, at};
  if (kMarks.find(text[at]) != std::string_view::npos) return {text.substr(at, 1), at};
  const auto ends = [](char c) {
    return kSpaces.find(c) != std::string_view::npos || kMarks.find(c) != std::string_view::npos;
  };
  const auto* end = std::find_if(text.begin() + at, text.end(), ends);
  return {text.substr(at, static_cast<std::size_t>(end - text.begin()) - at), at};
}

/// A line of ASCII as wide as the text has bytes, so that a caret below it points at one of them.
std::string visible(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return line;
}

std::string found_text(std::string_view token) {
  if (token.empty()) return "found the end";
  return "found '" + visible(token.substr(0, 40)) + "'";
}

/// "column 9: ...", the text around the column, a caret.
std::string describe(const Fault& fault, std::string_view text) {
  constexpr std::size_t kBefore = 48, kLine = 72;
  constexpr std::string_view kIndent = "      ";
  const std::size_t start = fault.at > kBefore ? fault.at - kBefore : 0;
  return concat("column ", fault.at + 1, ": ", fault.what, "\n", kIndent,
                visible(text.substr(start, kLine)), "\n", kIndent,
                std::string(fault.at - start, ' '), "^");
}

class Parser;

/// A word that layers begin with, and what reads the rest of such a layer.
struct LayerWord {
  std::string_view word;
  Layer (Parser::*read)();
};

std::span<const LayerWord> words_of_layers();

/// Reads one text from left to right; every fault is thrown as one.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), next_(token_at(text, 0)) {}

  std::vector<Layer> layers() {
    std::vector<Layer> list;
    if (take("none")) {
      end("nothing behind \"none\"");
      return list;
    }
    do list.push_back(layer());
    while (take(","));
    return list;
  }

  Layer layer() {
    Layer layer = without_activation();
    takes_activation_ = takes_activation(layer.kind);
    refuses_activation_ = !takes_activation_;
    if (takes_activation_) read_activation(layer);
    return layer;
  }

  Layer output() {
    if (take("dense")) return {};
    if (take("conv")) return convolution(LayerKind::conv);
    if (take("deconv")) return convolution(LayerKind::deconv);
    if (take("transport")) {
      const int64_t seen = number("the number of frames that are seen, as in \"transport 10 1x1\"");
      Layer layer = convolution(LayerKind::transport);
      layer.of = seen;
      return layer;
    }
    expected("dense, or such as \"conv 3x3\", \"deconv 4x4/2\" or \"transport 10 1x1\"",
             std::vector<std::string>{"dense", "conv", "deconv", "transport"});
  }

  void end(std::string_view what) {
    if (!next_.text.empty()) expected(what);
  }

  /// Whether an activation may stand here, behind a layer.
  bool may_be_activated() const { return takes_activation_; }
  /// Whether there is one, behind a layer of a kind that takes none.
  bool has_unwanted_activation() const {
    const auto all = words(Activation{});
    return refuses_activation_ && std::any_of(all.begin(), all.end(), [&](const auto& word) {
             return word.word == next_.text;
           });
  }

  // The kinds, behind their first words.
  Layer dense() { return dense_of(LayerKind::dense); }
  Layer gated() {
    if (!take("dense")) expected("\"dense\" behind \"gated\"");
    return dense_of(LayerKind::gated_dense);
  }
  Layer conv() { return convolution_with_filters(LayerKind::conv); }
  Layer deconv() { return convolution_with_filters(LayerKind::deconv); }
  Layer upsample() { return scaled(LayerKind::upsample); }
  Layer pool() { return scaled(LayerKind::pool); }
  Layer skip() { return vae::skip(number("the number of a layer of the encoder, from 0")); }
  Layer residual() {
    if (!take("(")) expected("its layers in brackets, \"residual (conv 64 3x3, conv 64 3x3)\"");
    Layer layer;
    layer.kind = LayerKind::residual;
    do {
      if (next_.text == "residual") expected("no residual within a residual");
      layer.layers.push_back(this->layer());
    } while (take(","));
    if (!take(")")) expected("\",\" or \")\"");
    return layer;
  }

 private:
  Layer without_activation() {
    if (!next_.text.empty() && next_.text[0] >= '0' && next_.text[0] <= '9') {
      return number("a width");
    }
    for (const LayerWord& word : words_of_layers()) {
      if (take(word.word)) return (this->*word.read)();
    }
    expected("a layer such as 256 or \"conv 32 4x4/2\"", layer_words());
  }

  void read_activation(Layer& layer) {
    for (const auto& [value, word] : words(Activation{})) {
      if (!take(word)) continue;
      layer.activation = value;
      takes_activation_ = false;
      return;
    }
  }

  bool take(std::string_view word) {
    if (next_.text != word) return false;
    next_ = token_at(text_, next_.at + word.size());
    return true;
  }

  [[noreturn]] void expected(std::string_view what, const std::vector<std::string>& words = {}) {
    throw Fault{next_.at, concat("expected ", what, ", ", found_text(next_.text),
                                 did_you_mean(next_.text, words))};
  }

  /// Reads a number off the front of `rest`; the token it belongs to is the next one.
  int64_t digits(std::string_view& rest, std::string_view what) {
    int64_t value = 0;
    const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (result.ec == std::errc::result_out_of_range) {
      throw Fault{column(rest), concat("expected ", what, ", found a number too large")};
    }
    // No signs: a layer has no place for them.
    if (result.ec != std::errc() || rest[0] == '-') {
      throw Fault{column(rest), concat("expected ", what, ", ", found_text(next_.text))};
    }
    rest.remove_prefix(static_cast<std::size_t>(result.ptr - rest.data()));
    return value;
  }

  std::size_t column(std::string_view rest) const {
    return static_cast<std::size_t>(rest.data() - text_.data());
  }

  std::string_view token_rest() const {
    return text_.substr(next_.at, next_.text.size());  // never a null pointer, also at the end
  }

  /// The token ends where its numbers end.
  void finish(std::string_view rest, std::string_view what) {
    if (!rest.empty()) {
      throw Fault{column(rest), concat("expected ", what, ", ", found_text(next_.text))};
    }
    next_ = token_at(text_, next_.at + next_.text.size());
  }

  int64_t number(std::string_view what) {
    std::string_view rest = token_rest();
    const int64_t value = digits(rest, what);
    finish(rest, what);
    return value;
  }

  /// Numbers with 'x' between, off the front of `rest`.
  std::vector<int64_t> product(std::string_view& rest, std::string_view what) {
    std::vector<int64_t> numbers = {digits(rest, what)};
    while (rest.starts_with('x') && numbers.size() < 3) {
      rest.remove_prefix(1);
      numbers.push_back(digits(rest, what));
    }
    return numbers;
  }

  /// "2" or "2x1".
  Extent extent(std::string_view& rest, std::string_view what) {
    const std::string_view start = rest;
    const std::vector<int64_t> sides = product(rest, what);
    if (sides.size() > 2) {
      throw Fault{column(start), concat("expected ", what, ", ", found_text(next_.text))};
    }
    return {sides.front(), sides.back()};
  }

  Layer dense_of(LayerKind kind) {
    constexpr std::string_view kWhat = "a width such as 256 or a shape such as 7x7x64";
    Layer layer;
    layer.kind = kind;
    const std::string_view start = token_rest();
    std::string_view rest = start;
    layer.shape = product(rest, kWhat);
    if (layer.shape.size() == 2) {
      throw Fault{column(start), concat("expected ", kWhat, " (height x width x channels), ",
                                        found_text(next_.text))};
    }
    finish(rest, kWhat);
    return layer;
  }

  Layer convolution_with_filters(LayerKind kind) {
    const int64_t filters = number("the number of filters, as in \"conv 32 4x4/2\"");
    return convolution(kind, filters);
  }

  Layer convolution(LayerKind kind, std::optional<int64_t> filters = {}) {
    Layer layer;
    layer.kind = kind;
    layer.filters = filters.value_or(0);
    kernel(layer, filters.has_value());
    if (take("pad")) {
      std::string_view rest = token_rest();
      constexpr std::string_view kWhat = "rows and columns of zeros, such as 1 or 1x2";
      layer.padding = extent(rest, kWhat);
      finish(rest, kWhat);
    }
    return layer;
  }

  /// "4x4" or "4x4/2" or "4x4/2x1".
  void kernel(Layer& layer, bool with_filters) {
    const std::string what =
        concat("a kernel such as 3x3 or 4x4/2 (height x width / stride)",
               with_filters ? "" : " without a number of filters, which follows from the images");
    const std::string_view start = token_rest();
    std::string_view rest = start;
    const std::vector<int64_t> sides = product(rest, what);
    if (sides.size() != 2) {
      throw Fault{column(start), concat("expected ", what, ", ", found_text(next_.text))};
    }
    layer.kernel = {sides[0], sides[1]};
    if (rest.starts_with('/')) {
      rest.remove_prefix(1);
      layer.stride = extent(rest, "a stride such as 2 or 2x1");
    }
    finish(rest, what);
  }

  Layer scaled(LayerKind kind) {
    Layer layer;
    layer.kind = kind;
    layer.factor = number("a factor such as 2");
    return layer;
  }

  std::string_view text_;
  Token next_;
  bool takes_activation_ = false;    // an activation may stand here
  bool refuses_activation_ = false;  // none may, behind a layer of this kind
};

std::span<const LayerWord> words_of_layers() {
  static constexpr LayerWord kWords[] = {
      {"dense", &Parser::dense},       {"gated", &Parser::gated},       {"conv", &Parser::conv},
      {"deconv", &Parser::deconv},     {"upsample", &Parser::upsample}, {"pool", &Parser::pool},
      {"residual", &Parser::residual}, {"skip", &Parser::skip},
  };
  return kWords;
}

/// ", or an activation (none|relu|...)" where one may stand, to say so where something else does;
/// or that none may, where one does.
std::string or_activation(const Parser& parser) {
  if (parser.has_unwanted_activation()) return ", as this layer takes no activation";
  if (!parser.may_be_activated()) return {};
  std::string text = ", or an activation (";
  for (const auto& [value, word] : words(Activation{})) {
    text += (text.ends_with('(') ? "" : "|") + std::string(word);
  }
  return text + ")";
}

template <typename Read>
std::string described(std::string_view text, Read read) {
  try {
    read();
    return {};
  } catch (const Fault& fault) {
    return describe(fault, text);
  }
}

std::string with_stride_and_padding(const Layer& layer) {
  const auto short_form = [](const Extent& e) {
    return e.height == e.width ? concat(e.height) : concat(e.height, "x", e.width);
  };
  std::string text = concat(layer.kernel.height, "x", layer.kernel.width);
  if (layer.stride != Extent(1)) text += "/" + short_form(layer.stride);
  if (layer.padding) text += " pad " + short_form(*layer.padding);
  return text;
}

std::string shape_words(const ItemShape& shape) {
  std::string text;
  for (const int64_t size : shape) text += concat(text.empty() ? "" : "x", size);
  return text;
}

std::string convolution_words(const char* word, const Layer& layer) {
  const std::string filters = layer.filters == 0 ? "" : concat(layer.filters, " ");
  return concat(word, " ", filters, with_stride_and_padding(layer));
}

/// A layer without its activation.
std::string bare_words(const Layer& layer) {
  switch (layer.kind) {
    case LayerKind::dense:
      if (layer.shape.empty()) return "dense";
      return layer.shape.size() == 1 && !layer.activation ? concat(layer.shape[0])
                                                          : "dense " + shape_words(layer.shape);
    case LayerKind::gated_dense:
      return "gated dense " + shape_words(layer.shape);
    case LayerKind::conv:
      return convolution_words("conv", layer);
    case LayerKind::deconv:
      return convolution_words("deconv", layer);
    case LayerKind::upsample:
      return concat("upsample ", layer.factor);
    case LayerKind::pool:
      return concat("pool ", layer.factor);
    case LayerKind::residual:
      return "residual (" + to_string(layer.layers) + ")";
    case LayerKind::skip:
      return concat("skip ", layer.of);
    case LayerKind::transport:
      return concat("transport ", layer.of, " ", with_stride_and_padding(layer));
  }
  return "?";
}

}  // namespace

const std::vector<std::string>& layer_words() {
  static const std::vector<std::string> list = [] {
    std::vector<std::string> words;
    for (const LayerWord& word : words_of_layers()) words.emplace_back(word.word);
    return words;
  }();
  return list;
}

std::string parse_layer(std::string_view text, Layer& layer) {
  return described(text, [&] {
    Parser parser(text);
    Layer parsed = parser.layer();
    parser.end("the end" + or_activation(parser));
    layer = std::move(parsed);
  });
}

std::string parse_layers(std::string_view text, std::vector<Layer>& layers) {
  return described(text, [&] {
    Parser parser(text);
    std::vector<Layer> parsed = parser.layers();
    parser.end("\",\" and a layer" + or_activation(parser));
    layers = std::move(parsed);
  });
}

std::string parse_output(std::string_view text, Layer& output) {
  return described(text, [&] {
    Parser parser(text);
    Layer parsed = parser.output();
    parser.end("the end: the outputs have no activation and no size of their own");
    output = std::move(parsed);
  });
}

}  // namespace vae::config_detail

namespace vae {

std::string to_string(const Layer& layer) {
  std::string text = config_detail::bare_words(layer);
  if (layer.activation) text += " " + std::string(to_string(*layer.activation));
  return text;
}

std::string to_string(const std::vector<Layer>& layers) {
  std::string text;
  for (const Layer& layer : layers) text += (text.empty() ? "" : ", ") + to_string(layer);
  return text.empty() ? "none" : text;
}

Layer layer_from_string(std::string_view text) {
  Layer layer;
  const std::string problem = config_detail::parse_layer(text, layer);
  if (!problem.empty()) fail(ErrorCode::invalid_argument, "layer, ", problem);
  return layer;
}

std::vector<Layer> layers_from_string(std::string_view text) {
  std::vector<Layer> layers;
  const std::string problem = config_detail::parse_layers(text, layers);
  if (!problem.empty()) fail(ErrorCode::invalid_argument, "layers, ", problem);
  return layers;
}

Layer output_from_string(std::string_view text) {
  Layer output;
  const std::string problem = config_detail::parse_output(text, output);
  if (!problem.empty()) fail(ErrorCode::invalid_argument, "output, ", problem);
  return output;
}

}  // namespace vae
