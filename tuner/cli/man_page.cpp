#include <fmt/format.h>

#include "tuner/build_info.hpp"
#include "tuner/cli/commands.hpp"

namespace convtune::cli {
namespace {

const CLI::Formatter& help_formatter() {
  static const CLI::Formatter formatter;
  return formatter;
}

/// What troff prints as `c`: unescaped, some become their typographic likenesses.
std::string escaped(char c) {
  switch (c) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '`':
      return "\\(ga";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    case '\'':
      return "\\(aq";
    default:
      return {c};
  }
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool line_begins = result.empty() || result.back() == '\n';
    if (line_begins && c == '.') result += "\\&";
    result += escaped(c);
  }
  return result;
}

/// A footer of --help: indented lines stay as they are, others are filled into paragraphs.
std::string footer_text(const std::string& footer) {
  std::string result = ".PP\n";
  bool verbatim = false;
  for (const std::string& line : CLI::detail::split(footer, '\n')) {
    if (line.starts_with("  ") != verbatim) {
      verbatim = !verbatim;
      result += verbatim ? ".PP\n.EX\n" : ".EE\n.PP\n";
    }
    result += line.empty() ? ".PP\n" : escaped(line) + "\n";
  }
  return result + (verbatim ? ".EE\n" : "");
}

std::string option_text(const CLI::Option& option) {
  const CLI::Formatter& help = help_formatter();
  const bool positional = option.get_positional();
  return fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", escaped(help.make_option_name(&option, positional)),
                     escaped(help.make_option_opts(&option)),
                     escaped(help.make_option_desc(&option)));
}

/// The sections of a command's --help, then those of the commands below it.
std::string command_text(const CLI::App& app, const std::string& path) {
  std::string usage = help_formatter().make_usage(&app, path);
  usage = CLI::detail::trim_copy(usage.substr(usage.find(path)));
  std::string text = fmt::format(".SS {0}\n\\fB{1}\\fR\n.PP\n{2}\n", escaped(path), escaped(usage),
                                 escaped(app.get_description()));
  for (const CLI::Option* option : app.get_options()) {
    if (option != app.get_help_ptr()) text += option_text(*option);
  }
  text += footer_text(app.get_footer());
  for (const CLI::App* each : listed_commands(app)) {
    text += command_text(*each, path + " " + each->get_name());
  }
  return text;
}

std::string man_page(const CLI::App& app) {
  const std::string& name = app.get_name();
  std::string text = fmt::format(
      ".TH {0} 1 \"\" \"{0} {1}\" \"User Commands\"\n.SH NAME\n{0} \\- {2}\n.SH SYNOPSIS\n"
      "\\fB{0}\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR ...\n.SH OPTIONS\n",
      name, build_info().version, escaped(app.get_description()));
  for (const CLI::Option* option : app.get_options()) text += option_text(*option);
  text += footer_text(app.get_footer()) + ".SH COMMANDS\n";
  for (const CLI::App* each : listed_commands(app)) {
    text += command_text(*each, name + " " + each->get_name());
  }
  return text;
}

}  // namespace

void add_man_page(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("man-page", "Prints the manual page, out of all --help");
  command->group("");
  command->callback([&app, &action] {
    action = [&app] {
      fmt::print("{}", man_page(app));
      return 0;
    };
  });
}

}  // namespace convtune::cli
