#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "kernels/digest.hpp"
#include "kernels/problem_json.hpp"
#include "results/fields.hpp"
#include "results/record_json.hpp"
#include "results/sqlite.hpp"

namespace convtune {

/// The id of a problem's row: digest of its JSON.
std::string problem_id(const Problem& problem);

/// Problems by the id under which rows refer to them.
using Problems = std::unordered_map<std::string, Problem>;

/// Records as rows of a database, both ways. Rows whose digest does not match, or whose problem is
/// not there, count as missing; the first one met is reported on stderr.
class Rows {
 public:
  explicit Rows(Database& database) : database_(database) {}

  /// Writes a valid record and its problem, in place of those with the same key.
  template <typename Record>
  void put(Record record);

  /// The row with the key of `probe`.
  template <typename Record>
  std::optional<Record> get(const Record& probe);

  /// Calls visit(record) for every row that equals `probe` in its first `fields` fields.
  template <int fields, typename Record, typename Visit>
  void select(const Record& probe, const Problems& problems, Visit&& visit);

  /// Calls visit(record) for every row. `problems` from all_problems() of the same state.
  template <typename Record, typename Visit>
  void scan(const Problems& problems, Visit&& visit) {
    select<0>(Record{}, problems, std::forward<Visit>(visit));
  }
  Problems all_problems();

  /// What a row's columns say, its digest not looked at.
  template <typename Record>
  static Record read_fields(const Statement& row, const Problems& problems);

  /// How many damaged rows were met so far.
  std::size_t damaged() const { return damaged_; }

 private:
  template <typename Record>
  std::optional<Record> read(const Statement& row, const Problems& problems);
  void count_damage();

  Database& database_;
  std::size_t damaged_ = 0;
};

// A field as an SQL value. The lists are JSON, a problem is its id.
void bind_field(Statement& statement, int parameter, double value);
void bind_field(Statement& statement, int parameter, const std::string& value);
void bind_field(Statement& statement, int parameter, const Problem& value);
template <std::integral T>
void bind_field(Statement& statement, int parameter, T value) {
  statement.bind(parameter, static_cast<std::int64_t>(value));
}
template <Enumeration T>
void bind_field(Statement& statement, int parameter, T value) {
  statement.bind(parameter, name(value));
}
template <typename T>
void bind_field(Statement& statement, int parameter, const std::vector<T>& value) {
  statement.bind(parameter, json_text(value));
}

// The inverse. Each throws Error{invalid} for what bind_field cannot have written.
void read_column(const Statement& row, int column, const Problems&, double& value);
void read_column(const Statement& row, int column, const Problems&, std::string& value);
void read_column(const Statement& row, int column, const Problems& problems, Problem& value);
nlohmann::json parse_list(const std::string& text);
template <std::integral T>
void read_column(const Statement& row, int column, const Problems&, T& value) {
  value = static_cast<T>(row.integer(column));
}
template <Enumeration T>
void read_column(const Statement& row, int column, const Problems&, T& value) {
  read_name(row.text(column), value);
}
template <typename T>
void read_column(const Statement& row, int column, const Problems&, std::vector<T>& value) {
  read_json(parse_list(row.text(column)), value);
}

/// "a,b,…"
template <typename Record>
std::string column_list() {
  std::string columns;
  for_each_field(Record{}, [&](const char* name, const auto&) {
    columns += fmt::format("{}{}", columns.empty() ? "" : ",", name);
  });
  return columns;
}

/// "INSERT INTO t (a,b,…,digest) VALUES (?,?,…,?) ON CONFLICT DO UPDATE SET a=excluded.a,…"
template <typename Record>
const std::string& upsert_sql() {
  static const std::string sql = [] {
    std::string values, updates;
    for_each_field(Record{}, [&](const char* name, const auto&) {
      values += "?,";
      updates += fmt::format("{0}=excluded.{0},", name);
    });
    return fmt::format(
        "INSERT INTO {} ({},digest) VALUES ({}?) ON CONFLICT DO UPDATE SET "
        "{}digest=excluded.digest",
        Table<Record>::name, column_list<Record>(), values, updates);
  }();
  return sql;
}

/// "SELECT a,b,…,digest FROM t WHERE a=? AND b=?", with the first `fields` fields asked for.
template <typename Record, int fields>
const std::string& select_sql() {
  static const std::string sql = [] {
    std::string condition;
    int field = 0;
    for_each_field(Record{}, [&](const char* name, const auto&) {
      if (field++ < fields) {
        condition += fmt::format("{} {}=?", condition.empty() ? " WHERE" : " AND", name);
      }
    });
    return fmt::format("SELECT {},digest FROM {}{}", column_list<Record>(), Table<Record>::name,
                       condition);
  }();
  return sql;
}

/// The problem that a record is about, or null for a type that is about none.
template <typename Record>
const Problem* problem_of(const Record& record) {
  const Problem* found = nullptr;
  for_each_field(record, [&](const char*, const auto& field) {
    if constexpr (std::same_as<decltype(field), const Problem&>) found = &field;
  });
  return found;
}

template <typename Record>
void Rows::put(Record record) {
  if (const Problem* problem = problem_of(record)) {
    put(StoredProblem{.id = problem_id(*problem), .problem = *problem});
  }
  for_each_field(record, [](const char*, auto& field) { make_utf8(field); });
  Statement statement = database_.prepare(upsert_sql<Record>());
  int parameter = 0;
  for_each_field(
      record, [&](const char*, const auto& field) { bind_field(statement, ++parameter, field); });
  statement.bind(++parameter, digest(to_line(record)));
  statement.run();
}

template <int fields, typename Record, typename Visit>
void Rows::select(const Record& probe, const Problems& problems, Visit&& visit) {
  Statement row = database_.prepare(select_sql<Record, fields>());
  int parameter = 0;
  for_each_field(probe, [&](const char*, const auto& field) {
    if (parameter < fields) bind_field(row, ++parameter, field);
  });
  while (row.step()) {
    if (std::optional<Record> record = read<Record>(row, problems)) visit(std::move(*record));
  }
}

template <typename Record>
std::optional<Record> Rows::get(const Record& probe) {
  Problems problems;
  if (const Problem* problem = problem_of(probe)) problems.emplace(problem_id(*problem), *problem);
  std::optional<Record> found;
  select<Table<Record>::key_fields>(probe, problems,
                                    [&](Record&& record) { found = std::move(record); });
  return found;
}

template <typename Record>
Record Rows::read_fields(const Statement& row, const Problems& problems) {
  Record record;
  int column = 0;
  for_each_field(record,
                 [&](const char*, auto& field) { read_column(row, column++, problems, field); });
  return record;
}

template <typename Record>
std::optional<Record> Rows::read(const Statement& row, const Problems& problems) {
  try {
    auto record = read_fields<Record>(row, problems);
    if (row.last_text() == digest(to_line(record))) return record;
  } catch (const Error& error) {
    if (error.status() != Status::invalid) throw;
  }
  count_damage();
  return std::nullopt;
}

}  // namespace convtune
