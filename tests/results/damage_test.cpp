#include <gmock/gmock.h>

#include <random>
#include <set>

#include "results/record_json.hpp"
#include "results/store.hpp"
#include "tests/results/sample_records.hpp"

namespace convtune {
namespace {

constexpr int problems = 12;
constexpr std::size_t page = 4096;

/// What a reader got from a database, each row as its line.
struct Seen {
  std::set<std::string> lines;
  std::size_t misplaced = 0;  ///< rows that are not what was asked for
  bool refused = false;       ///< some question ended with Error{storage}
};

/// Asks one question; damage may end it with Error{storage} and in no other way.
template <typename Question>
void ask(Seen& seen, Question&& question) {
  try {
    question();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), Status::storage) << error.what();
    seen.refused = true;
  }
}

void ask_about(const Store& store, const Problem& problem, Seen& seen) {
  const std::string device = identity(sample_device());
  ask(seen, [&] {
    for (const Measurement& row : store.measurements(problem, device)) {
      seen.misplaced += row.key.problem != problem;
      seen.lines.insert(to_line(row));
    }
  });
  ask(seen, [&] {
    const Key key = sample_measurement(0, problem.length).key;
    if (const auto row = store.find(key)) {
      seen.misplaced += row->key != key;
      seen.lines.insert(to_line(*row));
    }
  });
  ask(seen, [&] {
    if (const auto row = store.verdict(problem, device)) {
      seen.misplaced += row->problem != problem;
      seen.lines.insert(to_line(*row));
    }
  });
}

Seen read_all(const std::filesystem::path& path) {
  Seen seen;
  ask(seen, [&] {
    const Store store(path, Store::Access::read);
    for (int i = 0; i < problems; ++i) ask_about(store, sample_problem(100 + i), seen);
    ask(seen, [&] {
      for (const Verdict& row : store.verdicts()) seen.lines.insert(to_line(row));
    });
    ask(seen, [&] {
      for (const TunedPlan& plan : store.near(sample_problem(50), sample_device(), 99)) {
        const Verdict tuned = sample_verdict(plan.problem.length);
        seen.misplaced += plan.problem != tuned.problem || plan.config != tuned.winner ||
                          plan.digest != tuned.source_digest || plan.seconds != tuned.seconds;
      }
    });
    ask(seen, [&] { store.export_json(); });
    ask(seen, [&] { store.check(); });
  });
  return seen;
}

class Damage : public testing::Test {
 protected:
  TemporaryFolder folder;
  std::filesystem::path path = folder / "test.db";
  std::string sound;
  std::set<std::string> all;
  std::size_t noticed = 0;

  void SetUp() override {
    {
      Store store(path);
      fill(store, problems);
      for (int i = 0; i < problems; ++i) {  // leaves older rows' remains in the file
        Verdict newer = sample_verdict(100 + i);
        newer.decided_at = "2026-01-31T11:00:00Z";
        store.insert(newer);
      }
    }
    sound = read_file(path);
    all = read_all(path).lines;
    ASSERT_EQ(all.size(), 3U * problems);
  }

  void expect_no_wrong_row(const std::string& bytes) {
    write_file(path, bytes);
    const Seen seen = read_all(path);
    EXPECT_TRUE(std::ranges::includes(all, seen.lines));
    EXPECT_EQ(seen.misplaced, 0U);
    noticed += seen.refused || seen.lines.size() < all.size();
  }
};

TEST_F(Damage, NoFlippedBitGivesAWrongRow) {
  std::mt19937 random(2026);
  testing::internal::CaptureStderr();
  for (int flip = 0; flip < 400; ++flip) {
    std::string bytes = sound;
    const std::size_t bit = random() % (bytes.size() * 8);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    SCOPED_TRACE(fmt::format("bit {} of byte {}", bit % 8, bit / 8));
    expect_no_wrong_row(bytes);
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("damaged rows"));
  EXPECT_GT(noticed, 50U);
  fmt::print("seen: 400 flips, {} of which changed what is read, {} wrong rows\n", noticed,
             HasFailure() ? "some" : "0");
}

TEST_F(Damage, NoFlipInTheHeaderOrTheSchemaGivesAWrongRow) {
  testing::internal::CaptureStderr();
  for (std::size_t byte = 0; byte < 120; ++byte) {
    std::string bytes = sound;
    bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << byte % 8));
    SCOPED_TRACE(fmt::format("byte {}", byte));
    expect_no_wrong_row(bytes);
  }
  testing::internal::GetCapturedStderr();
  EXPECT_GT(noticed, 20U);
}

TEST_F(Damage, NoTruncationGivesAWrongRow) {
  testing::internal::CaptureStderr();
  for (std::size_t size = 0; size < sound.size(); size += page) {
    for (const std::size_t cut : {size, size + 1, size + page - 1}) {
      SCOPED_TRACE(fmt::format("{} bytes", cut));
      expect_no_wrong_row(sound.substr(0, cut));
    }
  }
  testing::internal::GetCapturedStderr();
  EXPECT_GT(noticed, sound.size() / page);
  fmt::print("seen: cut at {} page boundaries, {} wrong rows\n", sound.size() / page,
             HasFailure() ? "some" : "0");
}

TEST_F(Damage, DamagedRowIsReportedOnceCountedAndCanBeReplaced) {
  const std::string healthy = "\"cpu_direct{tile=4}\"";
  const std::size_t at = sound.find(healthy);
  ASSERT_NE(at, std::string::npos);
  std::string bytes = sound;
  bytes[at + healthy.size() - 3] = '5';
  write_file(path, bytes);

  testing::internal::CaptureStderr();
  Store store(path);
  EXPECT_EQ(store.verdicts().size(), problems - 1U);
  EXPECT_EQ(store.verdicts().size(), problems - 1U);
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(warning, '\n'), 1) << warning;
  EXPECT_THAT(warning, testing::HasSubstr(path.string()));

  testing::internal::CaptureStderr();
  const Store::Health health = store.check();
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(health.integrity, "ok") << "a digest finds what SQLite does not";
  EXPECT_EQ(health.damaged, 1U);

  for (int i = 0; i < problems; ++i) store.insert(sample_verdict(100 + i));
  EXPECT_EQ(store.verdicts().size(), static_cast<std::size_t>(problems));
  EXPECT_EQ(store.check().damaged, 0U);
}

}  // namespace
}  // namespace convtune
