#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace convtune {

namespace sqlite {
struct Close {
  void operator()(sqlite3* connection) const noexcept;
};
struct Finalize {
  void operator()(sqlite3_stmt* statement) const noexcept;
};
using Prepared = std::multimap<std::string, std::unique_ptr<sqlite3_stmt, Finalize>, std::less<>>;
}  // namespace sqlite

class Database;

/// A prepared statement, lent by its Database for one use; it goes back, reset, at the end of its
/// scope. Parameters count from 1, columns from 0. All that can fail throws Error{storage}.
class Statement {
 public:
  Statement(Database& database, sqlite::Prepared::node_type prepared);
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  void bind(int parameter, std::int64_t value);
  void bind(int parameter, double value);
  void bind(int parameter, std::string_view value);

  /// Goes to the next row; false after the last.
  bool step();
  /// For statements without rows.
  void run();

  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::string last_text() const;  ///< of the last column

 private:
  sqlite3_stmt* handle() const { return prepared_.mapped().get(); }
  void require_ok(int code) const;

  Database& database_;
  sqlite::Prepared::node_type prepared_;
};

/// A connection to one SQLite file, set up so that a commit is on the disk when it returns, power
/// loss included. Not for several threads at once. Every failure throws Error{storage} with the
/// path, SQLite's words and what to do.
class Database {
 public:
  enum class Access {
    read,   ///< the file must exist; it is written only to undo what a killed writer left
    write,  ///< the file must exist or can be created
  };
  Database(std::filesystem::path path, Access access);

  Statement prepare(std::string_view sql);

  /// Runs one or several statements without parameters or rows.
  void execute(const char* sql);
  /// The first column of the first row.
  std::int64_t integer(std::string_view sql);

  /// Ends a transaction that may or may not be open.
  void rollback() noexcept;

  const std::filesystem::path& path() const { return path_; }

 private:
  friend class Statement;
  [[noreturn]] void fail() const;

  std::filesystem::path path_;
  std::unique_ptr<sqlite3, sqlite::Close> connection_;
  sqlite::Prepared idle_;
};

/// All or nothing: rolled back unless committed. `read` sees one state of the file throughout;
/// `write` waits for other writers when it begins, so that it cannot fail half-way on a lock.
class Transaction {
 public:
  Transaction(Database& database, Database::Access access);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace convtune
