#include "tuner/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "kernels/counted.hpp"
#include "tuner/sweep.hpp"

namespace convtune {
namespace {

/// Nothing where the default has no time.
std::string gain(std::string_view separator, double seconds, double default_seconds) {
  if (default_seconds == 0) return "";
  return fmt::format("{}{:.2f}x the default", separator, default_seconds / seconds);
}

std::string best_of(const SearchState& search) {
  if (search.best_seconds == 0) return "";
  return ", best " + format_seconds(search.best_seconds) +
         gain(", ", search.best_seconds, search.default_seconds);
}

std::string outcome_of(const LayerResult& result) {
  switch (result.end) {
    case LayerEnd::tuned:
    case LayerEnd::known: {
      const Verdict& verdict = *result.verdict;
      return fmt::format("{:>9}  {}{}{}", format_seconds(verdict.seconds), verdict.winner,
                         gain("  ", verdict.seconds, verdict.default_seconds),
                         result.end == LayerEnd::known ? "  (known)" : "");
    }
    case LayerEnd::no_winner:
      return "no winner: " + result.reason;
    case LayerEnd::skipped:
      return "skipped: " + result.reason;
    case LayerEnd::not_reached:
      return "not finished";
  }
  return "";
}

Eta::End end_of(const LayerResult& result) {
  switch (result.end) {
    case LayerEnd::tuned:
      return result.verdict->complete ? Eta::End::searched : Eta::End::cut_short;
    case LayerEnd::no_winner:
      return result.measured > 0 ? Eta::End::searched : Eta::End::at_once;
    case LayerEnd::not_reached:
      return Eta::End::cut_short;
    case LayerEnd::known:
    case LayerEnd::skipped:
      break;
  }
  return Eta::End::at_once;
}

/// How many characters a row of the terminal has; 0 where it does not tell.
std::size_t columns_of(std::FILE* terminal) {
  winsize size{};
  return ioctl(fileno(terminal), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/// Of UTF-8; each is taken for one column wide.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Back to where a line of so many characters begins, and clear it.
std::string back_to_begin(std::size_t shown, std::size_t columns) {
  const std::size_t rows_below = shown > 0 && columns > 0 ? (shown - 1) / columns : 0;
  return rows_below > 0 ? fmt::format("\033[{}A\r\033[J", rows_below) : "\r\033[K";
}

}  // namespace

std::string format_seconds(double seconds) {
  const auto three_digits = [](double value, const char* unit) {
    return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, unit);
  };
  if (seconds < 0.9995e-3) return three_digits(seconds * 1e6, "µs");
  if (seconds < 0.9995) return three_digits(seconds * 1e3, "ms");
  return three_digits(seconds, "s");
}

std::string format_minutes(double seconds) {
  const long whole = std::lround(seconds);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

void Progress::sweep_started(double budget_seconds) {
  start_ = std::chrono::steady_clock::now();
  eta_ = budget_seconds > 0 ? Eta(budget_seconds) : Eta();
}

void Progress::round_started(std::vector<LayerWork> layers, bool is_last) {
  layers_ += layers.size();
  eta_.round_started(std::move(layers), is_last);
}

double Progress::elapsed_seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

std::string Progress::time_left() const {
  const std::optional<double> seconds = eta_.seconds_left(elapsed_seconds());
  return seconds ? ", about " + format_minutes(*seconds) + " left" : "";
}

void Progress::layer_started(const Layer& layer) {
  eta_.layer_started(elapsed_seconds());
  layer_name_ = title(layer);
}

void Progress::candidate_ended(const SearchState& search) {
  ++measured_;
  eta_.candidate_ended(elapsed_seconds());
  if (!is_shown_) return;
  renew_line(fmt::format("[{}/{}] {}: {} of {}{}, {:.1f} a second{}", ended_ + 1, layers_,
                         layer_name_, search.measured, counted(search.candidates, "candidate"),
                         best_of(search), static_cast<double>(measured_) / elapsed_seconds(),
                         time_left()));
}

void Progress::layer_ended(const LayerResult& result) {
  eta_.layer_ended(elapsed_seconds(), end_of(result));
  ++ended_;
  if (!is_shown_) return;
  const bool goes_on = ended_ < layers_ && result.end != LayerEnd::not_reached;
  renew_line(fmt::format("[{}/{}] {}: {}{}", ended_, layers_, layer_name_, outcome_of(result),
                         goes_on ? time_left() : ""),
             true);
}

/// Progress that nobody reads any more must not end a sweep: write errors are ignored.
void Progress::renew_line(const std::string& text, bool ends) {
  const std::string line = back_to_begin(shown_, columns_of(out_)) + text + (ends ? "\n" : "");
  std::fputs(line.c_str(), out_);
  std::fflush(out_);
  shown_ = ends ? 0 : characters(text);
}

}  // namespace convtune
