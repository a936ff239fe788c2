#include <gmock/gmock.h>

#include <algorithm>

#include "results/store.hpp"
#include "tests/results/sample_records.hpp"

namespace convtune {
namespace {

class DefaultPlanSource : public testing::Test {
 protected:
  TemporaryFolder folder;
  std::filesystem::path user = folder / "user.db";
  std::filesystem::path system = folder / "share/convtune/convtune.db";

  void SetUp() override {
    setenv("CONVTUNE_DB", user.c_str(), 1);
    setenv("XDG_DATA_DIRS", fmt::format("/nowhere:{}", (folder / "share").string()).c_str(), 1);
  }

  static void tune(const std::filesystem::path& path, std::initializer_list<std::int64_t> lengths,
                   const char* winner) {
    Store store(path);
    store.insert(sample_run(), sample_device());
    for (const std::int64_t length : lengths) {
      Verdict verdict = sample_verdict(length);
      verdict.winner = winner;
      store.insert(verdict);
    }
  }

  static std::string winner(const PlanSource& plans, std::int64_t length) {
    const auto plan = plans.find(sample_problem(length), sample_device());
    return plan ? plan->config : "none";
  }
};

TEST_F(DefaultPlanSource, IsNullAndCreatesNothingWithoutADatabase) {
  EXPECT_EQ(default_plan_source(), nullptr);
  EXPECT_FALSE(std::filesystem::exists(user));
}

TEST_F(DefaultPlanSource, AsksTheUsersDatabaseBeforeTheSystems) {
  tune(user, {100, 110}, "user{}");
  tune(system, {100, 120}, "system{}");
  const auto plans = default_plan_source();
  ASSERT_NE(plans, nullptr);
  EXPECT_EQ(winner(*plans, 100), "user{}");
  EXPECT_EQ(winner(*plans, 120), "system{}");
  EXPECT_EQ(winner(*plans, 130), "none");

  std::vector<std::pair<std::int64_t, std::string>> near;
  for (const TunedPlan& plan : plans->near(sample_problem(100), sample_device(), 9)) {
    near.emplace_back(plan.problem.length, plan.config);
  }
  EXPECT_THAT(near, testing::ElementsAre(testing::Pair(100, "user{}"), testing::Pair(110, "user{}"),
                                         testing::Pair(120, "system{}")));
  EXPECT_EQ(plans->near(sample_problem(100), sample_device(), 2).size(), 2U);
}

TEST_F(DefaultPlanSource, QuarantineIsThatOfAllDatabases) {
  int number = 0;
  for (const auto& path : {user, system}) {
    tune(path, {100}, "some{}");
    Measurement crashed = sample_measurement(number++);
    crashed.outcome = Outcome::crashed;
    crashed.samples.clear();
    Store(path).insert(crashed);
  }
  EXPECT_EQ(default_plan_source()->quarantine(sample_problem(), sample_device()).size(), 2U);
}

TEST_F(DefaultPlanSource, OneOfTheTwoIsEnough) {
  tune(system, {100}, "system{}");
  EXPECT_EQ(winner(*default_plan_source(), 100), "system{}");
  EXPECT_FALSE(std::filesystem::exists(user));
}

TEST_F(DefaultPlanSource, IgnoresRelativeSystemFolders) {
  tune(system, {100}, "system{}");
  std::filesystem::current_path(folder.path());
  setenv("XDG_DATA_DIRS", "share:./share", 1);
  EXPECT_EQ(default_plan_source(), nullptr);
}

TEST_F(DefaultPlanSource, DamagedDatabaseGivesOneWarningAndNull) {
  write_file(user, std::string(5000, 'x'));
  testing::internal::CaptureStderr();
  EXPECT_EQ(default_plan_source(), nullptr);
  EXPECT_EQ(default_plan_source(), nullptr);
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_THAT(warning, testing::HasSubstr("user.db"));
  EXPECT_EQ(std::ranges::count(warning, '\n'), 1) << warning;
}

TEST_F(DefaultPlanSource, DamageFoundDuringALookUpIsNoError) {
  tune(user, {100, 110}, "user{}");
  tune(system, {100}, "system{}");
  std::string bytes = read_file(user);
  const std::size_t page = 4096;
  ASSERT_GT(bytes.size(), 2 * page);
  std::fill(bytes.begin() + 2 * page, bytes.end(), '\xff');
  write_file(user, bytes);
  testing::internal::CaptureStderr();
  const auto plans = default_plan_source();
  ASSERT_NE(plans, nullptr);
  EXPECT_EQ(winner(*plans, 100), "system{}");
  EXPECT_EQ(plans->near(sample_problem(100), sample_device(), 5).size(), 1U);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("malformed"));
}

}  // namespace
}  // namespace convtune
