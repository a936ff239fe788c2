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

/// Tells people at a terminal how a sweep goes: a line a layer, which renews itself until the layer
/// ends, however many rows of a narrow terminal it takes. Nothing of it is said elsewhere: it is no
/// result.
class Progress {
 public:
  explicit Progress(bool is_shown, std::FILE* out = stderr) : is_shown_(is_shown), out_(out) {}

  /// `budget_seconds` as in SweepOptions.
  void sweep_started(double budget_seconds);
  /// Layers that will be tuned now, or gone over again.
  void round_started(std::vector<LayerWork> layers, bool is_last);
  void layer_started(const Layer& layer);
  void candidate_ended(const SearchState& search);
  void layer_ended(const LayerResult& result);

 private:
  double elapsed_seconds() const;
  std::string time_left() const;
  void renew_line(const std::string& text, bool ends = false);

  bool is_shown_;
  std::FILE* out_;
  std::chrono::steady_clock::time_point start_;
  Eta eta_;
  std::size_t layers_ = 0;
  std::size_t ended_ = 0;
  std::size_t measured_ = 0;
  std::string layer_name_;
  std::size_t shown_ = 0;  ///< characters of the line that is to be renewed
};

/// "12.3 µs", "4.56 ms", "1.20 s": three digits.
std::string format_seconds(double seconds);

/// "2:48": minutes and seconds.
std::string format_minutes(double seconds);

}  // namespace convtune
