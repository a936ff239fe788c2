#include "tuner/speed_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/counted.hpp"

namespace convtune {
namespace {

SpeedUp over(const Verdict& verdict, double seconds, double noise) {
  if (seconds <= 0 || verdict.best_generated_seconds <= 0) return {};
  return {.ratio = seconds / verdict.best_generated_seconds,
          .reliable = std::max(noise, verdict.best_generated_noise) <= most_noise};
}

}  // namespace

SpeedUp over_default(const Verdict& verdict) {
  return over(verdict, verdict.default_seconds, verdict.default_noise);
}

SpeedUp over_vendor(const Verdict& verdict) {
  return over(verdict, verdict.best_vendor_seconds, verdict.best_vendor_noise);
}

std::string to_text(const SpeedUp& speed_up) {
  if (speed_up.ratio <= 0) return "-";
  return fmt::format("{:.2f}x{}", speed_up.ratio, speed_up.reliable ? "" : "?");
}

std::string mean_text(std::span<const SpeedUp> speed_ups) {
  double sum = 0;
  std::size_t count = 0;
  int left_out = 0;
  for (const SpeedUp& each : speed_ups) {
    if (each.ratio <= 0) continue;
    if (each.reliable) {
      sum += std::log(each.ratio);
      ++count;
    } else {
      ++left_out;
    }
  }
  std::string text =
      count == 0 ? "-"
                 : fmt::format("{:.2f}x over {}", std::exp(sum / static_cast<double>(count)),
                               counted(count, "layer"));
  if (left_out > 0) text += fmt::format(" ({} unreliable left out)", left_out);
  return text;
}

}  // namespace convtune
