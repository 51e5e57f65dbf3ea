// SPDX-License-Identifier: MIT
#include "host/report/run_pictures.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "host/io/atomic_file.h"
#include "host/io/png.h"
#include "host/run/picture_names.h"
#include "host/text/html.h"
#include "kernels/check.h"
#include "vae/image.h"
#include "vae/printable.h"

namespace vae {
namespace {

constexpr uint64_t kLargestPictureBytes = uint64_t{64} << 20;
constexpr size_t kLargestEmbeddedBytes = size_t{1} << 20;  // these make the page's size

/// What is shown of one kind of picture.
struct PictureSection {
  PictureKind kind;
  const char* title;
  const char* text;  // behind "after epoch 3"; of samples see rows_text()
  bool first_too;    // the first epoch's beside it
};

constexpr std::array kPictureSections = {
    PictureSection{PictureKind::reconstructions, "Reconstructions",
                   ": test images as the model reads them, each row above the row decoded from "
                   "their posterior means; of masks the right one lies between, of restored "
                   "images below",
                   false},
    PictureSection{PictureKind::samples, "Samples from the prior", "", true},
    PictureSection{PictureKind::map, "Map of the latent space",
                   ": a dot for each test image, where the encoder puts it", true},
    PictureSection{PictureKind::manifold, "The latent plane", "", true},
};

/// Empty for a drawing that is too large: it is not one of ours.
std::string embedded_picture(const std::string& path) {
  std::vector<std::byte> file = read_file(path, kLargestPictureBytes);
  if (!path.ends_with(".svg")) return embedded_png(std::move(file), path);
  if (file.size() > kLargestEmbeddedBytes) return {};
  return "data:image/svg+xml;base64," + encode_base64(file);
}

/// What of this run's samples the rows are: ": a row for each class, from above cat, dog".
std::string rows_text(const RunRecord& run) {
  constexpr int64_t kMostRows = 12;
  constexpr size_t kMostBytes = 40;  // of a name
  const ModelConfig& model = run.config.model;
  if (model.condition == Condition::side) return ": each told the side vector of a test image";
  if (model.condition == Condition::seen) {
    return ": in a column, draws for what is seen of one test image";
  }
  if (model.condition == Condition::none) return {};
  std::string text = ": a row for each class, from above ";
  for (int64_t i = 0; i < std::min(kMostRows, model.classes); ++i) {
    const auto label = static_cast<size_t>(i);
    const bool named = label < run.label_names.size();
    if (i > 0) text += ", ";
    text += named ? escape_html(printable_line(shortened(run.label_names[label], kMostBytes)))
                  : std::to_string(i);
  }
  return text + (model.classes > kMostRows ? ", ..." : "");
}

using PicturesByEpoch = std::map<int64_t, std::string>;

/// `text` follows "after epoch 3".
std::string picture_figure(const std::string& path, int64_t epoch, const PictureSection& section,
                           const std::string& text, const std::string& attributes) {
  return "<figure" + attributes + "><figcaption><b>" + section.title +
         "</b> <span class=\"epoch\">after epoch " + std::to_string(epoch) + "</span>" + text +
         "</figcaption><img alt=\"" + section.title + "\" src=\"" + embedded_picture(path) +
         "\"></figure>\n";
}

/// The names of the files at each position of the slider; "-" where there is none.
std::string file_names(const PicturesByEpoch& pictures, const std::set<int64_t>& epochs) {
  std::string names;
  for (const int64_t epoch : epochs) {
    const auto found = pictures.find(epoch);
    if (!names.empty()) names += ' ';
    names +=
        found == pictures.end() ? "-" : std::filesystem::path(found->second).filename().string();
  }
  return escape_html(names);
}

std::string slider(const std::set<int64_t>& epochs) {
  if (epochs.size() < 2) return {};
  std::string list;
  for (const int64_t epoch : epochs) list += (list.empty() ? "" : " ") + std::to_string(epoch);
  const std::string last = std::to_string(epochs.size() - 1);
  return "<div class=\"epochs\" hidden data-epochs=\"" + list +
         "\"><button type=\"button\" aria-label=\"play the epochs\">&#9654;</button>"
         "<input type=\"range\" aria-label=\"epoch\" min=\"0\" max=\"" +
         last + "\" value=\"" + last + "\"><output>epoch " + std::to_string(*epochs.rbegin()) +
         "</output></div>\n";
}

std::string section_html(const RunRecord& run, const PictureSection& section,
                         const PicturesByEpoch& pictures, const std::set<int64_t>& epochs) {
  const std::string text = section.kind == PictureKind::samples ? rows_text(run) : section.text;
  const auto& [first, first_path] = *pictures.begin();
  const auto& [last, last_path] = *pictures.rbegin();
  const std::string files = " data-files=\"" + file_names(pictures, epochs) + "\"";
  if (!section.first_too) {
    return picture_figure(last_path, last, section, text, " class=\"picture\"" + files);
  }
  if (first == last) {
    return picture_figure(last_path, last, section, text, " class=\"picture half\"" + files);
  }
  return "<div class=\"pair\">" +
         picture_figure(first_path, first, section, text, " class=\"picture\"") +
         picture_figure(last_path, last, section, text, " class=\"picture\"" + files) + "</div>\n";
}

}  // namespace

std::string embedded_png(std::vector<std::byte> png, const std::string& origin) {
  while (png.size() > kLargestEmbeddedBytes) png = encode_png(shrink(decode_png(png, origin), 2));
  return "data:image/png;base64," + encode_base64(png);
}

std::string pictures_html(const RunRecord& run) {
  std::set<int64_t> epochs;
  for (const PictureSection& section : kPictureSections) {
    for (const auto& [epoch, path] : find_pictures(run.folder, section.kind)) epochs.insert(epoch);
  }
  if (epochs.empty()) return {};
  std::string html = "<h2>Pictures</h2>\n" + slider(epochs);
  for (const PictureSection& section : kPictureSections) {
    const PicturesByEpoch pictures = find_pictures(run.folder, section.kind);
    if (!pictures.empty()) html += section_html(run, section, pictures, epochs);
  }
  return html;
}

}  // namespace vae
