#include "results/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "kernels/environment.hpp"
#include "results/schema.hpp"
#include "results/store_impl.hpp"

namespace convtune {
namespace {

/// The path, once its folder is there to be written to or the file is there to be read.
std::filesystem::path prepare_path(const std::filesystem::path& path, Store::Access access) {
  if (path.empty()) {
    throw Error(Status::storage,
                "no folder for the database can be named: set HOME to an absolute path, or name "
                "the database in CONVTUNE_DB or by --db");
  }
  std::error_code error;
  if (access == Store::Access::read) {
    if (std::filesystem::exists(path, error) || error) return path;
    throw Error(Status::storage,
                fmt::format("there is no database {}: nothing has been tuned yet; run convtune "
                            "tune first, or name another",
                            path.string()));
  }
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) {
      throw Error(Status::storage, fmt::format("{}: its folder cannot be created: {}; name another",
                                               path.string(), error.message()));
    }
  }
  return path;
}

/// False for a database without anything in it. Throws for one that is neither empty nor ours.
/// Asked within a transaction, lest another process creates the schema between two questions.
bool is_ours(Database& database) {
  const std::int64_t application = database.integer("PRAGMA application_id");
  const std::int64_t version = database.integer("PRAGMA user_version");
  const std::int64_t tables = database.integer("SELECT count(*) FROM sqlite_schema");
  if (application == 0 && version == 0 && tables == 0) return false;
  const std::string path = database.path().string();
  if (application != application_id) {
    throw Error(Status::storage,
                fmt::format("{} is a database of another program; it was left as it is, name "
                            "another file",
                            path));
  }
  if (version != schema_version) {
    throw Error(Status::storage,
                fmt::format("{} has schema {}, this convtune knows schema {}; it was left as it "
                            "is: {}, or name another database",
                            path, version, schema_version,
                            version < schema_version ? "move it away and tune again"
                                                     : "use the convtune that wrote it"));
  }
  return true;
}

bool is_ours_now(Database& database) {
  const Transaction transaction(database, Database::Access::read);
  return is_ours(database);
}

void create_schema(Database& database) {
  Transaction transaction(database, Database::Access::write);
  if (is_ours(database)) return;  // another process was faster
  database.execute(schema);
  database.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                               application_id, schema_version)
                       .c_str());
  transaction.commit();
}

TunedPlan plan_of(const Verdict& verdict, const Run& run) {
  return {.problem = verdict.problem,
          .config = verdict.winner,
          .digest = verdict.source_digest,
          .seconds = verdict.seconds,
          .default_seconds = verdict.default_seconds,
          .driver = run.driver,
          .compiler = run.nvrtc,
          .best_generated = verdict.best_generated,
          .best_vendor = verdict.best_vendor};
}

/// Problems with a verdict on the device and of the problem's kind, nearest first.
std::vector<Problem> nearest_tuned(Database& database, const Problem& problem,
                                   const std::string& device) {
  static const std::string sql = fmt::format(
      "SELECT {} FROM verdicts JOIN problems ON id = problem "
      "WHERE device = ? AND dtype = ? AND math = ? AND layout = ?",
      column_list<StoredProblem>());
  Statement row = database.prepare(sql);
  row.bind(1, device);
  row.bind(2, name(problem.dtype));
  row.bind(3, name(problem.math));
  row.bind(4, name(problem.layout));
  std::vector<std::pair<double, Problem>> ranked;
  while (row.step()) {
    const Problem tuned = Rows::read_fields<StoredProblem>(row, {}).problem;
    ranked.emplace_back(distance(problem, tuned), tuned);
  }
  std::ranges::sort(ranked);
  std::vector<Problem> problems;
  for (const auto& [far, tuned] : ranked) problems.push_back(tuned);
  return problems;
}

/// Keys of the measurements of a problem on a device that ended neither well nor untried.
std::vector<Key> bad_ends(Database& database, const Problem& problem, const std::string& device) {
  Statement row = database.prepare(
      "SELECT config, source_digest FROM measurements "
      "WHERE problem = ? AND device = ? AND outcome NOT IN (?, ?)");
  row.bind(1, problem_id(problem));
  row.bind(2, device);
  row.bind(3, name(Outcome::ok));
  row.bind(4, name(Outcome::skipped));
  std::vector<Key> keys;
  while (row.step()) {
    keys.push_back({.problem = problem,
                    .device = device,
                    .config = row.text(0),
                    .source_digest = row.text(1)});
  }
  return keys;
}

}  // namespace

std::filesystem::path default_database() {
  if (const auto chosen = environment("CONVTUNE_DB")) return *chosen;
  const std::filesystem::path folder = user_folder("XDG_DATA_HOME", ".local/share");
  return folder.empty() ? folder : folder / "convtune.db";
}

Store::Impl::Impl(const std::filesystem::path& path, Access access)
    : database(prepare_path(path, access),
               access == Access::read ? Database::Access::read : Database::Access::write) {
  const bool ours = is_ours_now(database);
  if (access == Access::read_write) {
    if (!ours) create_schema(database);
    database.execute("PRAGMA journal_mode = DELETE");
  } else if (!ours) {
    throw Error(Status::storage,
                fmt::format("{} is empty; tune first, or name another database", path.string()));
  }
}

Store::Store(const std::filesystem::path& path, Access access)
    : impl_(std::make_unique<Impl>(path, access)) {}

Store::~Store() = default;

void Store::insert(const Measurement& measurement) {
  validate(measurement);
  impl_->write([&] { impl_->rows.put(measurement); });
}

void Store::insert(const Verdict& verdict) {
  validate(verdict);
  impl_->write([&] { impl_->rows.put(verdict); });
}

void Store::insert(const Run& run, const DeviceProperties& device) {
  validate(run);
  if (run.device != identity(device)) {
    throw Error(Status::invalid, fmt::format("run {} is of device '{}', not of '{}'", run.id,
                                             run.device, identity(device)));
  }
  impl_->write([&] {
    impl_->rows.put(StoredDevice{.identity = run.device, .properties = device});
    impl_->rows.put(run);
  });
}

void Store::insert(std::span<const Label> labels) {
  for (const Label& label : labels) validate(label);
  impl_->write([&] {
    for (const Label& label : labels) impl_->rows.put(label);
  });
}

std::optional<Measurement> Store::find(const Key& key) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->rows.get(Measurement{.key = key});
}

std::vector<Measurement> Store::measurements(const Problem& problem,
                                             const std::string& device) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Measurement> found;
  impl_->rows.select<2>(Measurement{.key = {.problem = problem, .device = device}},
                        {{problem_id(problem), problem}},
                        [&](Measurement&& row) { found.push_back(std::move(row)); });
  return found;
}

std::optional<Verdict> Store::verdict(const Problem& problem, const std::string& device) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->rows.get(Verdict{.problem = problem, .device = device});
}

std::vector<DeviceProperties> Store::devices() const {
  const std::lock_guard lock(impl_->mutex);
  const Transaction snapshot(impl_->database, Database::Access::read);
  std::vector<DeviceProperties> found;
  impl_->rows.scan<StoredDevice>({}, [&](StoredDevice&& row) { found.push_back(row.properties); });
  return found;
}

std::vector<Verdict> Store::verdicts() const {
  const std::lock_guard lock(impl_->mutex);
  const Transaction snapshot(impl_->database, Database::Access::read);
  std::vector<Verdict> found;
  impl_->rows.scan<Verdict>(impl_->rows.all_problems(),
                            [&](Verdict&& row) { found.push_back(std::move(row)); });
  return found;
}

std::optional<TunedPlan> Store::find(const Problem& problem, const DeviceProperties& device) const {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->rows.get(Verdict{.problem = problem, .device = identity(device)});
  return found ? std::optional(plan_of(*found, impl_->run(found->run))) : std::nullopt;
}

std::vector<TunedPlan> Store::near(const Problem& problem, const DeviceProperties& device,
                                   std::size_t limit) const {
  const std::lock_guard lock(impl_->mutex);
  const Transaction snapshot(impl_->database, Database::Access::read);
  const std::string identity_text = identity(device);
  std::vector<TunedPlan> plans;
  for (const Problem& tuned : nearest_tuned(impl_->database, problem, identity_text)) {
    if (plans.size() == limit) break;
    const auto found = impl_->rows.get(Verdict{.problem = tuned, .device = identity_text});
    if (found) plans.push_back(plan_of(*found, impl_->run(found->run)));
  }
  return plans;
}

std::vector<Quarantined> Store::quarantine(const Problem& problem,
                                           const DeviceProperties& device) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Quarantined> found;
  for (const Key& key : bad_ends(impl_->database, problem, identity(device))) {
    if (const auto row = impl_->rows.get(Measurement{.key = key})) {
      found.push_back({.config = key.config,
                       .digest = key.source_digest,
                       .reason = fmt::format("{}, {}", name(row->outcome), row->reason)});
    }
  }
  return found;
}

}  // namespace convtune
