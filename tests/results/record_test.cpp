#include "results/record.hpp"

#include <gmock/gmock.h>

#include <limits>

#include "tests/refusal.hpp"
#include "tests/results/sample_records.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

constexpr double infinity = std::numeric_limits<double>::infinity();

template <typename Record, typename Change>
std::string message(Record record, Change change) {
  validate(record);  // valid before the change
  change(record);
  return refusal([&] { validate(record); });
}

TEST(Measurement, RefusalsNameTheField) {
  const auto with = [](auto change) { return message(sample_measurement(), change); };
  EXPECT_THAT(with([](Measurement& m) { m.key.problem.stride = 0; }), HasSubstr("stride is 0"));
  EXPECT_THAT(with([](Measurement& m) { m.key.device = ""; }), HasSubstr("device is ''"));
  EXPECT_THAT(with([](Measurement& m) { m.key.config = "x"; }), HasSubstr("'x' is no config"));
  EXPECT_THAT(with([](Measurement& m) { m.key.source_digest = ""; }), HasSubstr("source_digest"));
  EXPECT_THAT(with([](Measurement& m) { m.samples = {}; }), HasSubstr("outcome is 'ok'"));
  EXPECT_THAT(with([](Measurement& m) { m.outcome = Outcome::failed; }),
              HasSubstr("outcome is 'failed'"));
  for (const double bad : {0.0, -1.0, infinity, std::nan("")}) {
    EXPECT_THAT(with([&](Measurement& m) { m.samples[1] = bad; }), HasSubstr("samples is")) << bad;
  }
  EXPECT_THAT(with([](Measurement& m) { m.worst_error_ratio = -1; }), HasSubstr("worst_error"));
  EXPECT_THAT(with([](Measurement& m) { m.checked_outputs = -1; }), HasSubstr("checked_outputs"));
  EXPECT_THAT(with([](Measurement& m) { m.bytes = infinity; }), HasSubstr("bytes is 'inf'"));
  EXPECT_THAT(with([](Measurement& m) { m.flops = -2; }), HasSubstr("flops is '-2'"));
  EXPECT_THAT(with([](Measurement& m) { m.turn = -1; }), HasSubstr("turn is '-1'"));
  for (const char* bad : {"", "2026-01-31", "2026-01-31 10:00:01Z", "2026-01-31T10:00:01Z0"}) {
    EXPECT_THAT(with([&](Measurement& m) { m.measured_at = bad; }), HasSubstr("measured_at is"));
  }
}

TEST(Measurement, ErrorRatioMayBeInfinite) {
  Measurement m = sample_measurement();
  m.outcome = Outcome::wrong;
  m.samples = {};
  m.worst_error_ratio = infinity;
  EXPECT_NO_THROW(validate(m));
}

TEST(Verdict, RefusalsNameTheField) {
  const auto with = [](auto change) { return message(sample_verdict(), change); };
  EXPECT_THAT(with([](Verdict& v) { v.problem.length = 0; }), HasSubstr("length is 0"));
  EXPECT_THAT(with([](Verdict& v) { v.winner = ""; }), HasSubstr("is no config"));
  EXPECT_THAT(with([](Verdict& v) { v.tied.emplace_back("y"); }), HasSubstr("'y' is no config"));
  EXPECT_THAT(with([](Verdict& v) { v.seconds = 0; }), HasSubstr("seconds is '0'"));
  EXPECT_THAT(with([](Verdict& v) { v.noise = std::nan(""); }), HasSubstr("noise is 'nan'"));
  EXPECT_THAT(with([](Verdict& v) { v.default_noise = -1; }), HasSubstr("default_noise"));
  EXPECT_THAT(with([](Verdict& v) { v.best_generated_noise = -1; }), HasSubstr("generated_noise"));
  EXPECT_THAT(with([](Verdict& v) { v.best_vendor_noise = infinity; }), HasSubstr("vendor_noise"));
  EXPECT_THAT(with([](Verdict& v) { v.confidence = 1.5; }), HasSubstr("confidence is '1.5'"));
  EXPECT_THAT(with([](Verdict& v) { v.best_generated_seconds = 1; }), HasSubstr("best_generated"));
  EXPECT_THAT(with([](Verdict& v) { v.best_vendor_seconds = -1; }), HasSubstr("best_vendor"));
  EXPECT_THAT(with([](Verdict& v) { v.default_config = "z"; }), HasSubstr("'z' is no config"));
  EXPECT_THAT(with([](Verdict& v) { v.candidates = -1; }), HasSubstr("candidates is '-1'"));
  EXPECT_THAT(with([](Verdict& v) { v.decided_at = "now"; }), HasSubstr("decided_at is 'now'"));
}

TEST(RunAndLabel, RefusalsNameTheField) {
  EXPECT_THAT(message(sample_run(), [](convtune::Run& r) { r.id = ""; }), HasSubstr("id is ''"));
  EXPECT_THAT(message(sample_run(), [](convtune::Run& r) { r.started_at = ""; }),
              HasSubstr("started_at"));
  EXPECT_THAT(message(sample_label(), [](Label& l) { l.problem.batch = 0; }),
              HasSubstr("batch is 0"));
}

TEST(Outcome, NamesAreThoseOfTheExport) {
  EXPECT_EQ(name(Outcome::ok), "ok");
  EXPECT_EQ(name(Outcome::timed_out), "timed_out");
  EXPECT_EQ(name(Outcome::skipped), "skipped");
}

}  // namespace
}  // namespace convtune
