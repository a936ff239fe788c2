#include "tuner/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "kernels/error.hpp"
#include "kernels/tolerance.hpp"
#include "runtime/cost_model.hpp"
#include "tuner/decision.hpp"

namespace convtune {
namespace {

constexpr double most_runs_a_stretch = 1000;
/// Of x and y, between requests: more, the next problem may need.
constexpr std::size_t most_bytes_kept = std::size_t{64} << 20;

/// A candidate on its way through one request.
struct Entrant {
  Measurement measurement;
  std::unique_ptr<Executable> executable;
  bool uses_winograd = false;
  double least_seconds = 0;  ///< that a run can take here
  double run_seconds = 0;    ///< the least that one took yet, which sets how many make a stretch
  double spent_seconds = 0;  ///< on the sample under way
  bool gave_up = false;
};

bool is_prepared(const Entrant& entrant) { return entrant.executable != nullptr; }

bool is_in_the_race(const Entrant& entrant) { return is_prepared(entrant) && !entrant.gave_up; }

void drop(Entrant& entrant, Outcome outcome, std::string reason) {
  entrant.measurement.outcome = outcome;
  entrant.measurement.reason = std::move(reason);
  entrant.measurement.samples.clear();
  entrant.executable.reset();
}

/// Runs `action` and turns what is wrong with this one candidate into its outcome.
template <typename F>
void attempt(Entrant& entrant, F&& action) {
  try {
    action();
  } catch (const Error& error) {
    if (error.status() == Status::unavailable) throw;
    const bool memory = error.status() == Status::no_memory;
    drop(entrant, memory ? Outcome::skipped : Outcome::failed, error.what());
  } catch (const std::bad_alloc&) {
    drop(entrant, Outcome::skipped, "not enough host memory");
  }
}

void check(Entrant& entrant, Device& device, const WorkloadInput& input, const void* x,
           GuardedOutput& y, ThreadPool& threads) {
  y.fill_with_poison();
  entrant.executable->run(x, y.data(), nullptr);
  device.synchronize();
  if (!y.fetch()) {
    drop(entrant, Outcome::wrong, "wrote outside its output");
    return;
  }
  Measurement& measurement = entrant.measurement;
  const std::int64_t unwritten = y.first_unwritten();
  if (unwritten >= 0) {
    drop(entrant, Outcome::wrong, fmt::format("never wrote output element {}", unwritten));
    return;
  }
  Problem held_to = measurement.key.problem;
  if (!entrant.uses_winograd && held_to.math == Math::winograd) held_to.math = Math::ieee;
  const CheckResult result =
      compare(held_to, y.host_data(), input.indices,
              entrant.uses_winograd ? input.expected_by_winograd : input.expected, threads);
  measurement.checked_outputs += result.checked;
  measurement.worst_error_ratio = std::max(measurement.worst_error_ratio, result.worst_ratio);
  if (result.wrong > 0) {
    drop(entrant, Outcome::wrong,
         fmt::format("{} of {} checked outputs beyond tolerance, the worst at element {}",
                     result.wrong, result.checked, result.worst_index));
  }
}

/// Learns how long a run takes. What a single one takes may be mostly overhead.
void try_out(Entrant& entrant, Timer& timer) {
  constexpr double short_seconds = 100e-6;
  constexpr int some_runs = 20;
  entrant.run_seconds = timer.seconds(*entrant.executable, 1, Cache::cold);
  if (entrant.run_seconds < short_seconds) {
    entrant.run_seconds = timer.seconds(*entrant.executable, some_runs, Cache::cold);
  }
}

/// A stretch of the sample under way, the first or another one; the fastest counts. Where a run was
/// disturbed when it was tried out, stretches are too short at first: they follow the fastest.
void take_stretch(Entrant& entrant, Timer& timer, const Sampling& sampling, bool first) {
  if (first) entrant.spent_seconds = 0;
  if (entrant.spent_seconds > long_sample_seconds) return;
  const auto runs = static_cast<int>(std::clamp(
      sampling.stretch_seconds / std::max(entrant.run_seconds, 1e-9), 1.0, most_runs_a_stretch));
  const double seconds = timer.seconds(*entrant.executable, runs, Cache::cold);
  entrant.run_seconds = std::min(entrant.run_seconds, seconds);
  entrant.spent_seconds += seconds * runs;
  std::vector<double>& samples = entrant.measurement.samples;
  if (first) samples.push_back(seconds);
  samples.back() = std::min(samples.back(), seconds);
}

/// One bad sample may be bad luck.
void give_up_if_hopeless(Entrant& entrant, double limit) {
  const std::vector<double>& samples = entrant.measurement.samples;
  entrant.gave_up = limit > 0 && samples.size() == 2 && std::ranges::min(samples) > limit;
}

/// Whether the sample under way may have another stretch.
bool has_time(const Entrant& entrant) {
  return is_in_the_race(entrant) && entrant.spent_seconds <= long_sample_seconds;
}

bool is_impossible(const Entrant& entrant) {
  const std::vector<double>& samples = entrant.measurement.samples;
  return is_prepared(entrant) && !samples.empty() && median(samples) < entrant.least_seconds;
}

void forget_samples(Entrant& entrant) {
  entrant.measurement.samples.clear();
  entrant.gave_up = false;
}

void drop_as_impossible(Entrant& entrant) {
  const Measurement& measurement = entrant.measurement;
  drop(entrant, Outcome::skipped,
       fmt::format("measured twice at {:.3g} s a run, but {:.3g} operations and {:.3g} bytes take "
                   "this device {:.3g} s at least",
                   median(measurement.samples), measurement.flops, measurement.bytes,
                   entrant.least_seconds));
}

Measurement unmeasured(const Device& device, const Problem& problem, const std::string& config) {
  return {.key = {.problem = problem, .device = identity(device.properties()), .config = config}};
}

std::vector<Entrant> prepare_all(Device& device, const TrialRequest& request,
                                 const Workload& workload) {
  std::vector<Entrant> entrants(request.configs.size());
  for (std::size_t i = 0; i < entrants.size(); ++i) {
    Entrant& entrant = entrants[i];
    Measurement& measurement = entrant.measurement;
    measurement = unmeasured(device, request.problem, request.configs[i]);
    measurement.outcome = Outcome::ok;
    attempt(entrant, [&] {
      const Candidate candidate =
          resolve(request.configs[i], request.problem, device.properties(), all_families());
      Cost cost = candidate.family->cost(request.problem, candidate.config, device.properties());
      measurement.key.source_digest =
          source_digest(*candidate.family, request.problem, candidate.config, device.properties());
      entrant.uses_winograd = candidate.family->uses_winograd;
      measurement.origin = candidate.family->origin;
      measurement.bytes = cost.bytes;
      measurement.flops = cost.flops;
      if (measurement.origin == Origin::vendor) cost.flops = 0;  // perhaps by Winograd, or an FFT
      entrant.least_seconds = least_seconds(cost, device.properties());
      entrant.executable =
          device.prepare(request.problem, candidate, workload.weight.data(), workload.bias_data());
      measurement.implementation = entrant.executable->implementation();
    });
  }
  return entrants;
}

}  // namespace

double sample_seconds(double run_seconds, DeviceKind kind) {
  const Sampling sampling = sampling_of(kind);
  const double stretch = std::max(run_seconds, sampling.stretch_seconds);
  const bool is_led = kind == DeviceKind::cpu && run_seconds <= short_run_seconds;
  return (stretch + (is_led ? run_seconds : 0)) *
         std::clamp<double>(std::ceil(long_sample_seconds / stretch), 1, sampling.stretches);
}

TrialRunner::TrialRunner(std::shared_ptr<Device> device, TimerMaker make_timer,
                         const PulseMaker& make_pulse)
    : device_(std::move(device)),
      make_timer_(std::move(make_timer)),
      threads_(default_threads()),
      clock_(clock_of(*device_)),
      pulse_(make_pulse(*device_)) {}

const Workload& TrialRunner::workload_for(const Problem& problem, std::uint64_t seed) {
  if (workload_ == nullptr || workload_->problem != problem || workload_->seed != seed) {
    y_.reset();  // never two at once of any: they are large
    x_.reset();
    workload_.reset();
    workload_ = std::make_unique<Workload>(make_workload(problem, seed));
  }
  return *workload_;
}

std::vector<Measurement> TrialRunner::run(const TrialRequest& request) {
  slowdowns_.clear();
  std::string reason = "not enough host memory";
  try {
    return run_all(request);
  } catch (const Error& error) {
    if (error.status() != Status::no_memory) throw;
    reason = error.what();
  } catch (const std::bad_alloc&) {
    workload_.reset();
  }
  y_.reset();  // the next problem may have use for the memory
  x_.reset();
  std::vector<Measurement> skipped;
  for (const std::string& config : request.configs) {
    skipped.push_back(unmeasured(*device_, request.problem, config));
    skipped.back().outcome = Outcome::skipped;
    skipped.back().reason = reason;
  }
  return skipped;
}

std::vector<Measurement> TrialRunner::run_all(const TrialRequest& request) {
  const Workload& workload = workload_for(request.problem, request.seed);
  std::vector<Entrant> entrants = prepare_all(*device_, request, workload);

  if (y_ == nullptr) {
    x_ = device_->allocate(workload.inputs[0].x.size());
    y_ = std::make_unique<GuardedOutput>(*device_, request.problem, threads_);
  }
  const auto check_all = [&](const WorkloadInput& input) {
    if (std::ranges::none_of(entrants, is_prepared)) return;  // perhaps no copy is possible either
    device_->copy_in(x_.get(), input.x.data(), input.x.size());
    for (Entrant& entrant : entrants) {
      if (!is_prepared(entrant)) continue;
      attempt(entrant, [&] { check(entrant, *device_, input, x_.get(), *y_, threads_); });
    }
  };

  check_all(workload.inputs[0]);
  std::unique_ptr<Timer> timer;
  // After a fault of all there is nothing that may still be done on the device.
  if (request.rounds > 0 && std::ranges::any_of(entrants, is_in_the_race)) {
    timer = make_timer_(*device_);
    timer->load(workload.inputs[0].x, y_->bytes());
  }
  const Sampling sampling = sampling_of(device_->properties().kind);
  const auto for_all_in_the_race = [&](int first, auto&& action) {
    for (std::size_t turn = 0; turn < entrants.size(); ++turn) {
      Entrant& entrant = entrants[(static_cast<std::size_t>(first) + turn) % entrants.size()];
      if (is_in_the_race(entrant)) attempt(entrant, [&] { action(entrant); });
    }
  };
  const auto take_samples = [&] {
    if (timer == nullptr) return;
    for_all_in_the_race(0, [&](Entrant& entrant) { try_out(entrant, *timer); });
    slowdowns_.clear();
    for (int round = 0; round < request.rounds; ++round) {
      slowdowns_.push_back(std::numeric_limits<double>::infinity());
      for (int stretch = 0; stretch < sampling.stretches; ++stretch) {
        if (stretch > 0 && std::ranges::none_of(entrants, has_time)) break;
        slowdowns_.back() = std::min(slowdowns_.back(), pulse_());
        // Each pass begins with another one: what a place in it is worth falls to all alike.
        for_all_in_the_race(round + stretch, [&](Entrant& entrant) {
          take_stretch(entrant, *timer, sampling, stretch == 0);
        });
      }
      for_all_in_the_race(0, [&](Entrant& entrant) {
        // Once, for that takes time too: many CPUs have as many files.
        if (round == 0) entrant.measurement.clock_mhz = clock_();
        give_up_if_hopeless(entrant, request.give_up_seconds);
      });
    }
  };
  take_samples();
  if (std::ranges::any_of(entrants, is_impossible)) {
    // All of them once more: samples are compared with those that were taken beside them.
    std::ranges::for_each(entrants, forget_samples);
    take_samples();
    for (Entrant& entrant : entrants) {
      if (is_impossible(entrant)) drop_as_impossible(entrant);
    }
  }
  check_all(workload.inputs[1]);

  if (workload.inputs[0].x.size() + y_->bytes() > most_bytes_kept) {
    y_.reset();
    x_.reset();
  }

  std::vector<Measurement> measurements;
  for (Entrant& entrant : entrants) measurements.push_back(std::move(entrant.measurement));
  return measurements;
}

}  // namespace convtune
