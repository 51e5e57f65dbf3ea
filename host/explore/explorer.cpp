// SPDX-License-Identifier: MIT
//
// A page in which a browser decodes. explorer.js says what it makes of the JSON document and of the
// numbers that are written here.
#include "vae/explorer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "host/draw/palette.h"
#include "host/explore/explorer_texts.h"
#include "host/explore/packed_numbers.h"
#include "host/explore/page_dots.h"
#include "host/explore/page_layers.h"
#include "host/explore/page_prior.h"
#include "host/explore/rounded_weights.h"
#include "host/io/atomic_file.h"
#include "host/map/frame.h"
#include "host/model/model_impl.h"
#include "host/report/network_text.h"
#include "host/report/page.h"
#include "host/text/html.h"
#include "host/text/number_text.h"
#include "kernels/check.h"
#include "kernels/rules/likelihoods.h"
#include "vae/image.h"
#include "vae/latent.h"
#include "vae/printable.h"

namespace vae {
namespace {

using Json = nlohmann::json;

constexpr double kMostDifference = 0.5 / 255;

/// Numbers from N(0, 1) that are the same for everybody.
Array normal_codes(int64_t count, int64_t latent) {
  Array codes{{count, latent}, {}};
  uint32_t state = 1;
  for (int64_t i = 0; i < count * latent; ++i) {
    state = state * 1664525 + 1013904223;
    const double uniform = (static_cast<double>(state >> 8) + 0.5) / (1 << 24);
    codes.values.push_back(static_cast<float>(inverse_normal_cdf(uniform)));
  }
  return codes;
}

/// What the page may be told: a row for each class, or what is known of each dot.
Array condition_rows(const Model& model, const PageDots& dots) {
  if (model.config().condition != Condition::label) return dots.conditions;
  std::vector<uint8_t> labels(static_cast<std::size_t>(model.config().classes));
  std::iota(labels.begin(), labels.end(), uint8_t{0});
  return model.conditions(labels);
}

/// Where the weights' rounding is tried: codes of images, and draws.
double measured_difference(Model& model, const std::vector<std::string>& weights,
                           const PageDots& dots) {
  constexpr int64_t kTried = 32;
  const int64_t tried = std::min(kTried, dots.count()), latent = model.config().latent;
  const Array codes = first_rows(dots.codes, tried), told = first_rows(dots.conditions, tried);
  const double of_images = rounding_difference(model, weights, codes, told);
  const Array draws = model.in_prior(normal_codes(tried, latent), told);
  return std::max(of_images, rounding_difference(model, weights, draws, told));
}

/// Puts the layers of a page, and the numbers they compute with, into a document.
class LayerWriter {
 public:
  LayerWriter(const Parameters& parameters, PackedNumbers& numbers, bool rounds)
      : parameters_(parameters), numbers_(numbers), rounds_(rounds) {}

  Json list(const std::vector<PageLayer>& layers) {
    Json all = Json::array();
    for (const PageLayer& layer : layers) all.push_back(one(layer));
    return all;
  }

 private:
  Json one(const PageLayer& layer) {
    Json json = {{"name", layer.name},
                 {"kind", layer.kind},
                 {"in", layer.in},
                 {"out", layer.out},
                 {"follow", layer.follow},
                 {"factor", layer.factor},
                 {"weights", tensors(layer.weights, rounds_)},
                 {"biases", tensors(layer.biases, false)}};
    const auto pair = [](const Extent& extent) { return Json{extent.height, extent.width}; };
    json["kernel"] = pair(layer.kernel);
    json["stride"] = pair(layer.stride);
    json["padding"] = pair(layer.padding);
    json["inner"] = list(layer.inner);
    return json;
  }

  Json tensors(const std::vector<std::string>& names, bool rounds) {
    Json all = Json::array();
    for (const std::string& name : names) {
      if (rounds) {
        all.push_back(numbers_.add(rounded_tensor(parameters_, name)));
      } else {
        const std::vector<float> exact = parameters_.download(parameters_.find(name).value);
        all.push_back(numbers_.add(std::span<const float>(exact)));
      }
    }
    return all;
  }

  const Parameters& parameters_;
  PackedNumbers& numbers_;
  bool rounds_;
};

Json image_json(const ModelConfig& config) {
  const auto [height, width] = picture_size(config.height, config.width, config.channels);
  return {{"height", config.height},
          {"width", config.width},
          {"channels", config.channels},
          {"tile_columns", width / config.width},
          {"tile_rows", height / config.height}};
}

/// Names that were not looked at yet are those of the data.
Json names_json(const std::vector<std::string>& names) {
  Json all = Json::array();
  for (const std::string& name : names) all.push_back(printable_line(name));
  return all;
}

Json condition_json(const Model& model, const Array& rows, PackedNumbers& numbers) {
  const ModelConfig& config = model.config();
  Json json = {{"kind", to_string(config.condition)}, {"size", config.condition_size()}};
  if (config.condition == Condition::none) return json;
  json["rows"] = numbers.add(round_rows(rows.values, rows.rows()));
  if (config.condition != Condition::label) return json;
  std::vector<std::string> names = model.label_names();
  for (int64_t label = std::ssize(names); label < config.classes; ++label) {
    names.push_back(std::to_string(label));
  }
  json["names"] = names_json(names);
  return json;
}

Json prior_json(Model& model, const Array& told, PackedNumbers& numbers) {
  const std::optional<PagePrior> prior = find_prior(model, told);
  if (!prior) return nullptr;
  const auto add = [&](const Array& rows) {
    return numbers.add(round_rows(rows.values, rows.rows()));
  };
  Json json = {{"mean", add(prior->mean)}, {"deviation", add(prior->deviation)}};
  if (prior->draws_of_row > 0) {
    json["draws"] = add(prior->draws);
    json["draws_of_row"] = prior->draws_of_row;
  }
  return json;
}

std::vector<float> plane_values(const LatentMap& map) {
  std::vector<float> values(map.origin.begin(), map.origin.end());
  for (const auto& direction : map.directions) {
    values.insert(values.end(), direction.begin(), direction.end());
  }
  return values;
}

Json map_json(const LatentMap& map, PackedNumbers& numbers) {
  const MapFrame frame = make_map_frame(map);
  Json classes = Json::array();
  for (const MapClass& each : frame.classes) {
    classes.push_back({{"label", each.label},
                       {"name", printable_line(each.name)},
                       {"colour", css_text(each.colour)},
                       {"x", each.x},
                       {"y", each.y}});
  }
  return {{"low", {frame.x_low, frame.y_low}},
          {"high", {frame.x_high, frame.y_high}},
          {"x_ticks", frame.x_ticks},
          {"y_ticks", frame.y_ticks},
          {"x_axis", map.x_axis},
          {"y_axis", map.y_axis},
          {"note", map.note},
          {"classes", std::move(classes)},
          {"named_in_place", frame.named_in_place},
          {"colour", css_text(frame.colour_of({}, 0))},
          {"axes", map.directions.size()},
          {"plane", numbers.add(std::span<const float>(plane_values(map)))}};
}

/// Which row of the conditions belongs to each dot.
std::vector<int32_t> rows_told(const ModelConfig& config, const PageDots& dots) {
  std::vector<int32_t> rows(static_cast<std::size_t>(dots.count()));
  std::iota(rows.begin(), rows.end(), 0);
  if (config.condition != Condition::label) return rows;
  for (int32_t& row : rows) {
    const float* told = dots.conditions.row(row);
    row = static_cast<int32_t>(std::max_element(told, told + config.classes) - told);
  }
  return rows;
}

Json dots_json(const ModelConfig& config, const PageDots& dots, PackedNumbers& numbers) {
  Json json = {{"count", dots.count()},
               {"images", numbers.add(std::span<const int32_t>(dots.images))},
               {"codes", numbers.add(round_rows(dots.codes.values, dots.count()))},
               {"points", numbers.add(std::span<const float>(dots.map.points.values))}};
  if (!dots.map.labels.empty()) {
    json["labels"] = numbers.add(std::span<const uint8_t>(dots.map.labels));
  }
  if (config.condition != Condition::none) {
    json["told"] = numbers.add(std::span<const int32_t>(rows_told(config, dots)));
  }
  return json;
}

/// KL of each dimension of z: what the checkpoint tells, else measured on the first images.
std::vector<double> kl_of_dimensions(Model& model, const ImageSet& images,
                                     const ExplorerOptions& options) {
  constexpr int64_t kMeasured = 2000;
  std::vector<double> kl;
  if (model.checkpoint()) kl = model.checkpoint()->kl_per_dimension;
  if (std::ssize(kl) != model.config().all_latents()) {
    EvaluateOptions measure;
    measure.binarization = options.binarization;
    measure.seed = options.seed;
    const ImageSet some = images.slice(0, std::min(kMeasured, images.count()));
    kl = model.evaluate(some, measure).kl_per_dimension;
  }
  kl.resize(static_cast<std::size_t>(model.config().latent));  // those of latents above follow
  return kl;
}

std::vector<int64_t> order_of(const std::vector<double>& kl) {
  std::vector<int64_t> order(kl.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return kl[static_cast<std::size_t>(a)] > kl[static_cast<std::size_t>(b)];
  });
  return order;
}

/// A document within <script>, where no "<" of a text may begin a tag.
std::string script_text(const Json& json) {
  std::string text;
  for (const char c : printable_json(json.dump())) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

std::string lead_text(const Model& model, const PageDots& dots, const ImageSet& images) {
  std::string when;
  if (model.checkpoint() && model.checkpoint()->epoch) {
    when = ", after epoch " + std::to_string(*model.checkpoint()->epoch);
  }
  return network_text(model.config()) + when + ". The map shows " +
         (dots.count() < images.count()
              ? grouped_text(dots.count()) + " of " + grouped_text(images.count())
              : grouped_text(dots.count())) +
         " images, each where the encoder puts it. Everything is decoded in this page, which asks "
         "for nothing from a network.";
}

std::string page_text(const std::string& title, const std::string& lead, const Json& json,
                      const PackedNumbers& numbers) {
  const std::string body = "<h1>" + escape_html(title) + "</h1>\n<p class=\"lead\">" +
                           escape_html(lead) + "</p>\n" + std::string(explorer_html()) +
                           "<script type=\"application/json\" id=\"model\">" + script_text(json) +
                           "</script>\n<script type=\"text/plain\" id=\"numbers\">" +
                           numbers.text() + "</script>\n";
  return make_page(title, body, std::string(explorer_style()), explorer_script());
}

void check_size(const Parameters& parameters, const std::vector<std::string>& weights) {
  constexpr int64_t kMostWeights = int64_t{1} << 25;
  int64_t count = 0;
  for (const std::string& name : weights) count += parameters.find(name).value.count();
  VAE_CHECK(count <= kMostWeights, "explore: the decoder has ", count,
            " weights, too many for a page; at most ", kMostWeights, " are written");
}

/// The document that explorer.js reads; its arrays are in `numbers`.
Json page_json(Model& model, const ImageSet& images, const PageDots& dots, const ExplorerPage& page,
               const std::vector<double>& kl, PackedNumbers& numbers) {
  const ModelConfig& config = model.config();
  const bool rounds = page.weight_bits == 16;
  LayerWriter layers(model.impl().network->parameters(), numbers, rounds);
  const Array told = condition_rows(model, dots);
  const Thumbnails thumbnails = make_thumbnails(images, dots);
  return {{"layers", layers.list(page_layers(config))},
          {"likelihood", to_string(config.likelihood)},
          {"outputs_per_value", outputs_per_value(config.likelihood, config.variance)},
          {"image", image_json(config)},
          {"latent", config.latent_shape()},
          {"order", page.latents},
          {"kl", kl},
          {"condition", condition_json(model, told, numbers)},
          {"prior", prior_json(model, told, numbers)},
          {"map", map_json(dots.map, numbers)},
          {"dots", dots_json(config, dots, numbers)},
          {"thumbnails",
           {{"source", thumbnails.source},
            {"columns", thumbnails.columns},
            {"height", thumbnails.height},
            {"width", thumbnails.width}}}};
}

std::vector<std::string> layer_words(const ModelConfig& config) {
  std::vector<std::string> words;
  for (const ModelLayer& layer : model_layers(config)) {
    if (!layer.name.starts_with("decoder.")) continue;
    words.push_back(layer.name + ": " + to_string(layer.layer));
  }
  return words;
}

}  // namespace

ExplorerPage write_explorer(const std::string& path, Model& model, const ImageSet& images,
                            const ExplorerOptions& options) {
  const ModelConfig& config = model.config();
  const std::vector<std::string> weights = weights_of(page_layers(config));
  check_size(model.impl().network->parameters(), weights);
  const PageDots dots = find_dots(model, images, options);
  const std::vector<double> kl = kl_of_dimensions(model, images, options);

  ExplorerPage page;
  page.images = dots.count();
  page.latents = order_of(kl);
  page.layers = layer_words(config);
  page.largest_difference = measured_difference(model, weights, dots);
  if (page.largest_difference > kMostDifference) {
    page.weight_bits = 32;
    page.largest_difference = 0.0;
  }

  PackedNumbers numbers;
  const Json json = page_json(model, images, dots, page, kl, numbers);
  const std::string title =
      "Explorer: " + (options.title.empty() ? network_text(config) : options.title);
  const std::string text = page_text(title, lead_text(model, dots, images), json, numbers);
  write_file_atomically(path, std::string_view(text));
  page.bytes = std::ssize(text);
  return page;
}

}  // namespace vae
