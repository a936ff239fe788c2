#include "runtime/npy.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Npy : public testing::Test {
 protected:
  std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) /
      (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".npy");

  ~Npy() override { std::filesystem::remove(path); }

  void write(const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

  /// A file as NumPy lays it out: magic, version, little-endian length of the header, header, data.
  static std::string file(const std::string& header, const std::string& data, char major = 1) {
    std::string bytes = "\x93NUMPY";
    bytes += {major, '\0', static_cast<char>(header.size() & 0xFF),
              static_cast<char>(header.size() >> 8)};
    if (major == 2) bytes += std::string(2, '\0');
    return bytes + header + data;
  }
  static std::string header(const std::string& descr, const std::string& order,
                            const std::string& shape) {
    return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape +
           ", }   \n";
  }
  static std::string floats(std::vector<float> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
  }
  std::string refused(const std::string& bytes, Status status) {
    write(bytes);
    return refusal([&] { read_npy(path); }, status);
  }
};

TEST_F(Npy, ReadsBothFormats) {
  for (const char major : {'\1', '\2'}) {
    write(file(header("'<f4'", "False", "(1, 3)"), floats({1, -2, 0.5}), major));
    const NpyArray array = read_npy(path);
    EXPECT_THAT(array.shape, ElementsAre(1, 3));
    EXPECT_THAT(array.values, ElementsAre(1, -2, 0.5));
  }
}

TEST_F(Npy, ReadsWhatItWritesAndAlignsTheData) {
  write_npy(path, {.shape = {2, 1, 2}, .values = {1, 2, 3, 4}});
  const NpyArray array = read_npy(path);
  EXPECT_THAT(array.shape, ElementsAre(2, 1, 2));
  EXPECT_THAT(array.values, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(std::filesystem::file_size(path) % 64, 16U);
  write_npy(path, {.shape = {4}, .values = {1, 2, 3, 4}});
  EXPECT_THAT(read_npy(path).shape, ElementsAre(4));
}

TEST_F(Npy, RefusesOtherArraysClearly) {
  const std::string data = floats({1, 2, 3, 4});
  EXPECT_THAT(refused(file(header("'<f8'", "False", "(2,)"), data), Status::invalid),
              HasSubstr("'<f8'"));
  EXPECT_THAT(refused(file(header("'>f4'", "False", "(4,)"), data), Status::invalid),
              HasSubstr("little-endian"));
  EXPECT_THAT(refused(file(header("'<f4'", "True", "(2, 2)"), data), Status::invalid),
              HasSubstr("Fortran"));
  EXPECT_THAT(refused(file(header("'<f4'", "False", "(4,)"), data, 3), Status::invalid),
              HasSubstr("3.0"));
}

TEST_F(Npy, RefusesDamagedFiles) {
  const std::string good = file(header("'<f4'", "False", "(2, 2)"), floats({1, 2, 3, 4}));
  write(good);
  EXPECT_EQ(read_npy(path).values.size(), 4U);
  for (std::size_t length = 0; length < good.size(); ++length) {
    refused(good.substr(0, length), Status::storage);
  }
  EXPECT_THAT(refused(good + "x", Status::storage), HasSubstr("17 bytes"));
  const std::string data = floats({1, 2, 3, 4});
  for (const char* shape :
       {"(2, -2)", "(4)", "4", "(2, 3)", "(4294967296, 4294967296)", "(9999999999999999999,)",
        "(2 2)", "(2, 2", "[2, 2]", "(4,), 'shape': (4,)", "(2.0, 2)", "(4611686018427387905,)"}) {
    refused(file(header("'<f4'", "False", shape), data), Status::storage);
  }
  refused(file("", data), Status::storage);
  refused(file("{}", data), Status::storage);
  refused(file("{'descr': '<f4'}", data), Status::storage);
  refused(file(header("'<f4'", "Maybe", "(4,)"), data), Status::storage);
  refused(file("{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} import os", data),
          Status::storage);
  refused(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12) + data, Status::storage);
}

TEST_F(Npy, NamesAFileThatIsNotThere) {
  EXPECT_THAT(refusal([&] { read_npy("no/such.npy"); }, Status::storage), HasSubstr("no/such.npy"));
  EXPECT_THAT(
      refusal([&] { write_npy("no/such.npy", {.shape = {1}, .values = {1}}); }, Status::storage),
      HasSubstr("no/such.npy"));
}

}  // namespace
}  // namespace convtune
