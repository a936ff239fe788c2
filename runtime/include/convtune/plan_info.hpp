#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace convtune {

/// How well a plan fits the problem it was asked for.
enum class Match {
  exact,      ///< tuned for this problem on this device
  nearest,    ///< tuned for a problem near it, or for this one with code that has changed since
  heuristic,  ///< no tuned plan near it serves: the cost model's choice
  cpu,        ///< the device cannot serve it: the CPU does
};
std::string_view name(Match match);

/// What serves a shape that has no tuned plan.
enum class Policy {
  nearest_or_heuristic,   ///< the plan of the nearest tuned shape, else the cost model's choice
  cpu,                    ///< the CPU
  compile_and_wait,       ///< the cost model's choice for this very shape, compiled before it runs
  compile_in_background,  ///< the CPU, until the same has been compiled by another thread
  error,                  ///< nothing: Error{unavailable}
};
std::string_view name(Policy policy);

/// What serves a shape, and why.
struct PlanInfo {
  std::string config;  ///< "cpu_direct{tile_l=6,tile_c=2}"
  Match match = Match::heuristic;
  std::string why;              ///< one or two sentences for people
  double expected_seconds = 0;  ///< 0 where unknown
  /// About how much slower than a plan tuned for this shape, as a fraction; empty where unknown.
  /// For a nearest plan: how much more the config wastes here than where it was tuned, waste being
  /// what it executes and moves over what it must, by the cost model. What that model does not see
  /// comes on top.
  std::optional<double> expected_loss;
};

}  // namespace convtune
