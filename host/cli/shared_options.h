// SPDX-License-Identifier: MIT
//
// Options that several verbs have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/cli/command.h"
#include "host/cli/terminal.h"
#include "vae/config.h"
#include "vae/dataset.h"
#include "vae/device.h"
#include "vae/model.h"

namespace vae::cli {

/// --device, --threads, --cpu-isa, --precision.
class DeviceOptions {
 public:
  /// A verb with configuration flags has --precision among them.
  void declare(Command& command, bool with_precision = true);
  /// Checks the choice; `auto` says on the terminal what it chose and why. `configured` is the
  /// precision where --precision was not given.
  DeviceChoice choose(Terminal& terminal, Precision configured = Precision::automatic) const;
  /// The options that were given, as a command line has them: " --threads 2", or "".
  std::string words() const;

 private:
  std::string device_ = "auto";
  int64_t threads_ = 0;
  std::string isa_;
  std::string precision_ = "auto";
};

/// RUN and the device it is loaded on.
class ModelOptions {
 public:
  void declare(Command& command);
  /// Says on the terminal which file was read. `otherwise` is the precision where --precision was
  /// not given.
  Model load(Terminal& terminal, Precision otherwise = Precision::automatic);
  const std::string& path() const { return path_; }
  /// Where load() put the model, with its threads.
  const Device& device() const { return chosen_; }

 private:
  std::string path_;
  DeviceOptions device_;
  Device chosen_;
};

/// --preset, --config and one flag per configuration key.
class ConfigOptions {
 public:
  /// `without` names keys that the verb sets in another way.
  void declare(Command& command, const std::vector<std::string_view>& without = {});
  /// Only the flags of one section: what may differ from a run's configuration.
  void declare_section(Command& command, std::string_view section);
  /// Whether --preset or --config was given.
  bool has_base() const { return !preset_.empty() || !file_.empty(); }
  bool has_key(std::string_view name) const;
  /// What --preset says; "" without it.
  const std::string& preset_name() const { return preset_; }
  /// `base` (or what --preset and --config say), then the flags.
  Config resolve(const Config& base) const;

 private:
  void declare_key(Command& command, const ConfigKey& key);

  std::string preset_;
  std::string file_;
  std::vector<std::pair<std::string_view, std::string>> values_;
};

/// --skip-bad, --side-vectors, --masks, --boxes, and how a source of images is read.
class SourceOptions {
 public:
  void declare(Command& command);
  LoadOptions load_options(const DataConfig& data, Terminal& terminal) const;
  /// As a command line has them: " --skip-bad", or "".
  std::string words() const;
  /// What --boxes says; "" without it.
  const std::string& boxes() const { return boxes_; }

 private:
  bool skip_bad_ = false;
  std::string side_vectors_, masks_, boxes_;
};

/// --data, --split, --limit, --skip-bad, and the flags of what is done to the images.
class DataOptions {
 public:
  void declare(Command& command, bool with_limit);
  const std::string& split() const { return split_; }
  const std::string& boxes() const { return source_.boxes(); }
  bool given() const { return given_; }
  /// Whether --corrupt none was given: the images are those that need to be restored.
  bool says_uncorrupted() const;
  /// Whether one of the flags of what is done to the images was given.
  bool says_how(std::string_view key) const { return config_.has_key(key); }
  /// The images of the split as the model's run had it; they must have the model's size. Says what
  /// is odd about them.
  ImageSet load(Model& model, Terminal& terminal) const;
  /// The whole data set as the model's run had it, validation set aside.
  Dataset load_all(Model& model, Terminal& terminal) const;
  /// Clips with another number of frames than the model's run had, where it made some (--scene):
  /// of the test images no more than `count`, which spares time and memory. Else what load() gives.
  ImageSet load_clips(Model& model, Terminal& terminal, int64_t frames, int64_t count) const;
  /// Of that, what load() gives.
  ImageSet choose(const Model& model, const Dataset& data, Terminal& terminal) const;
  /// All images of a folder or file, or one picture. They are taken as they are: no scenes are made
  /// of them unless --scene asks for it.
  ImageSet load_pictures(const std::string& path, Model& model, Terminal& terminal) const;
  /// Images to compare with, of another source than the model's: its test images, or all where it
  /// has none, and of these the first --limit. They are taken as load_pictures() takes them.
  ImageSet load_other(const std::string& path, Model& model, Terminal& terminal) const;
  /// Whether load() makes scenes of single images.
  bool makes_scenes(const Model& model) const;
  /// How images for the model are read: as its run did it, with the flags over it; the model is
  /// told what it is to do to them.
  LoadOptions load_options(Model& model, Terminal& terminal) const;

 private:
  const ImageSet& split_of(const Model& model, const Dataset& data) const;

  ConfigOptions config_;
  SourceOptions source_;
  std::string where_ = "mnist";
  std::string split_ = "test";
  int64_t limit_ = 0;
  bool given_ = false;
};

/// --binarization and --seed of everything that reads images. Without them the library decides.
class InputOptions {
 public:
  /// `otherwise` says what holds without --binarization.
  void declare(Command& command, const std::string& otherwise);
  std::optional<Binarization> binarization() const;
  std::optional<uint64_t> seed() const { return seed_; }

 private:
  std::string binarization_;
  std::optional<uint64_t> seed_;
};

/// What --data takes.
inline constexpr const char* kDataHelp =
    "bundled MNIST; a folder of PNG and JPEG files, of IDX files or of CIFAR; or a .npy, .npz, IDX "
    "or CIFAR file";

/// What Model::encode() and its kin do without --binarization.
inline constexpr const char* kWithoutChance = "pixel / 255, or the threshold trained with";

/// Says what is odd about images for this model.
void warn_of_doubts(const ImageSet& images, const Model& model, Terminal& terminal);

/// What the model is told of each image; throws Error(invalid_argument) when the images lack it.
void require_condition(const ModelConfig& model, const ImageSet& images, const std::string& where);
/// The same of classes that are the target.
void require_target(const ModelConfig& model, const ImageSet& images, const std::string& where);

/// Throws Error(invalid_argument), which says what to do, where the model decodes no images.
void require_image_target(const Model& model, const char* verb);

/// The model's image size; throws Error(invalid_argument) when the images have another.
void require_image_size(const ModelConfig& model, const ImageSet& images, const std::string& where);

}  // namespace vae::cli
