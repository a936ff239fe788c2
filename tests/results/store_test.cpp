#include "results/store.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <random>
#include <thread>

#include "results/rows.hpp"
#include "results/schema.hpp"
#include "tests/refusal.hpp"
#include "tests/results/sample_records.hpp"

namespace convtune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Access = Store::Access;

class StoreTest : public testing::Test {
 protected:
  TemporaryFolder folder;
  std::filesystem::path path = folder / "new/folder/test.db";
  Store store{path};
  const std::string device = identity(sample_device());

  void SetUp() override { store.insert(sample_run(), sample_device()); }
};

TEST_F(StoreTest, MeasurementRoundTrips) {
  const Measurement written = sample_measurement();
  store.insert(written);
  const std::optional<Measurement> read = Store(path, Access::read).find(written.key);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->key, written.key);
  EXPECT_EQ(read->samples, written.samples);
  EXPECT_EQ(to_line(*read), to_line(written));
}

TEST_F(StoreTest, EveryPartOfTheKeyCounts) {
  const Measurement written = sample_measurement();
  store.insert(written);
  const auto changed = [&](auto change) {
    Key key = written.key;
    change(key);
    return store.find(key).has_value();
  };
  EXPECT_FALSE(changed([](Key& k) { k.problem.activation = Activation::none; }));
  EXPECT_FALSE(changed([](Key& k) { k.device += "x"; }));
  EXPECT_FALSE(changed([](Key& k) { k.config = "cpu_direct{tile=9}"; }));
  EXPECT_FALSE(changed([](Key& k) { k.source_digest = "0"; }));
  EXPECT_TRUE(changed([](Key&) {}));
}

TEST_F(StoreTest, SecondMeasurementReplacesTheFirst) {
  Measurement measurement = sample_measurement();
  store.insert(measurement);
  measurement.outcome = Outcome::wrong;
  measurement.samples.clear();
  measurement.worst_error_ratio = std::numeric_limits<double>::quiet_NaN();
  store.insert(measurement);
  EXPECT_EQ(store.info().measurements, 1U);
  const auto read = store.find(measurement.key);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->outcome, Outcome::wrong);
  EXPECT_EQ(read->worst_error_ratio, std::numeric_limits<double>::infinity());
}

TEST_F(StoreTest, MeasurementsOfAProblemHoldAllConfigsAndDigests) {
  Measurement other_digest = sample_measurement(1);
  other_digest.key.source_digest = "other";
  store.insert(sample_measurement(1));
  store.insert(sample_measurement(2));
  store.insert(other_digest);
  store.insert(sample_measurement(1, 200));
  EXPECT_EQ(store.measurements(sample_problem(), device).size(), 3U);
  EXPECT_TRUE(store.measurements(sample_problem(), "another device").empty());
}

TEST_F(StoreTest, VerdictRoundTripsAndIsReplaced) {
  Verdict verdict = sample_verdict();
  store.insert(verdict);
  verdict.winner = "cpu_direct{tile=8}";
  verdict.seconds = 0.125;
  store.insert(verdict);
  const auto read = store.verdict(sample_problem(), device);
  ASSERT_TRUE(read);
  EXPECT_EQ(to_line(*read), to_line(verdict));
  EXPECT_EQ(store.verdicts().size(), 1U);

  const auto plan = store.find(sample_problem(), sample_device());
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->problem, sample_problem());
  EXPECT_EQ(plan->config, verdict.winner);
  EXPECT_EQ(plan->digest, verdict.source_digest);
  EXPECT_EQ(plan->seconds, 0.125);
  EXPECT_EQ(plan->default_seconds, verdict.default_seconds);
  EXPECT_EQ(plan->best_generated, verdict.best_generated);
  EXPECT_EQ(plan->best_vendor, verdict.best_vendor);
}

TEST_F(StoreTest, APlanKnowsTheDriverAndCompilerOfItsRun) {
  convtune::Run run = sample_run();
  run.driver = "12.4";
  run.nvrtc = "12.6";
  store.insert(run, sample_device());
  store.insert(sample_verdict());
  Verdict foreign = sample_verdict(200);
  foreign.run = "a run that is not here";
  store.insert(foreign);

  const auto plan = store.find(sample_problem(), sample_device());
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->driver, "12.4");
  EXPECT_EQ(plan->compiler, "12.6");
  const auto near = store.near(sample_problem(), sample_device(), 2);
  ASSERT_EQ(near.size(), 2U);
  EXPECT_EQ(near[0].driver, "12.4");
  EXPECT_EQ(near[1].driver, "");
}

TEST_F(StoreTest, NearGivesTheNearestOfTheSameKindAndDevice) {
  std::mt19937 random(7);
  std::vector<Problem> tuned;
  for (int i = 0; i < 40; ++i) {
    Verdict verdict = sample_verdict(1 + static_cast<std::int64_t>(random() % 5000));
    verdict.problem.stride = 1 + static_cast<std::int64_t>(random() % 3);
    verdict.problem.layout = random() % 2 == 0 ? Layout::NLC : Layout::NCL;
    verdict.problem.dtype = random() % 2 == 0 ? DType::float32 : DType::bfloat16;
    verdict.problem.length += 10;
    store.insert(verdict);
    tuned.push_back(verdict.problem);
  }
  const DeviceProperties other = sample_device("Other CPU");
  store.insert(sample_run(other, "run-2"), other);
  store.insert(sample_verdict(101, other));

  const Problem asked = sample_problem(101);
  std::erase_if(
      tuned, [&](const Problem& p) { return p.dtype != asked.dtype || p.layout != asked.layout; });
  std::vector<double> expected;
  for (const Problem& p : tuned) expected.push_back(distance(asked, p));
  std::ranges::sort(expected);
  ASSERT_GT(expected.size(), 5U);

  const auto distances = [&](std::size_t limit) {
    std::vector<double> found;
    for (const TunedPlan& plan : store.near(asked, sample_device(), limit)) {
      found.push_back(distance(asked, plan.problem));
    }
    return found;
  };
  EXPECT_EQ(distances(1000), expected);
  expected.resize(5);
  EXPECT_EQ(distances(5), expected);
}

TEST_F(StoreTest, QuarantineHoldsWhatEndedBadlyOnThisProblemAndDevice) {
  int number = 0;
  for (const Outcome outcome : all_values(Outcome{})) {
    for (const std::int64_t length : {100, 200}) {
      Measurement measurement = sample_measurement(number, length);
      measurement.outcome = outcome;
      if (outcome != Outcome::ok) measurement.samples.clear(), measurement.reason = "why";
      store.insert(measurement);
    }
    ++number;
  }
  std::vector<std::string> found;
  for (const Quarantined& each : store.quarantine(sample_problem(), sample_device())) {
    EXPECT_EQ(each.digest, sample_measurement().key.source_digest);
    found.push_back(each.config + " " + each.reason);
  }
  EXPECT_THAT(found, testing::UnorderedElementsAre(
                         "cpu_direct{tile=1} wrong, why", "cpu_direct{tile=2} failed, why",
                         "cpu_direct{tile=3} timed_out, why", "cpu_direct{tile=4} crashed, why"));
  EXPECT_TRUE(store.quarantine(sample_problem(), sample_device("Other CPU")).empty());
}

TEST_F(StoreTest, InvalidRecordsAreRefusedAndNothingIsWritten) {
  Measurement measurement = sample_measurement();
  measurement.samples = {-1};
  EXPECT_THAT(refusal([&] { store.insert(measurement); }), HasSubstr("samples"));
  convtune::Run run = sample_run();
  run.device = "another";
  EXPECT_THAT(refusal([&] { store.insert(run, sample_device()); }), HasSubstr("'another'"));
  std::vector<Label> labels = {sample_label(), sample_label()};
  labels[1].problem.stride = 0;
  EXPECT_THAT(refusal([&] { store.insert(labels); }), HasSubstr("stride"));
  EXPECT_EQ(store.info().problems, 0U);
}

TEST_F(StoreTest, MeasurementOfAnUnknownDeviceIsRefused) {
  const Measurement stranger = sample_measurement(0, 100, sample_device("Unknown"));
  EXPECT_THAT(refusal([&] { store.insert(stranger); }, Status::storage),
              HasSubstr("insert its run first"));
  EXPECT_EQ(store.info().problems, 0U);
}

TEST_F(StoreTest, TextThatIsNoUtf8IsKeptReadable) {
  Measurement measurement = sample_measurement();
  measurement.outcome = Outcome::failed;
  measurement.samples.clear();
  measurement.reason = "log: \xff";
  store.insert(measurement);
  const auto read = store.find(measurement.key);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->reason, "log: \xef\xbf\xbd");
}

TEST_F(StoreTest, InfoCounts) {
  fill(store, 3);
  const DeviceProperties other = sample_device("Other CPU");
  store.insert(sample_run(other, "run-2"), other);
  const Store::Info info = store.info();
  EXPECT_EQ(info.path, path);
  EXPECT_EQ(info.schema, schema_version);
  EXPECT_EQ(info.problems, 3U);
  EXPECT_EQ(info.measurements, 6U);
  EXPECT_EQ(info.verdicts, 3U);
  EXPECT_EQ(info.runs, 2U);
  EXPECT_EQ(info.devices, 2U);
  EXPECT_THAT(info.identities, ElementsAre(identity(other), identity(sample_device())));
}

TEST_F(StoreTest, CheckCountsSoundRows) {
  fill(store, 3);
  const Store::Health health = store.check();
  EXPECT_EQ(health.integrity, "ok");
  EXPECT_EQ(health.rows, 3U + 1U + 1U + 3U + 6U + 3U);
  EXPECT_EQ(health.damaged, 0U);
}

TEST_F(StoreTest, SeveralThreadsShareOneStore) {
  fill(store, 8);
  std::vector<std::jthread> threads;
  std::atomic<int> found = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        if (store.find(sample_problem(100 + (t + i) % 8), sample_device())) ++found;
        if (store.near(sample_problem(50), sample_device(), 2).size() == 2) ++found;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(found, 800);
}

TEST_F(StoreTest, ColumnsAreTheFieldsAndTheDigest) {
  Database database(path, Database::Access::read);
  const auto expect_columns = [&]<typename Record>() {
    std::vector<std::string> expected;
    for_each_field(Record{}, [&](const char* name, const auto&) { expected.emplace_back(name); });
    expected.emplace_back("digest");
    std::vector<std::string> found;
    Statement row = database.prepare("SELECT name FROM pragma_table_info(?) ORDER BY cid");
    row.bind(1, Table<Record>::name);
    while (row.step()) found.push_back(row.text(0));
    EXPECT_EQ(found, expected) << Table<Record>::name;
  };
  expect_columns.operator()<StoredProblem>();
  for_each_exported_type(expect_columns);
}

TEST_F(StoreTest, LookUpsGoByIndex) {
  Database database(path, Database::Access::read);
  const auto plan_of = [&](const std::string& sql) {
    std::string plan;
    Statement row = database.prepare("EXPLAIN QUERY PLAN " + sql);
    while (row.step()) plan += row.text(3) + "; ";
    return plan;
  };
  for (const std::string& sql :
       {select_sql<Measurement, 4>(), select_sql<Measurement, 2>(), select_sql<Verdict, 2>(),
        select_sql<Label, 5>(), select_sql<convtune::Run, 1>(), select_sql<StoredProblem, 1>()}) {
    EXPECT_THAT(plan_of(sql),
                testing::AllOf(HasSubstr("USING INDEX"), testing::Not(HasSubstr("SCAN"))))
        << sql;
  }
}

class Opening : public testing::Test {
 protected:
  TemporaryFolder folder;
  std::filesystem::path path = folder / "test.db";

  /// Both kinds of access are refused with the message, and the file is left byte for byte.
  void expect_refused(const char* message) {
    const std::string before = read_file(path);
    for (const Access access : {Access::read, Access::read_write}) {
      EXPECT_THAT(refusal([&] { Store(path, access); }, Status::storage),
                  testing::AllOf(HasSubstr(message), HasSubstr("test.db")));
    }
    EXPECT_EQ(read_file(path), before);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  }
};

TEST_F(Opening, NewerSchemaIsRefusedAndNeverRewritten) {
  fill(*std::make_unique<Store>(path), 1);
  Database(path, Database::Access::write)
      .execute(fmt::format("PRAGMA user_version = {}", schema_version + 1).c_str());
  expect_refused("use the convtune that wrote it");
}

TEST_F(Opening, OlderSchemaIsRefusedWithWhatToDo) {
  fill(*std::make_unique<Store>(path), 1);
  Database(path, Database::Access::write).execute("PRAGMA user_version = 1");
  expect_refused(
      fmt::format("has schema 1, this convtune knows schema {}; it was left as it is: move it away "
                  "and tune again",
                  schema_version)
          .c_str());
}

TEST(Schema, HasANewVersionWheneverItChanges) {
  std::string fields;
  const auto add_fields = [&]<typename Record>() {
    fields += fmt::format("{}: {}\n", Table<Record>::name, column_list<Record>());
  };
  for_each_exported_type(add_fields);
  EXPECT_EQ(schema_version, 5);
  EXPECT_EQ(digest(schema + fields), "1ccd72dbb10584f5fb4116543464fd7a")
      << "the tables or the export have changed: raise schema_version, SCHEMA in "
         "results/report/load.py and the number in results/export.md, then both lines of this test";
}

TEST_F(Opening, DatabaseOfAnotherProgramIsRefused) {
  Database(path, Database::Access::write).execute("CREATE TABLE songs (title TEXT)");
  expect_refused("another program");
}

TEST_F(Opening, FileThatIsNoDatabaseIsRefused) {
  write_file(path, std::string(5000, 'x'));
  expect_refused("file is not a database");
}

TEST_F(Opening, ReadingCreatesNothing) {
  EXPECT_THAT(refusal([&] { Store(path, Access::read); }, Status::storage),
              testing::AllOf(HasSubstr(path.string()), HasSubstr("nothing has been tuned yet")));
  EXPECT_FALSE(std::filesystem::exists(path));
  write_file(path, "");
  EXPECT_THAT(refusal([&] { Store(path, Access::read); }, Status::storage), HasSubstr("is empty"));
  EXPECT_EQ(read_file(path), "");
}

TEST_F(Opening, EmptyFileBecomesADatabase) {
  write_file(path, "");
  EXPECT_EQ(Store(path).info().problems, 0U);
}

TEST_F(Opening, FolderInPlaceOfAFileIsRefused) {
  EXPECT_THAT(refusal([&] { Store{folder.path()}; }, Status::storage), HasSubstr("unable to open"));
  write_file(path, "");
  EXPECT_THAT(refusal([&] { Store{path / "sub/test.db"}; }, Status::storage),
              HasSubstr("folder cannot be created"));
}

TEST(DefaultDatabase, FollowsTheEnvironment) {
  setenv("HOME", "/h", 1);
  unsetenv("XDG_DATA_HOME");
  unsetenv("CONVTUNE_DB");
  EXPECT_EQ(default_database(), "/h/.local/share/convtune/convtune.db");
  setenv("XDG_DATA_HOME", "/d", 1);
  EXPECT_EQ(default_database(), "/d/convtune/convtune.db");
  setenv("CONVTUNE_DB", "/x.db", 1);
  EXPECT_EQ(default_database(), "/x.db");
  setenv("CONVTUNE_DB", "", 1);
  EXPECT_EQ(default_database(), "/d/convtune/convtune.db");
}

TEST(DefaultDatabase, WithoutAnyFolderIsEmptyAndRefused) {
  unsetenv("CONVTUNE_DB");
  unsetenv("HOME");
  setenv("XDG_DATA_HOME", "relative", 1);
  EXPECT_EQ(default_database(), "");
  for (const Store::Access access : {Store::Access::read, Store::Access::read_write}) {
    EXPECT_THAT(refusal([&] { Store(default_database(), access); }, Status::storage),
                HasSubstr("set HOME"));
  }
}

}  // namespace
}  // namespace convtune
