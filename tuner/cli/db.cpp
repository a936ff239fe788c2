#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <system_error>

#include "generator/publish.hpp"
#include "kernels/counted.hpp"
#include "kernels/error.hpp"
#include "results/store.hpp"
#include "tuner/cli/commands.hpp"
#include "tuner/cli/output_file.hpp"

namespace convtune::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string database = default_database().string();
  std::string output = "-";
  std::vector<std::string> inputs;
};

[[noreturn]] void fail(const std::string& path, std::string_view what) {
  throw Error(Status::storage, fmt::format("{} {}", path, what));
}

std::string read_whole(const std::string& path) {
  if (fs::is_directory(path)) fail(path, "is a folder; name an export");
  std::ifstream file;
  if (path != "-") file.open(path, std::ios::binary);
  if (!file) fail(path, "cannot be read; name an existing export, or - for standard input");
  std::istream& input = path == "-" ? std::cin : file;
  std::string text{std::istreambuf_iterator<char>(input), {}};
  if (input.bad()) fail(path, "could not be read to its end");
  return text;
}

/// Readers of `path` see the old content or the new one, never a part. A link stays one; a device
/// or a pipe, which cannot be replaced, is written into.
void write_output(const std::string& path, std::string_view text) {
  std::error_code error;
  const fs::file_status present = fs::status(path, error);
  const bool in_place =
      path.starts_with("/dev/") || (fs::exists(present) && !fs::is_regular_file(present));
  if (!in_place) {
    require_no_database(path);
    publish(fs::exists(present) ? fs::canonical(path) : fs::path(path), text, Readers::as_usual);
    return;
  }
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file.fail()) fail(path, "could not be written; check where it goes");
}

int info(const Options& options) {
  const Store::Info info = Store(options.database, Store::Access::read).info();
  fmt::print("{:<13} {}\n{:<13} {}\n", "database", info.path.string(), "schema", info.schema);
  fmt::print("{:<13} {}\n{:<13} {}\n", "problems", info.problems, "measurements",
             info.measurements);
  fmt::print("{:<13} {}\n{:<13} {}\n", "verdicts", info.verdicts, "runs", info.runs);
  fmt::print("{:<13} {}\n", "devices", info.devices);
  for (const std::string& identity : info.identities) fmt::print("  {}\n", identity);
  return 0;
}

int check(const Options& options) {
  const Store::Health health = Store(options.database, Store::Access::read).check();
  fmt::print("{:<13} {}\n{:<13} {}\n{:<13} {}\n", "integrity", health.integrity, "rows",
             health.rows, "damaged rows", health.damaged);
  const bool sound = health.integrity == "ok" && health.damaged == 0;
  return static_cast<int>(sound ? Status::ok : Status::check_failed);
}

int export_to(const Options& options) {
  const std::string text = Store(options.database, Store::Access::read).export_json();
  if (options.output != "-") {
    write_output(options.output, text);
  } else if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
             std::fflush(stdout) != 0) {
    fail("standard output", "could not be written");
  }
  return 0;
}

void tell_intake(const std::string& input, const Store::Intake& intake) {
  fmt::print("{}: {} of {} came in{}\n", input, intake.written, counted(intake.rows, "row"),
             intake.written < intake.rows ? "; the others are here, as new or newer" : "");
}

// Both read all their inputs before the database is opened, which may make it: a bad one among
// them changes nothing.
int import_from(const Options& options) {
  std::vector<std::string> texts;
  for (const std::string& input : options.inputs) {
    texts.push_back(read_whole(input));
    try {
      Store::validate_export(texts.back());
    } catch (const Error& error) {
      throw Error(error.status(), fmt::format("{}: {}", input, error.what()));
    }
  }
  Store store(options.database);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    tell_intake(options.inputs[i], store.import_json(texts[i]));
  }
  return 0;
}

int merge(const Options& options) {
  for (const std::string& input : options.inputs) {
    const Store readable(input, Store::Access::read);
    std::error_code ignored;
    if (fs::equivalent(input, options.database, ignored)) {
      throw Error(Status::invalid, fmt::format("{} cannot be merged into itself", input));
    }
  }
  Store store(options.database);
  for (const std::string& input : options.inputs) tell_intake(input, store.merge(input));
  return 0;
}

}  // namespace

void add_db(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  CLI::App* db = app.add_subcommand("db", "Look after the database of results");
  db->require_subcommand(1);
  db->footer(
      "Examples:\n"
      "  convtune db info\n"
      "  convtune db export --output results.json");
  const auto add = [&](const char* name, const char* summary, int (*run)(const Options&),
                       const std::string& example) {
    CLI::App* command = db->add_subcommand(name, summary);
    command->add_option("--db", options->database, "Database file")->capture_default_str();
    command->footer("Examples:\n  convtune db " + example);
    command->callback(
        [&action, options, run] { action = [options, run] { return run(*options); }; });
    return command;
  };
  add("info", "Tell what it holds", info, "info");
  add("check", "Check that the file and every row are sound", check, "check");
  add("export", "Write all rows as JSON", export_to, "export --output results.json")
      ->add_option("-o,--output", options->output, "A file, or - for standard output")
      ->capture_default_str();
  add("import", "Add the rows of exports: all of a file's rows, or none", import_from,
      "import results.json")
      ->add_option("file", options->inputs, "Exports, or - for standard input")
      ->required();
  add("merge", "Add the rows of other databases", merge, "merge other.db")
      ->add_option("database", options->inputs, "Databases, which are only read")
      ->required();
}

}  // namespace convtune::cli
