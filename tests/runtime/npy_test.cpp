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
    if (major >= 2) bytes += std::string(2, '\0');
    return bytes + header + data;
  }
  static std::string header(const std::string& descr, const std::string& order,
                            const std::string& shape) {
    return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape +
           ", }   \n";
  }
  template <typename T>
  static std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
  }
  static std::string floats(const std::vector<float>& values) { return bytes_of(values); }
  std::string refused(const std::string& bytes, Status status) {
    write(bytes);
    return refusal([&] { read_npy(path); }, status);
  }
};

TEST_F(Npy, ReadsAllFormats) {
  for (const char major : {'\1', '\2', '\3'}) {
    write(file(header("'<f4'", "False", "(1, 3)"), floats({1, -2, 0.5}), major));
    const NpyArray array = read_npy(path);
    EXPECT_THAT(array.shape, ElementsAre(1, 3));
    EXPECT_THAT(array.values, ElementsAre(1, -2, 0.5));
  }
}

TEST_F(Npy, WidensFloat16AndRoundsFloat64) {
  write(file(header("'<f2'", "False", "(3,)"),
             bytes_of<std::uint16_t>({0x3c00, 0xc000, 0x3555})));  // 1, −2, 0.333251953125
  EXPECT_THAT(read_npy(path).values, ElementsAre(1, -2, 0.333251953125F));
  std::vector<double> many(5000, 0.1);
  many.back() = 1 + 0x1p-30;
  write(file(header("'<f8'", "False", "(5000,)"), bytes_of(many)));
  const std::vector<float> values = read_npy(path).values;
  ASSERT_EQ(values.size(), 5000U);
  EXPECT_EQ(values.front(), 0.1F);
  EXPECT_EQ(values[4998], 0.1F);
  EXPECT_EQ(values.back(), 1);
}

TEST_F(Npy, BringsFortranOrderIntoCOrder) {
  // Element (i, j, k) is 100·i + 10·j + k; the first index runs fastest in the file.
  std::vector<float> stored;
  for (int k = 0; k < 2; ++k) {
    for (int j = 0; j < 3; ++j) {
      for (int i = 0; i < 2; ++i) stored.push_back(static_cast<float>(100 * i + 10 * j + k));
    }
  }
  write(file(header("'<f4'", "True", "(2, 3, 2)"), floats(stored)));
  EXPECT_THAT(read_npy(path).values,
              ElementsAre(0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121));
  write(file(header("'<f4'", "True", "(4,)"), floats({1, 2, 3, 4})));
  EXPECT_THAT(read_npy(path).values, ElementsAre(1, 2, 3, 4));
  write(file(header("'<f4'", "True", "(2, 0)"), ""));
  EXPECT_THAT(read_npy(path).values, ElementsAre());
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
  for (const char* dtype : {"'<i4'", "'|O'", "[('a', '<f4')]"}) {
    EXPECT_THAT(refused(file(header(dtype, "False", "(4,)"), data), Status::invalid),
                HasSubstr("numpy.ascontiguousarray(x, dtype='<f4')"));
  }
  EXPECT_THAT(refused(file(header("'|O'", "False", "(4,)"), data), Status::invalid),
              HasSubstr("Python objects"));
  EXPECT_THAT(refused(file(header("'>f4'", "False", "(4,)"), data), Status::invalid),
              HasSubstr("little-endian"));
  EXPECT_THAT(refused(file(header("'<f4'", "False", "(4,)"), data, 4), Status::invalid),
              HasSubstr("4.0"));
}

TEST_F(Npy, RefusesDamagedFiles) {
  const std::string good = file(header("'<f4'", "False", "(2, 2)"), floats({1, 2, 3, 4}));
  write(good);
  EXPECT_EQ(read_npy(path).values.size(), 4U);
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_THAT(refused(good.substr(0, length), Status::storage), HasSubstr("numpy.save"));
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
  EXPECT_THAT(refusal([&] { read_npy("no/such.npy"); }, Status::storage),
              HasSubstr("no/such.npy: it cannot be read (No such file or directory)"));
  EXPECT_THAT(
      refusal([&] { write_npy("no/such.npy", {.shape = {1}, .values = {1}}); }, Status::storage),
      HasSubstr("no/such.npy: it cannot be written (No such file or directory)"));
}

}  // namespace
}  // namespace convtune
