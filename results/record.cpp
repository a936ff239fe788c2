#include "results/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string_view>

#include "kernels/config.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

void require(bool kept, std::string_view field, std::string_view found, std::string_view rule) {
  if (!kept) {
    throw Error(Status::invalid, fmt::format("{} is '{}'; it must be {}", field, found, rule));
  }
}

void require_text(std::string_view field, const std::string& text) {
  require(!text.empty(), field, text, "given");
}

void require_size(std::string_view field, double value) {
  require(std::isfinite(value) && value >= 0, field, fmt::format("{}", value),
          "a finite number, 0 or more");
}

void require_seconds(std::string_view field, double value) {
  require(std::isfinite(value) && value > 0, field, fmt::format("{}", value),
          "a finite time above 0");
}

void require_time(std::string_view field, std::string_view text) {
  constexpr std::string_view pattern = "0000-00-00T00:00:00Z";
  const auto fits = [](char c, char p) {
    return p == '0' ? std::isdigit(static_cast<unsigned char>(c)) != 0 : c == p;
  };
  require(std::ranges::equal(text, pattern, fits), field, text,
          "a UTC time such as 2026-01-31T23:59:59Z");
}

/// A config that may be left out has no time either.
void require_optional_config(std::string_view field, const std::string& config, double seconds) {
  if (config.empty()) {
    require(seconds == 0, field, config, "given where it has a time");
  } else {
    parse_config(config);
    require_size(field, seconds);
  }
}

}  // namespace

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "ok";
    case Outcome::wrong:
      return "wrong";
    case Outcome::failed:
      return "failed";
    case Outcome::timed_out:
      return "timed_out";
    case Outcome::crashed:
      return "crashed";
    case Outcome::skipped:
      return "skipped";
  }
  return "unknown";
}

void validate(const Measurement& measurement) {
  const Measurement& m = measurement;
  validate(m.key.problem);
  require_text("device", m.key.device);
  parse_config(m.key.config);
  require_text("source_digest", m.key.source_digest);
  require((m.outcome == Outcome::ok) != m.samples.empty(), "outcome", name(m.outcome),
          "ok with samples, or another without");
  for (const double sample : m.samples) require_seconds("samples", sample);
  require(m.worst_error_ratio >= 0 || std::isnan(m.worst_error_ratio), "worst_error_ratio",
          fmt::format("{}", m.worst_error_ratio), "0 or more");
  require_size("checked_outputs", static_cast<double>(m.checked_outputs));
  require_size("bytes", m.bytes);
  require_size("flops", m.flops);
  require_size("clock_mhz", m.clock_mhz);
  require_size("turn", static_cast<double>(m.turn));
  require_time("measured_at", m.measured_at);
}

void validate(const Verdict& verdict) {
  const Verdict& v = verdict;
  validate(v.problem);
  require_text("device", v.device);
  parse_config(v.winner);
  require_text("source_digest", v.source_digest);
  for (const std::string& config : v.tied) parse_config(config);
  require_seconds("seconds", v.seconds);
  require_size("noise", v.noise);
  require(v.confidence >= 0 && v.confidence <= 1, "confidence", fmt::format("{}", v.confidence),
          "from 0 to 1");
  require_optional_config("default_config", v.default_config, v.default_seconds);
  require_optional_config("best_generated", v.best_generated, v.best_generated_seconds);
  require_optional_config("best_vendor", v.best_vendor, v.best_vendor_seconds);
  require_size("default_noise", v.default_noise);
  require_size("best_generated_noise", v.best_generated_noise);
  require_size("best_vendor_noise", v.best_vendor_noise);
  require_size("candidates", static_cast<double>(v.candidates));
  require_size("measured", static_cast<double>(v.measured));
  require_time("decided_at", v.decided_at);
}

void validate(const Run& run) {
  require_text("id", run.id);
  require_text("device", run.device);
  require_time("started_at", run.started_at);
}

void validate(const Label& label) { validate(label.problem); }

}  // namespace convtune
