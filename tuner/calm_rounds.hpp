#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "tuner/decision.hpp"
#include "tuner/protocol.hpp"

namespace convtune {

/// Keeps what the finals of one problem decide by to calm rounds. A machine has other states, such
/// as beside a neighbour on the same core, which last from milliseconds to seconds, and in which
/// another candidate may be the fastest.
class CalmRounds {
 public:
  /// The first samples of the finalists: each one's best says what it takes undisturbed.
  explicit CalmRounds(std::span<const Measurement> screened);

  /// Leaves the calm rounds in a reply and puts the others aside. A round is disturbed if the
  /// machine was 1.25 times slower than at its best (pulse.hpp), or half of the samples are as many
  /// times the best that their candidates ever had.
  void keep(TrialReply& reply);

  bool has_others() const { return !aside_.empty(); }

  /// Adds the samples that were put aside.
  void add_others(std::span<Measurement> standing) const;

  /// Makes guesses, with no confidence, of what a decision calls tied or beaten where the best
  /// samples contradict: they differ by over 2 %, or the loser's is the better one by
  /// rule.least_difference.
  void doubt(Decision& decision, std::span<const Measurement> standing,
             const DecisionRule& rule = {}) const;

 private:
  void learn(std::span<const Measurement> measurements);
  bool is_calm(const TrialReply& reply, std::size_t round) const;

  std::map<std::string, double> bests_;               ///< by config
  std::map<std::string, std::vector<double>> aside_;  ///< by config
};

}  // namespace convtune
