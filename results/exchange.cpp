#include <algorithm>
#include <set>
#include <system_error>
#include <tuple>

#include "kernels/strict_json.hpp"
#include "results/schema.hpp"
#include "results/store_impl.hpp"

namespace convtune {
namespace {

using Json = nlohmann::json;

constexpr std::string_view export_format = "convtune-export";

std::string_view time_of(const StoredDevice& /*timeless*/) { return {}; }
std::string_view time_of(const Label& /*timeless*/) { return {}; }
std::string_view time_of(const Run& run) { return run.started_at; }
std::string_view time_of(const Measurement& measurement) { return measurement.measured_at; }
std::string_view time_of(const Verdict& verdict) { return verdict.decided_at; }

void validate(const StoredDevice& device) {
  if (device.identity != identity(device.properties)) {
    throw Error(Status::invalid, fmt::format("identity is '{}'; its properties say '{}'",
                                             device.identity, identity(device.properties)));
  }
}

/// The rule of merging: a total order of the rows of one key, of which the highest stays.
template <typename Record>
void add(Rows& rows, const Record& record, Store::Intake& intake) {
  const std::optional<Record> present = rows.get(record);
  const auto rank = [](const Record& r) { return std::pair(time_of(r), to_line(r)); };
  ++intake.rows;
  if (present && rank(record) <= rank(*present)) return;
  rows.put(record);
  ++intake.written;
}

template <typename Record>
std::string list_of(Rows& rows, const Problems& problems) {
  std::set<std::string> lines;
  rows.scan<Record>(problems, [&](const Record& row) { lines.insert(to_line(row)); });
  std::string list;
  for (const std::string& line : lines) list += (list.empty() ? "\n" : ",\n") + line;
  return fmt::format(",\n\"{}\":[{}]", Table<Record>::name, list);
}

/// All records of an export, by type.
using Content = std::tuple<std::vector<StoredDevice>, std::vector<Run>, std::vector<Label>,
                           std::vector<Measurement>, std::vector<Verdict>>;

template <typename Record>
void read_list(const Json& document, std::vector<Record>& records) {
  const std::string name(Table<Record>::name);
  const auto list = document.find(name);
  if (list == document.end() || !list->is_array()) {
    throw Error(Status::invalid, fmt::format("'{}' must be a list", name));
  }
  for (const Json& object : *list) {
    try {
      records.push_back(from_json<Record>(object));
      validate(records.back());
    } catch (const Error& error) {
      throw Error(Status::invalid, fmt::format("{}[{}]: {}", name, records.size(), error.what()));
    }
  }
}

Content read_content(std::string_view text) {
  const Json document = parse_strict_json(text);
  if (!document.is_object() || document.value("format", Json()) != export_format) {
    throw Error(Status::invalid, "it is no export of convtune");
  }
  if (document.value("schema", Json()) != schema_version) {
    throw Error(Status::invalid,
                fmt::format("it has schema {}, this convtune knows schema {}; use an export of "
                            "the same schema, or tune again",
                            document.value("schema", Json()).dump(), schema_version));
  }
  Content content;
  std::apply([&](auto&... records) { (read_list(document, records), ...); }, content);
  if (document.size() != std::tuple_size_v<Content> + 2) {
    throw Error(Status::invalid, "it has keys that the format does not know");
  }
  return content;
}

/// The same, throwing nothing but Error{storage}.
Content checked_content(std::string_view text) {
  try {
    return read_content(text);
  } catch (const std::exception& error) {
    throw Error(Status::storage, fmt::format("the import is refused: {}", error.what()));
  }
}

/// SQLite's opinion of the whole file.
std::string integrity_of(Database& database) {
  std::string words;
  Statement row = database.prepare("PRAGMA integrity_check(10)");
  while (row.step()) words += (words.empty() ? "" : "; ") + row.text(0);
  Statement orphan = database.prepare("PRAGMA foreign_key_check");
  if (orphan.step()) words += fmt::format("; a row of {} without its parent", orphan.text(0));
  return words;
}

}  // namespace

std::string Store::export_json() const {
  const std::lock_guard lock(impl_->mutex);
  const Transaction snapshot(impl_->database, Database::Access::read);
  const Problems problems = impl_->rows.all_problems();
  std::string text =
      fmt::format("{{\"format\":\"{}\",\n\"schema\":{}", export_format, schema_version);
  for_each_exported_type(
      [&]<typename Record>() { text += list_of<Record>(impl_->rows, problems); });
  return text + "}\n";
}

void Store::validate_export(std::string_view text) { checked_content(text); }

Store::Intake Store::import_json(std::string_view text) {
  const Content content = checked_content(text);
  Intake intake;
  const auto add_all = [&](const auto& records) {
    for (const auto& record : records) add(impl_->rows, record, intake);
  };
  impl_->write(
      [&] { std::apply([&](const auto&... records) { (add_all(records), ...); }, content); });
  return intake;
}

Store::Intake Store::merge(const std::filesystem::path& other) {
  const Store source(other, Access::read);
  std::error_code unknown;
  if (std::filesystem::equivalent(other, impl_->database.path(), unknown)) return {};
  const Transaction snapshot(source.impl_->database, Database::Access::read);
  Rows& theirs = source.impl_->rows;
  const Problems problems = theirs.all_problems();
  Intake intake;
  impl_->write([&] {
    for_each_exported_type([&]<typename Record>() {
      theirs.scan<Record>(problems,
                          [&](const Record& record) { add(impl_->rows, record, intake); });
    });
  });
  return intake;
}

Store::Health Store::check() const {
  const std::lock_guard lock(impl_->mutex);
  const Transaction snapshot(impl_->database, Database::Access::read);
  Health health;
  Rows rows(impl_->database);
  const auto count = [&](const auto&) { ++health.rows; };
  try {
    health.integrity = integrity_of(impl_->database);
    const Problems problems = rows.all_problems();
    health.rows = problems.size();
    for_each_exported_type([&]<typename Record>() { rows.scan<Record>(problems, count); });
  } catch (const Error& error) {
    health.integrity = error.what();
  }
  health.damaged = rows.damaged();
  health.rows += health.damaged;
  return health;
}

Store::Info Store::info() const {
  const std::lock_guard lock(impl_->mutex);
  Database& database = impl_->database;
  const Transaction snapshot(database, Database::Access::read);
  const auto count = [&](std::string_view table) {
    return static_cast<std::size_t>(
        database.integer(fmt::format("SELECT count(*) FROM {}", table)));
  };
  Info info{.path = database.path(),
            .schema = schema_version,
            .problems = count(Table<StoredProblem>::name),
            .devices = count(Table<StoredDevice>::name),
            .measurements = count(Table<Measurement>::name),
            .verdicts = count(Table<Verdict>::name),
            .runs = count(Table<Run>::name),
            .identities = {}};
  Statement device = database.prepare("SELECT identity FROM devices ORDER BY identity");
  while (device.step()) info.identities.push_back(device.text(0));
  return info;
}

}  // namespace convtune
