#include "results/sqlite.hpp"

#include <gmock/gmock.h>

#include "tests/refusal.hpp"
#include "tests/results/sample_records.hpp"

namespace convtune {
namespace {

using Access = Database::Access;
using testing::HasSubstr;

class Sqlite : public testing::Test {
 protected:
  TemporaryFolder folder;
  Database database{folder / "test.db", Access::write};

  void SetUp() override { database.execute("CREATE TABLE t (i INTEGER, r REAL, s TEXT)"); }
  std::int64_t rows() { return database.integer("SELECT count(*) FROM t"); }
};

TEST_F(Sqlite, ConnectionsAreSetUpForPowerLoss) {
  EXPECT_EQ(database.integer("PRAGMA synchronous"), 3);
  EXPECT_EQ(database.integer("PRAGMA foreign_keys"), 1);
  EXPECT_EQ(database.integer("PRAGMA secure_delete"), 1);
  Statement mode = database.prepare("PRAGMA journal_mode");
  ASSERT_TRUE(mode.step());
  EXPECT_EQ(mode.text(0), "delete");
}

TEST_F(Sqlite, ValuesRoundTrip) {
  const std::string text("a\0b", 3);
  {
    Statement insert = database.prepare("INSERT INTO t VALUES (?, ?, ?)");
    insert.bind(1, std::int64_t{-5});
    insert.bind(2, 0.1);
    insert.bind(3, std::string_view(text));
    insert.run();
  }
  Statement row = database.prepare("SELECT * FROM t");
  ASSERT_TRUE(row.step());
  EXPECT_EQ(row.integer(0), -5);
  EXPECT_EQ(row.real(1), 0.1);
  EXPECT_EQ(row.text(2), text);
  EXPECT_EQ(row.last_text(), text);
  EXPECT_FALSE(row.step());
}

TEST_F(Sqlite, OneStatementCanBeInUseTwice) {
  database.execute("INSERT INTO t VALUES (1, 0, ''), (2, 0, '')");
  constexpr std::string_view sql = "SELECT i FROM t ORDER BY i";
  Statement outer = database.prepare(sql);
  ASSERT_TRUE(outer.step());
  {
    Statement inner = database.prepare(sql);
    ASSERT_TRUE(inner.step());
    EXPECT_EQ(inner.integer(0), 1);
  }
  ASSERT_TRUE(outer.step());
  EXPECT_EQ(outer.integer(0), 2);
}

TEST_F(Sqlite, TransactionIsRolledBackUnlessCommitted) {
  {
    const Transaction transaction(database, Access::write);
    database.execute("INSERT INTO t VALUES (1, 0, '')");
  }
  EXPECT_EQ(rows(), 0);
  Transaction transaction(database, Access::write);
  database.execute("INSERT INTO t VALUES (1, 0, '')");
  transaction.commit();
  EXPECT_EQ(rows(), 1);
}

TEST_F(Sqlite, ReaderCannotWrite) {
  Database reader(folder / "test.db", Access::read);
  EXPECT_EQ(reader.integer("SELECT count(*) FROM t"), 0);
  EXPECT_THAT(refusal([&] { reader.execute("INSERT INTO t VALUES (1, 0, '')"); }, Status::storage),
              HasSubstr("readonly"));
}

TEST_F(Sqlite, ErrorsNameThePathAndSqlitesReason) {
  EXPECT_THAT(refusal([&] { database.execute("SELECT * FROM nowhere"); }, Status::storage),
              testing::AllOf(HasSubstr("test.db"), HasSubstr("no such table: nowhere"),
                             HasSubstr("name another database")));
  EXPECT_THAT(refusal([&] { Database(folder / "none.db", Access::read); }, Status::storage),
              testing::AllOf(HasSubstr("none.db"), HasSubstr("unable to open")));
  EXPECT_FALSE(std::filesystem::exists(folder / "none.db"));
}

}  // namespace
}  // namespace convtune
