#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/device_properties.hpp"
#include "kernels/family.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// How the measurement of a candidate ended. All but the first and the last quarantine it: with
/// this code, on this device, nothing runs it for this problem any more, but `convtune check`.
enum class Outcome {
  ok,         ///< right before and after timing; samples are valid
  wrong,      ///< differs from the reference
  failed,     ///< could not be built or run
  timed_out,  ///< took two workers down, the second by exceeding its limit
  crashed,    ///< took two workers down
  skipped,    ///< no measurement could be made, e.g. for want of memory; `reason` says why
};
std::string_view name(Outcome outcome);

/// What a database row is about: a measurement is unique by this.
struct Key {
  Problem problem;
  std::string device;         ///< identity() of the device's properties
  std::string config;         ///< text of the Config
  std::string source_digest;  ///< of the code that ran
  auto operator<=>(const Key&) const = default;
};

/// One candidate measured on one problem and device.
struct Measurement {
  Key key;
  Origin origin = Origin::generated;
  /// What a vendor's library chose to run; empty for generated kernels and where it does not say.
  std::string implementation;
  Outcome outcome = Outcome::skipped;
  std::string reason;           ///< empty for ok
  std::vector<double> samples;  ///< seconds a run, in the order taken; empty unless ok
  /// max |y − ref| / tolerance over all checks; infinite where an output was not finite
  double worst_error_ratio = 0;
  std::int64_t checked_outputs = 0;
  double bytes = 0;  ///< Cost of one run
  double flops = 0;
  double clock_mhz = 0;     ///< the device's, right after the first sample; 0 if it cannot be read
  std::int64_t turn = 0;    ///< 1 for what the search of its problem measured first; 0: no search
  std::string measured_at;  ///< UTC, ISO 8601, seconds; of a finalist, when the finals ended
  std::string run;          ///< which sweep: Run::id
};

/// The decision for a problem on a device, from interleaved repeats of its finalists.
struct Verdict {
  Problem problem;
  std::string device;
  std::string winner;         ///< text of a Config
  std::string source_digest;  ///< the winner's
  Origin origin = Origin::generated;
  std::vector<std::string> tied;  ///< configs proven as fast within 1.5 %, the winner left out
  double seconds = 0;             ///< the winner's median in the finals
  double noise = 0;  ///< relative spread of the winner's samples (MAD · 1.4826 / median)
  /// Of the weakest single comparison that separated the fastest from a loser; 0 if none did. Below
  /// 0.99 that loser was not proven slower.
  double confidence = 0;
  std::string default_config;  ///< what would have run untuned
  double default_seconds = 0;  ///< its median in the same finals, 0 if it was not in them
  double default_noise = 0;    ///< and its spread
  std::string best_generated;  ///< fastest generated config, its median, its spread; or empty, 0, 0
  double best_generated_seconds = 0;
  double best_generated_noise = 0;
  std::string best_vendor;  ///< fastest vendor config, its median, its spread; or empty, 0, 0
  double best_vendor_seconds = 0;
  double best_vendor_noise = 0;
  std::string space;            ///< digest of all candidates' configs and sources
  std::int64_t candidates = 0;  ///< in the space
  std::int64_t measured = 0;    ///< of them, before the finals
  bool complete = false;        ///< the search came to its end; false if a budget cut it
  std::string decided_at;       ///< UTC, ISO 8601, seconds
  std::string run;
};

/// A sweep: where and with what it was made.
struct Run {
  std::string id;      ///< unique
  std::string device;  ///< identity
  std::string tool_version;
  std::string tool_commit;  ///< of its sources
  std::string command, host_os, compiler;
  std::string build_flags;  ///< of the compiler
  std::string libraries;    ///< with their versions
  std::string driver, nvrtc, started_at;
  std::uint64_t seed = 0;
};

/// A layer's free-text labels, kept for reports: they never change results.
struct Label {
  Problem problem;
  std::string model, layer, shape_class, list;
};

/// Throws Error{invalid}, one sentence with the field, its value and the rule, unless: the problem
/// is valid; every config parses, and is there where one must be; there are samples if and only if
/// the outcome is ok, all finite and above 0; no other number is negative or, but for
/// worst_error_ratio, infinite; confidence is at most 1; times are written as 2026-01-31T23:59:59Z;
/// and no id, identity or digest is empty.
void validate(const Measurement& measurement);
void validate(const Verdict& verdict);
void validate(const Run& run);
void validate(const Label& label);

}  // namespace convtune
