#include "tuner/protocol.hpp"

#include <gmock/gmock.h>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

const Problem problem = {.length = 10, .in_channels = 4, .out_channels = 6, .kernel_size = 3};

TEST(Protocol, RequestsAreReadAsTheyWereWritten) {
  const TrialRequest request{.problem = problem,
                             .configs = {"a{x=1}", "b{}"},
                             .seed = 0xFFFFFFFFFFFFFFFFU,
                             .rounds = 7,
                             .give_up_seconds = 0.1};
  const std::string line = to_line(request);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const TrialRequest read = parse_request(line);
  EXPECT_EQ(read.problem, request.problem);
  EXPECT_EQ(read.configs, request.configs);
  EXPECT_EQ(read.seed, request.seed);
  EXPECT_EQ(read.rounds, request.rounds);
  EXPECT_EQ(read.give_up_seconds, request.give_up_seconds);
}

TEST(Protocol, RepliesAreReadAsTheyWereWritten) {
  Measurement measurement{.key = {problem, "device", "a{x=1}", "digest"},
                          .outcome = Outcome::wrong,
                          .reason = "line\nbreak and \"quotes\"",
                          .samples = {},
                          .worst_error_ratio = 0.1};
  Measurement timed{.key = {problem, "device", "b{}", "digest"},
                    .origin = Origin::vendor,
                    .implementation = "jit; x 8:1",
                    .outcome = Outcome::ok,
                    .samples = {0.1, 1.0 / 3, 2e-300}};
  const std::string line =
      to_line(TrialReply{.measurements = {measurement, timed}, .slowdowns = {1, 1.25}});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const TrialReply read = parse_reply(line);
  ASSERT_EQ(read.measurements.size(), 2U);
  EXPECT_EQ(read.slowdowns, (std::vector<double>{1, 1.25}));
  EXPECT_EQ(read.measurements[0].reason, measurement.reason);
  EXPECT_EQ(read.measurements[0].outcome, Outcome::wrong);
  EXPECT_EQ(read.measurements[1].samples, timed.samples);
  EXPECT_EQ(read.measurements[1].origin, Origin::vendor);
  EXPECT_EQ(read.measurements[1].implementation, timed.implementation);
  EXPECT_EQ(parse_reply(to_line(TrialReply{.device_lost = "gone"})).device_lost, "gone");
  EXPECT_EQ(parse_reply(to_line(TrialReply{.fault = "700"})).fault, "700");
}

TEST(Protocol, OtherLinesAreRefused) {
  for (const char* line : {"", "{}", "[]", "null", R"({"measurements":1,"device_lost":""})"}) {
    refusal([&] { parse_reply(line); });
    refusal([&] { parse_request(line); });
  }
}

}  // namespace
}  // namespace convtune
