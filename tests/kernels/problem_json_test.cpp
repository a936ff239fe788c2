#include "kernels/problem_json.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::HasSubstr;

constexpr std::string_view least =
    R"({"length":10,"in_channels":4,"out_channels":6,"kernel_size":3})";

std::string refused_with(std::string_view key, std::string_view value) {
  auto object = nlohmann::json::parse(least);
  object[std::string(key)] = nlohmann::json::parse(value);
  return refusal([&] { problem_from_json(object); });
}

TEST(ProblemJson, OmittedKeysHaveTheDocumentedDefaults) {
  EXPECT_EQ(to_json(parse_problem(least)),
            R"({"batch":1,"length":10,"in_channels":4,"out_channels":6,"kernel_size":3,"stride":1,)"
            R"("padding":[0,0],"dilation":1,"num_groups":1,"has_bias":false,"dtype":"float32",)"
            R"("math":"ieee","layout":"NLC","activation":"none"})");
}

TEST(ProblemJson, EveryKeyIsReadAndWritten) {
  const Problem problem = {.batch = 2,
                           .length = 30,
                           .in_channels = 8,
                           .out_channels = 12,
                           .kernel_size = 5,
                           .stride = 2,
                           .padding = {3, 4},
                           .dilation = 6,
                           .num_groups = 4,
                           .has_bias = true,
                           .dtype = DType::float32,
                           .math = Math::tf32x3,
                           .layout = Layout::NCL,
                           .activation = Activation::gelu_tanh};
  const auto object = nlohmann::json::parse(to_json(problem));
  EXPECT_EQ(object.size(), 14U);
  EXPECT_EQ(object["padding"], nlohmann::json::parse("[3,4]"));
  EXPECT_EQ(object["activation"], "gelu_tanh");
  EXPECT_EQ(problem_from_json(object), problem);
}

TEST(ProblemJson, KeepsMathWinogradWhereItServes) {
  auto object = nlohmann::json::parse(least);
  object["math"] = "winograd";
  object["dtype"] = "float16";
  object["kernel_size"] = 3;
  const Problem served = problem_from_json(object);
  EXPECT_EQ(served.math, Math::winograd);
  EXPECT_EQ(parse_problem(to_json(served)), served);
  object["kernel_size"] = 4;
  EXPECT_EQ(problem_from_json(object).math, Math::ieee);
}

TEST(ProblemJson, PaddingMayBeOneInteger) {
  auto object = nlohmann::json::parse(least);
  object["padding"] = 2;
  EXPECT_EQ(problem_from_json(object).padding, (Padding{2, 2}));
}

TEST(ProblemJson, AKeyGivenTwiceIsRefused) {
  const std::string twice = std::string(least.substr(0, least.size() - 1)) + R"(,"length":11})";
  EXPECT_THAT(refusal([&] { parse_problem(twice); }), HasSubstr("\"length\" stands twice"));
}

TEST(ProblemJson, RefusalsNameKeyAndValue) {
  EXPECT_THAT(refused_with("strides", "1"), HasSubstr("no key \"strides\""));
  EXPECT_THAT(refused_with("stride", "1.5"), HasSubstr("stride is 1.5"));
  EXPECT_THAT(refused_with("stride", "\"2\""), HasSubstr("stride is \"2\""));
  EXPECT_THAT(refused_with("stride", "18446744073709551615"), HasSubstr("fits 64 bits"));
  EXPECT_THAT(refused_with("padding", "[1]"), HasSubstr("a pair [left, right]"));
  EXPECT_THAT(refused_with("has_bias", "1"), HasSubstr("true or false"));
  EXPECT_THAT(refused_with("dtype", "\"float64\""), HasSubstr("float32, float16, bfloat16"));
  EXPECT_THAT(refused_with("layout", "null"), HasSubstr("NLC, NCL"));
  EXPECT_THAT(refused_with("length", "0"), HasSubstr("length is 0"));
}

TEST(ProblemJson, WhatIsNoProblemIsRefused) {
  EXPECT_THAT(refusal([] { parse_problem("[1,2]"); }), HasSubstr("a problem is a JSON object"));
  EXPECT_THAT(refusal([] { parse_problem("{\"length\":"); }), HasSubstr("no valid JSON"));
  EXPECT_THAT(refusal([] { parse_problem("{}"); }), HasSubstr("has no length"));
}

}  // namespace
}  // namespace convtune
