#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "tuner/eta.hpp"

namespace convtune {

struct Layer;
struct LayerResult;

/// How far the search of one layer has come; the times are 0 as long as there is none.
struct SearchState {
  std::size_t measured = 0;
  std::size_t candidates = 0;
  double best_seconds = 0;
  double default_seconds = 0;  ///< of the untuned default
};

/// Tells people on stderr how a sweep goes: a line that renews itself on a terminal, a line a layer
/// elsewhere, nothing if quiet.
class Progress {
 public:
  enum class Style { quiet, lines, terminal };
  explicit Progress(Style style, std::FILE* out = stderr) : style_(style), out_(out) {}

  /// `budget_seconds` as in SweepOptions.
  void sweep_started(double budget_seconds);
  /// Layers that will be tuned now, or gone over again.
  void round_started(std::vector<LayerWork> layers, bool is_last);
  void layer_started(const Layer& layer);
  void candidate_ended(const SearchState& search);
  void layer_ended(const LayerResult& result);
  void sweep_ended();

 private:
  double elapsed_seconds() const;
  std::string time_left() const;

  Style style_;
  std::FILE* out_;
  std::chrono::steady_clock::time_point start_;
  Eta eta_;
  std::size_t layers_ = 0;
  std::size_t ended_ = 0;
  std::size_t measured_ = 0;
  std::string layer_name_;
};

/// terminal if `out` is one, else lines.
Progress::Style progress_style(std::FILE* out = stderr);

/// "12.3 µs", "4.56 ms", "1.20 s": three digits.
std::string format_seconds(double seconds);

}  // namespace convtune
