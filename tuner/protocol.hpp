#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "results/record.hpp"
#include "tuner/trial.hpp"

namespace convtune {

/// What tuner and worker say to each other: one line of JSON a message. A request is answered by
/// one reply, which carries the measurements, or the reason why there are none.
struct TrialReply {
  std::vector<Measurement> measurements;
  std::vector<double> slowdowns = {};  ///< of the rounds, see TrialRunner::slowdowns
  std::string device_lost = {};        ///< empty, or what to tell the user
  std::string fault =
      {};  ///< empty, or what spoilt the device for this worker's process, which ends
};

std::string to_line(const TrialRequest& request);
std::string to_line(const TrialReply& reply);

/// Throw Error{invalid} for a line that the functions above cannot have written.
TrialRequest parse_request(std::string_view line);
TrialReply parse_reply(std::string_view line);

}  // namespace convtune
