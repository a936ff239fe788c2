#include "generator/candidates.hpp"

#include <gmock/gmock.h>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

/// A family of 2 × 3 configs, of which (a=2, b=30) breaks a rule, and which serves no groups.
Family toy_family() {
  return {.name = "toy",
          .device = DeviceKind::cpu,
          .origin = Origin::generated,
          .summary = "a family for tests",
          .parameters = {{"a", {1, 2}, ""}, {"b", {10, 20, 30}, ""}},
          .constraints = {{"no_groups", "num_groups must be 1",
                           [](const Problem& p, const Config&, const DeviceProperties&) {
                             return p.num_groups == 1;
                           }},
                          {"product", "a * b must be at most 50",
                           [](const Problem&, const Config& c, const DeviceProperties&) {
                             return c.at("a") * c.at("b") <= 50;
                           }}},
          .default_config = [](const Problem&,
                               const DeviceProperties&) { return parse_config("toy{a=2,b=10}"); },
          .cost = [](const Problem&, const Config&, const DeviceProperties&) { return Cost{}; },
          .source_digest = [](const Problem&, const Config&,
                              const DeviceProperties&) { return std::string("0"); }};
}

class Candidates : public testing::Test {
 protected:
  Problem problem = {.length = 10, .in_channels = 4, .out_channels = 4, .kernel_size = 3};
  DeviceProperties cpu;
  Family toy = toy_family();
  std::vector<const Family*> families = {&toy};
};

TEST_F(Candidates, AreAllConfigsThatKeepTheRulesDefaultFirst) {
  std::vector<std::string> texts;
  for (const Candidate& candidate : enumerate(problem, cpu, families).candidates) {
    texts.push_back(to_text(candidate.config));
  }
  EXPECT_THAT(texts, testing::ElementsAre("toy{a=2,b=10}", "toy{a=1,b=10}", "toy{a=1,b=20}",
                                          "toy{a=1,b=30}", "toy{a=2,b=20}"));
}

TEST_F(Candidates, ExclusionsNameTheRuleAndCount) {
  const auto product = enumerate(problem, cpu, families).exclusions;
  ASSERT_EQ(product.size(), 1U);
  EXPECT_EQ(product[0].constraint, "product");
  EXPECT_EQ(product[0].configs, 1U);

  problem.num_groups = 2;
  const CandidateSpace grouped = enumerate(problem, cpu, families);
  EXPECT_TRUE(grouped.candidates.empty());
  ASSERT_EQ(grouped.exclusions.size(), 1U);
  EXPECT_EQ(grouped.exclusions[0].constraint, "no_groups");
  EXPECT_EQ(grouped.exclusions[0].configs, 6U);
}

TEST_F(Candidates, OfAnotherKindOfDeviceAreLeftOut) {
  cpu.kind = DeviceKind::cuda;
  EXPECT_TRUE(enumerate(problem, cpu, families).candidates.empty());
}

TEST_F(Candidates, ResolveAcceptsWhatEnumerateGives) {
  for (const Candidate& candidate : enumerate(problem, cpu, families).candidates) {
    const Candidate resolved = resolve(to_text(candidate.config), problem, cpu, families);
    EXPECT_EQ(resolved.config, candidate.config);
    EXPECT_EQ(resolved.family, &toy);
  }
}

TEST_F(Candidates, ResolveRefusesWhatIsNotInTheSpace) {
  const auto message = [&](const char* text) {
    return refusal([&] { resolve(text, problem, cpu, families); });
  };
  EXPECT_THAT(message("other{a=1}"), HasSubstr("family other"));
  EXPECT_THAT(message("toy{a=1}"), HasSubstr("1 parameters; toy has 2: a, b"));
  EXPECT_THAT(message("toy{b=10,a=1}"), HasSubstr("parameter b where toy has a"));
  EXPECT_THAT(message("toy{a=3,b=10}"), HasSubstr("a is 3; it must be one of 1, 2"));
  EXPECT_THAT(message("toy{a=2,b=30}"), HasSubstr("breaks the rule product"));
}

}  // namespace
}  // namespace convtune
