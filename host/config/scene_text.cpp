// SPDX-License-Identifier: MIT
#include "host/config/scene_text.h"

#include <charconv>
#include <cstdint>
#include <vector>

#include "host/config/value.h"
#include "host/text/suggest.h"
#include "kernels/check.h"

namespace vae::config_detail {
namespace {

constexpr int64_t kMostDigits = 16, kShortestSceneSide = 8, kLongestSceneSide = 4096,
                  kMostClutter = 64, kMostScenes = 1'000'000'000, kFewestSlices = 8,
                  kMostSlices = 1024;
constexpr double kHighestSpeed = 64.0;

template <typename Number>
bool read_whole(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  return !text.empty() && error == std::errc() && stopped == end;
}

/// "A" or "A<between>B"; one number is both.
template <typename Number>
bool read_pair(std::string_view text, char between, Number& first, Number& second) {
  const std::size_t at = text.find(between);
  if (!read_whole(text.substr(0, at), first)) return false;
  second = first;
  return at == std::string_view::npos || read_whole(text.substr(at + 1), second);
}

std::string pair_text(int64_t first, char between, int64_t second) {
  return first == second ? concat(first) : concat(first, between, second);
}

std::string speed_text(const SceneConfig& scene) {
  const std::string slowest = number_text(scene.slowest);
  return scene.slowest == scene.fastest ? slowest : slowest + "-" + number_text(scene.fastest);
}

/// A part of the text: its word, how its value is read, and what that is.
struct ScenePart {
  std::string_view word;
  bool (*read)(std::string_view, SceneConfig&);
  std::string_view expected;
  bool needed;
};

constexpr ScenePart kParts[] = {
    {"digits",
     [](std::string_view text, SceneConfig& scene) {
       return read_pair(text, '-', scene.fewest, scene.most);
     },
     "digits=N or digits=A-B", true},
    {"size",
     [](std::string_view text, SceneConfig& scene) {
       return read_pair(text, 'x', scene.size.width, scene.size.height);
     },
     "size=S or size=WIDTHxHEIGHT", true},
    {"clutter",
     [](std::string_view text, SceneConfig& scene) { return read_whole(text, scene.clutter); },
     "clutter=K", false},
    {"frames",
     [](std::string_view text, SceneConfig& scene) { return read_whole(text, scene.frames); },
     "frames=T", false},
    {"speed",
     [](std::string_view text, SceneConfig& scene) {
       return read_pair(text, '-', scene.slowest, scene.fastest);
     },
     "speed=V or speed=A-B", false},
    {"count",
     [](std::string_view text, SceneConfig& scene) { return read_whole(text, scene.count); },
     "count=N", false},
    {"renew",
     [](std::string_view text, SceneConfig& scene) { return read_whole(text, scene.renew); },
     "renew=1", false},
    {"depth",
     [](std::string_view text, SceneConfig& scene) { return read_whole(text, scene.depth); },
     "depth=D", false},
};

const ScenePart* find_scene_part(std::string_view word) {
  for (const ScenePart& part : kParts) {
    if (part.word == word) return &part;
  }
  return nullptr;
}

std::string unknown_part(std::string_view word) {
  std::vector<std::string> words;
  std::string list;
  for (const ScenePart& part : kParts) {
    words.emplace_back(part.word);
    list += concat(list.empty() ? "" : &part == std::end(kParts) - 1 ? " and " : ", ", part.word);
  }
  return concat("'", shortened(word), "' is no part of a scene, which has ", list,
                did_you_mean(word, words));
}

bool lies_in(int64_t number, int64_t low, int64_t high) { return number >= low && number <= high; }

/// "" or what is wrong with the scene as a volume.
std::string depth_problem(const SceneConfig& scene) {
  if (scene.depth == 0) return {};
  if (!lies_in(scene.depth, kFewestSlices, kMostSlices)) {
    return concat("has depth=", scene.depth, ", expected ", kFewestSlices, "..", kMostSlices);
  }
  if (scene.fewest == 1 && scene.most == 1 && scene.clutter == 0 && scene.frames == 0) return {};
  return concat("has depth=", scene.depth, ", and a volume is made of one image: expected ",
                "digits=1 and no clutter or frames");
}

}  // namespace

std::string parse_scene(std::string_view text, SceneConfig& scene) {
  SceneConfig parsed;
  bool found[std::size(kParts)] = {};
  for (std::string_view rest = text; text != "none";) {
    const std::string_view piece = rest.substr(0, rest.find(','));
    const std::size_t equals = piece.find('=');
    const ScenePart* const part = find_scene_part(piece.substr(0, equals));
    if (part == nullptr) return unknown_part(piece.substr(0, equals));
    if (found[part - kParts]) return concat("it has ", part->word, " twice");
    found[part - kParts] = true;
    if (equals == std::string_view::npos || !part->read(piece.substr(equals + 1), parsed)) {
      return concat("'", shortened(piece), "', expected ", part->expected);
    }
    if (piece.size() == rest.size()) break;
    rest.remove_prefix(piece.size() + 1);
  }
  for (const ScenePart& part : kParts) {
    if (text != "none" && part.needed && !found[&part - kParts]) {
      return concat("it lacks ", part.expected);
    }
  }
  const std::string problem = text == "none" ? "" : scene_problem(parsed);
  if (!problem.empty()) return "it " + problem;
  scene = parsed;
  return {};
}

std::string scene_text(const SceneConfig& scene) {
  if (scene == SceneConfig()) return "none";
  return concat("digits=", pair_text(scene.fewest, '-', scene.most),
                ",size=", pair_text(scene.size.width, 'x', scene.size.height),
                scene.clutter != 0 ? concat(",clutter=", scene.clutter) : "",
                scene.frames != 0 ? concat(",frames=", scene.frames) : "",
                scene.fastest != 0.0 ? concat(",speed=", speed_text(scene)) : "",
                scene.count != 0 ? concat(",count=", scene.count) : "",
                scene.renew != 0 ? concat(",renew=", scene.renew) : "",
                scene.depth != 0 ? concat(",depth=", scene.depth) : "");
}

namespace {

/// Of scenes in which things move.
std::string motion_problem(const SceneConfig& scene) {
  if (scene.frames != 0 && !lies_in(scene.frames, 2, kMostFrames)) {
    return concat("has frames=", scene.frames, ", expected 2..", kMostFrames);
  }
  const bool moves = scene.slowest != 0.0 || scene.fastest != 0.0;
  if (moves &&
      !(scene.slowest >= 0.0 && scene.slowest <= scene.fastest && scene.fastest <= kHighestSpeed)) {
    return concat("has speed=", speed_text(scene), ", expected pixels a frame, 0..",
                  number_text(kHighestSpeed), ", the slower ones first");
  }
  if (moves != (scene.frames != 0)) {
    return moves
               ? concat("has speed=", speed_text(scene), " without frames=T: what moves has some")
               : concat("has frames=", scene.frames, " without speed=A-B above 0, pixels a frame");
  }
  if (!lies_in(scene.renew, 0, 1)) return concat("has renew=", scene.renew, ", expected 0..1");
  if (scene.renew != 0 && !moves) {
    return "has renew=1 without frames=T: clips are made anew for every epoch, others are not";
  }
  if (moves && scene.clutter != 0) {
    return concat("has clutter=", scene.clutter, " and frames=", scene.frames,
                  ": clips are made without clutter");
  }
  return {};
}

}  // namespace

std::string scene_problem(const SceneConfig& scene) {
  if (scene == SceneConfig()) return {};
  if (!lies_in(scene.fewest, 0, scene.most) || !lies_in(scene.most, 1, kMostDigits)) {
    return concat("has digits=", pair_text(scene.fewest, '-', scene.most), ", expected 1..",
                  kMostDigits, ", or the fewest (0 and more), a dash and the ", "most");
  }
  if (!lies_in(scene.size.width, kShortestSceneSide, kLongestSceneSide) ||
      !lies_in(scene.size.height, kShortestSceneSide, kLongestSceneSide)) {
    return concat("has size=", pair_text(scene.size.width, 'x', scene.size.height),
                  ", expected sides of ", kShortestSceneSide, "..", kLongestSceneSide);
  }
  if (!lies_in(scene.clutter, 0, kMostClutter)) {
    return concat("has clutter=", scene.clutter, ", expected 0..", kMostClutter);
  }
  if (!lies_in(scene.count, 0, kMostScenes)) {
    return concat("has count=", scene.count, ", expected 0..", kMostScenes);
  }
  const std::string problem = motion_problem(scene);
  return problem.empty() ? depth_problem(scene) : problem;
}

std::string scene_choices() {
  return concat("none, or digits=A-B of 0..", kMostDigits, ", size=S or WxH of ",
                kShortestSceneSide, "..", kLongestSceneSide, ", clutter=K of 0..", kMostClutter,
                ", frames=T of 2..", kMostFrames, " with speed=A-B of 0..",
                number_text(kHighestSpeed), " and renew=1, count=N, depth=D of ", kFewestSlices,
                "..", kMostSlices);
}

}  // namespace vae::config_detail
