// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "host/cli/exit_status.h"
#include "host/cli/files.h"
#include "host/cli/json_text.h"
#include "host/cli/shared_options.h"
#include "host/cli/verbs.h"
#include "vae/overlays.h"
#include "vae/printable.h"
#include "vae/report.h"

namespace vae::cli {
namespace {

/// Names in a file come from anyone.
std::string shown(const Json& value) {
  return printable_line(value.is_string()
                            ? value.get<std::string>()
                            : value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// An object without further objects, such as a tensor: its values in one line.
std::string row(const Json& json) {
  std::string text;
  for (const Json& value : json) text += (text.empty() ? "" : "  ") + shown(value);
  return text;
}

/// "key: value" lines, nested objects indented.
void print(const Json& json, int depth, std::string& text) {
  const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
  for (const auto& [key, value] : json.items()) {
    if (json.is_array()) {
      text += fmt::format("{}{}\n", indent, row(value));
    } else if (value.is_object() ||
               (value.is_array() && !value.empty() && value.front().is_structured())) {
      text += fmt::format("{}{}:\n", indent, printable_line(key));
      print(value, depth + 1, text);
    } else {
      text += fmt::format("{}{}: {}\n", indent, printable_line(key), shown(value));
    }
  }
}

/// The first training images, with their masks and boxes where these are known. What has other
/// channels than grey or RGB is a picture of several parts, and they are not drawn.
Image picture_of(const ImageSet& images) {
  constexpr int64_t kImages = 24, kColumns = 6, kSide = 160;  // of a cell, in pixels
  const int64_t size = images.height() * images.width();
  int64_t classes = 2, box_classes = 1;
  for (const uint8_t value : images.masks()) {
    if (value != 255) classes = std::max<int64_t>(classes, value + 1);  // 255 was not observed
  }
  for (const Box& box : images.boxes()) {
    box_classes = std::max<int64_t>(box_classes, box.class_ + 1);
  }
  std::vector<Image> cells;
  for (int64_t i = 0; i < std::min(kImages, images.count()); ++i) {
    Image image = images.image(i);
    const bool is_one = image.height == images.height() && image.width == images.width();
    const int64_t side = std::max(image.height, image.width);
    if (is_one && !images.masks().empty()) {
      image = overlay_classes(image, images.masks().subspan(i * size, size), classes);
    }
    image = overlay_boxes(image, is_one ? images.boxes(i) : std::span<const Box>(),
                          std::max<int64_t>(1, kSide / side), box_classes);
    cells.push_back(shrink(image, std::max<int64_t>(1, side / (2 * kSide))));
  }
  return make_grid(cells, kColumns);
}

class Inspect : public Verb {
 public:
  void declare(Command& command) override {
    command.required_text(
        "PATH", "PATH", path_,
        "checkpoint, run folder, picture, array, or whatever train takes as --data");
    command.flag("--json", json_, "print one JSON object");
    command.text("--picture", "FILE.png", picture_,
                 "of a data set: a picture of its first images, with masks and boxes");
    command.text("--arrays", "FILE.npz", arrays_,
                 "of a data set: its images, labels and masks as arrays, for Python or --data");
    source_.declare(command);
    config_.declare_section(command, "data");
    terminal_.declare(command, false);
    command.examples(
        "  vae inspect runs/first\n"
        "  vae inspect data/mnist/train-images-idx3-ubyte.gz\n"
        "  vae inspect photos/ --size 64\n"
        "  vae inspect mnist --scene digits=1-3,size=40,clutter=6 --picture scenes.png\n"
        "  vae inspect mnist --scene digits=1,size=28,depth=28 --arrays volumes.npz");
  }

  int run() override {
    const LoadOptions options = source_.load_options(config_.resolve({}).data, terminal_);
    if (!picture_.empty()) check_output("--picture", picture_, {"png"});
    if (!arrays_.empty()) check_output("--arrays", arrays_, {"npz"});
    const Json json = Json::parse(inspect(path_, options));
    if (!picture_.empty() || !arrays_.empty()) {
      const Dataset data = Dataset::load(path_, options);
      if (!picture_.empty()) save_png(picture_, picture_of(data.train));
      if (!arrays_.empty()) data.save(arrays_);
    }
    std::string text;
    if (!json_) print(json, 0, text);
    write_stdout(json_ ? json_text(json) : text);
    return kSuccess;
  }

 private:
  Terminal terminal_;
  ConfigOptions config_;
  SourceOptions source_;
  std::string path_, picture_, arrays_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_inspect() { return std::make_unique<Inspect>(); }

}  // namespace vae::cli
