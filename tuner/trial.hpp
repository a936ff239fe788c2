#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "results/record.hpp"
#include "runtime/device.hpp"
#include "tuner/clock.hpp"
#include "tuner/workload.hpp"

namespace convtune {

/// One sample lasts at least this long, so that the clock's own grain stays below a thousandth.
inline constexpr double least_sample_seconds = 1e-3;

/// Candidates of one problem, to be checked and timed side by side.
struct TrialRequest {
  Problem problem;
  std::vector<std::string> configs;  ///< texts of Configs
  std::uint64_t seed = 0;            ///< of the random inputs
  int rounds = 0;                    ///< samples of each candidate, taken in turns; 0: check only
  double give_up_seconds =
      0;  ///< a candidate whose first two samples are slower stops there; 0: none
};

/// Measures candidates on a device, in this process. Each is checked against the oracle before and
/// after it is timed, the second time on another input, with the output poisoned by NaNs and guard
/// bands around it. Samples are those of a cold cache (timer.hpp); where their median is below
/// least_seconds() of what the candidate executes and moves, all are taken again, and what is still
/// that fast is skipped.
class TrialRunner {
 public:
  explicit TrialRunner(std::shared_ptr<Device> device);

  /// One measurement for each config, in order. Throws Error{unavailable} if the device is lost;
  /// whatever is wrong with one candidate is its own outcome. Where the memory does not suffice
  /// even for the arrays, all are skipped.
  std::vector<Measurement> run(const TrialRequest& request);

 private:
  std::vector<Measurement> run_all(const TrialRequest& request);
  const Workload& workload_for(const Problem& problem, std::uint64_t seed);

  std::shared_ptr<Device> device_;
  ClockReader clock_;
  std::unique_ptr<Workload> workload_;  ///< of the last request: the oracle is slow
};

}  // namespace convtune
