#pragma once

#include <functional>
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
  std::string driver;          ///< DeviceProperties::driver when it was measured; empty if unknown
  std::string compiler;        ///< likewise
  std::string
      best_generated;       ///< text of the fastest generated Config in the same finals, or empty
  std::string best_vendor;  ///< likewise of a vendor's
};

/// What of the driver and the compiler is no longer as it was when the plan was measured, "driver
/// 12.4, now 13.0"; empty if nothing is.
std::string changed_since(const TunedPlan& plan, const DeviceProperties& device);

/// A candidate that must not run a problem: on this device it crashed, hung, failed or was wrong.
struct Quarantined {
  std::string config;  ///< text of the Config
  std::string digest;  ///< of the source that did it; other code is not concerned
  std::string reason;
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
  /// What must not run exactly this problem on this device; nothing for a source of plans alone.
  virtual std::vector<Quarantined> quarantine(const Problem& /*problem*/,
                                              const DeviceProperties& /*device*/) const {
    return {};
  }
};

/// What would run, and why.
struct Plan {
  Problem problem;
  Candidate candidate;
  Match match = Match::heuristic;
  std::string why;                      ///< one or two sentences for people
  double expected_seconds = 0;          ///< 0 where unknown
  std::optional<double> expected_loss;  ///< see PlanInfo
  std::vector<Quarantined> quarantine;  ///< what must not take its place
};

/// How far two problems are apart for the choice of a plan: 0 only if equal in all that matters, a
/// sum of |log2| ratios of sizes plus a penalty where stride, dilation or groups differ. Infinite
/// if dtype, math or layout differ.
double distance(const Problem& a, const Problem& b);

/// A plan tuned for a problem farther away than this is not borrowed: about four halvings or
/// doublings of a channel count or the taps.
inline constexpr double max_plan_distance = 4;

/// How much more of its time the candidate is expected to waste on `problem` than on `tuned`, as a
/// fraction of at least 0: see PlanInfo::expected_loss.
double expected_loss(const Problem& problem, const Problem& tuned, const Candidate& candidate,
                     const DeviceProperties& device);

/// The plan for `problem` on `device`: exact if `tuned` has it, its config still resolves and
/// neither its code nor what it was compiled and measured with has changed; else the nearest one
/// whose config resolves and is not expected to be slower here than the default; else
/// heuristic_plan(). Expected of either is its time in the finals of the tuned problem times the
/// cost model's ratio of the two problems. Quarantined candidates are passed over. `tuned` may be
/// null. Throws Error{unavailable} if no family of the device serves the problem.
Plan choose_plan(const Problem& problem, const DeviceProperties& device, const PlanSource* tuned,
                 std::span<const Family* const> families = all_families());

/// The family whose default config the cost model expects to be fastest; of those that it cannot
/// tell apart, the first in the list, where special ones come before general ones. A vendor's
/// family is taken only where no generated one serves: what a vendor executes is not known to the
/// model.
Plan heuristic_plan(const Problem& problem, const DeviceProperties& device,
                    std::span<const Family* const> families = all_families(),
                    std::vector<Quarantined> quarantine = {});

/// Default configs of the families that serve the problem, in heuristic_plan's order. For a
/// quarantined default stands the cheapest config of its family that is not.
std::vector<Candidate> ranked_defaults(const Problem& problem, const DeviceProperties& device,
                                       std::span<const Family* const> families,
                                       std::span<const Quarantined> quarantine);

/// The config of the family that the cost model expects to be fastest of those that are not
/// quarantined and of which `fits` says true.
std::optional<Candidate> cheapest(const Family& family, const Problem& problem,
                                  const DeviceProperties& device,
                                  std::span<const Quarantined> quarantine,
                                  const std::function<bool(const Candidate&)>& fits);

/// The user's database where this build has SQLite; null otherwise or where there is none yet.
std::shared_ptr<const PlanSource> default_plan_source();

}  // namespace convtune
