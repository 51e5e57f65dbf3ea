// SPDX-License-Identifier: MIT
#include "host/data/box_file.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "host/io/atomic_file.h"
#include "host/io/json.h"
#include "kernels/check.h"
#include "vae/printable.h"

namespace vae {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLargestBoxFile = std::size_t{64} << 20;
constexpr std::size_t kMostBoxValues = std::size_t{1} << 21;  // some 150,000 boxes
constexpr std::size_t kMostCategories = 255;                  // beside the class 255, no object
constexpr std::size_t kLongestFileName = 4096;
constexpr int64_t kLargestPictureSide = 1 << 20;
constexpr double kBoxRounding = 0.01;  // pixels by which a box may leave its picture

std::string quoted_name(const std::string& name) {
  return "\"" + shortened(printable_line(name), 80) + "\"";
}

/// Reads one document; messages name the file and the entry at hand.
class BoxFileReader {
 public:
  BoxFileReader(const Json& document, std::string_view origin)
      : document_(document), origin_(origin) {}

  BoxFile read() {
    if (!document_.is_object()) refuse("expected an object with images, annotations, categories");
    read_categories();
    read_images();
    read_annotations();
    return std::move(file_);
  }

 private:
  template <typename... What>
  [[noreturn]] void refuse(const What&... what) const {
    fail(ErrorCode::corrupt, origin_, ": ", where_, where_.empty() ? "" : ": ", what...);
  }

  /// Calls body with every entry of a list, which is an object.
  template <typename Body>
  void for_entries(const char* list, const char* singular, Body body) {
    where_.clear();
    const auto found = document_.find(list);
    if (found == document_.end() || !found->is_array()) {
      refuse("there is no list \"", list,
             "\"; boxes (--boxes) are a file in COCO's format for "
             "instances, with the lists images, annotations and categories");
    }
    std::size_t number = 0;
    for (const Json& entry : *found) {
      where_ = concat(singular, " ", number++, " (counted from 0)");
      if (!entry.is_object()) refuse("expected an object");
      body(entry);
    }
    where_.clear();
  }

  int64_t integer(const Json& entry, const char* key) const {
    const auto found = entry.find(key);
    const bool fits =
        found != entry.end() && found->is_number_integer() &&
        (!found->is_number_unsigned() || found->get<uint64_t>() <= uint64_t{INT64_MAX});
    if (!fits) refuse("\"", key, "\" is not there or no whole number");
    return found->get<int64_t>();
  }

  std::string name(const Json& entry, const char* key) const {
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_string()) {
      refuse("\"", key, "\" is not there or no text");
    }
    const auto& text = found->get_ref<const std::string&>();
    if (text.empty() || text.size() > kLongestFileName) {
      refuse("\"", key, "\" has ", text.size(), " bytes, expected 1 to ", kLongestFileName);
    }
    return text;
  }

  void read_categories() {
    std::map<int64_t, std::string> by_id;
    std::set<std::string> names;
    for_entries("categories", "category", [&](const Json& entry) {
      const int64_t id = integer(entry, "id");
      const std::string text = name(entry, "name");
      if (!by_id.emplace(id, text).second) refuse("the id ", id, " is another category's");
      if (!names.insert(text).second)
        refuse("the name ", quoted_name(text), " is another category's");
      if (by_id.size() > kMostCategories) refuse("more than ", kMostCategories, " categories");
    });
    for (const auto& [id, text] : by_id) {
      classes_.emplace(id, static_cast<uint8_t>(file_.categories.size()));
      file_.categories.push_back({id, text});
    }
  }

  void read_images() {
    std::set<std::string> names;
    for_entries("images", "image", [&](const Json& entry) {
      BoxFile::Picture picture;
      picture.id = integer(entry, "id");
      picture.name = name(entry, "file_name");
      where_ += " " + quoted_name(picture.name);
      picture.width = side(entry, "width");
      picture.height = side(entry, "height");
      if (!places_.emplace(picture.id, file_.images.size()).second) {
        refuse("the id ", picture.id, " is another image's");
      }
      if (!names.insert(picture.name).second) refuse("the file is listed twice");
      file_.images.push_back(std::move(picture));
    });
  }

  /// Of an image; 0 where it is not said.
  int64_t side(const Json& entry, const char* key) const {
    if (!entry.contains(key)) return 0;
    const int64_t pixels = integer(entry, key);
    if (pixels < 1 || pixels > kLargestPictureSide) {
      refuse("\"", key, "\" is ", pixels, ", expected 1 to ", kLargestPictureSide);
    }
    return pixels;
  }

  void read_annotations() {
    std::set<int64_t> ids;
    for_entries("annotations", "annotation", [&](const Json& entry) {
      if (entry.contains("id")) {
        const int64_t id = integer(entry, "id");
        where_ += concat(" with id ", id);
        if (!ids.insert(id).second) refuse("the id is another annotation's");
      }
      const int64_t image = integer(entry, "image_id");
      const auto place = places_.find(image);
      if (place == places_.end()) refuse("there is no image with the id ", image);
      BoxFile::Picture& picture = file_.images[place->second];
      where_ += " of " + quoted_name(picture.name);
      const int64_t category = integer(entry, "category_id");
      const auto known = classes_.find(category);
      if (known == classes_.end()) refuse("there is no category with the id ", category);
      if (is_crowd(entry)) return;
      picture.boxes.push_back(box(entry, picture, known->second));
    });
  }

  /// A region of things that were not told apart, which is no box of one.
  bool is_crowd(const Json& entry) const {
    return entry.contains("iscrowd") && integer(entry, "iscrowd") != 0;
  }

  Box box(const Json& entry, const BoxFile::Picture& picture, uint8_t label) const {
    const auto found = entry.find("bbox");
    const bool four = found != entry.end() && found->is_array() && found->size() == 4 &&
                      std::all_of(found->begin(), found->end(),
                                  [](const Json& number) { return number.is_number(); });
    if (!four) refuse("\"bbox\" is not there or no [x, y, width, height]");
    double number[4];
    for (std::size_t i = 0; i < 4; ++i) number[i] = (*found)[i].get<double>();
    const auto [x, y, width, height] = number;
    const std::string text = concat("\"bbox\" is [", x, ", ", y, ", ", width, ", ", height, "]");
    constexpr auto kMost = static_cast<double>(kLargestPictureSide);
    const bool bounded = x >= -kBoxRounding && y >= -kBoxRounding && width > 0 && height > 0 &&
                         x + width <= kMost + kBoxRounding && y + height <= kMost + kBoxRounding;
    if (!bounded) {
      refuse(text, ", expected x and y from 0 on and a width and height above 0, in pixels");
    }
    if (picture.width > 0 && x + width > static_cast<double>(picture.width) + kBoxRounding) {
      refuse(text, ", which leaves the image at the right: it is ", picture.width, " pixels wide");
    }
    if (picture.height > 0 && y + height > static_cast<double>(picture.height) + kBoxRounding) {
      refuse(text, ", which leaves the image below: it is ", picture.height, " pixels high");
    }
    return {static_cast<float>(x), static_cast<float>(y), static_cast<float>(width),
            static_cast<float>(height), label};
  }

  const Json& document_;
  std::string_view origin_;
  std::string where_;  // the entry at hand
  BoxFile file_;
  std::unordered_map<int64_t, std::size_t> places_;  // of ids in file_.images
  std::unordered_map<int64_t, uint8_t> classes_;     // of ids of categories
};

/// The part of [from, from + length] within [0, most].
void cut_to(float& from, float& length, double most) {
  const double end = std::min(double{from} + length, most);
  from = std::max(from, 0.0f);
  length = static_cast<float>(end - from);
}

}  // namespace

BoxFile parse_box_file(std::string_view text, std::string_view origin) {
  JsonRules rules;
  rules.max_bytes = kLargestBoxFile;
  rules.max_values = kMostBoxValues;
  const JsonDocument document = parse_json(text, origin, rules);
  return BoxFileReader(*document, origin).read();
}

BoxFile load_box_file(const std::string& path) {
  const auto file = read_file(path, kLargestBoxFile);
  return parse_box_file({reinterpret_cast<const char*>(file.data()), file.size()}, path);
}

BoxesOfPictures::BoxesOfPictures(const std::string& path)
    : origin_(path), file_(load_box_file(path)) {
  for (std::size_t i = 0; i < file_.images.size(); ++i) places_.emplace(file_.images[i].name, i);
}

std::vector<std::string> BoxesOfPictures::class_names() const {
  std::vector<std::string> names;
  for (const BoxFile::Category& category : file_.categories) names.push_back(category.name);
  return names;
}

std::vector<Box> BoxesOfPictures::of(const std::string& name, const PictureSize& picture,
                                     const DataConfig& config) const {
  const auto place = places_.find(name);
  if (place == places_.end()) {
    fail(ErrorCode::corrupt, origin_, ": there is no image of the file_name ", quoted_name(name),
         "; every picture of the folder is listed, also one without a box");
  }
  const BoxFile::Picture& known = file_.images[place->second];
  const bool fits = (known.width == 0 || known.width == picture.width) &&
                    (known.height == 0 || known.height == picture.height);
  if (!fits) {
    fail(ErrorCode::corrupt, origin_, ": the image ", quoted_name(name), " has ", known.width,
         " x ", known.height, " pixels there, but the picture has ", picture.width, " x ",
         picture.height);
  }
  std::vector<Box> boxes;
  for (const Box& box : known.boxes) {
    if (double{box.x} + box.width > static_cast<double>(picture.width) + kBoxRounding ||
        double{box.y} + box.height > static_cast<double>(picture.height) + kBoxRounding) {
      fail(ErrorCode::corrupt, origin_, ": the box [", box.x, ", ", box.y, ", ", box.width, ", ",
           box.height, "] of the image ", quoted_name(name), " leaves the picture of ",
           picture.width, " x ", picture.height, " pixels");
    }
    const Box prepared = prepare_box(box, picture, config);
    if (prepared.width > 0.0f) boxes.push_back(prepared);
  }
  return boxes;
}

Box prepare_box(Box box, const PictureSize& picture, const DataConfig& config) {
  double width = static_cast<double>(picture.width), height = static_cast<double>(picture.height);
  if (config.transpose) {
    std::swap(box.x, box.y);
    std::swap(box.width, box.height);
    std::swap(width, height);
  }
  if (config.size != ImageSize()) {  // as resample() scales and cuts
    const auto wanted_width = static_cast<double>(config.size.width);
    const auto wanted_height = static_cast<double>(config.size.height);
    const double scale = std::max(wanted_width / width, wanted_height / height);
    box.x = static_cast<float>(scale * box.x + 0.5 * (wanted_width - scale * width));
    box.y = static_cast<float>(scale * box.y + 0.5 * (wanted_height - scale * height));
    box.width = static_cast<float>(scale * box.width);
    box.height = static_cast<float>(scale * box.height);
    width = wanted_width;
    height = wanted_height;
  }
  const double x = box.x + 0.5 * box.width, y = box.y + 0.5 * box.height;
  const bool seen = x >= 0.0 && x < width && y >= 0.0 && y < height;
  cut_to(box.x, box.width, width);
  cut_to(box.y, box.height, height);
  if (!seen || !(box.width > 0.0f && box.height > 0.0f)) box.width = 0.0f;
  return box;
}

}  // namespace vae
