#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "results/record.hpp"
#include "runtime/plan.hpp"

namespace convtune {

/// $CONVTUNE_DB, else $XDG_DATA_HOME/convtune/convtune.db, else
/// ~/.local/share/convtune/convtune.db; empty if none of them names a folder.
std::filesystem::path default_database();

/// The result database: one SQLite file, one writer at a time, safe against a kill and a loss of
/// power at any moment. Every row carries a digest; a row whose digest does not match counts as
/// missing, and the first one met is reported on stderr. All members may be called from several
/// threads, and throw Error{storage} with the path, SQLite's reason and what to do.
class Store final : public PlanSource {
 public:
  enum class Access { read, read_write };

  /// read_write creates the file (and its folder) if there is none; read needs no rights but to
  /// read. A file that is not a convtune database, or of a newer schema, is refused and left
  /// untouched.
  explicit Store(const std::filesystem::path& path, Access access = Access::read_write);
  ~Store() override;

  /// Each insert is one transaction, durable when it returns. A second measurement of the same key
  /// replaces the first; so does a second verdict. A record that breaks a rule of validate() throws
  /// Error{invalid}. A measurement or verdict needs its device, which comes with the insert of a
  /// run.
  void insert(const Measurement& measurement);
  void insert(const Verdict& verdict);
  void insert(const Run& run, const DeviceProperties& device);
  void insert(std::span<const Label> labels);

  std::optional<Measurement> find(const Key& key) const;
  /// All measurements of a problem on a device, whatever their digest.
  std::vector<Measurement> measurements(const Problem& problem, const std::string& device) const;
  std::optional<Verdict> verdict(const Problem& problem, const std::string& device) const;
  std::vector<Verdict> verdicts() const;
  std::vector<DeviceProperties> devices() const;

  /// PlanSource: verdicts as plans.
  std::optional<TunedPlan> find(const Problem& problem,
                                const DeviceProperties& device) const override;
  std::vector<TunedPlan> near(const Problem& problem, const DeviceProperties& device,
                              std::size_t limit) const override;
  std::vector<Quarantined> quarantine(const Problem& problem,
                                      const DeviceProperties& device) const override;

  /// What `db check` found: SQLite's integrity and every row's digest.
  struct Health {
    std::string integrity;  ///< "ok", or SQLite's words
    std::size_t rows = 0;
    std::size_t damaged = 0;
  };
  Health check() const;

  struct Info {
    std::filesystem::path path;
    int schema = 0;
    std::size_t problems = 0, devices = 0, measurements = 0, verdicts = 0, runs = 0;
    std::vector<std::string> identities;  ///< of the devices
  };
  Info info() const;

  /// The whole content as one JSON document (format: results/export.md), sorted, so that equal
  /// content gives equal text.
  std::string export_json() const;

  /// Adds all rows of an export, or of another database. Of two rows with one key the one made
  /// later wins, then the one whose text sorts higher: idempotent, commutative, associative. All
  /// rows are validated before any is written; all are written, or none.
  struct Intake {
    std::size_t rows = 0;     ///< that were offered
    std::size_t written = 0;  ///< of them: new, or in the place of one that was here
  };
  Intake import_json(std::string_view text);
  /// Throws Error{storage} for a text that import_json() would refuse.
  static void validate_export(std::string_view text);
  Intake merge(const std::filesystem::path& other);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convtune
