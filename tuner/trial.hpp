#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cpu/thread_pool.hpp"
#include "results/record.hpp"
#include "runtime/device.hpp"
#include "tuner/clock.hpp"
#include "tuner/guarded_output.hpp"
#include "tuner/pulse.hpp"
#include "tuner/timer.hpp"
#include "tuner/workload.hpp"

namespace convtune {

/// How a sample is taken: the fastest of some stretches of consecutive runs, each taken in turns
/// with those of the other candidates, since whatever else goes on adds to a time and never takes
/// from it.
struct Sampling {
  int stretches;           ///< but none is added once long_sample_seconds are spent
  double stretch_seconds;  ///< least length of one: the clock's grain stays below a thousandth
};

/// A CPU is taken from a process for milliseconds at a time, and seldom within less than one.
constexpr Sampling sampling_of(DeviceKind kind) {
  return kind == DeviceKind::cpu ? Sampling{.stretches = 5, .stretch_seconds = 50e-6}
                                 : Sampling{.stretches = 1, .stretch_seconds = 1e-3};
}
inline constexpr double long_sample_seconds = 5e-3;

/// How long a sample takes where a run takes `run_seconds` and nothing else goes on.
double sample_seconds(double run_seconds, DeviceKind kind);

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
  using TimerMaker = std::function<std::unique_ptr<Timer>(Device&)>;
  using PulseMaker = std::function<Pulse(const Device&)>;
  explicit TrialRunner(std::shared_ptr<Device> device, TimerMaker make_timer = convtune::make_timer,
                       const PulseMaker& make_pulse = pulse_of);

  /// One measurement for each config, in order. Throws Error{unavailable} if the device is lost;
  /// whatever is wrong with one candidate is its own outcome. Where the memory does not suffice
  /// even for the arrays, all are skipped.
  std::vector<Measurement> run(const TrialRequest& request);

  /// Of each round of the last request: how much slower than at best the machine was, by the least
  /// of the pulses (pulse.hpp) beside its samples.
  const std::vector<double>& slowdowns() const { return slowdowns_; }

 private:
  std::vector<Measurement> run_all(const TrialRequest& request);
  const Workload& workload_for(const Problem& problem, std::uint64_t seed);

  std::shared_ptr<Device> device_;
  TimerMaker make_timer_;
  ThreadPool threads_;  ///< of the host
  ClockReader clock_;
  Pulse pulse_;
  std::vector<double> slowdowns_;
  // Of the last request: the oracle is slow, and so is memory that was never written.
  std::unique_ptr<Workload> workload_;
  std::shared_ptr<void> x_;
  std::unique_ptr<GuardedOutput> y_;
};

}  // namespace convtune
