#include <convtune/safetensors.hpp>

#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::json;

/// A file of the test's own: 8 bytes of length, the header's text, the data.
class SafetensorsFile : public testing::Test {
 protected:
  ~SafetensorsFile() override { std::filesystem::remove(path); }

  void write_bytes(const std::string& bytes) const {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  void write(const std::string& header, const std::string& data = "") const {
    std::string length(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(header.size() >> (8 * i));
    write_bytes(length + header + data);
  }
  /// Why the file is refused, which begins with its path.
  std::string refused() const {
    std::string message = refusal([&] { Safetensors{path}; }, Status::storage);
    EXPECT_THAT(message, StartsWith(path + ": "));
    return message;
  }
  std::string refused_header(const std::string& header, const std::string& data = "") const {
    write(header, data);
    return refused();
  }

  const std::string path = testing::TempDir() + "convtune-" + std::to_string(getpid()) + ".st";
};

/// The header of one array of float32 named a.
Json one(const Json& shape, const Json& offsets, const Json& dtype = "F32") {
  return {{"a", {{"dtype", dtype}, {"shape", shape}, {"data_offsets", offsets}}}};
}

TEST_F(SafetensorsFile, GivesEveryArrayItsTypeShapeAndBytes) {
  const std::array<float, 4> f32 = {1, -2.5F, 3, 4};
  std::string data(reinterpret_cast<const char*>(f32.data()), sizeof f32);
  data += "abcdef";
  write(R"({"b":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]},
            "__metadata__":{"format":"pt"},
            "w":{"dtype":"F32","shape":[2,1,2],"data_offsets":[0,16]},
            "h":{"dtype":"F16","shape":[2],"data_offsets":[18,22]}}   )",
        data);
  const Safetensors file(path);
  EXPECT_THAT(file.names(), ElementsAre("b", "h", "w"));
  const Tensor w = file.read("w");
  EXPECT_EQ(w.dtype, DType::float32);
  EXPECT_EQ(w.shape, (Shape{2, 1, 2}));
  EXPECT_EQ(w.device, "cpu");
  EXPECT_EQ(std::memcmp(w.data.get(), data.data(), sizeof f32), 0);
  EXPECT_EQ(file.read("b").dtype, DType::bfloat16);
  EXPECT_EQ(std::memcmp(file.read("b").data.get(), "ab", 2), 0);
  EXPECT_EQ(file.read("h").dtype, DType::float16);
  EXPECT_EQ(std::memcmp(file.read("h").data.get(), "cdef", 4), 0);
}

TEST_F(SafetensorsFile, MayHoldNothing) {
  write("{}");
  EXPECT_TRUE(Safetensors(path).names().empty());
  write(one({0, 7}, {0, 0}).dump());
  EXPECT_EQ(Safetensors(path).read("a").shape, (Shape{0, 7}));
}

TEST_F(SafetensorsFile, RefusesOnlyToReadWhatNoConvolutionHas) {
  write(R"({"steps":{"dtype":"I64","shape":[],"data_offsets":[0,8]},
            "five":{"dtype":"F32","shape":[1,1,1,1,1],"data_offsets":[8,12]}})",
        "123456789abc");
  const Safetensors file(path);
  EXPECT_THAT(refusal([&] { file.read("steps"); }), HasSubstr("\"steps\" is of \"I64\""));
  EXPECT_THAT(refusal([&] { file.read("five"); }), HasSubstr("in 5 dimensions"));
  EXPECT_THAT(refusal([&] { file.read("other"); }),
              HasSubstr("no array named \"other\"; its arrays are: \"five\", \"steps\""));
}

TEST_F(SafetensorsFile, RefusesWhatIsNoFile) {
  EXPECT_THAT(refused(), HasSubstr("cannot be opened"));
  EXPECT_THAT(refusal([] { Safetensors{testing::TempDir()}; }, Status::storage),
              HasSubstr("cannot be opened"));
}

TEST_F(SafetensorsFile, RefusesWhatIsCutOff) {
  write_bytes("");
  EXPECT_THAT(refused(), HasSubstr("it has 0 bytes"));
  write_bytes("1234567");
  EXPECT_THAT(refused(), HasSubstr("it has 7 bytes"));
  write(one({2}, {0, 8}).dump(), "12345678");
  for (std::uintmax_t size = std::filesystem::file_size(path); size-- > 0;) {
    std::filesystem::resize_file(path, size);
    refused();
  }
}

TEST_F(SafetensorsFile, RefusesALengthBeyondTheFile) {
  for (const char* length : {"\x03\0\0\0\0\0\0\0", "\xff\xff\xff\xff\xff\xff\xff\xff",
                             "\0\0\0\0\0\0\0\x80", "\x01\xe1\xf5\x05\0\0\0\0"}) {
    write_bytes(std::string(length, 8) + "{}");
    EXPECT_THAT(refused(), HasSubstr("header has"));
  }
}

TEST_F(SafetensorsFile, RefusesALongerHeaderThanTheFormatAllows) {
  write_bytes(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8) + "{}");  // 100,000,001
  std::filesystem::resize_file(path, 100'000'100);                 // sparse
  EXPECT_THAT(refused(), HasSubstr("its header has 100000001 bytes"));
}

TEST_F(SafetensorsFile, RefusesWhatIsNoObject) {
  for (const char* header : {"[]", "7", "null"}) {
    EXPECT_THAT(refused_header(header), HasSubstr("no JSON object")) << header;
  }
  for (const char* header :
       {"", "{", "{}{}", "{\"a\":}", "{\"\xff\":{}}", "\xff\xfe{}", "{'a':1}"}) {
    EXPECT_THAT(refused_header(header), HasSubstr("its header: it is no valid JSON")) << header;
  }
  EXPECT_THAT(refused_header(std::string(1'000'000, '[')), HasSubstr("nested deeper"));
}

TEST_F(SafetensorsFile, RefusesANameThatStandsTwice) {
  const std::string array = R"("a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  EXPECT_THAT(refused_header("{" + array + "," + array + "}"), HasSubstr("stands twice"));
}

TEST_F(SafetensorsFile, RefusesArraysThatAreNotDescribed) {
  const auto message = [&](auto&& change) {
    Json header = one({1}, {0, 4});
    change(header["a"]);
    return refused_header(header.dump(), "1234");
  };
  EXPECT_THAT(message([](Json& a) { a = 7; }), HasSubstr("\"a\" is no object"));
  EXPECT_THAT(message([](Json& a) { a.erase("dtype"); }), HasSubstr("no dtype"));
  EXPECT_THAT(message([](Json& a) { a["dtype"] = 32; }), HasSubstr("no dtype"));
  for (const Json& shape : {Json(), Json(4), Json{-1}, Json{1.5}, Json{"1"}, Json{1e30}, Json{true},
                            Json{std::uint64_t{1} << 63}}) {
    EXPECT_THAT(message([&](Json& a) { a["shape"] = shape; }), HasSubstr("no shape")) << shape;
  }
  for (const Json& offsets : {Json(), Json{0}, Json{0, 2, 4}, Json{-4, 0}, Json{0, 4.0},
                              Json{std::uint64_t{1} << 63, 4}}) {
    EXPECT_THAT(message([&](Json& a) { a["data_offsets"] = offsets; }),
                HasSubstr("no pair of data_offsets"))
        << offsets;
  }
}

TEST_F(SafetensorsFile, RefusesOffsetsOutsideTheData) {
  for (const Json& offsets :
       {Json{0, 12}, Json{8, 0}, Json{4, 0}, Json{0, std::numeric_limits<std::int64_t>::max()},
        Json{std::numeric_limits<std::int64_t>::max(), 4}}) {
    EXPECT_THAT(refused_header(one({2}, offsets).dump(), "12345678"),
                HasSubstr("in a file with 8 bytes of data"))
        << offsets;
  }
}

TEST_F(SafetensorsFile, RefusesSizesThatContradictTheShape) {
  const auto huge = std::int64_t{1} << 62;
  for (const Json& shape : {Json{1}, Json{3}, Json{0}, Json{huge, huge}, Json{huge, 4, 2},
                            Json{huge, 2}, Json{4611686018427387906}}) {
    EXPECT_THAT(refused_header(one(shape, {0, 8}).dump(), "12345678"), HasSubstr("holds 8 bytes"))
        << shape;
  }
  EXPECT_THAT(refused_header(one({2}, {0, 8}, "F16").dump(), "12345678"), HasSubstr("of F16"));
  EXPECT_THAT(refused_header(one({2}, {0, 8}, "BF16").dump(), "12345678"), HasSubstr("of BF16"));
}

TEST_F(SafetensorsFile, RefusesArraysThatOverlapOrLeaveGaps) {
  const auto message = [&](const Json& first, const Json& second) {
    Json header = one({1}, first);
    header["b"] = one({1}, second)["a"];
    return refused_header(header.dump(), "123456789abc");
  };
  EXPECT_THAT(message({0, 4}, {0, 4}), HasSubstr("\"b\" starts at byte 0"));
  EXPECT_THAT(message({0, 4}, {2, 6}), HasSubstr("\"b\" starts at byte 2"));
  EXPECT_THAT(message({0, 4}, {8, 12}), HasSubstr("\"b\" starts at byte 8"));
  EXPECT_THAT(message({4, 8}, {8, 12}), HasSubstr("\"a\" starts at byte 4"));
  EXPECT_THAT(message({4, 8}, {0, 4}), HasSubstr("12 bytes of data, and its arrays end at 8"));
  EXPECT_THAT(refused_header("{}", "1"), HasSubstr("1 bytes of data"));
}

TEST_F(SafetensorsFile, ShowsNamesWithoutTheirControlCharacters) {
  const std::string message =
      refused_header(R"({"a\n\u001b[31mb":{"dtype":"F32","shape":[1],"data_offsets":[0,9]}})");
  EXPECT_THAT(message, HasSubstr(R"("a\n\u001b[31mb")"));
}

TEST_F(SafetensorsFile, NoticesThatItWasCutOffSince) {
  write(one({2}, {0, 8}).dump(), "12345678");
  const Safetensors file(path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_THAT(refusal([&] { file.read("a"); }, Status::storage), HasSubstr("cannot be read"));
}

TEST_F(SafetensorsFile, IsReadByManyThreads) {
  write(one({2}, {0, 8}).dump(), "12345678");
  const Safetensors file(path);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&] { EXPECT_EQ(std::memcmp(file.read("a").data.get(), "12345678", 8), 0); });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace convtune
