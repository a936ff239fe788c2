#include "tuner/protocol.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "kernels/error.hpp"
#include "kernels/problem_json.hpp"
#include "results/record_json.hpp"

namespace convtune {
namespace {

using Json = nlohmann::json;

/// Runs `parse` over the line's JSON; whatever is wrong with it is one Error{invalid}.
template <typename F>
auto parse_line(std::string_view line, F&& parse) {
  try {
    return parse(Json::parse(line));
  } catch (const Json::exception& error) {
    throw Error(Status::invalid, fmt::format("no message of a trial: {}", error.what()));
  }
}

}  // namespace

std::string to_line(const TrialRequest& request) {
  return Json{{"problem", Json::parse(to_json(request.problem))},
              {"configs", request.configs},
              {"seed", request.seed},
              {"rounds", request.rounds},
              {"give_up_seconds", request.give_up_seconds}}
      .dump();
}

TrialRequest parse_request(std::string_view line) {
  return parse_line(line, [](const Json& json) {
    return TrialRequest{.problem = problem_from_json(json.at("problem")),
                        .configs = json.at("configs").get<std::vector<std::string>>(),
                        .seed = json.at("seed").get<std::uint64_t>(),
                        .rounds = json.at("rounds").get<int>(),
                        .give_up_seconds = json.at("give_up_seconds").get<double>()};
  });
}

std::string to_line(const TrialReply& reply) {
  std::vector<std::string> lines;
  for (const Measurement& measurement : reply.measurements) lines.push_back(to_line(measurement));
  return fmt::format(R"({{"device_lost":{},"fault":{},"slowdowns":{},"measurements":[{}]}})",
                     Json(reply.device_lost).dump(), Json(reply.fault).dump(),
                     Json(reply.slowdowns).dump(), fmt::join(lines, ","));
}

TrialReply parse_reply(std::string_view line) {
  return parse_line(line, [](const Json& json) {
    TrialReply reply{.slowdowns = json.at("slowdowns").get<std::vector<double>>(),
                     .device_lost = json.at("device_lost").get<std::string>(),
                     .fault = json.at("fault").get<std::string>()};
    for (const Json& measurement : json.at("measurements")) {
      reply.measurements.push_back(from_json<Measurement>(measurement));
    }
    return reply;
  });
}

}  // namespace convtune
