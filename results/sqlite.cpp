#include "results/sqlite.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "kernels/error.hpp"

namespace convtune {
namespace {

// Commits are short; many tuners queueing for one slow disk still need patience.
constexpr int busy_timeout_ms = 60'000;

// EXTRA also syncs the folder after the journal is unlinked: without it power loss can undo a
// commit that was acknowledged. secure_delete overwrites what is deleted, so that no damaged
// pointer can bring an older row back to life. The last two make SQLite distrust the file.
constexpr const char* connection_settings =
    "PRAGMA foreign_keys = ON;"
    "PRAGMA synchronous = EXTRA;"
    "PRAGMA secure_delete = ON;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA trusted_schema = OFF;";

std::string_view advice(int extended_code) {
  if (extended_code == SQLITE_CONSTRAINT_FOREIGNKEY) {
    return "a row's device is not in the database, insert its run first";
  }
  switch (extended_code & 0xff) {
    case SQLITE_FULL:
      return "free some space, then start again";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return "check that the file and its folder exist and may be used, or name another database";
    case SQLITE_BUSY:
      return "another process holds the database, try again when it is done";
    case SQLITE_NOTADB:
      return "it is no convtune database, name another file";
    case SQLITE_CORRUPT:
      return "the file is damaged: move it away, then tune again or import an earlier export";
    case SQLITE_IOERR:
      return "check the disk, its free space and the limits on file sizes";
    case SQLITE_NOMEM:
      return "free some memory, then start again";
    default:
      return "its tables are not as this convtune made them: move it away, then tune again, or "
             "name another database";
  }
}

}  // namespace

void sqlite::Close::operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
void sqlite::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Statement::Statement(Database& database, sqlite::Prepared::node_type prepared)
    : database_(database), prepared_(std::move(prepared)) {}

Statement::~Statement() {
  sqlite3_reset(handle());
  sqlite3_clear_bindings(handle());
  database_.idle_.insert(std::move(prepared_));
}

void Statement::require_ok(int code) const {
  if (code != SQLITE_OK) database_.fail();
}

void Statement::bind(int parameter, std::int64_t value) {
  require_ok(sqlite3_bind_int64(handle(), parameter, value));
}

void Statement::bind(int parameter, double value) {
  require_ok(sqlite3_bind_double(handle(), parameter, value));
}

void Statement::bind(int parameter, std::string_view value) {
  // A null pointer would bind NULL, which is not the empty text.
  const char* data = value.empty() ? "" : value.data();
  require_ok(
      sqlite3_bind_text64(handle(), parameter, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

bool Statement::step() {
  const int code = sqlite3_step(handle());
  if (code != SQLITE_ROW && code != SQLITE_DONE) database_.fail();
  return code == SQLITE_ROW;
}

void Statement::run() {
  while (step()) {
  }
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle(), column); }

double Statement::real(int column) const { return sqlite3_column_double(handle(), column); }

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle(), column));
  return data == nullptr ? std::string() : std::string(data, size);
}

std::string Statement::last_text() const { return text(sqlite3_column_count(handle()) - 1); }

Database::Database(std::filesystem::path path, Access access) : path_(std::move(path)) {
  // Even a reader asks for write access, where there is any, to roll back what a killed writer
  // left; query_only keeps it from anything else. Where there is none, SQLite opens the file for
  // reading.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (access == Access::write ? SQLITE_OPEN_CREATE : 0);
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(path_.c_str(), &connection, flags, nullptr);
  connection_.reset(connection);
  if (code != SQLITE_OK) fail();
  sqlite3_busy_timeout(connection, busy_timeout_ms);
  execute(connection_settings);
  if (access == Access::read) {
    execute("PRAGMA query_only = ON");
  } else if (sqlite3_db_readonly(connection, "main") == 1) {
    throw Error(
        Status::storage,
        fmt::format("{} is read-only; make it writable or name another database", path_.string()));
  }
}

void Database::fail() const {
  sqlite3* connection = connection_.get();
  throw Error(Status::storage, fmt::format("{}: {}; {}", path_.string(), sqlite3_errmsg(connection),
                                           advice(sqlite3_extended_errcode(connection))));
}

Statement Database::prepare(std::string_view sql) {
  auto found = idle_.find(sql);
  if (found == idle_.end()) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) fail();
    found = idle_.emplace(sql, statement);
  }
  return {*this, idle_.extract(found)};
}

void Database::execute(const char* sql) {
  if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

std::int64_t Database::integer(std::string_view sql) {
  Statement statement = prepare(sql);
  return statement.step() ? statement.integer(0) : 0;
}

void Database::rollback() noexcept {
  sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Transaction::Transaction(Database& database, Database::Access access) : database_(database) {
  database_.execute(access == Database::Access::write ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  if (open_) database_.rollback();
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace convtune
