#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

namespace convtune {

/// What tuning a layer is estimated to take, in seconds. All may be wrong by one factor; what
/// counts is the proportion between layers.
struct LayerWork {
  double start = 0;       ///< before the first candidate: the oracle
  double candidates = 0;  ///< that the search measures
  double measured = 0;    ///< of them, before
  double candidate = 0;   ///< each of them
  double finals = 0;
};

/// Tells how long a sweep will go on from how long it took so far, in seconds since it began.
/// Learned are two paces (seconds taken over those estimated), of screening and of finals, and the
/// length of searches (candidates measured over those expected). The budget's shares are those of
/// Sweep.
class Eta {
 public:
  static constexpr double no_budget = std::numeric_limits<double>::infinity();
  explicit Eta(double budget_seconds = no_budget) : budget_(budget_seconds) {}

  /// A round over these layers begins; unless it is the last one, those that the budget cuts short
  /// will be gone over again.
  void round_started(std::vector<LayerWork> layers, bool is_last);
  void layer_started(double now);
  void candidate_ended(double now);

  enum class End {
    searched,   ///< to the end
    cut_short,  ///< by the budget
    at_once,    ///< there was nothing to do
  };
  void layer_ended(double now, End end);

  /// Nothing during the first tenth of the sweep.
  std::optional<double> seconds_left(double now) const;

 private:
  struct Ratio {
    double seen = 0;
    double expected = 0;
    double value_or(double other) const { return expected > 0 ? seen / expected : other; }
  };
  void learn(Ratio& pace, double now, double expected);
  double share(std::size_t layers, double now) const;

  double budget_;
  bool is_last_round_ = true;
  std::vector<LayerWork> to_do_;  ///< of this round, in reverse: the current layer is the last one
  std::vector<LayerWork> cut_short_;  ///< of this round
  bool in_layer_ = false;
  double layer_began_ = 0;
  double layer_share_ = 0;
  double last_event_ = 0;  ///< up to which time was learned from
  Ratio screening_, finals_, length_;
};

}  // namespace convtune
