#pragma once

#include <span>
#include <string>

#include "results/record.hpp"

namespace convtune {

/// How many times as fast the best generated kernel is as another of the same finals.
struct SpeedUp {
  double ratio = 0;       ///< of the medians; 0 if one of the two is missing
  bool reliable = false;  ///< the samples of neither spread by more than most_noise
};

/// Relative spread (MAD · 1.4826 / median) above which a time says more of what else the machine
/// did than of the kernel: its ratios are marked and kept out of means.
inline constexpr double most_noise = 0.2;

SpeedUp over_default(const Verdict& verdict);
SpeedUp over_vendor(const Verdict& verdict);

/// "1.83x", with a question mark if it is not reliable; "-" without a ratio.
std::string to_text(const SpeedUp& speed_up);

/// The geometric mean of the reliable ones: "1.83x over 21 layers (2 unreliable left out)".
std::string mean_text(std::span<const SpeedUp> speed_ups);

}  // namespace convtune
