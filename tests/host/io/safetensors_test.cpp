// SPDX-License-Identifier: MIT
#include "host/io/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "host/io/atomic_file.h"
#include "host/io/xxh64.h"
#include "kernels/check.h"
#include "tests/host/io/sample_files.h"

namespace vae {
namespace {

using test::Bytes;
using test::expect_error;
using test::to_bytes;

constexpr SafetensorsOptions kForeign = {.require_checksum = false};

struct Numbers {
  std::vector<float> weight = {1.5f, -2.0f, 3.25f, 0.0f, 5.0f, 6.0f};
  std::vector<double> moment = {0.1, 0.2};
  std::vector<uint8_t> mask = {1, 2, 3};
  std::vector<int64_t> counter = {-7};
  std::vector<uint64_t> seed = {UINT64_MAX};

  Bytes file() const {
    return write_safetensors(
        {make_tensor("weight", {2, 3}, std::span(weight)),
         make_tensor("moment", {2}, std::span(moment)), make_tensor("mask", {3}, std::span(mask)),
         make_tensor("counter", {}, std::span(counter)), make_tensor("seed", {1}, std::span(seed)),
         make_tensor("empty", {0, 4}, std::span<const int32_t>())},
        {{"step", "12"}, {"config", "{\"a\": \"é\"}"}});
  }
};

TEST(SafetensorsTest, RestoresTensorsAndMetadata) {
  const Numbers numbers;
  const SafetensorsFile file = parse_safetensors(numbers.file(), "f");
  EXPECT_TRUE(file.checksum_verified);
  EXPECT_EQ(file.metadata.at("step"), "12");
  EXPECT_EQ(file.metadata.at("config"), "{\"a\": \"é\"}");
  EXPECT_EQ(file.metadata.at("format"), "pt");
  EXPECT_EQ(file.values<float>("weight"), numbers.weight);
  EXPECT_EQ(file.values<double>("moment"), numbers.moment);
  EXPECT_EQ(file.values<uint8_t>("mask"), numbers.mask);
  EXPECT_EQ(file.values<int64_t>("counter"), numbers.counter);
  EXPECT_EQ(file.values<uint64_t>("seed"), numbers.seed);
  EXPECT_TRUE(file.values<int32_t>("empty").empty());
  EXPECT_EQ(file.find("weight")->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(file.find("counter")->shape, std::vector<int64_t>{});
  EXPECT_EQ(file.find("empty")->shape, (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(file.find("absent"), nullptr);
  EXPECT_EQ(file.tensors.size(), 6u);
}

TEST(SafetensorsTest, WritesTheSameBytesWhateverTheOrder) {
  const std::vector<float> a = {1, 2}, b = {3};
  const auto first = make_tensor("a", {2}, std::span(a));
  const auto second = make_tensor("b", {1}, std::span(b));
  EXPECT_EQ(write_safetensors({first, second}, {}), write_safetensors({second, first}, {}));
}

TEST(SafetensorsTest, AlignsTheDataTo64BytesAndEachTensorToItsType) {
  const Bytes bytes = Numbers().file();
  const SafetensorsFile file = parse_safetensors(bytes, "f");
  for (const SafetensorsTensor& tensor : file.tensors) {
    const auto offset = static_cast<size_t>(tensor.data.data() - file.bytes.data());
    EXPECT_EQ(offset % size_of(tensor.type), 0u) << tensor.name;
  }
  const auto start = static_cast<size_t>(file.tensors[0].data.data() - file.bytes.data());
  EXPECT_EQ(start % 64, 0u);
}

TEST(SafetensorsTest, HoldsNoTensorsAtAll) {
  const SafetensorsFile file = parse_safetensors(write_safetensors({}, {}), "f");
  EXPECT_TRUE(file.tensors.empty());
  EXPECT_EQ(file.metadata.size(), 2u);  // format and checksum
}

TEST(SafetensorsTest, DetectsEveryTruncation) {
  test::expect_corrupt_when_truncated(Numbers().file(),
                                      [](const Bytes& file) { parse_safetensors(file, "f"); });
}

TEST(SafetensorsTest, DetectsEveryFlippedBit) {
  test::expect_corrupt_when_flipped(Numbers().file(),
                                    [](const Bytes& file) { parse_safetensors(file, "f"); });
}

/// The same content as another program lays it out: metadata and tensors in reverse, spaced out.
Bytes saved_again(const SafetensorsFile& file) {
  std::string metadata, tensors;
  for (const auto& [key, text] : file.metadata) {
    metadata = concat(nlohmann::json(key).dump(), " : ", nlohmann::json(text).dump(),
                      metadata.empty() ? "" : ", ", metadata);
  }
  Bytes data;
  for (auto tensor = file.tensors.rbegin(); tensor != file.tensors.rend(); ++tensor) {
    const size_t begin = data.size();
    data.insert(data.end(), tensor->data.begin(), tensor->data.end());
    tensors += concat(nlohmann::json(tensor->name).dump(), R"(: {"data_offsets": [)", begin, ", ",
                      data.size(), R"(], "dtype":")", to_string(tensor->type), R"(", "shape": )",
                      nlohmann::json(tensor->shape).dump(), "}, ");
  }
  return test::make_safetensors(concat("{", tensors, R"("__metadata__": {)", metadata, "}}  "),
                                data);
}

TEST(SafetensorsTest, TheChecksumOutlivesAnotherProgramsLayout) {
  const Bytes bytes = Numbers().file();
  const Bytes again = saved_again(parse_safetensors(bytes, "f"));
  EXPECT_NE(again, bytes);
  EXPECT_TRUE(parse_safetensors(again, "f").checksum_verified);
  test::expect_corrupt_when_flipped(again, [](const Bytes& file) { parse_safetensors(file, "f"); });
}

TEST(SafetensorsTest, TheChecksumCoversEveryNumberNameShapeAndText) {
  Numbers changed;
  changed.mask.back() = 4;
  const SafetensorsFile file = parse_safetensors(Numbers().file(), "f");
  const SafetensorsFile other = parse_safetensors(changed.file(), "f");
  const auto refused = [&](const char* what, const auto& change) {
    SafetensorsFile copy = parse_safetensors(Numbers().file(), "f");
    change(copy);
    const Bytes bytes = saved_again(copy);
    SCOPED_TRACE(what);
    expect_error(ErrorCode::corrupt, [&] { parse_safetensors(bytes, "f"); },
                 {"f: the checksum does not agree"});
    EXPECT_FALSE(parse_safetensors(bytes, "f", kForeign).checksum_verified);
  };
  const auto tensor = [](SafetensorsFile& copy, const char* name) -> SafetensorsTensor& {
    return *std::ranges::find(copy.tensors, name, &SafetensorsTensor::name);
  };
  refused("number", [&](auto& copy) { tensor(copy, "mask").data = other.find("mask")->data; });
  refused("name", [&](auto& copy) { tensor(copy, "mask").name = "mast"; });
  refused("shape", [&](auto& copy) { tensor(copy, "weight").shape = {3, 2}; });
  refused("type", [&](auto& copy) { tensor(copy, "mask").type = TensorType::i8; });
  refused("empty", [&](auto& copy) { tensor(copy, "empty").shape = {4, 0}; });
  refused("swapped",
          [&](auto& copy) { std::swap(tensor(copy, "counter").name, tensor(copy, "seed").name); });
  refused("tensor gone", [&](auto& copy) { copy.tensors.pop_back(); });
  refused("text", [&](auto& copy) { copy.metadata["step"] = "13"; });
  refused("key", [&](auto& copy) { copy.metadata["pets"] = "12"; });
  refused("key gone", [&](auto& copy) { copy.metadata.erase("step"); });
  refused("digits", [&](auto& copy) { copy.metadata["checksum"] = std::string(16, '0'); });
  SafetensorsFile bare = parse_safetensors(Numbers().file(), "f");
  bare.metadata.erase("checksum");
  expect_error(ErrorCode::corrupt, [&] { parse_safetensors(saved_again(bare), "f"); },
               {"no checksum"});
}

/// As earlier versions wrote it: a checksum over the bytes, with zeros for its own digits.
TEST(SafetensorsTest, ReadsFilesWhoseChecksumIsOneOfTheBytes) {
  Bytes bytes = Numbers().file();
  const auto digits = std::span(bytes).subspan(37, 16);
  ASSERT_EQ(as_text(digits), parse_safetensors(bytes, "f").metadata.at("checksum"));
  std::ranges::fill(digits, std::byte{'0'});
  std::ranges::copy(as_bytes(to_hex(xxh64(bytes))), digits.begin());
  EXPECT_TRUE(parse_safetensors(bytes, "f").checksum_verified);
  test::expect_corrupt_when_flipped(bytes, [](const Bytes& file) { parse_safetensors(file, "f"); });
}

TEST(SafetensorsTest, DetectsAppendedBytes) {
  Bytes file = Numbers().file();
  file.push_back(std::byte{' '});
  expect_error(ErrorCode::corrupt, [&] { parse_safetensors(file, "f"); });
}

TEST(SafetensorsTest, ReadsTheHeaderAlone) {
  test::TemporaryFolder folder;
  const Bytes bytes = Numbers().file();
  write_file_atomically(folder.file("m.safetensors"), bytes);
  const SafetensorsFile header = read_safetensors_header(folder.file("m.safetensors"));
  const SafetensorsFile whole = read_safetensors(folder.file("m.safetensors"));
  EXPECT_TRUE(header.bytes.empty());
  EXPECT_EQ(header.metadata, whole.metadata);
  ASSERT_EQ(header.tensors.size(), whole.tensors.size());
  for (size_t i = 0; i < whole.tensors.size(); ++i) {
    EXPECT_EQ(header.tensors[i].name, whole.tensors[i].name);
    EXPECT_EQ(header.tensors[i].shape, whole.tensors[i].shape);
  }
  for (const size_t length :
       {size_t{0}, size_t{7}, size_t{8}, size_t{9}, size_t{40}, bytes.size() - 1}) {
    write_file_atomically(folder.file("cut"), std::span(bytes).first(length));
    expect_error(ErrorCode::corrupt, [&] { read_safetensors_header(folder.file("cut")); },
                 {folder.file("cut")});
  }
}

TEST(SafetensorsTest, ReadsFilesOfOtherProgramsOnRequestOnly) {
  const std::string header =
      R"({ "b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}, )"
      R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}, "__metadata__":{"by":"x"}}   )";
  const Bytes bytes = test::make_safetensors(header, Bytes(8));
  const SafetensorsFile file = parse_safetensors(bytes, "f", kForeign);
  EXPECT_FALSE(file.checksum_verified);
  EXPECT_EQ(file.tensors[0].name, "a");
  EXPECT_EQ(file.tensors[1].type, TensorType::bf16);
  EXPECT_EQ(file.metadata.at("by"), "x");
  expect_error(ErrorCode::corrupt, [&] { parse_safetensors(bytes, "f"); }, {"checksum"});
  EXPECT_TRUE(parse_safetensors(test::make_safetensors("{}"), "f", kForeign).tensors.empty());
}

TEST(SafetensorsTest, NamesWhatIsMissingOrOfAnotherType) {
  const SafetensorsFile file = parse_safetensors(Numbers().file(), "run/m");
  expect_error(ErrorCode::corrupt, [&] { file.values<float>("absent"); },
               {"run/m", "\"absent\"", "F32", "none"});
  expect_error(ErrorCode::corrupt, [&] { file.values<double>("weight"); },
               {"\"weight\"", "F64", "found F32"});
}

struct HostileFile {
  const char* name;
  Bytes file;
  std::vector<std::string> words;
};

/// A header with one tensor "t" made of these parts.
Bytes with_tensor(const std::string& dtype, const std::string& shape, const std::string& offsets,
                  size_t data_bytes) {
  return test::make_safetensors(
      R"({"t":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
      Bytes(data_bytes));
}

std::vector<HostileFile> hostile_entries() {
  const std::string f32 = "\"F32\"";
  std::string many = "[1";
  for (int i = 0; i < 1'000'000; ++i) many += ",1";
  return {
      {"unknown dtype", with_tensor("\"F31\"", "[1]", "[0,4]", 4), {"\"t\"", "dtype", "F31"}},
      {"dtype no text", with_tensor("5", "[1]", "[0,4]", 4), {"dtype"}},
      {"reversed", with_tensor(f32, "[1]", "[4,0]", 4), {"4 to 0"}},
      {"negative offset", with_tensor(f32, "[1]", "[-4,0]", 4), {"-4"}},
      {"negative size", with_tensor(f32, "[-1]", "[0,4]", 4), {"-1"}},
      {"float size", with_tensor(f32, "[1.0]", "[0,4]", 4), {"1.0"}},
      {"2^64", with_tensor(f32, "[18446744073709551616]", "[0,0]", 0), {"2^63 - 1"}},
      {"2^63", with_tensor(f32, "[9223372036854775808]", "[0,0]", 0), {"2^63 - 1"}},
      {"overflow", with_tensor(f32, "[4294967296,4294967296,4]", "[0,0]", 0), {"2^63"}},
      {"overflow by type", with_tensor(f32, "[4611686018427387904]", "[0,0]", 0), {"2^63"}},
      {"size beyond file", with_tensor(f32, "[1000000000]", "[0,4000000000]", 4), {"4000000000"}},
      {"shape and offsets differ", with_tensor(f32, "[2]", "[0,4]", 4), {"8 bytes", "0 to 4"}},
      {"zero size with bytes", with_tensor(f32, "[0]", "[0,4]", 4), {"0 bytes"}},
      {"hole at start", with_tensor(f32, "[1]", "[4,8]", 8), {"at 0", "offset 4"}},
      {"hole at end", with_tensor(f32, "[1]", "[0,4]", 8), {"4 bytes of data", "found 8"}},
      {"one offset", with_tensor(f32, "[1]", "[0]", 4), {"data_offsets"}},
      {"three offsets", with_tensor(f32, "[1]", "[0,4,4]", 4), {"data_offsets"}},
      {"offsets no array", with_tensor(f32, "[1]", "\"0,4\"", 4), {"data_offsets"}},
      {"shape no array", with_tensor(f32, "1", "[0,4]", 4), {"shape"}},
      {"rank 17", with_tensor(f32, "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]", 4), {"17"}},
      {"rank 1e6", with_tensor(f32, many + "]", "[0,4]", 4), {"f: "}}};
}

std::vector<HostileFile> hostile_headers() {
  const auto file = [](const std::string& header, size_t data = 0) {
    return test::make_safetensors(header, Bytes(data));
  };
  const std::string t = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  const std::string u = R"({"dtype":"F32","shape":[1],"data_offsets":[2,6]})";
  std::string tensors = "{";
  for (int i = 0; i < 300'000; ++i) {
    tensors +=
        concat(i == 0 ? "" : ",", '"', i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
  }
  return {
      {"empty", {}, {"an empty file"}},
      {"seven bytes", to_bytes("1234567"), {"8 bytes"}},
      {"header length 0", Bytes(8), {"JSON object"}},
      {"header longer than the file", to_bytes(std::string("\xff\0\0\0\0\0\0\0{}", 10)), {"255"}},
      {"header length 2^64 - 1", Bytes(64, std::byte{255}), {"18446744073709551615"}},
      {"array header", file("[]"), {"JSON object"}},
      {"leading space", file(" {}"), {"JSON object"}},
      {"tab behind", file("{}\t"), {"JSON object"}},
      {"two objects", file("{}{}"), {"JSON"}},
      {"comment", file("{/**/}"), {"JSON"}},
      {"NUL behind", file(std::string("{}\0", 3)), {"f: "}},
      {"NUL inside", file(std::string("{\0}", 3)), {"NUL"}},
      {"bad UTF-8", file("{\"\xff\":" + t + "}", 4), {"UTF-8"}},
      {"deep", file("{\"a\":" + std::string(100'000, '[') + "}"), {"nesting"}},
      {"duplicate", file("{\"t\":" + t + ",\"t\":" + t + "}", 4), {"\"t\" twice"}},
      {"duplicate member", file(R"({"t":{"dtype":"F32","dtype":"F32"}})"), {"\"dtype\" twice"}},
      {"same bytes twice", file("{\"t\":" + t + ",\"u\":" + t + "}", 4), {"\"u\"", "at 4"}},
      {"overlap", file("{\"t\":" + t + ",\"u\":" + u + "}", 6), {"\"u\"", "offset 2"}},
      {"member missing", file(R"({"t":{"dtype":"F32","shape":[1]}})"), {"data_offsets"}},
      {"member too many",
       file(R"({"t":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1}})"),
       {"other members"}},
      {"tensor no object", file(R"({"t":5})"), {"number"}},
      {"metadata no object", file(R"({"__metadata__":[]})"), {"__metadata__"}},
      {"metadata number", file(R"({"__metadata__":{"a":1}})"), {"\"a\"", "number"}},
      {"long name", file("{\"" + std::string(257, 'n') + "\":" + t + "}", 4), {"256", "257"}},
      {"terminal name", file("{\"\\u001b[2J\":" + u + "}", 4), {"\\x1b[2J"}},
      {"a million values", file(tensors + "}"), {"values"}}};
}

TEST(SafetensorsTest, RejectsHostileFilesWithExpectationAndFinding) {
  std::vector<HostileFile> cases = hostile_headers();
  for (HostileFile& hostile : hostile_entries()) cases.push_back(std::move(hostile));
  for (const HostileFile& hostile : cases) {
    SCOPED_TRACE(hostile.name);
    expect_error(
        ErrorCode::corrupt, [&] { parse_safetensors(hostile.file, "f", kForeign); }, hostile.words);
  }
}

TEST(SafetensorsTest, NamesForeignFiles) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"<!DOCTYPE html><html>Not found</html>", "HTML page"},
      {std::string("PK\x03\x04") + std::string(40, '\0'), "zip archive"},
      {std::string("\x80\x02}q\0(X\x05\0\0\0", 10), "pickle"},
      {std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10), "gzip"},
      {std::string("\x93NUMPY\x01\0v\0{'descr'", 18), "NumPy array"},
      {std::string("GGUF\x03\0\0\0\0\0\0\0", 12), "GGUF"}};
  for (const auto& foreign : cases) {
    expect_error(ErrorCode::corrupt,
                 [&] { parse_safetensors(to_bytes(foreign.first), "f", kForeign); },
                 {foreign.second});
  }
}

TEST(SafetensorsTest, RefusesToWriteWhatItCouldNotRead) {
  const std::vector<float> two = {1, 2};
  const auto refused = [&](std::string name, std::vector<int64_t> shape,
                           std::map<std::string, std::string> metadata = {}) {
    expect_error(ErrorCode::invalid_argument,
                 [&] { write_safetensors({make_tensor(name, shape, std::span(two))}, metadata); });
  };
  refused("t", {3});
  refused("t", {-2});
  refused("t", {int64_t{1} << 62, 4});
  refused("__metadata__", {2});
  refused("\xff", {2});
  refused(std::string(257, 'n'), {2});
  refused("t", {2}, {{"k", "\xff"}});
  refused("t", {2}, {{"checksum", "x"}});
  const auto tensor = make_tensor("t", {2}, std::span(two));
  expect_error(ErrorCode::invalid_argument,
               [&] {
                 write_safetensors({tensor, tensor}, {});
               },
               {"two tensors"});
}

}  // namespace
}  // namespace vae
