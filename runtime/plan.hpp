#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/device.hpp"

namespace convtune {

/// How well a plan fits the problem it was asked for.
enum class Match {
  exact,      ///< tuned for this problem on this device
  nearest,    ///< tuned for a problem near it
  heuristic,  ///< nothing near was tuned: the cost model's choice
  cpu,        ///< the device cannot serve it: the CPU does
};
std::string_view name(Match match);

/// A winner as a plan source knows it.
struct TunedPlan {
  Problem problem;             ///< what was tuned
  std::string config;          ///< text of the winner's Config
  std::string digest;          ///< of the source that was measured
  double seconds = 0;          ///< median of the winner
  double default_seconds = 0;  ///< median of the untuned default in the same finals, or 0
};

/// Where tuned plans come from: the database, a bundle, a test.
class PlanSource {
 public:
  virtual ~PlanSource() = default;
  /// The winner for exactly this problem and device.
  virtual std::optional<TunedPlan> find(const Problem& problem,
                                        const DeviceProperties& device) const = 0;
  /// Winners on this device with the same dtype, math and layout, nearest shapes first, at most
  /// `limit`.
  virtual std::vector<TunedPlan> near(const Problem& problem, const DeviceProperties& device,
                                      std::size_t limit) const = 0;
};

/// What would run, and why.
struct Plan {
  Problem problem;
  Candidate candidate;
  Match match = Match::heuristic;
  std::string why;              ///< one or two sentences for people
  double expected_seconds = 0;  ///< 0 where unknown
  double expected_loss = 0;     ///< fraction slower than a tuned plan would be; exact: 0
};

/// How far two problems are apart for the choice of a plan: 0 only if equal in all that matters, a
/// sum of |log2| ratios of sizes plus a penalty where stride, dilation or groups differ. Infinite
/// if dtype, math or layout differ.
double distance(const Problem& a, const Problem& b);

/// The plan for `problem` on `device`: exact if `tuned` has it and its config still resolves, else
/// the nearest one whose config resolves, else the cost model's choice. `tuned` may be null. Throws
/// Error{unavailable} if no family of the device serves the problem.
Plan choose_plan(const Problem& problem, const DeviceProperties& device, const PlanSource* tuned);

/// The user's database where this build has SQLite; null otherwise or where there is none yet.
std::shared_ptr<const PlanSource> default_plan_source();

}  // namespace convtune
