#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/device.hpp"
#include "runtime/include/convtune/plan_info.hpp"

namespace convtune {

/// A winner as a plan source knows it.
struct TunedPlan {
  Problem problem;             ///< what was tuned
  std::string config;          ///< text of the winner's Config
  std::string digest;          ///< of the source that was measured
  double seconds = 0;          ///< median of the winner
  double default_seconds = 0;  ///< median of the untuned default in the same finals, or 0
};

/// Where tuned plans come from: the database, a bundle, a test. A source that cannot be read says
/// so once and has no plans.
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
  std::string why;                      ///< one or two sentences for people
  double expected_seconds = 0;          ///< 0 where unknown
  std::optional<double> expected_loss;  ///< see PlanInfo
};

/// How far two problems are apart for the choice of a plan: 0 only if equal in all that matters, a
/// sum of |log2| ratios of sizes plus a penalty where stride, dilation or groups differ. Infinite
/// if dtype, math or layout differ.
double distance(const Problem& a, const Problem& b);

/// A plan tuned for a problem farther away than this is not borrowed: about four halvings or
/// doublings of a channel count or the taps.
inline constexpr double max_plan_distance = 4;

/// The plan for `problem` on `device`: exact if `tuned` has it, its config still resolves and its
/// code has not changed; else the nearest one whose config resolves and is not expected to be
/// slower here than the default; else heuristic_plan(). Expected of either is its time in the
/// finals of the tuned problem times the cost model's ratio of the two problems. `tuned` may be
/// null. Throws Error{unavailable} if no family of the device serves the problem.
Plan choose_plan(const Problem& problem, const DeviceProperties& device, const PlanSource* tuned,
                 std::span<const Family* const> families = all_families());

/// The family whose default config the cost model expects to be fastest; of those that it cannot
/// tell apart, the first in the list, where special ones come before general ones. A vendor's
/// family is taken only where no generated one serves: what a vendor executes is not known to the
/// model.
Plan heuristic_plan(const Problem& problem, const DeviceProperties& device,
                    std::span<const Family* const> families = all_families());

/// Default configs of the families that serve the problem, in heuristic_plan's order.
std::vector<Candidate> ranked_defaults(const Problem& problem, const DeviceProperties& device,
                                       std::span<const Family* const> families);

/// The user's database where this build has SQLite; null otherwise or where there is none yet.
std::shared_ptr<const PlanSource> default_plan_source();

}  // namespace convtune
