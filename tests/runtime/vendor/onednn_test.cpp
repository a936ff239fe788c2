#include "runtime/vendor/onednn.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cctype>
#include <oneapi/dnnl/dnnl.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "generator/candidates.hpp"
#include "tests/kernels/cpu/convolution_run.hpp"

namespace convtune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

CandidateSpace space_of(const Problem& problem) {
  const Family* const families[] = {&onednn()};
  return enumerate(problem, {.kind = DeviceKind::cpu}, families);
}

TEST(Onednn, StaysWithinToleranceOnRandomProblems) {
  std::mt19937_64 random(21);
  ThreadPool pool(1);
  int problems = 0;
  for (int i = 0; i < 300; ++i) {
    const Problem p = random_problem(random);
    ConvolutionRun run(p, random(), Data::random);
    const CandidateSpace space = space_of(p);
    problems += !space.candidates.empty();
    for (const Candidate& candidate : space.candidates) {
      const CheckResult result = run.check(run.run(onednn(), candidate.config, pool));
      EXPECT_EQ(result.wrong, 0) << describe(p) << "\n"
                                 << to_text(candidate.config) << " worst " << result.worst_ratio;
    }
  }
  EXPECT_GT(problems, 50);
}

TEST(Onednn, OffersAllFormsOfWhatItServes) {
  const Problem p = {.length = 50, .in_channels = 8, .out_channels = 8, .kernel_size = 3};
  std::set<std::string> configs;
  for (const Candidate& candidate : space_of(p).candidates)
    configs.insert(to_text(candidate.config));
  EXPECT_THAT(configs,
              ElementsAre("onednn{dimensions=1,reordered=0}", "onednn{dimensions=1,reordered=1}",
                          "onednn{dimensions=2,reordered=0}", "onednn{dimensions=2,reordered=1}"));
}

TEST(Onednn, NamesWhyItDeclines) {
  Problem p = {
      .length = 50, .in_channels = 8, .out_channels = 8, .kernel_size = 3, .dtype = DType::float16};
  EXPECT_THAT(space_of(p).candidates, IsEmpty());
  EXPECT_EQ(space_of(p).exclusions.at(0).constraint, "dtype");
  p.dtype = DType::float32;
  p.activation = Activation::gelu;
  EXPECT_THAT(space_of(p).candidates, IsEmpty());
  EXPECT_EQ(space_of(p).exclusions.at(0).constraint, "exact_post_op");
}

TEST(Onednn, LeavesSizesBeyond32BitsToOthers) {
  constexpr std::int64_t beyond = std::int64_t{1} << 40;
  constexpr std::int64_t just = (std::int64_t{1} << 30) - 1;
  const auto changed = [](auto&& change) {
    Problem p = {.length = 100, .in_channels = 64, .out_channels = 64, .kernel_size = 3};
    change(p);
    validate(p);
    return space_of(p);
  };
  for (const auto& space :
       {changed([](Problem& p) { p.length = beyond; }),
        changed([](Problem& p) { p.length = 1'000'000'000; }),
        changed([](Problem& p) { p.batch = beyond; }),
        changed([](Problem& p) { p.stride = 2 * just + 1; }),
        changed([](Problem& p) { p.padding.left = p.padding.right = p.dilation = beyond; })}) {
    EXPECT_THAT(space.candidates, IsEmpty());
    EXPECT_EQ(space.exclusions.at(0).constraint, "sizes_fit");
  }
  EXPECT_THAT(changed([](Problem& p) { p.stride = just; }).candidates, Not(IsEmpty()));
}

TEST(Onednn, ServesSeveralThreadsWithOnePlan) {
  const Problem p = {.length = 500, .in_channels = 16, .out_channels = 16, .kernel_size = 3};
  const std::vector<float> x(static_cast<std::size_t>(input_elements(p)), 1.0F);
  const std::vector<float> weight(static_cast<std::size_t>(weight_elements(p)), 0.5F);
  for (const Candidate& candidate : space_of(p).candidates) {
    const auto plan = onednn().cpu->prepare(p, candidate.config, weight.data(), nullptr);
    std::vector<std::vector<float>> y(
        4, std::vector<float>(static_cast<std::size_t>(output_elements(p))));
    std::vector<std::thread> callers;
    for (std::vector<float>& own : y) {
      callers.emplace_back([&] {
        ThreadPool pool(1);
        for (int i = 0; i < 20; ++i) onednn().cpu->run(plan.get(), x.data(), own.data(), pool);
      });
    }
    for (std::thread& caller : callers) caller.join();
    for (const std::vector<float>& own : y) EXPECT_THAT(own, testing::Each(24.0F));
  }
}

/// oneDNN's name of a layout, such as "aBcd16b", without the height of 1, its last dimension but
/// one.
std::string without_height(const std::string& tag) {
  std::set<char> dimensions;
  for (const char c : tag) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      dimensions.insert(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    }
  }
  if (dimensions.size() < 4) return tag;  // of a bias
  const auto height = static_cast<char>('a' + dimensions.size() - 2);
  std::string rest;
  for (const char c : tag) {
    const auto lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower != height) rest += lower > height ? static_cast<char>(c - 1) : c;
  }
  return rest;
}

/// What oneDNN itself reports of one run: of each primitive its kind, kernel and layouts.
std::string report_of_a_run(const Problem& p, const Config& config) {
  const std::vector<float> x(static_cast<std::size_t>(input_elements(p)), 1.0F);
  const std::vector<float> weight(static_cast<std::size_t>(weight_elements(p)), 0.5F);
  std::vector<float> y(static_cast<std::size_t>(output_elements(p)));
  ThreadPool pool(1);
  const auto plan = onednn().cpu->prepare(p, config, weight.data(), nullptr);
  testing::internal::CaptureStdout();
  dnnl::set_verbose(1);
  onednn().cpu->run(plan.get(), x.data(), y.data(), pool);
  dnnl::set_verbose(0);
  std::istringstream lines(testing::internal::GetCapturedStdout());
  std::string report;
  for (std::string line; std::getline(lines, line);) {
    // dnnl_verbose,exec,cpu,KIND,KERNEL,PROPAGATION,ARGUMENTS,...
    static const std::regex executed("[a-z]+_verbose,exec,cpu,([^,]*,[^,]*),[^,]*,([^,]*),.*");
    std::smatch match;
    if (!std::regex_match(line, match, executed)) continue;
    report += match.str(1);
    std::string arguments = match.str(2);
    static const std::regex layout("([a-z]+)_[a-z0-9]+::blocked:([A-Za-z0-9]+)");
    for (std::smatch found; std::regex_search(arguments, found, layout);
         arguments = found.suffix()) {
      const std::string tag = found.str(2);
      report +=
          " " + found.str(1) + ":" + (config.at("dimensions") == 2 ? without_height(tag) : tag);
    }
    report += "; ";
  }
  return report;
}

std::vector<Problem> problems_of_several_kinds() {
  struct Channels {
    std::int64_t in, out, groups;
  };
  std::vector<Problem> problems;
  for (const Channels& c :
       {Channels{4, 8, 1}, {16, 16, 1}, {64, 64, 1}, {32, 32, 32}, {32, 64, 4}}) {
    for (const std::int64_t kernel_size : {1, 7}) {
      for (const Layout layout : {Layout::NLC, Layout::NCL}) {
        problems.push_back({.batch = 2,
                            .length = 100,
                            .in_channels = c.in,
                            .out_channels = c.out,
                            .kernel_size = kernel_size,
                            .num_groups = c.groups,
                            .layout = layout});
      }
    }
  }
  return problems;
}

TEST(Onednn, SaysTheSameOfTwoConfigsIfAndOnlyIfOneKernelRunsForBoth) {
  if (DNNL_VERSION_MAJOR != 2) GTEST_SKIP() << "what oneDNN 3 reports has another form";
  int equal = 0;
  int different = 0;
  for (const Problem& p : problems_of_several_kinds()) {
    const std::vector<float> weight(static_cast<std::size_t>(weight_elements(p)), 0.5F);
    std::vector<std::pair<std::string, std::string>> seen;  // implementation and report of each
    for (const Candidate& each : space_of(p).candidates) {
      const auto plan = onednn().cpu->prepare(p, each.config, weight.data(), nullptr);
      const std::string said = onednn().cpu->implementation(plan.get());
      const std::string report = report_of_a_run(p, each.config);
      EXPECT_THAT(report, testing::HasSubstr("convolution,"));
      for (const auto& [other_said, other_report] : seen) {
        EXPECT_EQ(said == other_said, report == other_report) << describe(p) << "\n"
                                                              << said << "\n"
                                                              << report << "\n"
                                                              << other_said << "\n"
                                                              << other_report;
        ++(report == other_report ? equal : different);
      }
      seen.emplace_back(said, report);
    }
  }
  EXPECT_GT(equal, 0);
  EXPECT_GT(different, 0);
}

TEST(Onednn, IsKnownByItsVersion) {
  const Problem p = {.length = 50, .in_channels = 8, .out_channels = 8, .kernel_size = 3};
  EXPECT_EQ(onednn().origin, Origin::vendor);
  EXPECT_THAT(source_digest(onednn(), p, {}, {}),
              StartsWith("oneDNN " + std::to_string(DNNL_VERSION_MAJOR) + "."));
}

}  // namespace
}  // namespace convtune
