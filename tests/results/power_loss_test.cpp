#include <gmock/gmock.h>

#include <optional>

#include "kernels/error.hpp"
#include "results/sqlite.hpp"
#include "results/store.hpp"
#include "tests/fault_count.hpp"
#include "tests/results/sample_records.hpp"
#include "tests/results/volatile_disk.hpp"

namespace convtune {
namespace {

constexpr int rows = 20;

class PowerLoss : public testing::Test {
 protected:
  TemporaryFolder folder;
  const std::filesystem::path path = folder / "test.db";

  /// Inserts rows until the disk fails; how many were acknowledged.
  int insert_rows() const {
    int acknowledged = 0;
    try {
      Store store(path);
      store.insert(sample_run(), sample_device());
      for (; acknowledged < rows; ++acknowledged) store.insert(sample_measurement(acknowledged));
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), Status::storage) << error.what();
    }
    return acknowledged;
  }

  void expect_sound_with(int acknowledged) const {
    const Store store(path);
    const Store::Health health = store.check();
    EXPECT_EQ(health.integrity, "ok");
    EXPECT_EQ(health.damaged, 0U);
    EXPECT_LE(store.info().measurements, static_cast<std::size_t>(acknowledged) + 1);
    for (int i = 0; i < acknowledged; ++i) {
      EXPECT_TRUE(store.find(sample_measurement(i).key)) << "row " << i << " was acknowledged";
    }
  }
};

TEST_F(PowerLoss, AtAnyMomentLosesNoAcknowledgedRow) {
  const int changes = [&] {
    VolatileDisk disk;
    EXPECT_EQ(insert_rows(), rows);
    return disk.changes();
  }();
  const int cuts = fault_count(60, 400);
  for (int cut = 0; cut < cuts; ++cut) {
    SCOPED_TRACE(fmt::format("cut {} of {}", cut, cuts));
    VolatileDisk disk;
    disk.fail_after(1 + cut * changes / cuts);
    const int acknowledged = insert_rows();
    EXPECT_LT(acknowledged, rows);
    disk.restart(static_cast<unsigned>(cut));
    expect_sound_with(acknowledged);
  }
  fmt::print("seen: {} cut points, {} acknowledged rows lost\n", cuts, HasFailure() ? "some" : "0");
}

// Shows that the disk is as bad as it should be: FULL does not sync the folder after the journal's
// deletion, which then may be undone, and the journal undoes the commit.
TEST_F(PowerLoss, WouldUndoCommitsWithoutSyncingTheFolder) {
  int lost = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    VolatileDisk disk;
    {
      Database database(path, Database::Access::write);
      database.execute("PRAGMA synchronous = FULL; CREATE TABLE t (i INTEGER)");
      database.execute("INSERT INTO t VALUES (1)");
      disk.fail_after(1);
    }
    disk.restart(seed);
    Database database(path, Database::Access::write);
    lost += database.integer("SELECT count(*) FROM sqlite_schema") == 0 ||
            database.integer("SELECT count(*) FROM t") == 0;
  }
  EXPECT_GT(lost, 0);
}

}  // namespace
}  // namespace convtune
