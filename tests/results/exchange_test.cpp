#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "results/store.hpp"
#include "tests/fault_count.hpp"
#include "tests/refusal.hpp"
#include "tests/results/sample_records.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

class Exchange : public testing::Test {
 protected:
  TemporaryFolder folder;
  std::filesystem::path a = folder / "a.db";
  std::filesystem::path b = folder / "b.db";
  std::filesystem::path c = folder / "c.db";
};

std::string dump(const std::filesystem::path& path) { return Store(path).export_json(); }

TEST_F(Exchange, ImportIsTheInverseOfExport) {
  Store store(a);
  fill(store, 3);
  const std::string text = store.export_json();
  const Json document = Json::parse(text);
  EXPECT_EQ(document["format"], "convtune-export");
  EXPECT_EQ(document["schema"], 5);
  EXPECT_EQ(document["devices"].size(), 1U);
  EXPECT_EQ(document["runs"].size(), 1U);
  EXPECT_EQ(document["labels"].size(), 3U);
  EXPECT_EQ(document["measurements"].size(), 6U);
  EXPECT_EQ(document["verdicts"].size(), 3U);
  EXPECT_EQ(document["measurements"][0]["samples"][1], 1.0 / 3);

  Store copy(b);
  for (const std::size_t written : {14U, 0U}) {
    const Store::Intake intake = copy.import_json(text);
    EXPECT_EQ(intake.rows, 14U);
    EXPECT_EQ(intake.written, written);
    EXPECT_EQ(copy.export_json(), text);
  }
  EXPECT_EQ(copy.check().damaged, 0U);
}

TEST_F(Exchange, EqualContentGivesEqualTextWhateverTheOrder) {
  Store forward(a), backward(b);
  forward.insert(sample_run(), sample_device());
  backward.insert(sample_run(), sample_device());
  for (int i = 0; i < 20; ++i) {
    forward.insert(sample_measurement(i));
    backward.insert(sample_measurement(19 - i));
  }
  EXPECT_EQ(forward.export_json(), backward.export_json());
}

TEST_F(Exchange, EmptyDatabaseRoundTrips) {
  Store copy(b);
  copy.import_json(dump(a));
  EXPECT_EQ(dump(a), dump(b));
}

/// The import of `text` is refused with the message, and nothing of it is written.
void expect_refused(const std::filesystem::path& path, const std::string& text,
                    const char* message) {
  Store store(path);
  const std::string before = store.export_json();
  EXPECT_THAT(refusal([&] { store.import_json(text); }, Status::storage), HasSubstr(message));
  EXPECT_EQ(store.export_json(), before);
}

TEST_F(Exchange, OneBadRowRefusesTheWholeImport) {
  {
    Store store(a);
    fill(store, 2);
  }
  const Json good = Json::parse(dump(a));
  const auto with = [&](auto change, const char* message) {
    Json bad = good;
    change(bad);
    expect_refused(b, bad.dump(), message);
  };
  with([](Json& j) { j["measurements"][3]["samples"][0] = -1; },
       "measurements[4]: samples is '-1'");
  with([](Json& j) { j["measurements"][3]["samples"][0] = nullptr; }, "samples is 'inf'");
  with([](Json& j) { j["measurements"][0]["outcome"] = "great"; }, "outcome");
  with([](Json& j) { j["measurements"][0]["config"] = "sh; rm"; }, "is no config");
  with([](Json& j) { j["measurements"][0]["problem"]["stride"] = 0; }, "stride is 0");
  with([](Json& j) { j["measurements"][0]["checked_outputs"] = 1.5; }, "checked_outputs");
  with([](Json& j) { j["verdicts"][1]["tied"][0] = 3; }, "verdicts[1]: tied");
  with([](Json& j) { j["verdicts"][0].erase("winner"); }, "winner is missing");
  with([](Json& j) { j["devices"][0]["units"] = 77; }, "its properties say");
  with([](Json& j) { j["devices"].clear(); }, "insert its run first");
  with([](Json& j) { j.erase("runs"); }, "'runs' must be a list");
  with([](Json& j) { j["extra"] = Json::array(); }, "keys that the format does not know");
  with([](Json& j) { j["format"] = "other"; }, "no export of convtune");
  with([](Json& j) { j["schema"] = 1; }, "has schema 1");
}

TEST_F(Exchange, WhatIsNoJsonIsRefused) {
  expect_refused(a, "", "no valid JSON");
  expect_refused(a, "{\"format\":", "no valid JSON");
  expect_refused(a, "[1]", "no export");
  expect_refused(a, R"({"format":"convtune-export","schema":NaN})", "no valid JSON");
  expect_refused(a, R"({"format":"convtune-export","schema":1e999})", "too large");
  expect_refused(a, std::string(100'000, '['), "nested deeper");
}

TEST_F(Exchange, LaterMeasurementWins) {
  Measurement early = sample_measurement(), late = sample_measurement();
  early.samples = {1};
  late.samples = {2};
  late.measured_at = "2026-02-01T00:00:00Z";
  Store first(a), second(b);
  for (Store* store : {&first, &second}) store->insert(sample_run(), sample_device());
  first.insert(late);
  second.insert(early);
  // Each also has a device and a run, which are the same.
  const Store::Intake older = first.merge(b);
  EXPECT_EQ(first.find(late.key)->samples, late.samples);
  EXPECT_EQ(older.rows, 3U);
  EXPECT_EQ(older.written, 0U);
  const Store::Intake newer = second.merge(a);
  EXPECT_EQ(second.find(late.key)->samples, late.samples);
  EXPECT_EQ(newer.rows, 3U);
  EXPECT_EQ(newer.written, 1U);
}

TEST_F(Exchange, MergeWithItselfChangesNothing) {
  Store store(a);
  fill(store, 2);
  const std::string before = store.export_json();
  store.merge(a);
  EXPECT_EQ(store.export_json(), before);
}

TEST_F(Exchange, MergeOfWhatIsNoDatabaseIsRefused) {
  Store store(a);
  EXPECT_THAT(refusal([&] { store.merge(b); }, Status::storage), HasSubstr("b.db"));
}

/// Databases whose rows often share a key and sometimes a time, so that every step of the rule
/// decides somewhere.
void fill_randomly(const std::filesystem::path& path, std::mt19937& random) {
  Store store(path);
  const auto time = [&] { return fmt::format("2026-01-0{}T00:00:00Z", 1 + random() % 3); };
  DeviceProperties device = sample_device();
  device.memory_bytes = static_cast<std::int64_t>(random() % 3);
  Run run = sample_run(device, random() % 2 == 0 ? "run-1" : "run-2");
  run.started_at = time();
  run.seed = random() % 2;
  store.insert(run, device);
  for (int i = 0; i < 6; ++i) {
    Measurement measurement = sample_measurement(static_cast<int>(random() % 3), 100);
    measurement.measured_at = time();
    measurement.samples = {1.0 + static_cast<double>(random() % 3)};
    store.insert(measurement);
  }
  for (int i = 0; i < 2; ++i) {
    Verdict verdict = sample_verdict(100 + static_cast<std::int64_t>(random() % 3));
    verdict.decided_at = time();
    verdict.seconds = 1.0 + static_cast<double>(random() % 3);
    store.insert(verdict);
  }
  const Label label = sample_label(random() % 2 == 0 ? "one" : "two");
  store.insert(std::span(&label, 1));
}

std::filesystem::path copy_of(const std::filesystem::path& path) {
  std::filesystem::path copy = path;
  copy += ".copy";
  std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
  return copy;
}

std::filesystem::path merged(const std::filesystem::path& into,
                             const std::filesystem::path& other) {
  std::filesystem::path copy = copy_of(into);
  Store(copy).merge(other);
  return copy;
}

void expect_union(unsigned seed) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  const TemporaryFolder folder;
  const auto a = folder / "a.db", b = folder / "b.db", c = folder / "c.db";
  std::mt19937 random(seed);
  for (const auto& path : {a, b, c}) fill_randomly(path, random);

  EXPECT_EQ(dump(merged(a, copy_of(a))), dump(a));
  EXPECT_EQ(dump(merged(a, b)), dump(merged(b, a)));
  const auto ab_c = merged(merged(a, b), c);
  const auto a_bc = merged(a, merged(b, c));
  EXPECT_EQ(dump(ab_c), dump(a_bc));
  EXPECT_EQ(dump(merged(ab_c, b)), dump(a_bc));
}

TEST(Merge, IsIdempotentCommutativeAndAssociative) {
  const int cases = fault_count(12, 500);
  for (int seed = 0; seed < cases; ++seed) expect_union(static_cast<unsigned>(seed));
  fmt::print("seen: {} random shards, each the same dump in every order\n", cases);
}

}  // namespace
}  // namespace convtune
