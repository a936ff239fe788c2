#include "results/record_json.hpp"

#include <gmock/gmock.h>

#include <bit>
#include <limits>
#include <random>

#include "tests/refusal.hpp"
#include "tests/results/sample_records.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(RecordJson, EveryDoubleIsReadBackExactly) {
  std::mt19937_64 random(1);
  std::vector<double> values = {0,
                                1,
                                0.1,
                                5e-324,
                                1e22,
                                1e23,
                                9007199254740993.0,
                                std::numeric_limits<double>::max(),
                                123456789012345680.0};
  while (values.size() < 100'000) {
    const auto value = std::bit_cast<double>(random());
    if (std::isfinite(value)) values.push_back(value);
  }
  std::vector<double> read;
  read_json(Json::parse(json_text(values)), read);
  EXPECT_EQ(read, values);
}

TEST(RecordJson, NegativeZeroIsZeroAndWhatIsNotFiniteIsNull) {
  EXPECT_EQ(json_text(-0.0), "0");
  EXPECT_EQ(json_text(infinity), "null");
  EXPECT_EQ(json_text(std::nan("")), "null");
  double value = 0;
  read_json(Json(), value);
  EXPECT_EQ(value, infinity);
}

TEST(RecordJson, EveryTextIsWrittenAsTheLibraryWritesIt) {
  std::mt19937 random(1);
  for (int i = 0; i < 1000; ++i) {
    std::string text(static_cast<std::size_t>(i % 40), ' ');
    // Every second one plain, the others with escapes and control characters among them.
    for (char& c : text) c = static_cast<char>(i % 2 == 0 ? 'a' + random() % 26 : random() % 128);
    EXPECT_EQ(json_text(text), Json(text).dump());
  }
}

TEST(RecordJson, LineHasTheDocumentedFieldsInOrder) {
  EXPECT_EQ(
      to_line(sample_measurement()),
      R"({"problem":{"batch":1,"length":100,"in_channels":8,"out_channels":16,)"
      R"("kernel_size":3,"stride":1,"padding":[1,2],"dilation":1,"num_groups":1,)"
      R"("has_bias":true,"dtype":"float32","math":"ieee","layout":"NLC",)"
      R"("activation":"silu"},)"
      R"("device":"cpu/Test CPU/26.2.1/AVX3/threads=2/l1=32768/l2=1048576/l3=33554432",)"
      R"("config":"cpu_direct{tile=0}",)"
      R"("source_digest":"00112233445566778899aabbccddeeff","origin":"generated",)"
      R"("implementation":"jit; x 8:1","outcome":"ok","reason":"","samples":[0.1,0.3333333333333333,1e-09],)"
      R"("worst_error_ratio":0.25,"checked_outputs":4096,"bytes":1500000000,)"
      R"("flops":12345678901,"clock_mhz":1755,"turn":7,"measured_at":"2026-01-31T10:00:01Z","run":"run-1"})");
}

template <typename Record>
void expect_round_trip(const Record& record) {
  const std::string line = to_line(record);
  EXPECT_EQ(to_line(from_json<Record>(Json::parse(line))), line);
}

TEST(RecordJson, EveryTypeRoundTrips) {
  expect_round_trip(sample_measurement());
  expect_round_trip(sample_verdict());
  expect_round_trip(sample_run());
  expect_round_trip(sample_label());
  expect_round_trip(
      StoredDevice{identity(properties_of_arch("sm_90a")), properties_of_arch("sm_90a")});
  EXPECT_EQ(from_json<convtune::Run>(Json::parse(to_line(sample_run()))).seed, 0xfedcba9876543210);
}

/// One wrong value for every field: it must be refused, and the field named.
template <typename Record>
void expect_each_field_checked(const Record& record) {
  const Json good = Json::parse(to_line(record));
  for (const auto& [key, value] : good.items()) {
    Json bad = good;
    bad[key] = Json::object({{"no", "value"}});
    EXPECT_THAT(refusal([&] { from_json<Record>(bad); }), HasSubstr(key));
    bad.erase(key);
    EXPECT_THAT(refusal([&] { from_json<Record>(bad); }), HasSubstr(key + " is missing"));
  }
  Json bad = good;
  bad["unknown"] = 1;
  EXPECT_THAT(refusal([&] { from_json<Record>(bad); }), HasSubstr("without unknown fields"));
}

TEST(RecordJson, WrongTypesMissingAndUnknownFieldsAreRefused) {
  expect_each_field_checked(sample_measurement());
  expect_each_field_checked(sample_verdict());
  expect_each_field_checked(sample_run());
  expect_each_field_checked(sample_label());
  expect_each_field_checked(StoredDevice{"x", sample_device()});
  EXPECT_THAT(refusal([] { from_json<convtune::Run>(Json::parse("[]")); }), HasSubstr("an object"));
}

TEST(RecordJson, NumbersOutOfRangeAreRefused) {
  int small = 0;
  EXPECT_THAT(refusal([&] { read_json(Json(std::int64_t{1} << 40), small); }),
              HasSubstr("in range"));
  EXPECT_THAT(refusal([&] { read_json(Json(1.5), small); }), HasSubstr("integer"));
  std::uint64_t large = 0;
  EXPECT_THAT(refusal([&] { read_json(Json(-1), large); }), HasSubstr("in range"));
}

TEST(RecordJson, TextThatIsNoUtf8IsReplacedOnceAndRefusedAfter) {
  std::string text = "driver says \xff\xfe!";
  EXPECT_THAT(refusal([&] { json_text(text); }), HasSubstr("UTF-8"));
  make_utf8(text);
  EXPECT_EQ(text, "driver says \xef\xbf\xbd\xef\xbf\xbd!");
  std::string read;
  read_json(Json::parse(json_text(text)), read);
  EXPECT_EQ(read, text);
}

}  // namespace
}  // namespace convtune
