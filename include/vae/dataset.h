// SPDX-License-Identifier: MIT
#pragma once

#include "vae/require_cxx20.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vae/config.h"
#include "vae/image.h"
#include "vae/log.h"

namespace vae {

/// What a set of images is for. A `static` binarisation draws other numbers for image i of one
/// split than for image i of another.
enum class Split {
  train,       ///< To train on.
  validation,  ///< Set aside to choose the best checkpoint by.
  test,        ///< To report on.
};

/// How the numbers of a field are stored.
enum class FieldType {
  u8,   ///< Bytes.
  f32,  ///< 32-bit floats.
};

/// What a field of a record is to a model.
enum class FieldRole {
  input,  ///< What is encoded, and what is decoded.
  label,  ///< The image's class.
  side,   ///< Numbers known of the image beside it.
  mask,   ///< A class for each of its pixels.
};

/// One thing known of every image of a set: a column of its records. A training takes the batches
/// of all fields that its model reads by the same order.
struct Field {
  std::string name;           ///< "images", "labels", "masks", "side".
  FieldType type;             ///< Of each number.
  std::vector<int64_t> item;  ///< Its shape for one image; empty for a single number.
  FieldRole role;             ///< What it is for.

  /// Field by field.
  bool operator==(const Field&) const = default;
};

/// A thing in an image, by the rectangle around it. Places are in pixels from the image's upper
/// left corner, as in COCO's files: pixel (row r, column c) is the square from (c, r) to (c + 1, r
/// + 1).
struct Box {
  float x = 0.0f;       ///< Of its left edge.
  float y = 0.0f;       ///< Of its upper edge.
  float width = 0.0f;   ///< To the right.
  float height = 0.0f;  ///< Downwards.
  uint8_t class_ = 0;   ///< What it is, counted from 0: the label of such a thing alone.

  /// Field by field.
  bool operator==(const Box&) const = default;
};

/// How the values of a pixel lie in memory, for images of several channels.
enum class ChannelOrder {
  last,   ///< [N, H, W, C], a pixel's values together: what PNG files and this library have.
  first,  ///< [N, C, H, W], one plane after the other: what PyTorch has.
};

/// Images of one size with optional labels and names, in memory. Copies share the pixels, and a
/// move is a copy. A pixel has one value (grey), three (red, green, blue) or any other number of
/// them, 0 black to 255 white; all reach the model alike, and pictures show them as to_image()
/// says.
///
///     std::vector<float> values = ...;  // 500 images of 12 channels, [500, 12, 32, 32], in [0, 1]
///     auto images = vae::ImageSet::from_floats(32, 32, 12, values, {}, vae::ChannelOrder::first);
///     vae::Config config;
///     config.model = images.fit(config.model);
///     vae::Model model = vae::train(config, vae::Dataset("mine", images));
///
/// The random numbers drawn for an image, by a binarisation or a posterior sample, are keyed by its
/// index in the set that was made or loaded, first_index() + i; a slice draws what the whole draws.
class ImageSet {
 public:
  /// No images.
  ImageSet() = default;
  /// Shares the pixels.
  ImageSet(const ImageSet&) = default;
  /// Shares the pixels.
  ImageSet& operator=(const ImageSet&) = default;
  /// From bytes: `pixels` holds count * height * width * channels of them, from the upper left
  /// corner in rows; `labels` is empty or has one for each image. Throws Error(invalid_argument)
  /// when sizes do not fit.
  ImageSet(int64_t height, int64_t width, int64_t channels, std::vector<uint8_t> pixels,
           std::vector<uint8_t> labels = {}, ChannelOrder order = ChannelOrder::last);

  /// From floats in [0, 1], 0 black and 1 white, in the same order. They are kept as bytes, the
  /// nearest of 256 levels: no value moves by more than 1/510. Throws Error(invalid_argument) also
  /// for a value that is outside or NaN, and says where it stands.
  static ImageSet from_floats(int64_t height, int64_t width, int64_t channels,
                              std::span<const float> values, std::vector<uint8_t> labels = {},
                              ChannelOrder order = ChannelOrder::last);

  int64_t count() const { return count_; }        ///< Number of images.
  int64_t height() const { return height_; }      ///< Of each image, in pixels.
  int64_t width() const { return width_; }        ///< Of each image, in pixels.
  int64_t channels() const { return channels_; }  ///< Values of a pixel.
  int64_t image_size() const { return height_ * width_ * channels_; }  ///< X
  std::span<const uint8_t> pixels() const;                             ///< [count, X]
  std::span<const uint8_t> labels() const;                             ///< [count] or empty
  int64_t side_size() const { return side_size_; }  ///< S, numbers of a side vector, or 0.
  std::span<const float> side() const;              ///< [count, S] or empty
  std::span<const uint8_t> masks() const;           ///< [count, height, width] or empty
  /// Whether the things in the images are known: by boxes, of which an image may have none.
  bool has_boxes() const { return boxes_ != nullptr; }
  /// Those of all images, in the order of the images; empty where has_boxes() is false.
  std::span<const Box> boxes() const;
  /// Those of one image. Throws Error(invalid_argument).
  std::span<const Box> boxes(int64_t image) const;
  /// What is known of each image in numbers of one shape: all but boxes and names.
  std::vector<Field> fields() const;
  /// [count] or empty: the picture's file, relative to the folder that was read.
  std::span<const std::string> names() const;
  /// What label l means stands at place l; empty where labels are mere numbers.
  std::span<const std::string> label_names() const;
  /// The picture of one image, see to_image(). Throws Error(invalid_argument).
  Image image(int64_t index) const;
  /// A model of this one's kind for images of this size. Where it is conditioned, and its `classes`
  /// or `side_size` is 0, that becomes the number of label names or the largest label and 1, or the
  /// size of the side vectors; where its target is classes, and `target_classes` is 0, that becomes
  /// the number of label names, or the largest class but 255 and 1, of boxes of all.
  ModelConfig fit(ModelConfig model) const;
  /// That part of it that is not the size.
  ModelConfig fit_fields(ModelConfig model) const;
  /// Images first .. first + count - 1; shares the pixels. Throws Error(invalid_argument) where not
  /// all of them exist.
  ImageSet slice(int64_t first, int64_t count) const;
  /// Index of image 0 in the set that this one was sliced from; 0 for a set that is no slice.
  int64_t first_index() const { return first_; }
  /// A set is of the training split until as() names another one.
  Split split() const { return split_; }
  /// The same images as members of another split.
  ImageSet as(Split split) const;
  /// The same images with one name each, or none, and with names of the labels 0, 1, ..., or none.
  /// Throws Error(invalid_argument) for another number of names, or a label without one.
  ImageSet with_names(std::vector<std::string> names, std::vector<std::string> label_names) const;
  /// The same images with other labels, one each, or none, and names of these, or none. Throws
  /// Error(invalid_argument) for another number of labels, or a label without a name.
  ImageSet with_labels(std::vector<uint8_t> labels,
                       std::vector<std::string> label_names = {}) const;
  /// The same images with a vector of `size` finite numbers each, [count, size], for a model of
  /// Condition::side. Throws Error(invalid_argument), and says where a number stands that is not
  /// finite.
  ImageSet with_side(int64_t size, std::vector<float> values) const;
  /// The same images with a mask each, [count, height, width], for a model of Target::mask: the
  /// class of each pixel, 255 where it was not observed. Throws Error(invalid_argument) for another
  /// number.
  ImageSet with_masks(std::vector<uint8_t> masks) const;
  /// The same images with the boxes of each. Throws Error(invalid_argument) for another number of
  /// images than there are, and says which box of which image is not finite, has no area or leaves
  /// the image.
  ImageSet with_boxes(const std::vector<std::vector<Box>>& boxes) const;
  /// Mean of each pixel value in [0, 1]: X numbers.
  std::vector<double> mean_pixels() const;

 private:
  void require_whole(const char* what) const;

  std::shared_ptr<const std::vector<uint8_t>> pixels_;
  std::shared_ptr<const std::vector<uint8_t>> labels_;
  std::shared_ptr<const std::vector<uint8_t>> masks_;
  std::shared_ptr<const std::vector<float>> side_;
  std::shared_ptr<const std::vector<Box>> boxes_;
  std::shared_ptr<const std::vector<int64_t>> box_offsets_;  // [whole count + 1]: image i's begin
  std::shared_ptr<const std::vector<std::string>> names_, label_names_;
  int64_t first_ = 0, count_ = 0, height_ = 0, width_ = 0, channels_ = 1, side_size_ = 0;
  Split split_ = Split::train;
};

/// How a source of images is read.
struct LoadOptions {
  DataConfig data;        ///< What is done to the images.
  bool skip_bad = false;  ///< Leave out pictures of a folder that cannot be read, and count them.
  /// How the caller was called, for messages that advise an option: they print it with the option
  /// behind. Empty: they only name the option.
  std::string command;
  LogCallback log;  ///< Told what is there and was not read, and what was left out.
  /// A .npy file with a side vector of each image [n, S], the training images' before the test
  /// images', for a model of Condition::side. Empty: none.
  std::string side_vectors = {};
  /// The masks of the images, for a model of Target::mask: a folder of PNG files named like the
  /// pictures, or a .npy file [n, height, width], the training images' before the test images'.
  /// Empty: those that the source has, as `masks` of a .npz file.
  std::string masks = {};
  /// For a folder of pictures, what is in them, for a model of Target::boxes: a JSON file as
  /// load_box_file() reads it, which lists every picture by its name in the folder. Its categories
  /// become the names of labels, in the place of those of subfolders. Boxes are scaled, turned and
  /// cut with their pictures; one whose middle is cut off is left out. Empty: none.
  std::string boxes = {};
};

/// A training and a test set, and images set aside to choose the best checkpoint of a run by.
///
///     vae::Dataset mnist = vae::Dataset::load("mnist");
///     mnist.train = mnist.train.slice(0, 10000);            // the first ones only
///     vae::Dataset mine("mine", vae::ImageSet(32, 32, 3, bytes));  // a tenth becomes mine.test
struct Dataset {
  /// No images.
  Dataset() = default;
  /// Makes the sets members of their splits; who assigns them one by one calls ImageSet::as().
  Dataset(std::string name, const ImageSet& train, const ImageSet& test);
  /// Images without a test set: a tenth of them is held out as one, see with_test().
  Dataset(std::string name, const ImageSet& images);

  std::string name;          ///< "mnist", or the folder's name.
  ImageSet train;            ///< Images to train on.
  ImageSet test;             ///< Images of the same size to measure on.
  ImageSet validation = {};  ///< Empty where none were set aside. Files hold none.

  DataConfig prepared;  ///< What was done to the images since their source.
  int64_t skipped = 0;  ///< Pictures that LoadOptions::skip_bad left out.
  /// Of clips that are made anew (SceneConfig::renew): the images that those for training are made
  /// of. Else null.
  std::shared_ptr<const ImageSet> scene_source;
  std::string source_hash;  ///< Of the source where the pixels alone do not tell it; else empty.

  /// "mnist" finds the bundled files; anything else is a path that docs/data.md describes: a folder
  /// with IDX files named like MNIST's (or folder/prefix), a folder of PNG and JPEG files, a folder
  /// with CIFAR's binary files, or one file, .npy, .npz, IDX or CIFAR. Throws Error(io),
  /// Error(corrupt) naming file, expectation and finding, or Error(unsupported) with what to do.
  static Dataset load(const std::string& where, const LoadOptions& options);
  /// The same with the images as they are.
  static Dataset load(const std::string& where, const LogCallback& log = {});

  /// The same data with training images moved to `validation`: a share of them where the number is
  /// below 1, or that many. Which ones depends on their index alone, never on a seed, so that all
  /// runs on a data set have the same; a smaller set lies within a larger one. Trainer does this
  /// itself for TrainConfig::validation. Throws Error(invalid_argument) when no image would be left
  /// to train on, or when there are images for validation already.
  Dataset with_validation(double share_or_count) const;

  /// The same data with a share of the training images, at least one, moved to `test`, for data
  /// without test images. Which ones depends on their index alone, as in with_validation(), but on
  /// other draws. Throws Error(invalid_argument) when no image would be left to train on, or when
  /// there are test images already.
  Dataset with_test(double share) const;

  /// The images that a training sees in an epoch, counted from 0: `train`, and of clips that are
  /// made anew others in each epoch after the first, as many, which are none of those set aside.
  ImageSet train_in_epoch(int64_t epoch) const;

  /// The same data with scenes in the place of images: scene i of a set holds image i and perhaps
  /// others of the same set, drawn from all of it, at random places, each with all of it that is
  /// not black. A pixel is the brightest of what lies there. The scenes have masks, of which a
  /// thing's class is its label and 1, where a value of its image is above 127, and the later of
  /// two things lies above; boxes around these pixels, whole where another thing lies above, of the
  /// class that is its label, and none of an image too dark for them; clutter, of class 0, from
  /// pieces of 8 x 8 pixels; and no labels. Boxes share at most a quarter of the smaller one:
  /// what finds no place in 20 tries is left out. Scenes that are set aside later, by
  /// with_validation(), may hold images that scenes for training hold, too. Throws what
  /// validate() throws, Error(invalid_argument) for images without labels, with masks, boxes or
  /// side vectors, or larger than a scene, and Error(unsupported) for images that are neither grey
  /// nor RGB and for a label above 253.
  ///
  /// With a depth D they are volumes of D slices, which are channels: [n, height, width, D]. Volume
  /// i is image i, extruded to 4 to 8 voxels about the middle slice and turned about the upright
  /// axis through the middle of the volume by any angle: both are drawn. Between pixels it is
  /// linear; what is turned out of the volume is cut off. Volumes keep the labels that the images
  /// have, none are needed, and have no masks or boxes. Throws Error(unsupported) for images that
  /// are not grey.
  ///
  ///     vae::Config config = vae::preset("segment-40");
  ///     vae::Dataset scenes = vae::Dataset::load("mnist").with_scenes(config.data.scene);
  ///     vae::Model model = vae::train(config, scenes);
  Dataset with_scenes(const SceneConfig& scene) const;

  /// Writes the training and the test images, with the labels and masks they have, as a .npz file
  /// that load() takes and numpy.load opens: train_images, train_labels, train_masks, test_images,
  /// test_labels, test_masks, all of bytes; names and boxes are left out. Images of one channel are
  /// [n, height, width], others [n, height, width, channels] or, where load() would take that for
  /// another shape, as of a cube, [n, channels, height, width]. The file appears whole or not at
  /// all.
  /// Throws Error(io), and Error(unsupported) beyond 4 GiB.
  void save(const std::string& path) const;

  /// Hash over counts, sizes and all pixels, and over source_hash where there is one, as 16
  /// hexadecimal digits. A resumed run must match.
  std::string fingerprint() const;
  /// The same over all that a model reads: for one with a condition or with a class target over
  /// labels, masks or side vectors, too.
  std::string fingerprint(const ModelConfig& model) const;
};

/// All images of a source for a model that is trained already: of whatever Dataset::load takes, or
/// one PNG or JPEG file. After options.data was done to them they must have the model's size and
/// channels. They are of the test split: no model was trained on them. Throws Error(io),
/// Error(corrupt), and Error(unsupported) with what to do.
ImageSet load_images(const std::string& path, const ModelConfig& model,
                     const LoadOptions& options = {});

/// The same of a source of other images than a model was made for: the test images of one that has
/// some, else all. What it throws, too, but for sources with test images.
ImageSet load_test_images(const std::string& path, const ModelConfig& model,
                          const LoadOptions& options = {});

}  // namespace vae
