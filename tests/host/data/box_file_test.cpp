// SPDX-License-Identifier: MIT
//
// Boxes in COCO's format: what is read of a file, what is refused and how it is said, and boxes
// that follow their pictures.
#include "host/data/box_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/data/picture_folder.h"
#include "tests/host/io/sample_files.h"
#include "vae/image.h"

namespace vae {
namespace {

using nlohmann::json;
using test::expect_error;

/// Two pictures of 20 x 10 pixels, with two boxes and none; classes by the ids 3 and 7.
json sample_document() {
  return json::parse(R"({
    "info": {"year": 2014},
    "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
    "images": [{"id": 11, "file_name": "a.png", "width": 20, "height": 10},
               {"id": 10, "file_name": "b.png"}],
    "annotations": [
      {"id": 1, "image_id": 11, "category_id": 7, "bbox": [1, 2, 5.5, 4], "area": 22},
      {"id": 2, "image_id": 11, "category_id": 3, "bbox": [10, 0, 10, 10], "iscrowd": 0},
      {"id": 3, "image_id": 10, "category_id": 3, "bbox": [0, 0, 1, 1], "iscrowd": 1}]
  })");
}

void expect_no_box_file(const json& document, const std::vector<std::string>& parts) {
  expect_error(
      ErrorCode::corrupt, [&] { parse_box_file(document.dump(), "boxes.json"); }, parts);
}

/// The sample with one annotation's box replaced.
json with_bbox(const json& bbox) {
  json document = sample_document();
  document["annotations"][0]["bbox"] = bbox;
  return document;
}

TEST(BoxFileTest, ClassesAreCountedByTheirIds) {
  const BoxFile file = parse_box_file(sample_document().dump(), "boxes.json");
  ASSERT_EQ(file.categories.size(), 2u);
  EXPECT_EQ(file.categories[0].name, "cat");
  EXPECT_EQ(file.categories[1].id, 7);
  ASSERT_EQ(file.images.size(), 2u);
  EXPECT_EQ(file.images[0].id, 11);
  EXPECT_EQ(file.images[0].width, 20);
  EXPECT_EQ(file.images[1].width, 0) << "not said";
  const Box dog{1, 2, 5.5f, 4, 1}, cat{10, 0, 10, 10, 0};
  EXPECT_EQ(file.images[0].boxes, (std::vector<Box>{dog, cat}));
  EXPECT_TRUE(file.images[1].boxes.empty()) << "a crowd is no box";
}

TEST(BoxFileTest, BoxesThatAreNoneAreNamedWithTheirImage) {
  const std::string place = "annotation 0 (counted from 0) with id 1 of \"a.png\"";
  expect_no_box_file(with_bbox({15, 2, 5.5, 4}),
                     {"boxes.json", place, "leaves the image at the right"});
  expect_no_box_file(with_bbox({1, 7, 5, 4}), {place, "leaves the image below", "10 pixels high"});
  expect_no_box_file(with_bbox({-1, 2, 5, 4}), {place, "[-1, 2, 5, 4]", "from 0 on"});
  expect_no_box_file(with_bbox({1, 2, 0, 4}), {place, "above 0"});
  expect_no_box_file(with_bbox({1, 2, 5, -4}), {place, "above 0"});
  expect_no_box_file(with_bbox({1, 2, 1e300, 4}), {place});
  expect_no_box_file(with_bbox({1, 2, 5}), {place, "no [x, y, width, height]"});
  expect_no_box_file(with_bbox({1, 2, 5, "4"}), {place, "no [x, y, width, height]"});
  expect_no_box_file(with_bbox({1, 2, 5, nullptr}), {place, "no [x, y, width, height]"});
  expect_no_box_file(with_bbox("1, 2, 5, 4"), {place, "no [x, y, width, height]"});
  for (const char* number : {"NaN", "Infinity", "1e999"}) {
    std::string text = sample_document().dump();
    text.replace(text.find("5.5"), 3, number);
    expect_error(ErrorCode::corrupt, [&] { parse_box_file(text, "boxes.json"); }, {"boxes.json"});
  }
  EXPECT_EQ(parse_box_file(with_bbox({10, 2, 10.001, 4}).dump(), "").images[0].boxes.size(), 2u)
      << "a rounded one";
}

TEST(BoxFileTest, WhatIsThereTwiceOrUnknownIsNamed) {
  json document = sample_document();
  document["annotations"][1]["id"] = 1;
  expect_no_box_file(document, {"annotation 1", "another annotation's"});
  document = sample_document();
  document["annotations"][1]["image_id"] = 12;
  expect_no_box_file(document, {"annotation 1", "no image with the id 12"});
  document = sample_document();
  document["annotations"][1]["category_id"] = 4;
  expect_no_box_file(document, {"annotation 1", "\"a.png\"", "no category with the id 4"});
  document = sample_document();
  document["images"][1]["id"] = 11;
  expect_no_box_file(document, {"image 1", "\"b.png\"", "another image's"});
  document = sample_document();
  document["images"][1]["file_name"] = "a.png";
  expect_no_box_file(document, {"image 1", "listed twice"});
  document = sample_document();
  document["categories"][1]["id"] = 7;
  expect_no_box_file(document, {"category 1", "another category's"});
  document = sample_document();
  document["categories"][1]["name"] = "dog";
  expect_no_box_file(document, {"category 1", "\"dog\""});
}

TEST(BoxFileTest, OtherDocumentsAreRefused) {
  expect_no_box_file(json::array(), {"expected an object"});
  for (const char* list : {"images", "annotations", "categories"}) {
    json document = sample_document();
    document.erase(list);
    expect_no_box_file(document, {std::string("no list \"") + list + "\"", "COCO"});
    document[list] = 5;
    expect_no_box_file(document, {std::string("no list \"") + list + "\""});
    document[list] = json::array({5});
    expect_no_box_file(document, {"expected an object"});
  }
  json document = sample_document();
  document["images"][0]["id"] = 1.5;
  expect_no_box_file(document, {"image 0", "\"id\"", "no whole number"});
  document["images"][0]["id"] = uint64_t{1} << 63;
  expect_no_box_file(document, {"image 0", "\"id\"", "no whole number"});
  document = sample_document();
  document["images"][0]["width"] = 0;
  expect_no_box_file(document, {"image 0", "\"width\" is 0"});
  document = sample_document();
  document["images"][0]["file_name"] = "";
  expect_no_box_file(document, {"image 0", "\"file_name\""});
  document["images"][0]["file_name"] = std::string(5000, 'x');
  expect_no_box_file(document, {"image 0", "5000 bytes"});
  expect_error(ErrorCode::corrupt,
               [] { parse_box_file(std::string(100, '[') + std::string(100, ']'), "boxes.json"); },
               {"nesting"});
  document = sample_document();
  for (int i = 0; i < 254; ++i) {
    document["categories"].push_back({{"id", 100 + i}, {"name", std::to_string(i)}});
  }
  expect_no_box_file(document, {"more than 255 categories"});
}

TEST(BoxFileTest, HostileNamesAreShownHarmlessly) {
  json document = with_bbox({1, 2, 0, 4});
  document["images"][0]["file_name"] = "\x1b[31m\nred" + std::string(300, 'x');
  expect_no_box_file(document, {"\\x1b[31m\\x0ared", "..."});
}

TEST(PreparedBoxTest, FollowsItsPicture) {
  const PictureSize picture{10, 20, 1};  // 20 wide
  DataConfig config;
  const Box box{1, 2, 5, 4, 3};
  EXPECT_EQ(prepare_box(box, picture, config), box);
  config.transpose = true;
  EXPECT_EQ(prepare_box(box, picture, config), (Box{2, 1, 4, 5, 3}));
  config.transpose = false;
  config.size = {5, 5};  // scaled by 1/2, to 10 x 5, of which 2.5 are cut off left and right
  EXPECT_EQ(prepare_box({9, 2, 4, 4, 3}, picture, config), (Box{2, 1, 2, 2, 3}));
  EXPECT_EQ(prepare_box({4, 2, 4, 4, 3}, picture, config), (Box{0, 1, 1.5f, 2, 3})) << "cut";
  EXPECT_EQ(prepare_box({2, 2, 5, 4, 3}, picture, config).width, 0.0f) << "its middle is off";
}

class BoxedPicturesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a.png", "b.png"}) {
      save_png(folder_.file(name), Image{10, 20, 1, std::vector<uint8_t>(200, 90)});
    }
  }
  Dataset load(const json& document) {
    const std::string text = document.dump();
    test::write_plainly(folder_.file("boxes.json"), test::to_bytes(text));
    options_.boxes = folder_.file("boxes.json");
    return load_picture_folder(folder_.path(), options_);
  }

  test::TemporaryFolder folder_;
  LoadOptions options_;
};

TEST_F(BoxedPicturesTest, HaveTheirBoxesByName) {
  const ImageSet images = load(sample_document()).train;
  ASSERT_TRUE(images.has_boxes());
  ASSERT_EQ(images.boxes(0).size(), 2u);
  EXPECT_EQ(images.boxes(0)[0], (Box{1, 2, 5.5f, 4, 1}));
  EXPECT_TRUE(images.boxes(1).empty());
  EXPECT_EQ(images.label_names()[1], "dog");
  EXPECT_TRUE(images.labels().empty());
  ModelConfig model;
  model.target = Target::boxes;
  EXPECT_EQ(images.fit(model).target_classes, 2);
}

TEST_F(BoxedPicturesTest, AreScaledWithThem) {
  options_.data.size = {10, 10};  // the middle half
  json document = sample_document();
  document["annotations"][1]["bbox"] = {8, 0, 10, 10};
  const ImageSet images = load(document).train;
  ASSERT_EQ(images.boxes(0).size(), 1u) << "the other's middle is cut off";
  EXPECT_EQ(images.boxes(0)[0], (Box{3, 0, 7, 10, 0}));
}

TEST_F(BoxedPicturesTest, ThatTheFileDoesNotKnowAreRefused) {
  json document = sample_document();
  document["images"][1]["file_name"] = "c.png";
  expect_error(ErrorCode::corrupt, [&] { load(document); },
               {"boxes.json", "\"b.png\"", "every picture"});
  document = sample_document();
  document["images"][0]["width"] = 40;
  expect_error(ErrorCode::corrupt, [&] { load(document); }, {"\"a.png\"", "40 x 10", "20 x 10"});
  document = sample_document();
  document["images"][0].erase("width");
  document["annotations"][0]["bbox"] = {16, 2, 5, 4};
  expect_error(ErrorCode::corrupt, [&] { load(document); }, {"\"a.png\"", "leaves the picture"});
}

TEST_F(BoxedPicturesTest, HaveAFingerprintOfTheirOwn) {
  ModelConfig model;
  model.target = Target::boxes;
  const Dataset data = load(sample_document());
  json moved = sample_document();
  moved["annotations"][0]["bbox"] = {2, 2, 5.5, 4};
  const Dataset other = load(moved);
  EXPECT_EQ(data.fingerprint(), other.fingerprint()) << "the same pictures";
  EXPECT_NE(data.fingerprint(model), other.fingerprint(model));
  moved = sample_document();
  moved["annotations"][0]["category_id"] = 3;
  EXPECT_NE(data.fingerprint(model), load(moved).fingerprint(model));
  EXPECT_EQ(data.fingerprint(model), load(sample_document()).fingerprint(model));
}

}  // namespace
}  // namespace vae
