// SPDX-License-Identifier: MIT
#include "host/cli/labels.h"

#include <fmt/format.h>

#include <set>

#include "vae/error.h"

namespace vae::cli {
namespace {

constexpr std::size_t kMostListed = 30;

std::string name_of(const ImageSet& images, uint8_t label) {
  return label < images.label_names().size() ? images.label_names()[label] : std::to_string(label);
}

std::string list_of(const ImageSet& images, const std::set<uint8_t>& labels) {
  std::string list;
  std::size_t listed = 0;
  for (const uint8_t label : labels) {
    if (listed++ == kMostListed) return list + ", ...";
    list += (list.empty() ? "" : ", ") + name_of(images, label);
  }
  return list;
}

}  // namespace

uint8_t find_label(const ImageSet& images, const std::string& option, const std::string& word) {
  if (images.labels().empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} {}: the data set has no labels; name an image by its number "
                            "instead",
                            option, word));
  }
  const std::set<uint8_t> labels(images.labels().begin(), images.labels().end());
  // Names first: a class may be called like the number of another one.
  for (const uint8_t label : labels) {
    if (word == name_of(images, label)) return label;
  }
  for (const uint8_t label : labels) {
    if (word == std::to_string(label)) return label;
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("{}: there is no image with the label '{}'; the labels are {}", option,
                          word.substr(0, 80), list_of(images, labels)));
}

}  // namespace vae::cli
